"""What is pending (removals, a flush) follows its keys: over failovers, reloads, and both at once."""

import os
import signal
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.servers import LOOPBACK, patience, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402
from support.topology import ReplicatedSet, SentinelSet  # noqa: E402

KEYS = [b"k%d" % i for i in range(10)]
SET, DELETED, KEPT = KEYS[:3], KEYS[3:6], KEYS[6:]


class PendingTestCase(FleetTestCase):
    def fill(self, servers, client):
        """Old items, on the replicas too."""
        for key in KEYS:
            self.assertEqual(client.set(key, b"old"), b"STORED\r\n")
        for replica in servers.replicas:
            with replica.client() as redis:
                wait_until(lambda redis=redis: redis.call("DBSIZE") == len(KEYS), 5, "it has them")

    def fail_to_write(self, client):
        for key in SET:
            self.assertEqual(client.set(key, b"new"), b"NOT_STORED\r\n")
        for key in DELETED:
            self.assertEqual(client.call(b"delete %s\r\n" % key), b"NOT_FOUND\r\n")

    def reload(self, daemon, config):
        before = daemon.log().count("was taken over")
        daemon.write_config(config)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.log().count("was taken over") > before, 10, "it is reloaded")

    def check(self, client, others, stored=None):
        """Until what was not written is served again, and a while longer, nothing old is read.
        `stored`: what a set that failed may have stored after all."""
        deadline = time.monotonic() + patience(20)
        while client.get(KEPT[0]) != b"old":
            self.assertLess(time.monotonic(), deadline, "the new primary serves")
            self.nothing_old([client, *others], stored)
        for _ in range(50):
            self.nothing_old([client, *others], stored)
            time.sleep(0.01)
        wait_until(lambda: client.set(SET[0], b"newer") == b"STORED\r\n", 10, "writes go on")
        wait_until(lambda: client.get(SET[0]) == b"newer", 5, "nothing is hidden any more")
        self.assertEqual({client.get(key) for key in KEPT}, {b"old"})

    def nothing_old(self, clients, stored):
        for client in clients:
            self.assertLessEqual({client.get(key) for key in SET}, {None, stored})
            self.assertEqual({client.get(key) for key in DELETED}, {None})

    def emptied(self, client):
        """A flush that was due was done before anything was served."""
        deadline = time.monotonic() + patience(20)
        while client.set(b"after", b"flush") != b"STORED\r\n":
            self.assertLess(time.monotonic(), deadline, "the new primary takes writes")
            self.assertEqual({client.get(key) for key in KEYS}, {None})
        for _ in range(50):
            self.assertEqual({client.get(key) for key in KEYS}, {None})
            time.sleep(0.01)
        wait_until(lambda: client.set(b"after", b"flush") == b"STORED\r\n"
                   and client.get(b"after") == b"flush", 5, "nothing is hidden any more")


class Replicas(PendingTestCase):
    def start(self):
        self.servers = ReplicatedSet(self.fleet, 1)
        self.config = (f"backends: [{self.servers.primary.location()}, "
                       f"{self.servers.replicas[0].location()}]\n"
                       "topology: replica\ntimeouts: {connect: %s}\n")
        daemon = self.fleet.mcrelay(config=self.config % "250ms")
        clients = [self.open(daemon) for _ in range(4)]
        self.fill(self.servers, clients[0])
        return daemon, clients

    def promote(self):
        self.servers.promote(self.servers.replicas[0])

    def test_a_replica_is_promoted(self):
        _, (client, *others) = self.start()
        self.servers.primary.kill9()
        self.fail_to_write(client)
        self.promote()
        self.check(client, others)

    def test_a_replica_is_promoted_after_reloads_that_know_no_primary(self):
        """Each of them looks for the roles anew, as every change of timeouts.connect does."""
        daemon, (client, *others) = self.start()
        self.servers.primary.kill9()
        self.fail_to_write(client)
        for connect in ("150ms", "200ms"):
            self.reload(daemon, self.config % connect)
            self.assertEqual({client.get(key) for key in KEYS}, {None})
        self.promote()
        self.check(client, others)

    def test_the_primary_comes_back_after_such_reloads(self):
        daemon, (client, *others) = self.start()
        self.servers.primary.pause()
        try:
            self.fail_to_write(client)
            for connect in ("150ms", "200ms"):
                self.reload(daemon, self.config % connect)
        finally:
            self.servers.primary.resume()
        self.check(client, others, stored=b"new")  # what it had not read yet it does now

    def test_a_flush_is_due_over_such_reloads(self):
        daemon, (client, *_) = self.start()
        self.servers.primary.kill9()
        self.assertEqual(client.call(b"flush_all\r\n"), b"SERVER_ERROR backend unavailable\r\n")
        for connect in ("150ms", "200ms"):
            self.reload(daemon, self.config % connect)
        self.promote()
        self.emptied(client)

    def test_another_topology_takes_the_set_s_place(self):
        """The replica was promoted by hand, and is now all there is."""
        daemon, (client, *others) = self.start()
        self.servers.primary.kill9()
        self.fail_to_write(client)
        self.promote()
        self.reload(daemon, f"backends: [{self.servers.replicas[0].location()}]\n")
        self.check(client, others)


class Sentinels(PendingTestCase):
    def start(self, service=SentinelSet.SERVICE):
        self.servers = SentinelSet(self.fleet, replicas=1)
        self.config = (f"topology: sentinel\nsentinels: {self.servers.addresses()}\nservice: %s\n"
                       "timeouts: {connect: %s}\n")
        daemon = self.fleet.mcrelay(config=self.config % (service, "250ms"))
        return daemon, [self.open(daemon) for _ in range(4)]

    def test_a_failover(self):
        _, (client, *others) = self.start()
        self.fill(self.servers, client)
        self.servers.primary.kill9()
        self.fail_to_write(client)
        self.check(client, others)

    def test_a_reload_during_a_failover(self):
        daemon, (client, *others) = self.start()
        self.fill(self.servers, client)
        self.servers.primary.kill9()
        self.fail_to_write(client)
        self.reload(daemon, self.config % (SentinelSet.SERVICE, "240ms"))
        self.check(client, others)

    def test_what_failed_before_the_set_was_known(self):
        """The service's name is wrong at first: no server is known when the writes fail."""
        daemon, (client, *others) = self.start("wrong")
        with self.servers.primary.client() as redis:
            for key in KEYS:
                redis.call("SET", key, "old")
        self.fail_to_write(client)
        self.reload(daemon, self.config % (SentinelSet.SERVICE, "250ms"))
        wait_until(lambda: f"primary {LOOPBACK}:{self.servers.primary.port}" in daemon.log(), 10,
                   "the primary is known")
        self.check(client, others)
        daemon.settle()


if __name__ == "__main__":
    unittest.main()
