"""A primary with replicas behind the daemon: who answers reads, and roles that change."""

import os
import signal
import socket
import struct
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.relay import Relay  # noqa: E402
from support.servers import LOOPBACK, Port, connect, patience, wait_until  # noqa: E402
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

    def test_reads_go_to_the_nearest_server(self):
        """Each server behind a relay that makes it near or far; the primary is a candidate too."""
        servers = ReplicatedSet(self.fleet, 2)
        relays = [Relay(Port(), server.address) for server in servers.servers]
        for relay in relays:
            self.fleet.closers.callback(relay.close)
            relay.delay_s = 0.05
        backends = ", ".join(relay.location for relay in relays)
        daemon = self.fleet.mcrelay(config=f"backends: [{backends}]\ntopology: replica\n"
                                           "read_from: nearest\ntimeouts: {request: 5s}\n")
        client = self.open(daemon)
        self.assertEqual(client.set(b"k", b"v"), b"STORED\r\n")
        for server in servers.servers:
            with server.client() as redis:
                wait_until(lambda redis=redis: redis.call("EXISTS", "k") == 1, 5, "it has the key")

        def all_reads_go_to(which):
            before = self.reads(servers.servers)
            for _ in range(20):
                self.assertEqual(client.get(b"k"), b"v")
            went = [now - then for now, then in zip(self.reads(servers.servers), before)]
            self.assertEqual(sum(went), 20)
            return went[which] == 20

        for near in (2, 1, 0, 2):
            for i, relay in enumerate(relays):
                relay.delay_s = 0 if i == near else 0.05
            wait_until(lambda near=near: all_reads_go_to(near), 20, f"server {near} is the nearest")
        # It stalls: asked for nothing any more before anybody has waited for a time limit.
        relays[2].delay_s = 1.0
        wait_until(lambda: not all_reads_go_to(2), 5, "a server that stalls is left alone")
        started = time.monotonic()
        for _ in range(20):
            self.assertEqual(client.get(b"k"), b"v")
        self.assertLess(time.monotonic() - started, 20)

    def demote(self, server, by):
        """A primary that nobody has replaced yet."""
        with server.client() as redis:
            redis.call("REPLICAOF", LOOPBACK, by.port)

    def filled(self, servers, client):
        for i in range(20):
            self.assertEqual(client.set(b"k%d" % i, b"old"), b"STORED\r\n")
        with servers.replicas[0].client() as redis:
            wait_until(lambda: redis.call("DBSIZE") == 20, 5, "the replica has them")

    def emptied(self, servers, client):
        """What the new primary had is gone, and was not served before it was gone."""
        replica = servers.replicas[0]
        with replica.client() as redis:
            deadline = time.monotonic() + patience(10)
            while redis.call("DBSIZE") > 0:
                self.assertLess(time.monotonic(), deadline, "the flush follows the keys")
                self.assertEqual({client.get(b"k%d" % i) for i in range(20)}, {None})
        wait_until(lambda: client.set(b"k1", b"new") == b"STORED\r\n", 10, "writes go on")
        wait_until(lambda: client.get(b"k1") == b"new", 5, "nothing is hidden any more")
        self.assertIsNone(client.get(b"k2"))

    def test_a_flush_that_meets_a_demoted_primary_stays_due(self):
        servers = ReplicatedSet(self.fleet, 1)
        locations = f"[{servers.primary.location()}, {servers.replicas[0].location()}]"
        daemon = self.fleet.mcrelay(config=f"backends: {locations}\ntopology: replica\n")
        client = self.open(daemon)
        self.filled(servers, client)
        self.demote(servers.primary, servers.replicas[0])
        self.assertEqual(client.call(b"flush_all\r\n"), b"SERVER_ERROR backend unavailable\r\n")
        self.assertEqual({client.get(b"k%d" % i) for i in range(20)}, {None})
        servers.promote(servers.replicas[0])
        self.emptied(servers, client)

    def test_a_flush_that_was_under_way_during_a_switch_goes_to_the_new_primary(self):
        servers = ReplicatedSet(self.fleet, 1)
        locations = f"[{servers.primary.location()}, {servers.replicas[0].location()}]"
        daemon = self.fleet.mcrelay(config=f"backends: {locations}\ntopology: replica\n"
                                           "timeouts: {request: 4s}\n")
        client, other = self.open(daemon), self.open(daemon)
        self.filled(servers, client)
        servers.primary.pause()
        try:
            client.send(b"flush_all\r\n")
            servers.promote(servers.replicas[0])
            wait_until(lambda: f"primary {LOOPBACK}:{servers.replicas[0].port}" in daemon.log(), 5,
                       "the new primary is known")
            self.assertEqual(other.get(b"k1"), b"old")  # the flush is not acknowledged yet
            self.assertEqual(client.unit(), b"SERVER_ERROR backend unavailable\r\n")
            self.emptied(servers, client)
        finally:
            servers.primary.resume()
        client.close()
        other.close()
        # What was in flight has two request timeouts to end, then the old connections are closed.
        wait_until(lambda: daemon.descriptors() <= daemon.idle_descriptors, 10, "it is at rest")

    def test_what_is_pending_survives_a_reload_that_looks_for_the_roles_anew(self):
        servers = ReplicatedSet(self.fleet, 1)
        config = (f"backends: [{servers.primary.location()}, {servers.replicas[0].location()}]\n"
                  "topology: replica\ntimeouts: {connect: %s}\n")
        daemon = self.fleet.mcrelay(config=config % "1s")
        client = self.open(daemon)
        self.filled(servers, client)
        with servers.primary.client() as redis:
            redis.call("CLIENT", "PAUSE", 60000, "WRITE")
            try:
                self.assertEqual(client.set(b"k1", b"new"), b"NOT_STORED\r\n")
                daemon.write_config(config % "2s")
                daemon.signal(signal.SIGHUP)
                wait_until(lambda: "was taken over" in daemon.log(), 10, "it is reloaded")
                # Those that are not pending are read: the server answers, the old item is hidden.
                wait_until(lambda: client.get(b"k2") == b"old", 10, "reads are answered")
                self.assertIsNone(client.get(b"k1"))
            finally:
                redis.call("CLIENT", "UNPAUSE")
            wait_until(lambda: redis.call("EXISTS", "k1") == 0, 10, "the old item is removed")
        self.assertEqual(client.set(b"k1", b"newer"), b"STORED\r\n")
        self.assertEqual(client.get(b"k1"), b"newer")
        daemon.settle()

    def test_a_wrong_password_is_told_to_writers_and_in_the_log(self):
        servers = ReplicatedSet(self.fleet, 1, password="right")
        config = ("topology: replica\n"
                  f"backends: [{servers.primary.location()}, {servers.replicas[0].location()}]\n")
        for password, word in (("password: wrong\n", b"WRONGPASS"), ("", b"NOAUTH")):
            daemon = self.fleet.mcrelay(config=config + password)
            client = self.open(daemon)
            wait_until(lambda client=client, word=word:
                       client.set(b"k", b"v").startswith(b"SERVER_ERROR " + word), 10,
                       f"writers are told {word}")
            self.assertIsNone(client.get(b"k"))
            time.sleep(patience(0.5))
            for server in servers.servers:
                told = [line for line in daemon.log().splitlines()
                        if f"{LOOPBACK}:{server.port} does not say its role" in line]
                self.assertEqual(len(told), 1, daemon.log())
                self.assertIn(word.decode(), told[0])
        # The password is mended on the servers: no restart is needed.
        for server in servers.servers:
            with server.client() as redis:
                redis.call("CONFIG", "SET", "requirepass", "")
        wait_until(lambda: client.set(b"k", b"v") == b"STORED\r\n", 10, "it is served")
        daemon.settle()

    def test_a_set_without_a_primary_is_told_once(self):
        servers = ReplicatedSet(self.fleet, 1)
        self.demote(servers.primary, servers.replicas[0])
        daemon = self.fleet.mcrelay(config=f"backends: [{servers.primary.location()}, "
                                           f"{servers.replicas[0].location()}]\n"
                                           "topology: replica\n")
        wait_until(lambda: "no server says that it is the primary" in daemon.log(), 10, "told")
        servers.promote(servers.replicas[0])
        client = self.open(daemon)
        wait_until(lambda: client.set(b"k", b"v") == b"STORED\r\n", 10, "it is served")
        time.sleep(patience(0.5))
        self.assertEqual(daemon.log().count("no server says that it is the primary"), 1)
        daemon.settle()

    def test_a_demoted_primary_is_not_its_own_replica(self):
        servers, outside = ReplicatedSet(self.fleet, 1), self.fleet.redis()
        old, new = servers.servers
        daemon = self.fleet.mcrelay(config=f"backends: [{old.location()}, {new.location()}]\n"
                                           "topology: replica\n")
        # Both follow a server that is not of the set: nobody is the primary, the old one is kept.
        for server in servers.servers:
            servers.follow(server, outside)
        wait_until(lambda: all(servers.linked(server) for server in servers.servers), 20, "linked")
        time.sleep(patience(1.2))  # they are looked at once a second at least
        servers.promote(new)
        wait_until(lambda: f"primary {LOOPBACK}:{new.port}" in daemon.log(), 10, "it is followed")
        for line in daemon.log().splitlines():
            for server in servers.servers:
                self.assertLessEqual(line.count(f"{LOOPBACK}:{server.port}"), 1, line)

    def test_writes_that_wait_for_a_primary_outlive_a_reload(self):
        """What they were refused by is gone by then, and so is all that belonged to it."""
        servers = ReplicatedSet(self.fleet, 1)
        config = (f"backends: [{servers.primary.location()}, {servers.replicas[0].location()}]\n"
                  "topology: replica\ntimeouts: {connect: %s, request: 1s}\n")
        # glibc overwrites memory that is freed: whoever still reads it stumbles.
        daemon = self.fleet.mcrelay(config=config % "100ms", env={
            "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0"})
        clients = [self.open(daemon) for _ in range(10)]
        self.assertEqual(clients[0].set(b"k0", b"old"), b"STORED\r\n")
        self.demote(servers.primary, servers.replicas[0])
        for round_, connect in enumerate(("150ms", "100ms")):
            for number, client in enumerate(clients):
                client.send(b"".join(b"set k%d 0 0 3\r\nnew\r\n" % (number * 20 + i)
                                     for i in range(20)))
            time.sleep(0.05)
            daemon.write_config(config % connect)
            daemon.signal(signal.SIGHUP)
            for client in clients:
                for answer in client.units(20):
                    self.assertTrue(answer == b"NOT_STORED\r\n" or
                                    answer.startswith(b"SERVER_ERROR READONLY"), answer)
            wait_until(lambda: daemon.log().count("was taken over") == round_ + 1, 10, "reloaded")
        self.assertEqual(clients[0].call(b"version\r\n")[:8], b"VERSION ")

    def test_a_batch_of_writes_to_a_demoted_primary_is_answered_in_time(self):
        servers = ReplicatedSet(self.fleet, 1)
        daemon = self.fleet.mcrelay(config=f"backends: [{servers.primary.location()}, "
                                           f"{servers.replicas[0].location()}]\n"
                                           "topology: replica\ntimeouts: {request: 500ms}\n")
        client = self.open(daemon)
        self.assertEqual(client.set(b"k", b"v"), b"STORED\r\n")
        self.demote(servers.primary, servers.replicas[0])
        started = time.monotonic()
        client.send(b"".join(b"set k%d 0 0 1\r\nx\r\n" % i for i in range(3000)))
        for answer in client.units(3000):
            self.assertTrue(answer == b"NOT_STORED\r\n" or
                            answer.startswith(b"SERVER_ERROR READONLY"), answer)
        self.assertLess(time.monotonic() - started, patience(0.8))

    def test_a_write_whose_client_leaves_while_it_waits_leaves_nothing_old(self):
        servers = ReplicatedSet(self.fleet, 1)
        config = (f"backends: [{servers.primary.location()}, {servers.replicas[0].location()}]\n"
                  "topology: replica\n")
        daemon = self.fleet.mcrelay(config=config)
        client = self.open(daemon)
        self.filled(servers, client)
        self.demote(servers.primary, servers.replicas[0])
        with connect(daemon.address, patience(5)) as leaving:
            # With what it has not read it is reset, not closed in order.
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            leaving.sendall(b"get k2\r\n")
            wait_until(lambda: leaving.recv(1, socket.MSG_PEEK), 5, "it is served")
            leaving.sendall(b"set k1 0 0 3\r\nnew\r\ndelete k3\r\n")
            wait_until(lambda: "refuses commands: READONLY" in daemon.log(), 5, "it is refused")
        time.sleep(patience(0.5))
        servers.promote(servers.replicas[0])
        wait_until(lambda: client.set(b"k4", b"new") == b"STORED\r\n", 10, "writes go on")
        for _ in range(20):
            self.assertEqual([client.get(b"k%d" % i) for i in (1, 2, 3)], [None, b"old", None])

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
