"""Walks: keys, delete_pattern, the dumps and flush_all within a key_prefix, over real servers."""

import base64
import os
import re
import sys
import time
import unittest
import urllib.parse

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.servers import SLOWNESS, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

PREFIX = b"a*[b]:"
# A stored key may try to look like the end, or like another line.
HOSTILE = [b"END", b"a%0D%0AEND", b"\x01\x7f\xff", b"k\rEND", b"tab\tin", b"L" * 250]
UNAVAILABLE = b"SERVER_ERROR backend unavailable\r\n"


def dump(client, command, end=b"END"):
    """The lines of a dump up to its end."""
    client.send(command + b"\r\n")
    return client.until(end + b"\r\n")


def listed(client, glob=b"*"):
    """The keys of a listing, decoded, in no order but as often as they came."""
    lines = dump(client, b"keys " + glob)
    for line in lines:
        assert re.fullmatch(rb"KEY [^\x00-\x20\x7f]+\r\n", line), line
    return sorted(urllib.parse.unquote_to_bytes(line[4:-2]) for line in lines)


class Walks(FleetTestCase):
    def two_shards(self, text=f"key_prefix: '{PREFIX.decode()}'\n", arguments=()):
        shards = [self.fleet.redis() for _ in range(2)]
        nodes = "".join(f"  - {{location: '{shard.location()}', name: n{i}}}\n"
                        for i, shard in enumerate(shards))
        daemon = self.fleet.mcrelay(*arguments, config="backends:\n" + nodes + text)
        return shards, daemon

    def load(self, redis, names, value=b"v"):
        """Straight into Redis, as other software would."""
        for start in range(0, len(names), 5000):
            words = ["MSET"]
            for name in names[start:start + 5000]:
                words += [name, value]
            redis.call(*words)

    def test_keys_are_listed_once_within_the_prefix_and_encoded(self):
        shards, daemon = self.two_shards()
        client = self.open(daemon)
        names = HOSTILE + [b"%d.key" % i for i in range(2000)]
        for name in names:
            client.set(name, b"v")
        with shards[0].client() as redis:
            redis.call("SET", b"aXb:foreign", "1")
            redis.call("SET", b"foreign", "1")
            redis.call("HSET", PREFIX + b"hash", "f", "1")
            redis.call("SET", PREFIX + b"L" * 251, "1")
            redis.call("SET", PREFIX, "1")
        self.assertEqual(listed(client), sorted(names))
        self.assertEqual(listed(client, b"1?.key"), sorted(n for n in names if re.fullmatch(rb"1.\.key", n)))
        self.assertEqual(listed(client, b"*nothing*"), [])
        self.assertEqual(listed(client, b"[E]*"), [b"END"])

    def test_each_key_comes_once_while_redis_resizes_its_table(self):
        redis, daemon = self.one_shard()
        client, other = self.open(daemon), self.open(daemon)
        stay = [b"%d.stay" % i for i in range(3000)]
        with redis.client() as direct:
            self.load(direct, stay + [b"%d.go" % i for i in range(60000)])
            client.send(b"keys *.stay\r\n")
            lines = [client.unit()]
            # The table shrinks while it is walked.
            direct.call("EVAL", "for i = 0, 59999 do redis.call('DEL', i .. '.go') end return 1", 0)
            lines += client.until(b"END")
        self.assertEqual(other.set(b"x", b"y"), b"STORED\r\n")
        self.assertEqual(sorted(lines), sorted(b"KEY " + name + b"\r\n" for name in stay))

    def test_delete_pattern_removes_and_counts(self):
        shards, daemon = self.two_shards()
        client = self.open(daemon)
        for i in range(500):
            client.set(b"%d.gone" % i, b"v")
            client.set(b"%d.kept" % i, b"v")
        with shards[1].client() as redis:
            redis.call("SET", "1.gone", "foreign")
        self.assertEqual(client.call(b"delete_pattern *.gone\r\n"), b"DELETED 500\r\n")
        self.assertEqual(client.call(b"delete_pattern *.gone\r\n"), b"DELETED 0\r\n")
        self.assertEqual(client.call(b"delete_pattern 1?.kept noreply\r\nmn\r\n"), b"MN\r\n")
        self.assertEqual(len(listed(client)), 490)
        with shards[1].client() as redis:
            self.assertEqual(redis.call("GET", "1.gone"), b"foreign")

    def test_delete_pattern_leaves_what_is_no_item(self):
        redis, daemon = self.one_shard(config="key_prefix: 'p:'\n")
        client = self.open(daemon)
        client.set(b"L" * 250, b"v")
        with redis.client() as direct:
            direct.call("SET", "p:bare", "1")
            direct.call("HSET", "p:hash", "f", "1")
            direct.call("SET", "p:" + "L" * 251, "1")
            direct.call("SET", "p:", "1")
            self.assertEqual(listed(client), [b"L" * 250, b"bare"])
            self.assertEqual(client.call(b"delete_pattern *\r\n"), b"DELETED 2\r\n")
            self.assertEqual(sorted(direct.call("KEYS", "*")), [b"p:", b"p:" + b"L" * 251, b"p:hash"])

    def test_what_is_asked_behind_a_walk_comes_after_it(self):
        _, daemon = self.two_shards()
        client = self.open(daemon)
        client.send(b"set 1.a 0 0 1\r\nx\r\ndelete_pattern *\r\nset 1.a 0 0 1\r\ny\r\nget 1.a\r\nkeys *\r\nmn\r\n")
        self.assertEqual(b"".join(client.until(b"MN")),
                         b"STORED\r\nDELETED 1\r\nSTORED\r\nVALUE 1.a 0 1\r\ny\r\nEND\r\n"
                         b"KEY 1.a\r\nEND\r\n")

    def test_metadump_says_what_an_item_is(self):
        shards, daemon = self.two_shards()
        client = self.open(daemon)
        now = int(time.time())
        client.set(b"1.for ever".replace(b" ", b"\x01"), b"xyz", flags=7)
        client.set(b"2.short", b"xy", exptime=100)
        unique = client.gets_cas(b"2.short")
        lines = sorted(dump(client, b"lru_crawler metadump all"))
        pattern = (rb"key=(\S+) exp=(-?\d+) la=(\d+) cas=(\d+) fetch=(yes|no) cls=1 size=(\d+) "
                   rb"flags=(\d+)\n")
        first, second = (re.fullmatch(pattern, line).groups() for line in lines)
        self.assertEqual((first[0], first[1], first[6]), (b"1.for%01ever", b"-1", b"7"))
        self.assertEqual((second[0], second[3], second[4]), (b"2.short", b"%d" % unique, b"no"))
        self.assertIn(int(second[1]) - now, range(98, 104))
        self.assertIn(int(second[2]) - now, range(-2, 5))
        self.assertEqual(dump(client, b"lru_crawler metadump 2,3"), [])
        self.assertEqual(len(dump(client, b"lru_crawler metadump hash")), 2)
        self.assertEqual(client.call(b"lru_crawler metadump x\r\n"), b"BADCLASS invalid class id\r\n")

    def test_mgdump_and_cachedump(self):
        _, daemon = self.two_shards()
        client = self.open(daemon)
        client.set(b"1.plain", b"xyz")
        client.set(b"2.\x02odd", b"xyz", exptime=100)
        odd = base64.b64encode(b"2.\x02odd")
        lines = sorted(dump(client, b"lru_crawler mgdump all", b"EN"))
        self.assertEqual(lines, sorted([b"mg 1.plain\r\n", b"mg " + odd + b" b\r\n"]))
        self.assertEqual(client.call(b"mg " + odd + b" b v\r\n"), b"VA 3\r\nxyz\r\n")
        lines = sorted(dump(client, b"stats cachedump 1 0"))
        self.assertEqual(lines[0], b"ITEM 1.plain [3 b; 0 s]\r\n")
        self.assertRegex(lines[1], rb"^ITEM 2.%02odd \[3 b; \d{10} s\]\r\n$")
        self.assertEqual(len(dump(client, b"stats cachedump 1 1")), 1)
        self.assertEqual(dump(client, b"stats cachedump 2 0"), [])
        for bad, answer in [(b"", b"CLIENT_ERROR bad command line\r\n"),
                            (b" x 0", b"CLIENT_ERROR bad command line format\r\n"),
                            (b" 64 0", b"CLIENT_ERROR Illegal slab id\r\n")]:
            self.assertEqual(client.call(b"stats cachedump" + bad + b"\r\n"), answer)

    def test_a_walk_holds_up_nobody_and_waits_for_its_client(self):
        redis, daemon = self.one_shard()
        with redis.client() as direct:
            self.load(direct, [b"%0200d" % i for i in range(100000)])
        reader, other = self.open(daemon), self.open(daemon)
        before = daemon.status_kib("VmRSS")
        reader.send(b"keys *\r\n")
        worst = 0.0
        for i in range(300):
            began = time.monotonic()
            self.assertEqual(other.set(b"%d.x" % i, b"v"), b"STORED\r\n")
            worst = max(worst, time.monotonic() - began)
        self.assertLess(worst, 0.5)
        # 20 MB of keys wait in Redis, not in the daemon, until the client reads.
        with redis.client() as direct:
            wait_until(lambda: (calls(direct, "scan"), time.sleep(0.3))[0] == calls(direct, "scan"), 5,
                       "it stops for a client that does not read")
            self.assertLess(calls(direct, "scan"), 150)
        if SLOWNESS == 1:  # a sanitizer's shadow memory makes memory limits meaningless
            self.assertLess(daemon.status_kib("VmRSS") - before, 8 * 1024)
        self.assertGreaterEqual(len(reader.until(b"END", limit_s=20)), 100000)

    def test_a_client_that_goes_ends_its_walk(self):
        redis, daemon = self.one_shard()
        with redis.client() as direct:
            self.load(direct, [b"%0200d" % i for i in range(100000)])
            client = daemon.client()
            client.send(b"keys *\r\n")
            client.unit()
            client.close()
            wait_until(lambda: direct.call("CLIENT", "LIST").count(b"name=mcrelay") <= 2, 5,
                       "the walk's connection is closed")

    def test_a_dead_node_ends_a_walk_and_a_silent_one_too(self):
        shards, daemon = self.two_shards()
        client = self.open(daemon, limit_s=8)
        client.set(b"1.a", b"v")
        shards[1].pause()
        for command in (b"keys *", b"delete_pattern *", b"flush_all"):
            self.assertEqual(client.call(command + b"\r\n")[-len(UNAVAILABLE):] if command != b"keys *"
                             else self.last(client, command), UNAVAILABLE)
        shards[1].resume()
        shards[0].kill9()
        for command in (b"keys *", b"delete_pattern *", b"flush_all"):
            self.assertEqual(self.last(client, command), UNAVAILABLE)

    @staticmethod
    def last(client, command):
        client.send(command + b"\r\nmn\r\n")
        return client.until(b"MN")[-1]

    def test_dumping_can_be_disabled(self):
        redis = self.fleet.redis()
        client = self.open(self.fleet.mcrelay("-X", backends=[redis.location()]))
        reference = self.fleet.memcached("-X")
        from support.client import Client
        with Client(reference.address) as memcached:
            for command in (b"lru_crawler metadump all", b"lru_crawler metadump", b"stats cachedump 1 0",
                            b"lru_crawler metadump x"):
                self.assertEqual(client.call(command + b"\r\n"), memcached.call(command + b"\r\n"))
        # 1.6.18 has no mgdump and says ERROR to it; this is what the versions that have it say.
        self.assertEqual(client.call(b"lru_crawler mgdump all\r\n"), b"ERROR key dump not allowed\r\n")
        self.assertEqual(client.call(b"keys *\r\n"), b"ERROR keys not allowed\r\n")
        self.assertEqual(client.call(b"delete_pattern *\r\n"), b"ERROR delete_pattern not allowed\r\n")


def calls(redis, command):
    found = re.search(rb"cmdstat_%s:calls=(\d+)" % command.encode(),
                      redis.call("INFO", "commandstats"))
    return int(found[1]) if found else 0


class FlushWithinPrefix(FleetTestCase):
    def start(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location()], config="key_prefix: 'p?:'\n")
        client = self.open(daemon)
        with redis.client() as direct:
            direct.call("MSET", "other", "1", "px:mine", "1", "p?", "1")
        for i in range(1500):
            client.set(b"%d" % i, b"v")
        return redis, daemon, client

    def left(self, redis):
        with redis.client() as direct:
            return sorted(direct.call("KEYS", "*"))

    def test_only_the_prefix_is_flushed(self):
        redis, _, client = self.start()
        self.assertEqual(client.call(b"flush_all\r\n"), b"OK\r\n")
        self.assertEqual(self.left(redis), [b"other", b"p?", b"px:mine"])
        client.set(b"a", b"v")
        self.assertEqual(client.call(b"flush_all noreply\r\nget a\r\n"), b"END\r\n")

    def test_a_delayed_flush_too(self):
        redis, _, client = self.start()
        self.assertEqual(client.call(b"flush_all 1\r\n"), b"OK\r\n")
        self.assertEqual(client.get(b"7"), b"v")
        wait_until(lambda: self.left(redis) == [b"other", b"p?", b"px:mine"], 4, "it is flushed")
        wait_until(lambda: client.set(b"a", b"v") == b"STORED\r\n" and client.get(b"a") == b"v", 2,
                   "items show again")

    def test_a_flush_that_could_not_reach_the_node_is_done_later(self):
        redis, _, client = self.start()
        redis.pause()
        self.assertEqual(client.call(b"flush_all\r\n", limit_s=8), UNAVAILABLE)
        redis.resume()
        self.assertIsNone(client.get(b"7"))
        wait_until(lambda: self.left(redis) == [b"other", b"p?", b"px:mine"], 4, "it is flushed")


if __name__ == "__main__":
    unittest.main()
