"""Many clients on one item, through two mcrelay processes over one Redis: what only one may win is won
once, and nothing that was answered as done is lost. Meta commands, and classic ones between them;
faults/test_counts.py has the classic ones alone."""

import os
import sys
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.servers import patience  # noqa: E402
from support.testcase import SharedFleetTestCase  # noqa: E402

CLIENTS = 32
ROUNDS = 25


class Races(SharedFleetTestCase):
    @classmethod
    def prepare(cls):
        redis = cls.fleet.redis()
        # Patient: a slow machine must not turn a race into an outage.
        config = "timeouts: {request: 5s}\n"
        cls.daemons = [cls.fleet.mcrelay(backends=[redis.location()], config=config) for _ in range(2)]

    def setUp(self):
        self.clients = [self.open(self.daemons[i % 2], limit_s=20) for i in range(CLIENTS)]

    def at_once(self, work):
        """work(client, number) in a thread each, started together; their results."""
        results, problems = [None] * CLIENTS, []
        gate = threading.Barrier(CLIENTS)

        def run(number):
            try:
                gate.wait(patience(20))
                results[number] = work(self.clients[number], number)
            except (AssertionError, OSError, threading.BrokenBarrierError) as problem:
                problems.append(problem)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(patience(60))
        self.assertEqual(problems, [])
        return results

    def rounds(self, prepare, command, judge):
        """Each round is a key of its own that all clients ask for at once."""
        for number in range(ROUNDS):
            key = b"%s.%d" % (self.id().rpartition(".")[2].encode(), number)
            prepare(key)
            judge(key, self.at_once(lambda client, _, key=key: client.call(command % key)))

    def one_winner(self, key, answers, lost, won):
        self.assertEqual(sorted(answers), sorted([won] + [lost] * (CLIENTS - 1)), key)

    def test_one_client_creates_a_missing_item(self):
        self.rounds(lambda key: None, b"mg %s N30 v t\r\n",
                    lambda key, answers: self.one_winner(
                        key, answers, b"VA 0 t30 Z\r\n\r\n", b"VA 0 t30 W\r\n\r\n"))

    def test_one_client_recaches_an_item_that_is_about_to_expire(self):
        self.rounds(lambda key: self.clients[0].set(key, b"x", exptime=1000), b"mg %s R2000 v\r\n",
                    lambda key, answers: self.one_winner(
                        key, answers, b"VA 1 Z\r\nx\r\n", b"VA 1 W\r\nx\r\n"))

    def test_one_client_recaches_a_stale_item(self):
        def prepare(key):
            self.clients[0].set(key, b"x")
            self.assertEqual(self.clients[1].call(b"md %s I\r\n" % key), b"HD\r\n")

        self.rounds(prepare, b"mg %s v\r\n", lambda key, answers: self.one_winner(
            key, answers, b"VA 1 Z X\r\nx\r\n", b"VA 1 X W\r\nx\r\n"))

    def test_one_client_marks_the_item_it_read_as_stale(self):
        """md I with the unique that all have read."""
        for number in range(ROUNDS):
            key = b"invalidate.%d" % number
            self.clients[0].set(key, b"x")
            unique = self.clients[1].gets_cas(key)
            answers = self.at_once(lambda client, _: client.call(b"md %s I C%d\r\n" % (key, unique)))
            self.one_winner(key, answers, b"EX\r\n", b"HD\r\n")

    def test_one_client_adds_and_one_deletes(self):
        for verb, lost, won in [(b"ms %s 1 ME\r\nx\r\n", b"NS\r\n", b"HD\r\n"),
                                (b"md %s\r\n", b"NF\r\n", b"HD\r\n")]:
            for number in range(ROUNDS):
                key = b"once.%d" % number
                self.one_winner(key, self.at_once(lambda client, _: client.call(verb % key)), lost, won)

    def test_increments_lose_nothing(self):
        self.clients[0].set(b"count", b"0")

        def work(client, number):
            line = b"incr count 1\r\n" if number % 4 else b"ma count v\r\n"
            client.send(line * 100)
            return [int(unit.split(b"\r\n")[-2]) for unit in client.units(100)]

        seen = [value for values in self.at_once(work) for value in values]
        self.assertEqual(sorted(seen), list(range(1, CLIENTS * 100 + 1)))
        self.assertEqual(self.clients[0].get(b"count"), b"%d" % (CLIENTS * 100))

    def test_compare_and_set_loses_nothing(self):
        """Each client adds one to the number it has read, until it was the first to store it."""
        self.clients[0].set(b"cas", b"0")

        def work(client, number):
            for _ in range(10):
                while True:
                    line, value, _ = client.values(b"gets cas\r\n").split(b"\r\n", 2)
                    unique, text = line.split(b" ")[4], b"%d" % (int(value) + 1)
                    line = (b"cas cas 0 0 %d %s" if number % 2 else b"ms cas %d C%s") % (len(text), unique)
                    answer = client.call(line + b"\r\n" + text + b"\r\n")
                    if answer in (b"STORED\r\n", b"HD\r\n"):
                        break
                    assert answer in (b"EXISTS\r\n", b"EX\r\n"), answer

        self.at_once(work)
        self.assertEqual(self.clients[0].get(b"cas"), b"%d" % (CLIENTS * 10))

    def test_appends_lose_nothing(self):
        self.clients[0].set(b"log", b";")

        def work(client, number):
            for step in range(20):
                entry = b"%d.%d;" % (number, step)
                line = (b"append log 0 0 %d\r\n", b"ms log %d MA\r\n")[number % 2] % len(entry)
                assert client.call(line + entry + b"\r\n") in (b"STORED\r\n", b"HD\r\n")

        self.at_once(work)
        entries = self.clients[0].get(b"log").strip(b";").split(b";")
        self.assertEqual(sorted(entries), sorted(b"%d.%d" % (number, step) for number in range(CLIENTS)
                                                 for step in range(20)))
        for number in range(CLIENTS):
            own = [entry for entry in entries if entry.startswith(b"%d." % number)]
            self.assertEqual(own, [b"%d.%d" % (number, step) for step in range(20)], "in its own order")


if __name__ == "__main__":
    unittest.main()
