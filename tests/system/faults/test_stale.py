"""No stale item after an outage: contract of docs/operations.md, "When a backend fails".

When a set, replace, cas or delete failed or its outcome is unknown, no read through this process
returns the older item; what others wrote since then, and locks taken by add, survive.
"""

import os
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.load import Load  # noqa: E402
from support.servers import patience, wait_until  # noqa: E402
from test_outages import CONFIG, LIMIT_S, OutageTestCase  # noqa: E402

PLAIN = CONFIG + "value_format: plain\n"


class Stale(OutageTestCase):
    def clients(self, daemon, count=6):
        """Connections over all workers."""
        return [self.open(daemon) for _ in range(count)]

    def wait_until_served(self, client):
        wait_until(lambda: client.set(b"probe", b"x") == b"STORED\r\n", 2, "it serves again")

    def watch(self, clients, key, forbidden, seconds=1.0):
        """All connections read the key for a while; what they saw."""
        seen = set()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for client in clients:
                value = client.get(key)
                self.assertNotIn(value, forbidden)
                seen.add(value)
        return seen

    def outage(self, config, attempt, expected_answers, forbidden=(b"old",), hold="pause"):
        """old is stored, Redis stops, `attempt` fails, Redis goes on; nobody may read old."""
        redis, wire, daemon = self.wired(config=config)
        clients = self.clients(daemon)
        self.assertEqual(clients[0].set(b"k", b"old", flags=0), b"STORED\r\n")
        self.assertEqual(clients[1].get(b"k"), b"old")
        unique = clients[0].gets_cas(b"k")
        begin, end = {"pause": (redis.pause, redis.resume), "cut": (wire.cut, wire.mend),
                      "hold": (wire.hold, wire.release)}[hold]
        begin()
        answer = clients[0].call(attempt.replace(b"<C>", b"%d" % unique))
        self.assertIn(answer, expected_answers)
        for client in clients:
            self.assertIsNone(client.get(b"k"))
        end()
        seen = self.watch(clients, b"k", forbidden)
        self.wait_until_served(clients[0])
        seen |= self.watch(clients, b"k", forbidden, 0.5)
        self.assertEqual(clients[0].set(b"k", b"after"), b"STORED\r\n")
        self.wait_until_all_read(clients, b"k", b"after")
        self.assertEqual(self.watch(clients, b"k", forbidden, 0.3), {b"after"})
        return seen

    def wait_until_all_read(self, clients, key, value):
        """A miss is right as long as the removal is pending, and not afterwards."""
        wait_until(lambda: all(client.get(key) == value for client in clients), 2, "the newer item shows")

    def test_set(self):
        for config in (CONFIG, PLAIN):
            for hold in ("pause", "cut", "hold"):
                with self.subTest(config=config, hold=hold):
                    self.outage(config, b"set k 0 0 3\r\nnew\r\n", [b"NOT_STORED\r\n"], hold=hold)

    def test_delete(self):
        for config in (CONFIG, PLAIN):
            for hold in ("pause", "cut", "hold"):
                with self.subTest(config=config, hold=hold):
                    seen = self.outage(config, b"delete k\r\n", [b"NOT_FOUND\r\n"], hold=hold)
                    self.assertEqual(seen, {None})

    def test_replace_and_cas(self):
        for attempt, answer in ((b"replace k 0 0 3\r\nnew\r\n", b"NOT_STORED\r\n"),
                                (b"cas k 0 0 3 <C>\r\nnew\r\n", b"NOT_FOUND\r\n")):
            for hold in ("pause", "cut"):
                with self.subTest(attempt=attempt, hold=hold):
                    self.outage(CONFIG, attempt, [answer], hold=hold)

    def test_without_reply(self):
        redis, daemon = self.stage()
        clients = self.clients(daemon)
        clients[0].set(b"k", b"old")
        redis[0].pause()
        clients[0].send(b"set k 0 0 3 noreply\r\nnew\r\n")
        self.assertIsNone(clients[0].get(b"k"))
        redis[0].resume()
        self.watch(clients, b"k", (b"old",))

    def test_the_late_command(self):
        """The SET lies in the stopped server's socket buffer. Deleted afterwards, it must not come
        back when the server goes on and executes it."""
        for config in (CONFIG, PLAIN):
            with self.subTest(config=config):
                redis, daemon = self.stage(config=config)
                clients = self.clients(daemon)
                clients[0].set(b"k", b"old")
                redis[0].pause()
                self.assertEqual(clients[0].set(b"k", b"late"), b"NOT_STORED\r\n")
                self.assertEqual(clients[1].call(b"delete k\r\n"), b"NOT_FOUND\r\n")
                redis[0].resume()
                seen = self.watch(clients, b"k", (b"old", b"late"))
                self.assertEqual(seen, {None})
                self.wait_until_served(clients[0])
                with redis[0].client() as raw:
                    wait_until(lambda: raw.call("EXISTS", "k") == 0, 2, "the item is removed")
                self.assertEqual(clients[2].set(b"k", b"newer"), b"STORED\r\n")
                self.wait_until_all_read(clients, b"k", b"newer")
                self.assertEqual(self.watch(clients, b"k", (b"old", b"late"), 0.3), {b"newer"})

    def test_the_late_command_does_not_follow_a_newer_set(self):
        redis, daemon = self.stage()
        clients = self.clients(daemon)
        for round_number in range(3):
            key = b"k%d" % round_number
            clients[0].set(key, b"old")
            redis[0].pause()
            self.assertEqual(clients[0].set(key, b"late"), b"NOT_STORED\r\n")
            redis[0].resume()
            wait_until(lambda: clients[1].set(key, b"newer") == b"STORED\r\n", 2, "it serves again")
            self.watch(clients, key, (b"old", b"late"), 0.3)
            self.wait_until_all_read(clients, key, b"newer")
            self.assertEqual(self.watch(clients, key, (b"old", b"late"), 0.3), {b"newer"})

    def test_somebody_elses_newer_item_survives(self):
        """Another process wrote after the failed set: the removal must leave that alone."""
        redis, wire, daemon = self.wired()
        other = self.fleet.mcrelay(backends=[redis.location()], config=CONFIG)
        client, foreign = self.open(daemon), self.open(other)
        client.set(b"k", b"old")
        wire.cut()
        self.assertEqual(client.set(b"k", b"lost"), b"NOT_STORED\r\n")
        time.sleep(0.05)
        self.assertEqual(foreign.set(b"k", b"foreign"), b"STORED\r\n")
        wire.mend()
        wait_until(lambda: client.get(b"k") == b"foreign", 2, "the newer item shows")
        self.assertEqual(foreign.get(b"k"), b"foreign")

    def test_a_lock_of_somebody_else_survives(self):
        for verb in (b"add lock 0 60 4\r\nmine\r\n", b"append lock 0 0 1\r\n!\r\n", b"incr lock 1\r\n",
                     b"touch lock 60\r\n"):
            with self.subTest(verb=verb):
                redis, daemon = self.stage()
                client = self.open(daemon)
                with redis[0].client() as raw:
                    raw.call("SET", "lock", "somebody")
                    redis[0].pause()
                    self.assertIn(client.call(verb), [b"NOT_STORED\r\n", b"NOT_FOUND\r\n"])
                    redis[0].resume()
                    self.wait_until_served(client)
                    time.sleep(0.3)
                    self.assertIn(client.get(b"lock"), [b"somebody", b"somebody!"])

    def test_a_lock_taken_after_a_failed_set_survives(self):
        redis, wire, daemon = self.wired()
        other = self.fleet.mcrelay(backends=[redis.location()], config=CONFIG)
        client, foreign = self.open(daemon), self.open(other)
        wire.cut()
        self.assertEqual(client.set(b"lock", b"x"), b"NOT_STORED\r\n")
        time.sleep(0.05)
        self.assertEqual(foreign.set(b"lock", b"held", verb=b"add"), b"STORED\r\n")
        wire.mend()
        self.wait_until_served(client)
        time.sleep(0.3)
        self.assertEqual(foreign.get(b"lock"), b"held")

    def test_under_load_with_several_workers(self):
        """The load's own rule: what was last attempted, or a miss; through other connections too."""
        redis, wire, daemon = self.wired(threads=3)
        with Load(daemon.address, workers=6, limit_s=LIMIT_S, keys=10) as load:
            for begin, end in ((wire.cut, wire.mend), (redis.pause, redis.resume),
                               (wire.hold, wire.release), (wire.drop_connections, lambda: None)) * 2:
                time.sleep(0.4)
                begin()
                time.sleep(0.9)
                end()
                self.assert_served_within(load, time.monotonic(), 1.5)
                load.check()
        self.assertGreater(load.total("failed_writes"), 0)

    def test_many_keys_at_once(self):
        redis, wire, daemon = self.wired()
        client = self.open(daemon)
        keys = [b"%d.many" % i for i in range(3000)]
        client.send(b"".join(b"set %s 0 0 3 noreply\r\nold\r\n" % key for key in keys))
        self.assertEqual(client.get(keys[-1], limit_s=10), b"old")
        wire.cut()
        client.send(b"".join(b"delete %s\r\n" % key for key in keys))
        self.assertEqual(set(client.units(len(keys), limit_s=10)), {b"NOT_FOUND\r\n"})
        wire.mend()
        until = time.monotonic() + patience(2)
        with Client(daemon.address) as reader:
            while time.monotonic() < until:
                answer = reader.values(b"get " + b" ".join(keys) + b"\r\n")
                self.assertEqual(answer, b"END\r\n")
        with redis.client() as raw:
            self.assertEqual(raw.call("DBSIZE"), 0, "not all were removed")


if __name__ == "__main__":
    unittest.main()
