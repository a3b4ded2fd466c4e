"""SIGHUP and SIGUSR1 on a running daemon: what was asked for before, meanwhile and after."""

import os
import resource
import signal
import socket
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.fake_redis import FakeRedis  # noqa: E402
from support.load import Load  # noqa: E402
from support.servers import LOOPBACK, Port, patience, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402
from support.wire import Wire  # noqa: E402

TAKEN_OVER = "the configuration was taken over"
REFUSED = "the configuration was not taken over"


def configuration(*redis, more=""):
    return "backends: [" + ", ".join(f'"{one.location()}"' for one in redis) + "]\n" + more


def accepts(daemon):
    """A daemon that wants a login does not tell its version."""
    try:
        with Client(daemon.address) as client:
            return client.call(b"version\r\n") == b"CLIENT_ERROR unauthenticated\r\n"
    except OSError:
        return False


class ReloadTestCase(FleetTestCase):
    def serve(self, *redis, more="", **options):
        return self.fleet.mcrelay(config=configuration(*redis, more=more), **options)

    def fake(self, answer=None):
        server = FakeRedis(answer)
        self.fleet.closers.callback(server.close)
        return server

    def reload(self, daemon, config, result=TAKEN_OVER):
        before = daemon.log().count(result)
        daemon.write_config(config)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.log().count(result) > before, 2, f"it says: {result}")


class Reload(ReloadTestCase):
    def test_no_request_fails_under_load(self):
        """Every kind of change that is taken over while running, over and over."""
        redis = [self.fleet.redis() for _ in range(2)]
        more = "timeouts: {request: 5s, connect: 5s}\n"
        daemon = self.serve(*redis, more=more, threads=3)
        with Load(daemon.address, workers=6, limit_s=1.5, strict=True) as load:
            for number in range(8):
                time.sleep(0.3)
                changed = more + ("log: {level: warning}\n" if number % 3 == 1 else "")
                changed = changed.replace("5s", "4s") if number % 2 else changed
                before = daemon.log().count("refuse")
                daemon.write_config(configuration(*redis, more=changed))
                daemon.signal(signal.SIGHUP)
                load.check()
                self.assertEqual(daemon.log().count("refuse"), before)
            time.sleep(0.3)
        self.assertEqual((load.total("failed_writes"), load.total("lost")), (0, 0))
        self.assertGreater(load.total("hits"), 1000)
        self.assertGreaterEqual(daemon.log().count(TAKEN_OVER), 4)

    def test_other_backends(self):
        """Effective within 2 s, on connections that were open before; no request fails meanwhile."""
        first, second = self.fleet.redis(), self.fleet.redis()
        daemon = self.serve(first)
        clients = [self.open(daemon) for _ in range(6)]
        self.assertEqual(clients[0].set(b"k", b"first"), b"STORED\r\n")
        with second.client() as raw:
            raw.call("SET", "k", "second")
        ending = threading.Event()
        failed = []

        def write():
            with daemon.client() as client:
                number = 0
                while not ending.is_set():
                    number += 1
                    if client.set(b"w%d" % (number % 50), b"x") != b"STORED\r\n":
                        failed.append(number)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            time.sleep(0.2)
            self.reload(daemon, configuration(second))
            wait_until(lambda: all(client.get(b"k") == b"second" for client in clients), 2,
                       "all read from the new backend")
            time.sleep(0.2)
        finally:
            ending.set()
            writer.join()
        self.assertEqual(failed, [])
        first.kill9()
        for client in clients:
            self.assertEqual(client.set(b"k", b"after"), b"STORED\r\n")
            self.assertEqual(client.get(b"k"), b"after")

    def test_another_prefix_while_commands_are_in_flight(self):
        """A reply that comes after the reload belongs to the key as it was asked for."""
        held = threading.Event()

        def answer(words):
            if words[0].upper() == b"EVALSHA":
                held.wait(patience(5))
                return b"$1\r\n5\r\n"
            return None

        server = self.fake(answer)
        more = "threads: 1\ntimeouts: {request: 4s}\n"
        daemon = self.serve(server, more=more, threads=0)
        client, other = self.open(daemon), self.open(daemon)
        client.send(b"incr k 1\r\n")
        wait_until(lambda: b"EVALSHA" in server.commands, 2, "the increment is under way")
        self.reload(daemon, configuration(server, more=more + 'key_prefix: "application:"\n'))
        # What the worker gets before it has heard of the reload waits behind the increment.
        wait_until(lambda: len(server.connect_times) == 2, 2, "the worker has a connection for the new one")
        client.send(b"get k\r\n")
        self.assertEqual(other.get(b"other"), None)
        held.set()
        self.assertEqual(client.units(2), [b"5\r\n", b"END\r\n"])
        self.assertEqual(other.set(b"k", b"new"), b"STORED\r\n")
        self.assertIn(b"application:k", server.items)

    def test_a_prefix_back_and_forth_under_load(self):
        redis = self.fleet.redis()
        daemon = self.serve(redis, threads=3)
        ending = threading.Event()
        wrong = []

        def ask(number):
            with daemon.client() as client:
                while not ending.is_set():
                    key = b"k%d" % number
                    client.send(b"incr %s 1\r\nset %s 0 0 1\r\n1\r\nget %s x y\r\n" % (key, key, key))
                    units = client.units(2) + client.until(b"END")
                    if units[1] != b"STORED\r\n" or any(b" %s " % key not in u for u in units[2:]):
                        wrong.append(units)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for number in range(10):
                time.sleep(0.15)
                prefix = f'key_prefix: "{"p" * (number * 7 % 40)}:"\n'
                self.reload(daemon, configuration(redis, more=prefix))
        finally:
            ending.set()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])

    def test_a_pending_removal_outlives_it(self):
        """The set fails after the reload, on a connection that is going out of use: the item it
        leaves is stale all the same."""
        def answer(words):
            if words[0] == b"SET" and words[1] == b"k":
                time.sleep(0.5)
                return b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
            return None

        server = self.fake(answer)
        server.items[b"k"] = b"old"
        more = "timeouts: {request: 2s, connect: 2s}\n"
        daemon = self.serve(server, more=more, threads=1)
        client = self.open(daemon)
        self.assertEqual(client.get(b"k"), b"old")
        client.send(b"set k 0 0 3\r\nnew\r\n")
        wait_until(lambda: b"SET" in server.commands, 2, "the set is under way")
        self.reload(daemon, configuration(server, more=more))
        self.assertNotEqual(client.unit(), b"STORED\r\n")
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            self.assertIsNone(client.get(b"k"))
            time.sleep(0.01)
        wait_until(lambda: b"k" not in server.items, 2, "the stale item is removed")

    def test_a_removal_that_was_pending_before_is_done_after(self):
        """Also where the server is configured in other words."""
        for change in (lambda text: text.replace("300ms", "400ms"),
                       lambda text: text.replace('["', '[{weight: 3, location: "').replace('"]', '"}]'),
                       lambda text: text.replace('["', '[{name: other, location: "').replace('"]', '"}]')):
            redis = self.fleet.redis()
            wire = Wire(redis.address)
            self.fleet.closers.callback(wire.close)
            more = "timeouts: {connect: 500ms, request: 300ms}\n"
            with self.subTest(config=change(configuration(wire, more=more))):
                self.pending_over_a_reload(redis, wire, more, change)

    def pending_over_a_reload(self, redis, wire, more, change):
        daemon = self.serve(wire, more=more)
        client = self.open(daemon)
        self.assertEqual(client.set(b"k", b"old"), b"STORED\r\n")
        wire.cut()
        self.assertEqual(client.set(b"k", b"lost"), b"NOT_STORED\r\n")
        self.reload(daemon, change(configuration(wire, more=more)))
        wire.mend()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            self.assertIsNone(client.get(b"k"))
            time.sleep(0.005)
        with redis.client() as raw:
            wait_until(lambda: raw.call("EXISTS", "k") == 0, 2, "the stale item is removed")

    def connections_to(self, redis):
        """The ids of the daemon's connections to a server."""
        with redis.client() as raw:
            listed = raw.call("CLIENT", "LIST").decode()
        return sorted(line.split()[0] for line in listed.splitlines() if " name=mcrelay " in line)

    def test_an_unchanged_backend_keeps_its_connections(self):
        """Also with others beside it, with another placement, and with requests in flight."""
        redis = [self.fleet.redis() for _ in range(3)]
        daemon = self.serve(*redis[:2], threads=2)
        client = self.open(daemon)
        wait_until(lambda: [len(self.connections_to(one)) for one in redis] == [2, 2, 0], 3, "all are connected")
        before = [self.connections_to(one) for one in redis]
        for more in ("log: {level: debug}\n", "distribution: modula\n", "limits: {connections: 99}\n", ""):
            with self.subTest(more=more):
                client.send(b"get k\r\n" * 200)
                self.reload(daemon, configuration(*redis[:2], more=more))
                self.assertEqual(client.units(200), [b"END\r\n"] * 200)
                self.assertEqual([self.connections_to(one) for one in redis], before)
        self.reload(daemon, configuration(*redis[1:]))
        wait_until(lambda: len(self.connections_to(redis[2])) == 2, 3, "the new one is connected")
        wait_until(lambda: self.connections_to(redis[0]) == [], 3, "the old one is left")
        self.assertEqual(self.connections_to(redis[1]), before[1])
        # Timeouts are part of a connection: it is replaced then.
        self.reload(daemon, configuration(*redis[1:], more="timeouts: {connect: 3s}\n"))
        wait_until(lambda: not set(self.connections_to(redis[1])) & set(before[1]), 3, "new connections")
        self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")
        daemon.settle()

    def test_the_connection_limit(self):
        """Raised beyond the file limit of the start, and lowered: nobody who is there is closed."""
        redis = self.fleet.redis()
        daemon = self.serve(redis, more="limits: {connections: 10}\n", threads=1)
        files = 200
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE,
                         (files, resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[1]))
        clients = [self.open(daemon) for _ in range(10)]
        self.assertTrue(all(client.get(b"k") is None for client in clients))
        with daemon.client() as refused:
            self.assertEqual(refused.unit(), b"ERROR Too many open connections\r\n")
        self.reload(daemon, configuration(redis, more=f"limits: {{connections: {files + 100}}}\n"))
        clients += [self.open(daemon) for _ in range(20)]
        self.assertTrue(all(client.get(b"k") is None for client in clients))
        self.assertGreater(resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[0], files + 100)
        self.reload(daemon, configuration(redis, more="limits: {connections: 10}\n"))
        self.assertTrue(all(client.get(b"k") is None for client in clients))
        with daemon.client() as refused:
            self.assertEqual(refused.unit(), b"ERROR Too many open connections\r\n")

    def test_the_memory_of_the_embedded_store(self):
        daemon = self.fleet.mcrelay(config="embedded: {memory: 16mb}\n")
        client = self.open(daemon)

        def limit():
            client.send(b"stats\r\n")
            lines = client.until(b"END\r\n")
            return next(int(line.split()[2]) for line in lines if b" limit_maxbytes " in line) >> 20

        wait_until(lambda: client.set(b"k", b"x") == b"STORED\r\n", 3, "it serves")
        wait_until(lambda: limit() == 16, 3, "the store's own word")
        self.reload(daemon, "embedded: {memory: 48mb}\n")
        wait_until(lambda: limit() == 48, 3, "the new limit")
        self.assertEqual(client.get(b"k"), b"x")

    def test_what_needs_a_restart_keeps_its_value(self):
        redis = self.fleet.redis()
        daemon = self.serve(redis, more="backlog: 100\n")
        for _ in range(2):  # told again as long as the file differs
            daemon.write_config(configuration(redis, more="backlog: 200\n"))
            told = daemon.log().count("backlog changed, but needs a restart")
            self.reload(daemon, configuration(redis, more="backlog: 200\n"))
            self.assertEqual(daemon.log().count("backlog changed, but needs a restart"), told + 1)
        settings = dict(line.split(b" ")[1:3] for line in self.settings(daemon))
        self.assertEqual(settings[b"tcp_backlog"].strip(), b"100")
        told = daemon.log().count("needs a restart")
        self.reload(daemon, configuration(redis, more="backlog: 100\n"))
        self.assertEqual(daemon.log().count("needs a restart"), told)

    def settings(self, daemon):
        client = self.open(daemon)
        client.send(b"stats settings\r\n")
        return [line for line in client.until(b"END") if line.startswith(b"STAT ")]

    def test_the_raw_port_keeps_the_topology_that_it_needs(self):
        redis = self.fleet.redis()
        port = Port()
        self.addCleanup(port.release)
        raw = f"raw_listen: 127.0.0.1:{port.number}\n"
        daemon = self.serve(redis, more=raw)
        both = configuration(redis, more="topology: replica\n")
        self.reload(daemon, both, REFUSED)
        self.assertIn("needs topology single", daemon.log())
        with socket.create_connection((LOOPBACK, port.number), 5) as connection:
            connection.sendall(b"PING\r\n")
            self.assertEqual(connection.recv(100), b"+PONG\r\n")

    def test_users_that_are_dropped_while_somebody_is_not_logged_in(self):
        redis = self.fleet.redis()
        daemon = self.serve(redis, start=False)
        users = os.path.join(daemon.folder, "users")
        with open(users, "w") as file:
            file.write("user:secret\n")
        daemon.write_config(configuration(redis, more=f"auth_file: {users}\n"))
        daemon.answers = lambda: daemon.process.poll() is None and accepts(daemon)
        daemon.start()
        client = self.open(daemon)
        self.assertEqual(client.call(b"get k\r\n"), b"CLIENT_ERROR unauthenticated\r\n")
        self.reload(daemon, configuration(redis))
        self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")
        missing = configuration(redis, more=f"auth_file: {users}.missing\n")
        self.reload(daemon, missing, REFUSED)
        self.assertEqual(client.get(b"k"), b"x")

    def test_another_prefix_while_prefixes_are_counted(self):
        held = threading.Event()

        def answer(words):
            if words[0].upper() == b"GET":
                held.wait(patience(5))
            return None

        server = self.fake(answer)
        more = "threads: 1\ntimeouts: {request: 4s}\n"
        daemon = self.serve(server, more=more, threads=0)
        client = self.open(daemon)
        self.assertEqual(client.call(b"stats detail on\r\n"), b"OK\r\n")
        client.send(b"get k:1\r\n")
        wait_until(lambda: b"GET" in server.commands, 2, "the read is under way")
        self.reload(daemon, configuration(server, more=more + 'key_prefix: "long-prefix:"\n'))
        held.set()
        self.assertEqual(client.units(1), [b"END\r\n"])
        client.send(b"stats detail dump\r\n")
        self.assertIn(b"PREFIX k get 1 hit 0 set 0 del 0\r\n", client.until(b"END"))

    def test_values_that_wait_for_their_reader(self):
        """They are read again after the connection that they were first read on is gone."""
        redis = self.fleet.redis()
        base = "threads: 1\n"
        daemon = self.serve(redis, more=base, threads=0)
        client, slow = self.open(daemon), self.open(daemon)
        value = os.urandom(900 * 1024)
        for i in range(30):
            self.assertEqual(client.set(b"large%d" % i, value), b"STORED\r\n")
        self.assertEqual(client.set(b"small", b"x"), b"STORED\r\n")
        slow.send(b"get small\r\n" * 2000)
        slow.units(2 * 2000)
        slow.send(b"".join(b"get large%d\r\n" % i for i in range(30)))
        time.sleep(0.5)
        for number in range(3):
            changed = f"timeouts: {{request: {patience(300) + number:.0f}ms}}\n"
            self.reload(daemon, configuration(redis, more=base + changed))
            for i in range(20):
                self.assertEqual(client.set(b"other%d" % i, b"x"), b"STORED\r\n")
        for i in range(30):
            self.assertEqual(slow.units(2), [b"VALUE large%d 0 %d\r\n%s\r\n" % (i, len(value), value),
                                             b"END\r\n"])

    def test_an_invalid_file_changes_nothing(self):
        redis, other = self.fleet.redis(), self.fleet.redis()
        daemon = self.serve(redis)
        client = self.open(daemon)
        self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")
        good = configuration(other)
        for broken in (good + "unknown_key: 1\n", good + "key_prefix: [\n", good + "timeouts: {request: soon}\n",
                       "backends: []\n" + 'key_prefix: "p:"\n', good + "threads: -1\n"):
            with self.subTest(broken=broken):
                self.reload(daemon, broken, REFUSED)
                for reader in (client, self.open(daemon)):
                    self.assertEqual(reader.get(b"k"), b"x")
        self.assertNotIn(TAKEN_OVER, daemon.log().replace(REFUSED, ""))
        with other.client() as raw:
            self.assertEqual(raw.call("DBSIZE"), 0)
        os.unlink(daemon.config_path)
        before = daemon.log().count(REFUSED)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.log().count(REFUSED) > before, 2, "a missing file is refused")
        self.assertEqual(client.get(b"k"), b"x")


class LogFile(ReloadTestCase):
    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.fleet.folder, "log")
        os.mkdir(self.home)
        self.path = os.path.join(self.home, "file")
        self.redis, self.daemon = self.one_shard(env={"MCRELAY_LOG_FILE": self.path})

    def test_it_is_opened_anew(self):
        os.rename(self.path, self.path + ".1")
        self.daemon.signal(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(self.path), 2, "the log file is there again")
        self.assertEqual(self.open(self.daemon).set(b"k", b"x"), b"STORED\r\n")

    def test_one_that_cannot_be_opened_ends_nothing(self):
        moved = self.home + "-moved"
        os.rename(self.home, moved)
        with open(self.home, "w"):  # a file where the folder was: nothing can be opened below it
            pass
        client = self.open(self.daemon)
        self.daemon.signal(signal.SIGUSR1)

        def told():
            with open(os.path.join(moved, "file")) as log:
                return "logging goes on where it was" in log.read()

        wait_until(lambda: told() or not self.daemon.alive(), 3, "it says so in the old file")
        self.assertTrue(self.daemon.alive())
        self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")
        self.assertEqual(self.open(self.daemon).get(b"k"), b"x")
        os.unlink(self.home)
        os.rename(moved, self.home)
        os.unlink(self.path)
        self.daemon.signal(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(self.path), 2, "a later try works")


if __name__ == "__main__":
    unittest.main()
