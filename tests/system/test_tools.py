"""The tools that come with memcached and libmemcached: memcached-tool, memcstat, memcdump and their like."""

import os
import re
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.servers import LOOPBACK, find_program, patience  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

MEMCACHED_TOOL = "/usr/share/memcached/scripts/memcached-tool"  # Debian's package memcached
PREFIX = b"p:"


def run(*command, status=0):
    done = subprocess.run(command, capture_output=True, timeout=patience(30))
    assert done.returncode == status, (command, done)
    return done.stdout


class Tools(FleetTestCase):
    """Over two nodes and with a key prefix, which no tool may see."""

    def setUp(self):
        super().setUp()
        shards = [self.fleet.redis() for _ in range(2)]
        self.daemon = self.fleet.mcrelay(backends=[shard.location() for shard in shards],
                                         config=f"key_prefix: '{PREFIX.decode()}'\n")
        self.client = self.open(self.daemon)
        self.items = {b"%d.key" % i: b"value %d" % i for i in range(40)}
        for key, value in self.items.items():
            self.client.set(key, value, flags=7)

    def memcached_tool(self, *arguments, daemon=None):
        daemon = daemon or self.daemon
        return run("perl", MEMCACHED_TOOL, f"{LOOPBACK}:{daemon.port}", *arguments)

    def libmemcached(self, tool, *arguments, status=0):
        return run(find_program(tool), f"--servers={LOOPBACK}:{self.daemon.port}", *arguments, status=status)

    def test_memcached_tool_dump_moves_a_cache(self):
        """Its output is a list of add commands: another cache that gets them has the items."""
        self.client.set(b"absolute", b"x", exptime=1000)
        self.client.set(b"with%percent", b"line\r\nend", flags=3)
        dumped = self.memcached_tool("dump")
        _, other = self.one_shard()
        receiver = self.open(other)
        receiver.send(dumped + b"mn\r\n")
        self.assertEqual(receiver.until(b"MN"), [b"STORED\r\n"] * 42)
        for key, value in [*self.items.items(), (b"absolute", b"x"), (b"with%percent", b"line\r\nend")]:
            self.assertEqual(receiver.get(key), value, key)
        self.assertRegex(receiver.call(b"mg absolute t f\r\n"), rb"^HD t(99\d|1000) f0\r\n$")
        self.assertEqual(receiver.call(b"mg 1.key t f\r\n"), b"HD t-1 f7\r\n")

    def test_memcached_tool_lists_keys(self):
        lines = self.memcached_tool("keys").splitlines()
        self.assertEqual({re.match(rb"key=(\S+) exp=-1 ", line)[1] for line in lines}, set(self.items))
        self.assertEqual(len(self.memcached_tool("dump", "5").split(b"add ")), 6)

    def test_memcached_tool_statistics(self):
        shown = dict(re.findall(rb"^ +(\S+) +(\S+)\r?$", self.memcached_tool("stats"), re.MULTILINE))
        self.assertEqual((shown[b"cmd_set"], shown[b"curr_connections"]), (b"40", b"2"))
        self.assertTrue(shown[b"version"].startswith(b"1.6."))
        settings = dict(re.findall(rb"^ +(\S+) +(\S+)\r?$", self.memcached_tool("settings"), re.MULTILINE))
        self.assertEqual((settings[b"maxconns"], settings[b"tcpport"]),
                         (b"1024", str(self.daemon.port).encode()))
        self.assertIn(b"sizes_status", self.memcached_tool("sizes"))

    def test_memcached_tool_display_is_an_empty_table(self):
        """Redis has no slabs. memcached's own tool shows the head of its table, and no row."""
        lines = self.memcached_tool("display").splitlines()
        self.assertEqual(len(lines), 1)
        self.assertIn(b"Item_Size", lines[0])

    def test_memcdump_lists_what_memccat_shows(self):
        keys = self.libmemcached("memcdump").split()
        self.assertEqual(sorted(keys), sorted(self.items))
        values = self.libmemcached("memccat", *[key.decode() for key in keys])
        self.assertEqual(values.splitlines(), [self.items[key] for key in keys])

    def test_memcstat(self):
        shown = dict(re.findall(rb"^\s*(\S+): (.*)$", self.libmemcached("memcstat"), re.MULTILINE))
        self.assertEqual(shown[b"cmd_set"], b"40")
        self.assertEqual(shown[b"pid"], str(self.daemon.process.pid).encode())
        self.assertTrue(shown[b"version"].startswith(b"1.6."))

    def test_memcping_memcexist_memcrm(self):
        self.libmemcached("memcping")
        self.libmemcached("memcexist", "1.key")
        self.libmemcached("memcexist", "none", status=1)
        self.libmemcached("memcrm", "1.key", "2.key")
        self.libmemcached("memcexist", "1.key", status=1)
        self.assertEqual((self.client.get(b"2.key"), self.client.get(b"3.key")), (None, b"value 3"))

    def test_memcflush_and_memctouch(self):
        self.libmemcached("memctouch", "--expire=1000", "1.key")
        self.assertRegex(self.client.call(b"mg 1.key t\r\n"), rb"^HD t(99\d|1000)\r\n$")
        self.libmemcached("memcflush")
        self.assertEqual(self.libmemcached("memcdump"), b"")


if __name__ == "__main__":
    unittest.main()
