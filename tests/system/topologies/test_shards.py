"""Shards that are replicated or Sentinel-managed sets: one set's failover is that set's alone."""

import hashlib
import os
import resource
import signal
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.load import Load  # noqa: E402
from support.servers import LOOPBACK, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402
from support.topology import ReplicatedSet, SentinelSet, example  # noqa: E402

KEYS = [hashlib.md5(b"%d" % i).hexdigest().encode() for i in range(100)]


def stats(client):
    client.send(b"stats\r\n")
    return dict(line.split()[1:3] for line in client.until(b"END\r\n"))


class ShardTests(FleetTestCase):
    def fill(self, client, value):
        for key in KEYS:
            self.assertEqual(client.set(key, value), b"STORED\r\n", key)

    def keys_of(self, sets):
        """The keys that each set has; together all of them, and no key twice."""
        found = []
        for servers in sets:
            with servers.primary.client() as redis:
                found.append([key for key in KEYS if redis.call("EXISTS", key)])
            self.assertGreater(len(found[-1]), len(KEYS) // 5)
        self.assertEqual(sorted(sum(found, [])), sorted(KEYS))
        for servers, keys in zip(sets, found):
            with servers.replicas[0].client() as redis:
                wait_until(lambda redis=redis, keys=keys: redis.call("DBSIZE") == len(keys), 5,
                           "the replica has them")
        return found

    def check_outage(self, client, mine, others):
        """A primary is away: its keys fail, the others' do not notice."""
        wait_until(lambda: client.set(mine[0], b"2") == b"NOT_STORED\r\n", 5, "it is missed")
        for key in others:
            self.assertEqual(client.set(key, b"2"), b"STORED\r\n")
            self.assertEqual(client.get(key), b"2")
        for key in mine:
            self.assertIsNone(client.get(key), key)

    def check_after(self, client, mine, others, new_primary):
        wait_until(lambda: client.set(mine[0], b"3") == b"STORED\r\n", 20, "writes go on")
        for key in mine[1:]:
            self.assertEqual(client.get(key), b"1")
            self.assertEqual(client.set(key, b"3"), b"STORED\r\n")
        for key in others:
            self.assertEqual(client.get(key), b"2")
        with new_primary.client() as redis:
            self.assertEqual(redis.call("DBSIZE"), len(mine))

    def test_the_descriptor_limit_counts_what_is_discovered(self):
        """A connection per worker to every server, however many clients are connected already."""
        sets = [ReplicatedSet(self.fleet, 1) for _ in range(3)]
        shards = "".join(f"  - {{name: s{i}, backends: [{one.primary.location()}, "
                         f"{one.replicas[0].location()}]}}\n" for i, one in enumerate(sets))
        daemon = self.fleet.mcrelay(threads=16, start=False, config=f"shards:\n{shards}"
                                    "read_from: any\nlimits: {connections: 100}\n")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
        try:
            daemon.start()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        clients = [self.open(daemon) for _ in range(98)]
        for client in clients:
            self.assertTrue(client.call(b"version\r\n").startswith(b"VERSION"))
        for one in sets:
            one.primary.restart()
        for i, client in enumerate(clients):
            wait_until(lambda client=client, i=i: client.set(b"k%d" % i, b"v") == b"STORED\r\n", 10,
                       f"client {i} is served")
        self.assertNotIn("too many open files", daemon.log())

    def test_more_named_servers_than_descriptors_are_an_error(self):
        shards = "".join(f"  - {{name: s{i}, backends: [10.0.0.1:{i + 1}, 10.0.0.2:{i + 1}]}}\n"
                         for i in range(20))
        daemon = self.fleet.mcrelay(threads=16, start=False, config=f"shards:\n{shards}"
                                    "limits: {connections: 100}\n")
        command = daemon.command()
        # Root could raise the hard limit: that right is taken away.
        no_right = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"]
        daemon.command = lambda: ["prlimit", "--nofile=800:800",
                                  *(no_right if os.geteuid() == 0 else []), *command]
        status, _, errors = daemon.run()
        self.assertEqual(status, 1, errors)
        self.assertIn("the limit of open files (ulimit -n) is below", errors)

    def test_replicated_sets(self):
        sets = [ReplicatedSet(self.fleet, 1) for _ in range(2)]
        servers = [server for one in sets for server in one.servers]
        daemon = self.fleet.mcrelay(config=example(
            "shards.yaml", {6379 + i: server.port for i, server in enumerate(servers)}))
        client = self.open(daemon)
        self.fill(client, b"1")
        mine, others = self.keys_of(sets)

        def seen(server):
            values = stats(client)
            name = f"relay_node_{LOOPBACK}_{server.port}_".encode()
            return int(values[name + b"primary"]), int(values[name + b"shard"])

        self.assertEqual([seen(server) for server in servers], [(1, 0), (0, 0), (1, 1), (0, 1)])
        changes = int(stats(client)[b"relay_topology_changes"])
        sets[0].primary.kill9()
        self.check_outage(client, mine, others)
        replica = sets[0].replicas[0]
        sets[0].promote(replica)
        self.check_after(client, mine, others, replica)
        self.assertEqual(seen(replica), (1, 0))
        self.assertGreater(int(stats(client)[b"relay_topology_changes"]), changes)
        self.assertIn(f"shard a: primary {LOOPBACK}:{replica.port}", daemon.log())
        self.assertNotIn("shard b: primary 127.0.0.1:%d\n" % sets[1].replicas[0].port, daemon.log())
        client.send(b"keys *\r\n")
        self.assertEqual(len(client.until(b"END\r\n")), len(KEYS))
        self.assertEqual(client.call(b"flush_all\r\n"), b"OK\r\n")
        for server in (replica, sets[1].primary):
            with server.client() as redis:
                wait_until(lambda redis=redis: redis.call("DBSIZE") == 0, 5, "it is empty")

    def test_a_reload_changes_who_answers_and_adds_a_set_without_a_failed_request(self):
        sets = [ReplicatedSet(self.fleet, 1) for _ in range(3)]

        def config(count, more=""):
            lines = ["timeouts: {request: 5s, connect: 5s}", "shards:"]
            for name, one in list(zip("abc", sets))[:count]:
                servers = ", ".join(server.location() for server in one.servers)
                lines.append(f"  - {{name: {name}, backends: [{servers}]}}")
            return "\n".join(lines) + "\n" + more

        daemon = self.fleet.mcrelay(config=config(2))
        client = self.open(daemon)
        self.fill(client, b"1")
        self.keys_of(sets[:2])
        taken = "the configuration was taken over"
        # A set more, and its keys miss; the other reloads must not lose or fail anything.
        with Load(daemon.address, workers=2, limit_s=6, forgets=True) as load:
            for number, text in enumerate([config(2, "read_from: nearest\n"), config(2), config(3)]):
                daemon.write_config(text)
                daemon.signal(signal.SIGHUP)
                wait_until(lambda number=number: daemon.log().count(taken) > number, 10, taken)
                time.sleep(0.3)
                load.check()
                if number < 2:
                    self.assertEqual([client.get(key) for key in KEYS], [b"1"] * len(KEYS))
            self.assertEqual(load.total("failed_writes"), 0)
        left = [key for key in KEYS if client.get(key) == b"1"]
        self.assertGreater(len(left), len(KEYS) // 3)
        self.assertLess(len(left), len(KEYS))
        self.fill(client, b"2")
        with sets[2].primary.client() as redis:
            self.assertEqual(sorted(key for key in KEYS if redis.call("EXISTS", key)),
                             sorted(set(KEYS) - set(left)))
        daemon.settle()  # a set more has connections of its own

    def test_sets_that_sentinels_manage(self):
        first = SentinelSet(self.fleet, replicas=1, service="cache-a")
        sets = [first, first.monitored_too("cache-b")]
        daemon = self.fleet.mcrelay(config=example(
            "sentinel-shards.yaml",
            {26379 + i: sentinel.port for i, sentinel in enumerate(first.sentinels)}))
        client = self.open(daemon)
        self.fill(client, b"1")
        mine, others = self.keys_of(sets)
        first.primary.kill9()
        self.check_outage(client, mine, others)
        self.check_after(client, mine, others, first.replicas[0])
        self.assertIn(f"shard cache-a: primary {LOOPBACK}:{first.replicas[0].port}", daemon.log())

    def test_placement_is_by_name_whoever_is_the_primary(self):
        """Another process, with the servers in another order, finds every key."""
        sets = [ReplicatedSet(self.fleet, 1) for _ in range(2)]

        def config(order):
            lines = ["shards:"]
            for name, one in order(list(zip("ab", sets))):
                servers = ", ".join(server.location() for server in order(one.servers))
                lines.append(f"  - {{name: {name}, backends: [{servers}]}}")
            return "\n".join(lines) + "\n"

        client = self.open(self.fleet.mcrelay(config=config(list)))
        self.fill(client, b"1")
        for one in sets:
            with one.replicas[0].client() as redis, one.primary.client() as primary:
                wait_until(lambda: redis.call("DBSIZE") == primary.call("DBSIZE"), 5, "in step")
        for one in sets:
            one.promote(one.replicas[0])
            one.follow(one.primary, one.replicas[0])
        other = self.open(self.fleet.mcrelay(config=config(lambda what: list(reversed(what)))))
        for key in KEYS:
            wait_until(lambda key=key: other.get(key) == b"1", 5, key)
        time.sleep(0.1)
        for key in KEYS:
            self.assertEqual(other.get(key), b"1")


if __name__ == "__main__":
    unittest.main()
