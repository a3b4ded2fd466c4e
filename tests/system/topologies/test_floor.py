"""Redis 6.2 as far as a newer server can play it, and servers whose logins may do little.

Old* run tests that exist already against servers that have lost every command and subcommand that came
after 6.2. Guarded* log in as a user who is refused what managed services refuse: the connection's
handshake, loading scripts, asking for the role.
"""

import os
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)
sys.path.insert(0, os.path.join(TESTS, "system"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support import servers  # noqa: E402
from support.servers import LOOPBACK, wait_until  # noqa: E402
from support.testcase import FleetTestCase, SharedFleetTestCase  # noqa: E402

FLOOR = (6, 2)


def newer_commands():
    """(commands, subcommands) of the installed server that Redis 6.2 did not have."""
    fleet = servers.Fleet()
    try:
        with fleet.redis().client() as redis:
            docs = redis.call("COMMAND", "DOCS")
    finally:
        fleet.close()
    commands, subcommands = [], []

    def visit(entries, found):
        for name, entry in zip(entries[::2], entries[1::2]):
            fields = dict(zip(entry[::2], entry[1::2]))
            since = tuple(int(part) for part in fields[b"since"].decode().split(".")[:2])
            if since > FLOOR:
                found.append(name.decode())
            else:
                visit(fields.get(b"subcommands", []), subcommands)

    visit(docs, commands)
    return commands, subcommands


COMMANDS, SUBCOMMANDS = newer_commands()
Newer = servers.Redis


class OldRedis(Newer):
    def command(self):
        removed = [word for name in COMMANDS for word in ("--rename-command", name, "")]
        user = ["default", "on", "nopass", "sanitize-payload", "~*", "&*", "+@all"]
        return super().command() + removed + ["--user", *user, *(f"-{name}" for name in SUBCOMMANDS)]


# Before the modules that take it from there.
servers.Redis = OldRedis

import test_basic  # noqa: E402
import test_cluster  # noqa: E402
import test_golden  # noqa: E402
import test_replica  # noqa: E402
from support.topology import ReplicatedSet  # noqa: E402


class OldServers(FleetTestCase):
    def test_what_is_newer_is_gone(self):
        for name in ("expiretime", "function", "lmpop"):
            self.assertIn(name, COMMANDS)
        for name in ("cluster|shards", "client|no-evict"):
            self.assertIn(name, SUBCOMMANDS)
        self.assertNotIn("getex", COMMANDS)
        with self.fleet.redis().client() as redis:
            for words, refusal in [(("EXPIRETIME", "k"), "unknown command"),
                                   (("CLIENT", "NO-EVICT", "on"), "NOPERM")]:
                with self.assertRaisesRegex(Exception, refusal):
                    redis.call(*words)


class OldBasics(test_basic.TcpToOneRedis):
    pass


class OldGoldenClassic(test_golden.GoldenClassic):
    pass


class OldGoldenMeta(test_golden.GoldenMeta):
    pass


def only(case, *names):
    """A class with these tests of `case` and no other."""
    others = {name: None for name in dir(case) if name.startswith("test_") and name not in names}
    return type("Old" + case.__name__, (case,), others)


OldCluster = only(test_cluster.ClusterTests, "test_every_form_of_request_follows_ask_and_moved",
                  "test_keys_flush_and_delete_pattern_reach_every_primary")
OldReplica = only(test_replica.ReplicaTests, "test_plain_reads_go_to_replicas_and_the_rest_to_the_primary",
                  "test_roles_are_followed_when_they_change")


def guard(server):
    """A user who may use the keys, and little else."""
    with server.client() as redis:
        redis.call("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-client", "-script",
                   "-role", "-config", "-hello", "-command")


LOGIN = "username: app\npassword: secret\n"


class GuardedBasics(test_basic.Checks, SharedFleetTestCase):
    @classmethod
    def prepare(cls):
        redis = cls.fleet.redis()
        guard(redis)
        cls.daemon = cls.fleet.mcrelay(backends=[redis.location()], config=LOGIN)


class GuardedReplicas(FleetTestCase):
    def test_roles_are_found_by_info_where_role_is_refused(self):
        replicated = ReplicatedSet(self.fleet, 1)
        for server in replicated.servers:
            guard(server)
        locations = ", ".join(server.location() for server in reversed(replicated.servers))
        daemon = self.fleet.mcrelay(config=f"backends: [{locations}]\ntopology: replica\n" + LOGIN)
        client = self.open(daemon)
        self.assertEqual(client.set(b"k", b"1"), b"STORED\r\n")
        self.assertEqual(client.call(b"append k 0 0 1\r\n2\r\n"), b"STORED\r\n")
        replica = replicated.replicas[0]
        with replica.client() as redis:
            wait_until(lambda: (redis.call("GET", "k") or b"").endswith(b"12"), 5, "it has the key")
        replicated.primary.kill9()
        replicated.promote(replica)
        wait_until(lambda: client.set(b"k", b"2") == b"STORED\r\n", 10, "writes go on")
        self.assertIn(f"primary {LOOPBACK}:{replica.port}", daemon.log())


if __name__ == "__main__":
    unittest.main()
