"""What lies in Redis: seen by a raw Redis client, and what Redis's own refusals become."""

import hashlib
import os
import struct
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.servers import Port, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

PLAIN = "value_format: plain\n"


def tagged(value, flags=0, cas=1, version=1, state=0):
    return struct.pack(">BBBBIQ", 0xC1, 0x8D, version, state, flags, cas) + value


class StorageTestCase(FleetTestCase):
    def stage(self, *arguments, **options):
        redis, daemon = self.one_shard(*arguments, **options)
        raw = redis.client()
        self.fleet.closers.callback(raw.close)
        return raw, self.open(daemon)


class ItemFormat(StorageTestCase):
    def test_tagged_item_as_redis_sees_it(self):
        raw, client = self.stage()
        client.set(b"key", b"value", flags=0xDEADBEEF, exptime=100)
        stored = raw.call("GET", "key")
        self.assertEqual(stored[:4], b"\xc1\x8d\x01\x00")
        flags, cas = struct.unpack(">IQ", stored[4:16])
        self.assertEqual(flags, 0xDEADBEEF)
        self.assertEqual(cas, client.gets_cas(b"key"))
        self.assertTrue(1 <= cas < 1 << 63)
        self.assertEqual(stored[16:], b"value")
        self.assertIn(raw.call("TTL", "key"), (99, 100))
        self.assertEqual(raw.call("TYPE", "key"), b"string")
        self.assertEqual(raw.call("DBSIZE"), 1)

    def test_tagged_reads_bare_values_of_others(self):
        raw, client = self.stage()
        raw.call("SET", "bare", "set by redis-cli")
        self.assertEqual(client.values(b"get bare\r\n"), b"VALUE bare 0 16\r\nset by redis-cli\r\nEND\r\n")
        raw.call("SET", "number", "41")
        self.assertEqual(client.call(b"incr number 1\r\n"), b"42\r\n")
        self.assertEqual(client.get(b"number"), b"42")
        self.assertEqual(client.set(b"bare", b"!", verb=b"append"), b"STORED\r\n")
        self.assertEqual(client.get(b"bare"), b"set by redis-cli!")
        for short in [b"\xc1\x8d", b"\xc1\x8d\x01" + bytes(12), b"\xc1\x8e\x01" + bytes(13)]:
            raw.call("SET", "short", short)
            self.assertEqual(client.get(b"short"), short)

    def test_an_unknown_version_or_codec_is_a_miss(self):
        raw, client = self.stage()
        for version in (0x00, 0x02, 0x11, 0xFF):
            raw.call("SET", "newer", tagged(b"data", version=version))
            self.assertIsNone(client.get(b"newer"), hex(version))
        self.assertEqual(client.set(b"newer", b"mine"), b"STORED\r\n")
        self.assertEqual(client.get(b"newer"), b"mine")

    def test_tagged_items_written_by_others_are_read(self):
        raw, client = self.stage()
        raw.call("SET", "k", tagged(b"data", flags=5, cas=77))
        self.assertEqual(client.values(b"gets k\r\n"), b"VALUE k 5 4 77\r\ndata\r\nEND\r\n")
        self.assertEqual(client.call(b"cas k 0 0 1 77\r\nx\r\n"), b"STORED\r\n")
        self.assertGreater(client.gets_cas(b"k"), 77)

    def test_append_and_incr_keep_flags_and_ttl(self):
        for config in (None, PLAIN):
            with self.subTest(config=config):
                raw, client = self.stage(config=config)
                client.set(b"a", b"m", flags=7, exptime=100)
                client.set(b"a", b">", verb=b"append", flags=9)
                client.set(b"a", b"<", verb=b"prepend", flags=9, exptime=5)
                client.set(b"n", b"5", flags=3, exptime=100)
                client.call(b"incr n 10\r\n")
                self.assertEqual(client.values(b"get a n\r\n"),
                                 b"VALUE a 7 3\r\n<m>\r\nVALUE n 3 2\r\n15\r\nEND\r\n")
                for key in ("a", "n"):
                    self.assertIn(raw.call("TTL", key), (98, 99, 100))
                client.call(b"touch a 0\r\n")
                self.assertEqual(raw.call("TTL", "a"), -1)

    def test_plain_writes_bare_bytes(self):
        raw, client = self.stage(config=PLAIN)
        client.set(b"key", b"value")
        self.assertEqual(raw.call("GET", "key"), b"value")
        digest = int.from_bytes(hashlib.sha1(b"value").digest()[:8], "big") & (1 << 63) - 1
        self.assertEqual(client.gets_cas(b"key"), digest)
        client.set(b"key", b"!", verb=b"append")
        self.assertEqual(raw.call("GET", "key"), b"value!")
        client.set(b"n", b"9")
        client.call(b"incr n 1\r\n")
        self.assertEqual(raw.call("GET", "n"), b"10")
        self.assertEqual(raw.call("INCR", "n"), 11)
        self.assertEqual(client.get(b"n"), b"11")

    def test_plain_adds_the_header_where_it_must(self):
        raw, client = self.stage(config=PLAIN)
        client.set(b"flags", b"value", flags=1)
        self.assertEqual(raw.call("GET", "flags")[:8], b"\xc1\x8d\x01\x00\x00\x00\x00\x01")
        client.set(b"magic", b"\xc1\x8dvalue")
        self.assertEqual(raw.call("GET", "magic")[:2], b"\xc1\x8d")
        self.assertEqual(raw.call("GET", "magic")[16:], b"\xc1\x8dvalue")
        client.set(b"late", b"\x8dvalue")
        client.set(b"late", b"\xc1", verb=b"prepend")
        self.assertEqual(client.get(b"late"), b"\xc1\x8dvalue")
        client.set(b"later", b"\xc1")
        client.set(b"later", b"\x8d" + bytes(20), verb=b"append")
        self.assertEqual(client.get(b"later"), b"\xc1\x8d" + bytes(20))
        client.set(b"flags", b"value")
        self.assertEqual(raw.call("GET", "flags"), b"value")

    def test_plain_cas_compares_the_content(self):
        raw, client = self.stage(config=PLAIN)
        client.set(b"k", b"one")
        unique = client.gets_cas(b"k")
        raw.call("SET", "k", "two")
        self.assertEqual(client.call(b"cas k 0 0 1 %d\r\nx\r\n" % unique), b"EXISTS\r\n")
        raw.call("SET", "k", "one")
        self.assertEqual(client.call(b"cas k 0 0 1 %d\r\nx\r\n" % unique), b"STORED\r\n")

    def test_key_prefix(self):
        raw, client = self.stage(config='key_prefix: "a*[b]:"\n')
        raw.call("SET", "foreign", "x")
        raw.call("SET", "aZb:other", "x")
        client.set(b"key", b"value")
        self.assertIsNotNone(raw.call("GET", "a*[b]:key"))
        self.assertIsNone(client.get(b"foreign"))
        self.assertEqual(client.values(b"get key\r\n"), b"VALUE key 0 5\r\nvalue\r\nEND\r\n")
        client.set(b"K" * 250, b"long")
        self.assertEqual(client.get(b"K" * 250), b"long")
        self.assertEqual(client.call(b"flush_all\r\n"), b"OK\r\n")
        self.assertIsNone(client.get(b"key"))
        self.assertEqual(sorted(raw.call("KEYS", "*")), [b"aZb:other", b"foreign"])

    def test_flush_touches_one_database_only(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location(db=2)])
        with redis.client(db=1) as other, self.open(daemon) as client:
            other.call("SET", "kept", "x")
            client.set(b"key", b"x")
            self.assertEqual(client.call(b"flush_all\r\n"), b"OK\r\n")
            self.assertIsNone(client.get(b"key"))
            self.assertEqual(other.call("GET", "kept"), b"x")

    def test_delayed_flush(self):
        _, client = self.stage()
        client.set(b"key", b"x")
        self.assertEqual(client.call(b"flush_all 1\r\n"), b"OK\r\n")
        client.set(b"after", b"x")
        self.assertEqual(client.get(b"key"), b"x")
        time.sleep(2.2)
        self.assertEqual(client.values(b"get key after\r\n"), b"END\r\n")
        client.set(b"key", b"x")
        time.sleep(1)
        self.assertEqual(client.get(b"key"), b"x")


class ForeignTypes(StorageTestCase):
    def test_a_key_of_another_type(self):
        raw, client = self.stage()

        def hash_key():
            raw.call("DEL", "h")
            raw.call("HSET", "h", "field", "x")

        hash_key()
        self.assertEqual(client.values(b"get h\r\n"), b"END\r\n")
        self.assertEqual(client.values(b"gets h h\r\n"), b"END\r\n")
        self.assertEqual(client.values(b"gat 100 h\r\n"), b"END\r\n")
        for line in (b"incr h 1\r\n", b"decr h 1\r\n", b"append h 0 0 1\r\nx\r\n", b"prepend h 0 0 1\r\nx\r\n",
                     b"cas h 0 0 1 5\r\nx\r\n"):
            answer = client.call(line)
            self.assertTrue(answer.startswith(b"SERVER_ERROR ") and b"WRONGTYPE" in answer, (line, answer))
        self.assertEqual(raw.call("TYPE", "h"), b"hash")
        self.assertEqual(client.set(b"h", b"x", verb=b"add"), b"NOT_STORED\r\n")
        self.assertEqual(client.call(b"touch h 100\r\n"), b"TOUCHED\r\n")
        self.assertEqual(client.set(b"h", b"x"), b"STORED\r\n")
        self.assertEqual(client.get(b"h"), b"x")
        hash_key()
        self.assertEqual(client.call(b"delete h\r\n"), b"DELETED\r\n")
        self.assertEqual(raw.call("EXISTS", "h"), 0)


class Refusals(StorageTestCase):
    # Each on a key of its own: after a failed set the old item counts as missing.
    WRITES = [b"set s 0 0 1\r\nx\r\n", b"add new 0 0 1\r\nx\r\n", b"replace r 0 0 1\r\nx\r\n",
              b"append a 0 0 1\r\nx\r\n", b"prepend p 0 0 1\r\nx\r\n", b"incr i 1\r\n", b"decr d 1\r\n"]

    def store_all(self, client):
        for key in (b"s", b"r", b"a", b"p", b"i", b"d", b"kept"):
            self.assertEqual(client.set(key, b"5"), b"STORED\r\n")

    def test_out_of_memory(self):
        raw, client = self.stage()
        self.store_all(client)
        raw.call("CONFIG", "SET", "maxmemory", "1")
        raw.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
        for line in self.WRITES:
            self.assertEqual(client.call(line), b"SERVER_ERROR out of memory storing object\r\n", line)
        self.assertEqual(client.get(b"kept"), b"5")
        raw.call("CONFIG", "SET", "maxmemory", "0")
        self.assertEqual(client.call(b"set s 0 0 3\r\nnew\r\n"), b"STORED\r\n")
        wait_until(lambda: client.get(b"s") == b"new", 2, "the new item shows")

    def test_a_refused_set_is_not_followed_by_the_old_item(self):
        """A failed set: the old item must not be served through this process any more."""
        raw, client = self.stage()
        client.set(b"k", b"old")
        raw.call("CONFIG", "SET", "maxmemory", "1")
        raw.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.assertEqual(client.call(b"set k 0 0 3\r\nnew\r\n"),
                         b"SERVER_ERROR out of memory storing object\r\n")
        self.assertIsNone(client.get(b"k"))

    def test_read_only_replica(self):
        raw, client = self.stage()
        nobody = Port()
        self.fleet.closers.callback(nobody.release)
        self.store_all(client)
        raw.call("REPLICAOF", "127.0.0.1", str(nobody.number))
        for line in self.WRITES:
            answer = client.call(line)
            self.assertTrue(answer.startswith(b"SERVER_ERROR ") and b"READONLY" in answer, (line, answer))
        self.assertEqual(client.get(b"kept"), b"5")
        raw.call("REPLICAOF", "NO", "ONE")
        self.assertEqual(client.call(b"set s 0 0 3\r\nnew\r\n"), b"STORED\r\n")
        wait_until(lambda: client.get(b"s") == b"new", 2, "the new item shows")

    def test_misconf(self):
        raw, client = self.stage()
        client.set(b"kept", b"x")
        raw.call("CONFIG", "SET", "min-replicas-to-write", "1")
        answer = client.call(b"set k 0 0 1\r\nx\r\n")
        self.assertTrue(answer.startswith(b"SERVER_ERROR ") and b"NOREPLICAS" in answer, answer)
        self.assertEqual(client.get(b"kept"), b"x")
        raw.call("CONFIG", "SET", "min-replicas-to-write", "0")
        self.assertEqual(client.call(b"set k 0 0 1\r\nx\r\n"), b"STORED\r\n")

    def assert_never_stores(self, client):
        for line in self.WRITES:
            answer = client.call(line)
            self.assertTrue(answer.startswith((b"SERVER_ERROR ", b"NOT_STORED\r\n", b"NOT_FOUND\r\n")),
                            (line, answer))
        self.assertEqual(client.values(b"get s r a\r\n"), b"END\r\n")

    def test_wrong_and_missing_password(self):
        redis = self.fleet.redis(password="right-secret")
        for password in ("wrong-secret", None):
            with self.subTest(password=password):
                config = f"password: {password}\n" if password else None
                daemon = self.fleet.mcrelay(backends=[redis.location()], config=config)
                with daemon.client() as client:
                    self.assert_never_stores(client)
                self.assertNotIn("wrong-secret", daemon.log())
        with redis.client() as raw:
            self.assertEqual(raw.call("DBSIZE"), 0)

    def test_right_password_and_user(self):
        redis = self.fleet.redis(password="right-secret")
        with redis.client() as raw:
            raw.call("ACL", "SETUSER", "relay", "on", ">relay-secret", "~*", "+@all")
        configs = ["password: right-secret\n", "username: relay\npassword: relay-secret\n"]
        for config in configs:
            client = self.open(self.fleet.mcrelay(backends=[redis.location()], config=config))
            self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n", config)
        url = f"redis://relay:relay-secret@127.0.0.1:{redis.port}/1"
        daemon = self.fleet.mcrelay(backends=[url])
        with daemon.client() as client:
            self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")
        with open(f"/proc/{daemon.pid}/cmdline", "rb") as title:
            self.assertNotIn(b"relay-secret", title.read())
        self.assertNotIn("relay-secret", daemon.log())
        self.assertIn("password_file", daemon.log())

    def test_a_database_that_is_not_there(self):
        redis = self.fleet.redis("--databases", "4")
        client = self.open(self.fleet.mcrelay(backends=[redis.location(db=9)]))
        self.assert_never_stores(client)
        with redis.client() as raw:
            self.assertEqual(raw.call("DBSIZE"), 0, "written to the wrong database")

    def test_scripts_forgotten_by_redis_are_loaded_again(self):
        raw, client = self.stage()
        client.set(b"n", b"5")
        self.assertEqual(client.call(b"incr n 1\r\n"), b"6\r\n")
        raw.call("SCRIPT", "FLUSH")
        client.send(b"incr n 1\r\nget n\r\nappend n 0 0 1\r\n0\r\nincr n 1\r\nget n\r\n")
        self.assertEqual(client.units(7), [b"7\r\n", b"VALUE n 0 1\r\n7\r\n", b"END\r\n", b"STORED\r\n",
                                           b"71\r\n", b"VALUE n 0 2\r\n71\r\n", b"END\r\n"])

    def test_client_name(self):
        raw, client = self.stage()
        client.set(b"k", b"x")
        self.assertIn(b"name=mcrelay", raw.call("CLIENT", "LIST"))


if __name__ == "__main__":
    unittest.main()
