"""raw_listen: redis-cli and Redis clients through the daemon, each on a connection of its own."""

import os
import shutil
import socket
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.client import RedisClient  # noqa: E402
from support.servers import LOOPBACK, Port, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402


class Raw(FleetTestCase):
    def start(self, unix=False, db=3, *arguments):
        self.redis = self.fleet.redis(password="secret")
        port = Port()
        self.addCleanup(port.release)
        self.address = (LOOPBACK, port.number)
        self.daemon = self.fleet.mcrelay(
            *arguments, backends=[self.redis.location(unix, db)],
            config=f"password: 'secret'\nraw_listen: {LOOPBACK}:{port.number}\n")
        return self.daemon

    def raw(self):
        client = RedisClient(self.address)
        self.fleet.closers.callback(client.close)
        return client

    def test_commands_pass_logged_in_and_in_the_backends_database(self):
        for unix in (False, True):
            self.start(unix)
            client = self.raw()
            self.assertEqual(client.call("SET", "k", b"\x00\r\n\xff"), b"OK")
            self.assertEqual(client.call("HSET", "h", "f", "v"), 1)
            self.assertIn(b" db=3 ", client.call("CLIENT", "INFO"))
            with RedisClient(self.redis.address, "secret", 3) as direct:
                self.assertEqual(direct.call("GET", "k"), b"\x00\r\n\xff")
            memcache = self.open(self.daemon)
            self.assertEqual(memcache.get(b"h"), None)
            memcache.set(b"m", b"v")
            self.assertTrue(client.call("GET", "m").endswith(b"v"))

    def test_each_client_has_a_connection_of_its_own(self):
        self.start()
        one, two = self.raw(), self.raw()
        self.assertNotEqual(one.call("CLIENT", "ID"), two.call("CLIENT", "ID"))
        self.assertEqual(one.call("MULTI"), b"OK")
        self.assertEqual(one.call("SET", "a", "1"), b"QUEUED")
        self.assertIsNone(two.call("GET", "a"))
        self.assertEqual(one.call("EXEC"), [b"OK"])
        self.assertEqual(two.call("GET", "a"), b"1")
        self.assertEqual(one.call("SUBSCRIBE", "news")[0], b"subscribe")
        self.assertEqual(two.call("PUBLISH", "news", "hello"), 1)
        self.assertEqual(one.reply(), [b"message", b"news", b"hello"])

    def test_a_large_pipeline_to_a_client_that_reads_late(self):
        self.start()
        client = self.raw()
        value = b"x" * 100000
        client.call("SET", "big", value)
        # 30 MB wait in Redis, not in the daemon.
        client.sock.sendall(RedisClient.encode(["GET", "big"]) * 300)
        before = self.daemon.status_kib("VmRSS")
        self.assertEqual(self.open(self.daemon).call(b"mn\r\n"), b"MN\r\n")
        self.assertLess(self.daemon.status_kib("VmRSS") - before, 8 * 1024)
        for _ in range(300):
            self.assertEqual(client.reply(), value)

    def test_replies_come_after_the_clients_end_of_file(self):
        self.start()
        with socket.create_connection(self.address, 5) as sock:
            sock.sendall(b"PING\r\nECHO hello\r\n")
            sock.shutdown(socket.SHUT_WR)
            answer = b""
            while data := sock.recv(1000):
                answer += data
        self.assertEqual(answer, b"+PONG\r\n$5\r\nhello\r\n")

    def test_redis_cli(self):
        self.start()
        cli = [shutil.which("redis-cli"), "-h", LOOPBACK, "-p", str(self.address[1])]
        self.assertEqual(subprocess.check_output(cli + ["incr", "n"], timeout=20), b"1\n")
        self.assertEqual(subprocess.check_output(cli + ["-3", "hset", "h", "a", "b"], timeout=20), b"1\n")
        self.assertEqual(subprocess.check_output(cli, input=b"incr n\nget n\n", timeout=20), b"2\n2\n")

    def test_connections_end_together(self):
        self.start()
        client = self.raw()
        client.call("PING")
        with RedisClient(self.redis.address, "secret") as direct:
            connected = direct.call("CLIENT", "LIST").count(b"\n")
            client.close()
            wait_until(lambda: direct.call("CLIENT", "LIST").count(b"\n") == connected - 1, 5,
                       "the backend connection is closed")
            other = self.raw()
            number = other.call("CLIENT", "ID")
            direct.call("CLIENT", "KILL", "ID", number)
        with self.assertRaises(ConnectionError):
            other.call("PING")
        self.redis.kill9()
        self.assertEqual(self.raw().file.read(), b"-ERR mcrelay: backend unavailable\r\n")

    def test_raw_clients_count_for_the_limit(self):
        self.start(False, 0, "-c", "2")
        one, two = self.raw(), self.raw()
        one.call("PING")
        two.call("PING")
        self.assertEqual(self.raw().file.read(), b"-ERR max number of clients reached\r\n")

    def test_several_backends_are_a_configuration_error(self):
        shards = [self.fleet.redis() for _ in range(2)]
        daemon = self.fleet.mcrelay(backends=[shard.location() for shard in shards],
                                    config=f"raw_listen: {LOOPBACK}:16379\n", start=False)
        status, _, error = daemon.run()
        self.assertEqual(status, 78)
        self.assertRegex(error, r"mcrelay\.yaml:1:13: raw_listen: found topology shard, expected single")
        self.assertEqual(error.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
