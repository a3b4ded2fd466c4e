"""Who may come in: ASCII authentication (-Y) against a real memcached, the connection limit, the idle
timeout."""

import os
import signal
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.servers import Memcached, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

LOGIN = b"set any 0 0 10\r\nfoo secret\r\n"
# Each on a connection of its own.
ATTEMPTS = [
    [b"get a\r\n"], [b"version\r\n"], [b"nonsense\r\n"], [b"stats\r\n"], [b"mn\r\n"], [b"\r\n"],
    [b"get foo\r\n", LOGIN, b"get a\r\n", b"set a 0 0 1\r\nx\r\n", b"get a\r\n"],
    [b"set any 0 0 9\r\nfoo wrong\r\n", b"get a\r\n", LOGIN, b"mn\r\n"],
    [b"set any 0 0 10\r\nbar secret\r\n"], [b"set any 0 0 9\r\nfoo secre\r\n"],
    [b"set any 0 0 11\r\nfoo secrett\r\n"], [b"set any 0 0 3\r\nfoo\r\n"],
    [b"set any 0 0 0\r\n\r\n"], [b"set any 0 0 x\r\n"], [b"set any 0 0\r\n"],
    [b"set any 0 0 10 noreply\r\nfoo secret\r\n", b"mn\r\n"], [b"add any 0 0 10\r\n"],
    [b"set any 0 0 8\r\nfoo secret", b"mn\r\n"], [b"set any 0 0 9\r\nother pw2\r\n", b"mn\r\n"],
    [b"set any 0 0 12\r\nfoo secret x\r\n"], [b"set any 0 0 11\r\nfoo:secret \r\n"],
]


class Authentication(FleetTestCase):
    def write_users(self, text):
        self.path = os.path.join(self.fleet.folder, "users")
        with open(self.path, "w") as file:
            file.write(text)

    def start(self, users="foo:secret\nother:pw2\n"):
        self.write_users(users)
        redis = self.fleet.redis()
        return self.fleet.mcrelay("-Y", self.path, backends=[redis.location()], start=False)

    def serve(self, daemon):
        daemon.answers = lambda: daemon.process.poll() is None and self.accepts(daemon)
        return daemon.start()

    @staticmethod
    def accepts(daemon):
        try:
            with Client(daemon.address) as client:
                return client.call(b"version\r\n") == b"CLIENT_ERROR unauthenticated\r\n"
        except OSError:
            return False

    def test_answers_are_memcacheds(self):
        daemon = self.serve(self.start())
        memcached = Memcached(os.path.join(self.fleet.folder, "memcached"), ["-Y", self.path])
        memcached.answers = lambda: self.accepts(memcached)
        self.fleet.add(memcached).start()
        for attempt in ATTEMPTS:
            answers = []
            for server in (memcached, daemon):
                with Client(server.address) as client:
                    got = []
                    for line in attempt:
                        client.send(line)
                        time.sleep(0.02)
                        got.append(client.unit())
                        if got[-1].startswith(b"VALUE"):
                            got.append(client.unit())
                    answers.append(got)
            with self.subTest(attempt=attempt):
                self.assertEqual(answers[1], answers[0])

    def test_a_login_may_come_in_pieces_and_with_commands_behind_it(self):
        daemon = self.serve(self.start())
        for cut in range(1, len(LOGIN)):
            with daemon.client() as client:
                client.send(LOGIN[:cut])
                time.sleep(0.002)
                client.send(LOGIN[cut:] + b"set a 0 0 1\r\nx\r\nget a\r\n")
                self.assertEqual(b"".join(client.units(4)),
                                 b"STORED\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n")

    def test_attempts_are_counted(self):
        daemon = self.serve(self.start())
        client = self.open(daemon)
        client.call(b"set any 0 0 9\r\nfoo wrong\r\n")
        client.call(LOGIN)
        client.send(b"stats\r\n")
        lines = client.until(b"END\r\n")
        self.assertIn(b"STAT auth_cmds 2\r\n", lines)
        self.assertIn(b"STAT auth_errors 1\r\n", lines)
        self.assertNotIn("secret", daemon.log())

    def test_hangup_reads_the_file_again(self):
        daemon = self.serve(self.start())
        inside = self.open(daemon)
        self.assertEqual(inside.call(LOGIN), b"STORED\r\n")
        self.write_users("foo:changed\n")
        daemon.signal(signal.SIGHUP)
        new = b"set any 0 0 11\r\nfoo changed\r\n"
        wait_until(lambda: self.open(daemon).call(new) == b"STORED\r\n", 5, "the new password works")
        self.assertEqual(self.open(daemon).call(LOGIN), b"CLIENT_ERROR authentication failure\r\n")
        self.assertEqual(inside.call(b"mn\r\n"), b"MN\r\n")
        os.unlink(self.path)
        daemon.signal(signal.SIGHUP)
        refused = "the configuration was not taken over: cannot read"
        wait_until(lambda: refused in daemon.log(), 5, "it says so")
        self.assertEqual(self.open(daemon).call(new), b"STORED\r\n")
        self.write_users("foo\n")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: "users:1: expected user:password" in daemon.log(), 5, "it says so")
        self.assertEqual(self.open(daemon).call(new), b"STORED\r\n")
        self.assertEqual(daemon.log().count("the configuration was taken over"), 1)

    def test_a_bad_file_is_an_error_at_start(self):
        for text, reason in [("", "names no user"), ("foo\n", "users:1: expected user:password"),
                             (":x\n", "users:1: expected user:password")]:
            status, _, error = self.start(text).run()
            self.assertEqual(status, 78, error)
            self.assertIn(reason, error)
        daemon = self.start()
        os.unlink(self.path)
        status, _, error = daemon.run()
        self.assertEqual(status, 78)
        self.assertIn("cannot read", error)

    def test_a_line_without_end_and_the_binary_protocol_are_closed(self):
        daemon = self.serve(self.start())
        client = self.open(daemon)
        client.send(b"x" * 3000)
        self.assertEqual(client.expect_closed(), b"")
        client = self.open(daemon)
        client.send(b"\x80" + b"\0" * 23)
        self.assertTrue(client.expect_closed().startswith(b"\x81"))


class Admission(FleetTestCase):
    def test_over_the_limit_clients_are_told_and_closed_as_by_memcached(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay("-c", "3", backends=[redis.location()])
        clients = [self.open(daemon) for _ in range(3)]
        for client in clients:
            self.assertEqual(client.call(b"mn\r\n"), b"MN\r\n")
        over = self.open(daemon)
        self.assertEqual(over.expect_closed(), b"ERROR Too many open connections\r\n")
        clients[0].send(b"stats\r\n")
        self.assertIn(b"STAT rejected_connections 1\r\n", clients[0].until(b"END\r\n"))
        clients.pop().close()
        wait_until(lambda: self.answers(daemon), 5, "there is room again")

    def answers(self, daemon):
        try:
            return self.open(daemon).call(b"mn\r\n") == b"MN\r\n"
        except AssertionError:
            return False

    def test_a_silent_client_is_closed_after_the_idle_timeout(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay("-o", "idle_timeout=1", backends=[redis.location()])
        silent, busy = self.open(daemon), self.open(daemon)
        silent.call(b"mn\r\n")
        deadline = time.monotonic() + 2.5
        while time.monotonic() < deadline:
            self.assertEqual(busy.call(b"mn\r\n"), b"MN\r\n")
            time.sleep(0.1)
        self.assertEqual(silent.expect_closed(), b"")
        busy.send(b"stats\r\n")
        self.assertIn(b"STAT relay_closed_idle 1\r\n", busy.until(b"END\r\n"))


if __name__ == "__main__":
    unittest.main()
