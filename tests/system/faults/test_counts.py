"""Nothing is lost, doubled or crossed: counters through outages, races through two processes."""

import os
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.servers import patience  # noqa: E402
from test_outages import CONFIG, OutageTestCase  # noqa: E402


def run_threads(functions):
    """Runs them side by side and raises the first error of any."""
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:  # noqa: B902 - raised below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(f,), daemon=True) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience(60))
    if errors:
        raise errors[0]
    if any(thread.is_alive() for thread in threads):
        raise AssertionError("a client hangs")


class Increments(OutageTestCase):
    """Asked >= counted >= acknowledged."""

    def count_through(self, daemon, redis, trouble):
        asked, acknowledged = [0] * 4, [0] * 4
        ending = threading.Event()
        with Client(daemon.address) as client:
            self.assertEqual(client.set(b"n", b"0"), b"STORED\r\n")

        def increment(number):
            with Client(daemon.address) as client:
                while not ending.is_set():
                    client.send(b"incr n 1\r\n" * 5)
                    asked[number] += 5
                    for _ in range(5):
                        answer = client.unit()
                        if answer[:-2].isdigit():
                            acknowledged[number] += 1
                        else:
                            self.assertEqual(answer, b"NOT_FOUND\r\n")

        def disturb():
            try:
                for begin, end, seconds in trouble:
                    time.sleep(0.3)
                    begin()
                    time.sleep(seconds)
                    end()
                time.sleep(0.7)
            finally:
                ending.set()

        run_threads([lambda n=n: increment(n) for n in range(4)] + [disturb])
        with redis.client() as raw:
            counted = int(raw.call("GET", "n")[16:])
        self.assertLessEqual(counted, sum(asked), "an increment was done twice")
        self.assertGreaterEqual(counted, sum(acknowledged), "an acknowledged increment is lost")
        self.assertGreater(sum(acknowledged), 100)

    def test_through_stops_cuts_and_drops(self):
        redis, wire, daemon = self.wired()
        nothing = (lambda: None)
        self.count_through(daemon, redis, [
            (redis.pause, redis.resume, 0.8), (wire.drop_connections, nothing, 0.1),
            (wire.drop_connections, nothing, 0.1), (wire.cut, wire.mend, 0.5),
            (wire.hold, wire.release, 0.8), (wire.drop_connections, nothing, 0.1)])

    def test_through_killed_connections(self):
        (redis,), daemon = self.stage()

        def kill_all():
            with redis.client() as raw:
                raw.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        self.count_through(daemon, redis, [(kill_all, lambda: None, 0.05)] * 8)


class TwoProcesses(OutageTestCase):
    """32 clients over two processes that share one Redis, several workers each."""

    CLIENTS = 32

    def pair(self):
        redis = self.fleet.redis()
        daemons = [self.fleet.mcrelay(backends=[redis.location()], config=CONFIG) for _ in range(2)]
        clients = [self.open(daemons[i % 2]) for i in range(self.CLIENTS)]
        return redis, clients

    def together(self, clients, function):
        barrier = threading.Barrier(len(clients))

        def start(number, client):
            barrier.wait()
            function(number, client)

        run_threads([lambda n=n, c=c: start(n, c) for n, c in enumerate(clients)])

    def test_increments_are_exact(self):
        _, clients = self.pair()
        clients[0].set(b"n", b"0")

        def work(number, client):
            client.send(b"incr n 3\r\ndecr n 1\r\n" * 50)
            for unit in client.units(100, limit_s=20):
                self.assertTrue(unit[:-2].isdigit(), unit)

        self.together(clients, work)
        self.assertEqual(clients[1].get(b"n"), b"%d" % (self.CLIENTS * 100))

    def test_appends_are_all_there(self):
        _, clients = self.pair()
        clients[0].set(b"list", b"")

        def work(number, client):
            for i in range(20):
                self.assertEqual(client.set(b"list", b"<%d.%d>" % (number, i), verb=b"append"), b"STORED\r\n")

        self.together(clients, work)
        parts = clients[1].get(b"list").strip(b"<>").split(b"><")
        self.assertEqual(sorted(parts), sorted(b"%d.%d" % (n, i) for n in range(self.CLIENTS)
                                               for i in range(20)))

    def test_cas_updates_are_not_lost(self):
        _, clients = self.pair()
        clients[0].set(b"counter", b"0")
        done = [0] * self.CLIENTS

        def work(number, client):
            until = time.monotonic() + 2
            while time.monotonic() < until:
                client.send(b"gets counter\r\n")
                line, _, data = client.unit().partition(b"\r\n")
                client.unit()
                value = b"%d" % (int(data) + 1)
                answer = client.call(b"cas counter 0 0 %d %s\r\n%s\r\n" % (
                    len(value), line.split(b" ")[4], value))
                if answer == b"STORED\r\n":
                    done[number] += 1
                else:
                    self.assertEqual(answer, b"EXISTS\r\n")

        self.together(clients, work)
        self.assertEqual(int(clients[1].get(b"counter")), sum(done))
        self.assertGreater(sum(done), 50)

    def test_one_winner_per_add_and_delete(self):
        _, clients = self.pair()
        added, deleted = [[] for _ in clients], [[] for _ in clients]
        rounds = 60

        def add(number, client):
            for i in range(rounds):
                added[number].append(client.set(b"lock%d" % i, b"x", verb=b"add"))

        def delete(number, client):
            for i in range(rounds):
                deleted[number].append(client.call(b"delete lock%d\r\n" % i))

        self.together(clients, add)
        self.together(clients, delete)
        for answers, won, lost in ((added, b"STORED\r\n", b"NOT_STORED\r\n"),
                                   (deleted, b"DELETED\r\n", b"NOT_FOUND\r\n")):
            for i in range(rounds):
                got = [answer[i] for answer in answers]
                self.assertEqual((got.count(won), got.count(lost)), (1, self.CLIENTS - 1), i)

    def test_an_acknowledged_write_shows_through_the_other_process(self):
        _, clients = self.pair()
        one, other = clients[0], clients[1]
        for i in range(300):
            self.assertEqual(one.set(b"k", b"%d" % i), b"STORED\r\n")
            self.assertEqual(other.get(b"k"), b"%d" % i)
            self.assertEqual(other.call(b"delete k\r\n"), b"DELETED\r\n")
            self.assertIsNone(one.get(b"k"))

    def test_uniques_never_repeat(self):
        _, clients = self.pair()
        seen = [[] for _ in clients]

        def work(number, client):
            for i in range(40):
                client.send(b"set k%d 0 0 1\r\nx\r\ngets k%d\r\n" % (number, number))
                units = client.units(3)
                seen[number].append(int(units[1].split(b"\r\n")[0].split(b" ")[4]))

        self.together(clients, work)
        for uniques in seen:
            self.assertEqual(uniques, sorted(set(uniques)), "a unique did not grow")
        every = [unique for uniques in seen for unique in uniques]
        self.assertEqual(len(every), len(set(every)))

    def test_a_unique_never_comes_back(self):
        """Not after delete, flush or a restart of the process."""
        redis = self.fleet.redis()
        seen = []
        for _ in range(3):
            daemon = self.fleet.mcrelay(backends=[redis.location()], config=CONFIG)
            with daemon.client() as client:
                for again in (b"delete k\r\n", b"flush_all\r\n", b"touch k -1\r\n"):
                    client.set(b"k", b"x")
                    seen.append(client.gets_cas(b"k"))
                    client.call(again)
            self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(seen, sorted(set(seen)))


if __name__ == "__main__":
    unittest.main()
