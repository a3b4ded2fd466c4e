"""Refusals of a cluster that real nodes give only for moments: played by two fake ones.

Whatever they say, each command is answered once, in order and in time, and not sent without bound.
"""

import binascii
import itertools
import os
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.fake_redis import FakeRedis, bulk  # noqa: E402
from support.servers import LOOPBACK, Port, patience, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

SLOT = 12182  # of "foo"
# The limit of a request, and what an answer may be late on a busy machine.
TIMEOUT_S = 0.4
LATE_S = 0.3


class FakeCluster:
    """Nodes `a` (slots below 8192) and `b`, which has "foo". Each data command goes through `says`."""

    def __init__(self):
        self.a, self.b = FakeRedis(), FakeRedis()
        self.replicas = []  # ports of a's
        self.b_port = None  # as told; None: the real one
        self.late_s = 0  # with each answer to CLUSTER
        self.says = {}  # by node: words -> bytes, or None for the honest answer
        for node in (self.a, self.b):
            node.answer = lambda words, node=node: self.answer(node, words)

    def answer(self, node, words):
        if words[0].upper() == b"CLUSTER":
            return self.describe(words[1].upper())
        if words[0].upper() == b"ASKING":
            return b"+OK\r\n"
        says = self.says.get(node)
        return says(words) if says else None

    def describe(self, what):
        time.sleep(self.late_s)
        if what == b"INFO":
            return bulk(b"cluster_state:ok\r\ncluster_current_epoch:2\r\ncluster_my_epoch:1\r\n")
        ranges = [(0, 8191, [self.a.port, *self.replicas]), (8192, 16383, [self.b.port if self.b_port is None else self.b_port])]
        # Three fields a node, as before Redis 7.
        return b"*%d\r\n" % len(ranges) + b"".join(
            b"*%d\r\n:%d\r\n:%d\r\n" % (2 + len(ports), first, last) + b"".join(
                b"*3\r\n%s:%d\r\n%s" % (bulk(LOOPBACK.encode()), port, bulk(b"%040d" % port))
                for port in ports) for first, last, ports in ranges)

    def redirect(self, word, to):
        return b"-%s %d %s:%d\r\n" % (word, SLOT, LOOPBACK.encode(), to.port)

    def sent(self, node, name):
        return node.commands.count(name)

    def close(self):
        self.a.close()
        self.b.close()


class Redirections(FleetTestCase):
    def start(self, replicas=()):
        cluster = FakeCluster()
        cluster.replicas = list(replicas)
        self.fleet.closers.callback(cluster.close)
        daemon = self.fleet.mcrelay(threads=1, config=(
            f"backends: [{cluster.a.location()}]\ntopology: cluster\n"
            f"timeouts: {{request: {round(TIMEOUT_S * 1000)}ms}}\n"))
        client = self.open(daemon)
        self.assertEqual(client.set(b"foo", b"0"), b"STORED\r\n")
        self.assertEqual(self.sets(cluster), (0, 1))
        return cluster, client

    def sets(self, cluster):
        return cluster.sent(cluster.a, b"SET"), cluster.sent(cluster.b, b"SET")

    def refuse(self, text, times):
        left = [times]

        def says(words):
            if left[0] == 0:
                return None
            left[0] -= 1
            return text

        return says

    def refused(self, text):
        """What a set may be answered: the last answer of a node that is busy may come too late."""
        return [b"SERVER_ERROR " + text + b"\r\n", b"NOT_STORED\r\n"]

    def test_a_replica_without_a_port_does_not_cost_the_map(self):
        """One that takes TLS only. start() sends straight to the right node."""
        self.start(replicas=[0])

    def test_a_primary_without_a_port_costs_its_own_slots_only(self):
        cluster = FakeCluster()
        cluster.b_port = 0
        self.fleet.closers.callback(cluster.close)
        cluster.says[cluster.a] = lambda words: (b"-MOVED %d %s:0\r\n" % (SLOT, LOOPBACK.encode())
                                                 if words[1:2] == [b"foo"] else None)
        daemon = self.fleet.mcrelay(threads=1, config=f"backends: [{cluster.a.location()}]\n"
                                                      "topology: cluster\n")
        client = self.open(daemon)
        self.assertEqual(client.set(b"hello", b"0"), b"STORED\r\n")  # slot 866
        self.assertTrue(client.set(b"foo", b"0").startswith(b"SERVER_ERROR MOVED"))
        self.assertIsNone(client.get(b"foo"))
        self.assertEqual(client.get(b"hello"), b"0")
        self.assertEqual(daemon.log().count("8192 slots have no node that can be reached"), 1)
        # a is asked, all the while, whether that has changed.
        cluster.b_port = None
        cluster.says.clear()
        wait_until(lambda: client.set(b"foo", b"1") == b"STORED\r\n" and self.sets(cluster)[1] > 0,
                   5, "its slots are served")
        daemon.settle()

    def test_a_refusal_that_passes_is_not_the_client_s(self):
        cluster, client = self.start()
        for text in (b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
                     b"-CLUSTERDOWN The cluster is down\r\n"):
            cluster.says[cluster.b] = self.refuse(text, 3)
            before = self.sets(cluster)[1]
            self.assertEqual(client.set(b"foo", text), b"STORED\r\n")
            self.assertEqual(self.sets(cluster)[1] - before, 4)
            cluster.says[cluster.b] = self.refuse(text, 3)
            self.assertEqual(client.get(b"foo"), text)

    def test_a_refusal_that_stays_is_answered_in_time(self):
        cluster, client = self.start()
        for text in (b"TRYAGAIN Multiple keys request during rehashing of slot",
                     b"CLUSTERDOWN Hash slot not served"):
            cluster.says[cluster.b] = lambda words, text=text: b"-" + text + b"\r\n"
            before = self.sets(cluster)[1]
            started = time.monotonic()
            self.assertIn(client.set(b"foo", b"1"), self.refused(text))
            self.assertLess(time.monotonic() - started, patience(TIMEOUT_S + LATE_S))
            self.assertLessEqual(self.sets(cluster)[1] - before, 1 + TIMEOUT_S / 0.02)
            self.assertIsNone(client.get(b"foo"))
            cluster.says.clear()
            self.assertEqual(client.set(b"foo", b"2"), b"STORED\r\n")

    def test_a_batch_that_is_refused_is_answered_in_time(self):
        """However many commands it has: not each window of them waits as long once more."""
        cluster, client = self.start()
        keys = [b"{foo}%d" % i for i in range(1000)]
        get = b"get " + b" ".join(keys) + b"\r\n"
        sets = b"".join(b"set %s 0 0 1\r\n1\r\n" % key for key in keys)
        same = b"set foo 0 0 1\r\n1\r\n" * len(keys)
        for text in (b"CLUSTERDOWN Hash slot not served",
                     b"TRYAGAIN Multiple keys request during rehashing of slot"):
            cluster.says[cluster.b] = lambda words, text=text: b"-" + text + b"\r\n"
            for batch, answers in ((get, 1), (sets, len(keys)), (same, len(keys))):
                time.sleep(TIMEOUT_S)  # after a batch that was late the next one is not waited for
                started = time.monotonic()
                client.send(batch)
                for answer in client.units(answers):
                    self.assertIn(answer, [b"END\r\n", *self.refused(text)])
                self.assertLess(time.monotonic() - started, patience(TIMEOUT_S + LATE_S))
        cluster.says.clear()
        # So many requests, all sent again and again, may have been too many for the fake node.
        wait_until(lambda: client.set(b"foo", b"2") == b"STORED\r\n", 5, "it is connected again")

    def test_a_wrong_redirection_is_given_up(self):
        """Nobody is where one MOVED leads to, and the map has not changed: it counts again."""
        cluster, client = self.start()
        nobody = Port()
        self.fleet.closers.callback(nobody.release)
        cluster.says[cluster.b] = self.refuse(
            b"-MOVED %d %s:%d\r\n" % (SLOT, LOOPBACK.encode(), nobody.number), 1)
        self.assertNotEqual(client.set(b"foo", b"1"), b"STORED\r\n")
        wait_until(lambda: client.set(b"foo", b"2") == b"STORED\r\n", 2, "it is served again")
        for _ in range(10):
            self.assertEqual(client.get(b"foo"), b"2")
            time.sleep(0.05)

    def test_redirections_to_ever_new_addresses(self):
        """One server under hundreds of names: a worker connects to a few of them at a time."""
        cluster, client = self.start()
        many = FakeRedis()
        self.fleet.closers.callback(many.close)
        names = itertools.cycle("".join(letters).encode() for letters in
                                itertools.product(*((c, c.upper()) for c in "localhost")))

        def says(words):
            slot = binascii.crc_hqx(words[1], 0) % 16384
            return b"-MOVED %d %s:%d\r\n" % (slot, next(names), many.port)

        cluster.says = {cluster.a: says, cluster.b: says}
        many.answer = says
        for round_ in range(5):
            keys = [b"key%d-%d" % (round_, i) for i in range(300)]
            client.send(b"".join(b"set %s 0 0 1\r\n1\r\n" % key for key in keys))
            for answer in client.units(len(keys)):
                self.assertTrue(answer == b"NOT_STORED\r\n" or
                                answer.startswith(b"SERVER_ERROR MOVED "), answer)
            self.assertLessEqual(len(many.connections), 2 * 16)  # some are just being closed
        self.assertGreater(len(many.connect_times), 0)
        cluster.says.clear()
        wait_until(lambda: client.call(b"".join(b"set %s 0 0 1\r\n1\r\n" % key for key in keys),
                                       len(keys)) == b"STORED\r\n" * len(keys), 5,
                   "every key is stored again")
        wait_until(lambda: len(many.connections) <= 16, 5, "the rest is closed")

    def test_nodes_that_send_one_to_each_other(self):
        cluster, client = self.start()
        for word in (b"MOVED", b"ASK"):
            cluster.says = {cluster.a: lambda words, word=word: cluster.redirect(word, cluster.b),
                            cluster.b: lambda words, word=word: cluster.redirect(word, cluster.a)}
            before = sum(self.sets(cluster))
            started = time.monotonic()
            client.send(b"set foo 0 0 1\r\n1\r\nget foo\r\nget foo\r\n")
            self.assertIn(client.unit(), [answer for node in (cluster.a, cluster.b) for answer in
                                          self.refused(cluster.redirect(word, node)[1:-2])])
            self.assertEqual(client.units(2), [b"END\r\n"] * 2)
            self.assertLess(time.monotonic() - started, patience(TIMEOUT_S + LATE_S))
            # Six in a row, then a pause of 20 ms.
            self.assertLessEqual(sum(self.sets(cluster)) - before, 6 * (1 + TIMEOUT_S / 0.02))
            cluster.says.clear()
            self.assertEqual(client.set(b"foo", b"2"), b"STORED\r\n")
            self.assertEqual(client.get(b"foo"), b"2")

    def test_a_pending_removal_moves_with_its_slot_at_once(self):
        """MOVED is heard before the map: the new owner has the old item, too."""
        cluster, client = self.start()
        self.assertEqual(client.set(b"{foo}1", b"old"), b"STORED\r\n")
        self.assertEqual(client.set(b"{foo}2", b"other"), b"STORED\r\n")
        cluster.a.items.update(cluster.b.items)

        def says(words):
            if cluster.b_port is not None:
                return cluster.redirect(b"MOVED", cluster.a)
            if words[:2] == [b"SET", b"{foo}1"]:
                return b""  # it never answers
            return b"-MISCONF no writes now\r\n" if words[0] == b"EVAL" else None

        cluster.says[cluster.b] = says
        self.assertEqual(client.set(b"{foo}1", b"new"), b"NOT_STORED\r\n")
        wait_until(lambda: client.get(b"{foo}2") == b"other", 5, "the node answers again")
        self.assertIsNone(client.get(b"{foo}1"))
        # The map follows late: until then only MOVED tells.
        cluster.late_s = 0.3
        cluster.b_port = cluster.a.port
        self.assertEqual(client.get(b"{foo}2"), b"other")
        deadline = time.monotonic() + patience(1.5)
        while time.monotonic() < deadline:
            self.assertIsNone(client.get(b"{foo}1"))
        wait_until(lambda: b"{foo}1" not in cluster.a.items, 5, "it is removed there")
        self.assertEqual(client.set(b"{foo}1", b"newer"), b"STORED\r\n")
        self.assertEqual(client.get(b"{foo}1"), b"newer")

    def test_a_storm_of_asks(self):
        """Every key of a slot is half way: 500 requests in one write, each asked for with ASKING."""
        cluster, client = self.start()
        cluster.says[cluster.b] = lambda words: cluster.redirect(b"ASK", cluster.a)
        keys = [b"{foo}%d" % i for i in range(250)]
        client.send(b"".join(b"set %s 0 0 %d\r\n%s\r\nget %s\r\n" % (key, len(key), key, key)
                             for key in keys))
        for key in keys:
            self.assertEqual(client.unit(), b"STORED\r\n", key)
            self.assertEqual(client.unit(), b"VALUE %s 0 %d\r\n%s\r\n" % (key, len(key), key))
            self.assertEqual(client.unit(), b"END\r\n")
        told = [name for name in cluster.a.commands if name in (b"ASKING", b"SET", b"GET")]
        self.assertEqual(told[::2], [b"ASKING"] * (len(told) // 2))
        self.assertNotIn(b"ASKING", told[1::2])
        self.assertEqual(told.count(b"SET"), len(keys))
        # A slot's map is not corrected by ASK.
        cluster.says.clear()
        self.assertEqual(client.set(b"foo", b"3"), b"STORED\r\n")
        self.assertEqual(cluster.sent(cluster.a, b"SET"), len(keys))


if __name__ == "__main__":
    unittest.main()
