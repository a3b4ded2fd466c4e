"""A backend that talks rubbish, drops, floods or refuses: support/fake_redis.py plays it."""

import os
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.fake_redis import Drop, FakeRedis  # noqa: E402
from support.servers import patience, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

TIMEOUT_S = 0.5
LIMIT_S = TIMEOUT_S + 0.3
CONFIG = "timeouts: {connect: 500ms, request: 500ms}\n"
DATA = {b"GET", b"MGET", b"SET", b"GETEX", b"UNLINK", b"DEL", b"EVALSHA", b"EVAL", b"TOUCH", b"PERSIST",
        b"EXPIRE", b"APPEND", b"EXISTS", b"EXPIREAT", b"PEXPIREAT"}

# Answers that no honest Redis gives to GET, MGET or SET. None may be taken for a value or a success.
RUBBISH = {
    "text": b"hello world\r\n", "http": b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "nothing": b"",
    "zeros": bytes(64), "empty line": b"\r\n", "newlines": b"\n\n\n\n", "memcached": b"VALUE k 0 1\r\nx\r\nEND\r\n",
    "giant bulk": b"$99999999999999999999\r\n", "bulk of 2 GB": b"$2147483648\r\nx",
    "bulk of 600 MB, begun": b"$629145600\r\nxxxx", "negative bulk": b"$-5\r\n", "bulk without number": b"$\r\n",
    "bulk with a bad end": b"$3\r\nabcXY", "bulk number with text": b"$3x\r\nabc\r\n",
    "giant array": b"*2147483647\r\n", "array begun": b"*1000000\r\n$1\r\nx\r\n", "negative array": b"*-7\r\n",
    "empty array": b"*0\r\n", "nested arrays": b"*1\r\n" * 100, "array of arrays": b"*1\r\n*1\r\n$1\r\nx\r\n",
    "integer text": b":abc\r\n", "huge integer": b":999999999999999999999999\r\n", "resp3 null": b"_\r\n",
    "resp3 map": b"%1\r\n+a\r\n+b\r\n", "resp3 push": b">2\r\n+message\r\n+x\r\n",
    "endless status": b"+" + b"x" * 5000000, "endless error": b"-" + b"x" * 5000000,
    "cut bulk": Drop(b"$10\r\nabc"), "cut line": Drop(b"+O"), "cut array": Drop(b"*1\r\n$5\r\nab"),
    "closed": Drop(), "error without text": b"-\r\n", "unknown error": b"-WEIRD something\r\n",
    "10 MB of text": b"y" * 10000000,
}
REFUSALS = {
    b"LOADING Redis is loading the dataset in memory", b"MISCONF Redis is configured to save RDB snapshots",
    b"READONLY You can't write against a read only replica.", b"NOREPLICAS Not enough good replicas to write.",
    b"BUSY Redis is busy running a script.", b"CLUSTERDOWN Hash slot not served",
    b"TRYAGAIN Multiple keys request during rehashing of slot",
    b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    b"NOAUTH Authentication required.", b"NOPERM this user has no permissions to run the 'set' command"}


class FakeTestCase(FleetTestCase):
    def stage(self, answer=None, config=CONFIG, **options):
        fake = FakeRedis(answer, **options)
        self.fleet.closers.callback(fake.close)
        daemon = self.fleet.mcrelay(backends=[fake.location()], config=config)
        return fake, daemon


class Rubbish(FakeTestCase):
    def test_every_kind_of_rubbish(self):
        told = {"answer": None}
        fake, daemon = self.stage(lambda words: told["answer"] if words[0].upper() in DATA else None)
        before_kib = daemon.status_kib("VmRSS")
        for name, answer in RUBBISH.items():
            with self.subTest(rubbish=name), daemon.client() as client:
                told["answer"] = None
                wait_until(lambda: client.set(b"k", b"x") == b"STORED\r\n", 3, "the honest server serves")
                told["answer"] = answer
                for _ in range(2):
                    self.exchange(client, b"get k\r\n", {b"END\r\n"})
                    self.exchange(client, b"set k 0 0 1\r\ny\r\n", {b"NOT_STORED\r\n"}, b"SERVER_ERROR ")
                    self.exchange(client, b"get k l m\r\n", {b"END\r\n"})
        told["answer"] = None
        client = self.open(daemon)
        wait_until(lambda: client.set(b"k", b"z") == b"STORED\r\n", 3, "the honest server serves")
        wait_until(lambda: client.get(b"k") == b"z", 2, "the new item shows")
        self.assertLess(daemon.status_kib("VmHWM") - before_kib, 32 * 1024)

    def exchange(self, client, request, wanted, prefix=None):
        started = time.monotonic()
        answer = client.call(request)
        took = time.monotonic() - started
        self.assertTrue(answer in wanted or prefix and answer.startswith(prefix), (request, answer))
        self.assertLess(took, patience(LIMIT_S), request)

    def test_replies_that_nobody_asked_for(self):
        """The next command's answer must not be taken from them. (Pushed while nothing is under way:
        an extra reply that comes with a right one cannot be told apart.)"""
        fake, daemon = self.stage()
        clients = [self.open(daemon) for _ in range(4)]
        for number, client in enumerate(clients):
            wait_until(lambda: client.set(b"k%d" % number, b"right%d" % number) == b"STORED\r\n", 2,
                       "the fake serves")
        for push in (b"$5\r\nwrong\r\n", b"+OK\r\n", b"*1\r\n$5\r\nwrong\r\n", b":1\r\n", b"$5\r\nwr", b"$",
                     b"\r\n"):
            with self.subTest(push=push):
                time.sleep(0.4)
                fake.push(push)
                time.sleep(0.05)
                for number, client in enumerate(clients * 3):
                    number %= 4
                    self.assertIn(client.get(b"k%d" % number), (None, b"right%d" % number))
                for number, client in enumerate(clients):
                    wait_until(lambda: client.get(b"k%d" % number) == b"right%d" % number, 2,
                               "the right value is back")

    def test_an_extra_reply_right_behind_the_right_one(self):
        def answer(words):
            if words[0].upper() == b"GET" and words[1] == b"twice":
                return b"$5\r\nright\r\n$5\r\nwrong\r\n"
            return None

        fake, daemon = self.stage(answer)
        client, other = self.open(daemon), self.open(daemon)
        wait_until(lambda: other.set(b"k", b"mine") == b"STORED\r\n", 2, "the fake serves")
        for _ in range(20):
            client.send(b"get twice\r\nget k\r\n")
            other.send(b"get k\r\nget k\r\n")
            for connection in (client, other):
                ends = 0
                while ends < 2:
                    unit = connection.unit()
                    ends += unit == b"END\r\n"
                    self.assertIn(unit, (b"END\r\n", b"VALUE twice 0 5\r\nright\r\n",
                                         b"VALUE k 0 4\r\nmine\r\n"))
            time.sleep(0.02)

    def test_refusals_are_errors_to_writers_and_misses_to_readers(self):
        told = {"error": None}

        def answer(words):
            return b"-%s\r\n" % told["error"] if told["error"] and words[0].upper() in DATA else None

        fake, daemon = self.stage(answer)
        client = self.open(daemon)
        wait_until(lambda: client.set(b"k", b"x") == b"STORED\r\n", 2, "the fake serves")
        for error in sorted(REFUSALS):
            with self.subTest(error=error):
                told["error"] = error
                got = client.call(b"set k 0 0 1\r\ny\r\n")
                self.assertTrue(got.startswith(b"SERVER_ERROR ") and error.split(b" ")[0] in got, got)
                self.assertEqual(client.values(b"get k\r\n"), b"END\r\n")
        told["error"] = None
        wait_until(lambda: client.set(b"k", b"x") == b"STORED\r\n", 2, "the fake serves")

    def test_an_error_text_cannot_forge_a_line(self):
        fake, daemon = self.stage(lambda words: b"-ERR bad\x00\x01\x7f text \xff VALUE k 0 1\r\n"
                                  if words[0].upper() in DATA else None)
        client = self.open(daemon)
        time.sleep(0.2)
        answer = client.call(b"set k 0 0 1\r\nx\r\n")
        self.assertTrue(answer.startswith((b"SERVER_ERROR ", b"NOT_STORED")), answer)
        self.assertEqual(answer.count(b"\n"), 1)

    def test_slow_but_right_answers_are_taken(self):
        """One byte at a time, within the timeout."""
        fake, daemon = self.stage()
        client = self.open(daemon)
        wait_until(lambda: client.set(b"k", b"x") == b"STORED\r\n", 2, "the fake serves")
        fake.answer = lambda words: time.sleep(0.2)
        for _ in range(5):
            self.assertEqual(client.get(b"k"), b"x")


class Dropping(FakeTestCase):
    def test_a_backend_that_drops_at_once(self):
        """No more than 40 connects a second, little processor time, and no wait for clients."""
        fake, daemon = self.stage(drop_at_once=True)
        client = self.open(daemon)
        seconds = 4
        begun, cpu = time.monotonic(), daemon.cpu_seconds()
        while time.monotonic() - begun < seconds:
            started = time.monotonic()
            self.assertIsNone(client.get(b"k"))
            self.assertEqual(client.set(b"k", b"x"), b"NOT_STORED\r\n")
            self.assertLess(time.monotonic() - started, patience(LIMIT_S))
            time.sleep(0.01)
        connects = sum(begun <= when for when in fake.connect_times)
        self.assertLessEqual(connects, 40 * seconds)
        self.assertGreater(connects, 0)
        self.assertLess(daemon.cpu_seconds() - cpu, 0.6 * seconds)

    def test_a_backend_that_drops_after_the_handshake(self):
        fake, daemon = self.stage(lambda words: Drop() if words[0].upper() in DATA else None)
        client = self.open(daemon)
        begun, seconds = time.monotonic(), 4
        while time.monotonic() - begun < seconds:
            started = time.monotonic()
            self.assertIsNone(client.get(b"k"))
            self.assertEqual(client.set(b"k", b"x"), b"NOT_STORED\r\n")
            self.assertLess(time.monotonic() - started, patience(LIMIT_S))
            time.sleep(0.01)
        connects = sum(begun <= when for when in fake.connect_times)
        self.assertLessEqual(connects, 40 * seconds)

    def test_nothing_is_sent_twice_but_reads(self):
        counts = {}

        def answer(words):
            name = words[0].upper()
            if name in DATA:
                counts[(name, words[1])] = counts.get((name, words[1]), 0) + 1
                return Drop()
            return None

        fake, daemon = self.stage(answer)
        client = self.open(daemon)
        for i in range(20):
            time.sleep(0.15)
            client.call(b"set w%d 0 0 1\r\nx\r\n" % i)
            client.call(b"incr i%d 1\r\n" % i)
            client.call(b"get r%d\r\n" % i)
        for (name, key), count in counts.items():
            if name == b"SET":
                self.assertEqual(count, 1, (name, key))
            if name in (b"GET", b"MGET"):
                self.assertLessEqual(count, 2, (name, key))
        self.assertTrue(any(name == b"SET" for name, _ in counts), "no write reached the server")


class Handshake(FakeTestCase):
    def test_refused_client_and_script_commands_are_tolerated(self):
        """Managed services and proxies refuse some of these."""
        import support.fake_redis as module
        original = module.handshake_reply

        def refusing(name, words):
            if name in (b"CLIENT", b"SCRIPT", b"HELLO", b"INFO", b"CONFIG", b"COMMAND"):
                return b"-ERR unknown command\r\n"
            return original(name, words)

        module.handshake_reply = refusing
        self.addCleanup(setattr, module, "handshake_reply", original)
        fake, daemon = self.stage()
        client = self.open(daemon)
        wait_until(lambda: client.set(b"k", b"x") == b"STORED\r\n", 3, "it serves nevertheless")
        self.assertEqual(client.get(b"k"), b"x")

    def test_a_refused_login_or_database_is_fatal_for_the_connection(self):
        import support.fake_redis as module
        original = module.handshake_reply
        for refused in (b"AUTH", b"SELECT"):
            with self.subTest(refused=refused):
                module.handshake_reply = lambda name, words: (
                    b"-ERR no\r\n" if name == refused else original(name, words))
                self.addCleanup(setattr, module, "handshake_reply", original)
                fake = FakeRedis()
                self.fleet.closers.callback(fake.close)
                daemon = self.fleet.mcrelay(backends=[fake.location()[:-1] + "3"],
                                            config=CONFIG + "password: secret\n")
                client = self.open(daemon)
                for _ in range(10):
                    self.assertNotEqual(client.set(b"k", b"x"), b"STORED\r\n")
                    time.sleep(0.05)
                self.assertEqual(client.set(b"k", b"x"), b"SERVER_ERROR ERR no\r\n")
                self.assertEqual(client.call(b"incr k 1\r\n"), b"SERVER_ERROR ERR no\r\n")
                self.assertIsNone(client.get(b"k"))
                self.assertEqual(fake.items, {})
                self.assertNotIn("secret", daemon.log())
                # Its descriptors at rest are those of a daemon whose backend lets it in.
                module.handshake_reply = original
                wait_until(lambda: client.set(b"k", b"x") == b"STORED\r\n", 3, "it is let in")
                client.close()
                wait_until(lambda: len(fake.connections) >= 2, 3, "both workers are let in")
                daemon.settle()


if __name__ == "__main__":
    unittest.main()
