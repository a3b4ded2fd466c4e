"""A primary with replicas behind the daemon: who answers reads, and roles that change."""

import os
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.servers import LOOPBACK, patience, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402
from support.topology import ReplicatedSet, calls, example  # noqa: E402


class ReplicaTests(FleetTestCase):
    def start(self, replicas=2, extra=""):
        servers = ReplicatedSet(self.fleet, replicas)
        # The primary is not the first: roles are found out, not assumed.
        order = [*servers.replicas, servers.primary]
        config = example("replica.yaml", {6379 + i: server.port for i, server in enumerate(order)})
        return servers, self.fleet.mcrelay(config=config + extra)

    def reads(self, servers):
        return [calls(server, "get") + calls(server, "mget") for server in servers]

    def test_plain_reads_go_to_replicas_and_the_rest_to_the_primary(self):
        servers, daemon = self.start()
        client = self.open(daemon)
        self.assertEqual(client.set(b"k", b"v"), b"STORED\r\n")
        wait_until(lambda: client.get(b"k") == b"v", 5, "the replica has it")
        wait_until(lambda: all(calls(server, "client|setname") > 1 for server in servers.replicas),
                   5, "connections to the replicas")
        primary = self.reads([servers.primary])[0]
        replicas = sum(self.reads(servers.replicas))
        for _ in range(100):
            self.assertEqual(client.get(b"k"), b"v")
            self.assertEqual(client.call(b"mg k v\r\n"), b"VA 1\r\nv\r\n")
        self.assertEqual(self.reads([servers.primary])[0], primary)
        self.assertEqual(sum(self.reads(servers.replicas)), replicas + 200)
        for _ in range(50):
            client.gets_cas(b"k")
            client.call(b"mg k c\r\n")
        self.assertEqual(self.reads([servers.primary])[0], primary + 100)
        self.assertEqual(sum(self.reads(servers.replicas)), replicas + 200)

    def test_own_writes_are_read_where_they_feed_a_write(self):
        """gets sees each set at once, however late the replicas are."""
        servers, daemon = self.start()
        client = self.open(daemon)
        for replica in servers.replicas:
            replica.pause()
        try:
            for i in range(200):
                self.assertEqual(client.set(b"k", b"%d" % i), b"STORED\r\n")
                answer = client.values(b"gets k\r\n")
                self.assertIn(b"\r\n%d\r\n" % i, answer)
                unique = int(answer.split(b"\r\n")[0].split(b" ")[4])
                self.assertEqual(client.call(b"cas k 0 0 1 %d\r\nx\r\n" % unique), b"STORED\r\n")
        finally:
            for replica in servers.replicas:
                replica.resume()

    def test_a_dead_replica_s_reads_move_at_once(self):
        servers, daemon = self.start()
        client = self.open(daemon)
        for i in range(20):
            self.assertEqual(client.set(b"k%d" % i, b"v"), b"STORED\r\n")
        for i in range(20):
            wait_until(lambda i=i: client.get(b"k%d" % i) == b"v", 5, "the replicas have it")
        for replica in servers.replicas:  # each of them: one may lag behind the other
            with replica.client() as raw:
                wait_until(lambda raw=raw: raw.call("DBSIZE") >= 20, 5, "it has all")
        for replica in servers.replicas:
            replica.kill9()
            for i in range(200):
                self.assertEqual(client.get(b"k%d" % (i % 20)), b"v")

    def test_roles_are_followed_when_they_change(self):
        servers, daemon = self.start(replicas=1)
        client = self.open(daemon)
        self.assertEqual(client.set(b"k", b"1"), b"STORED\r\n")
        replica, old = servers.replicas[0], servers.primary
        wait_until(lambda: client.get(b"k") == b"1", 5, "the replica has it")
        old.kill9()
        servers.promote(replica)
        wait_until(lambda: client.set(b"k", b"2") == b"STORED\r\n", 5, "writes go on")
        # The old one comes back, first as a primary without replicas, then as a replica.
        old.restart()
        time.sleep(patience(0.3))
        self.assertEqual(client.set(b"k", b"3"), b"STORED\r\n")
        servers.follow(old, replica)
        with old.client() as redis:
            wait_until(lambda: redis.call("GET", "k") or b"".endswith(b"3"), 10, "it follows")
        self.assertEqual(client.set(b"k", b"4"), b"STORED\r\n")
        with replica.client() as redis:
            self.assertTrue(redis.call("GET", "k").endswith(b"4"))
        self.assertIn(f"primary {LOOPBACK}:{replica.port}", daemon.log())


if __name__ == "__main__":
    unittest.main()
