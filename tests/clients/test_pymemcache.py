"""pymemcache (pure Python) against mcrelay."""

import time
import unittest

from scenario import ClientTestCase

try:
    from pymemcache.client.base import Client, PooledClient
    from pymemcache.client.hash import HashClient
    from pymemcache.exceptions import MemcacheClientError, MemcacheIllegalInputError
except ImportError:
    Client = None

PACKAGE = "apt-get install python3-pymemcache"


class Pymemcache(ClientTestCase):
    def setUp(self):
        super().setUp()
        if Client is None:
            self.fail(PACKAGE)
        # default_noreply is pymemcache's default: writes are sent and not waited for.
        self.quiet = Client(self.daemon.tcp_address, timeout=5, no_delay=True)
        self.addCleanup(self.quiet.close)
        self.client = Client(self.daemon.tcp_address, timeout=5, default_noreply=False)
        self.addCleanup(self.client.close)

    def test_set_get_delete(self):
        self.assertTrue(self.client.set("key", b"value"))
        self.assertEqual(self.client.get("key"), b"value")
        self.assertTrue(self.client.delete("key"))
        self.assertFalse(self.client.delete("key"))
        self.assertIsNone(self.client.get("key"))

    def test_noreply_writes_are_seen_by_the_next_read(self):
        for number in range(500):
            self.quiet.set("key", b"%d" % number)
            self.assertEqual(self.quiet.get("key"), b"%d" % number)
        self.quiet.delete("key")
        self.assertIsNone(self.quiet.get("key"))

    def test_many(self):
        items = {f"key{number}": b"v%d" % number for number in range(1000)}
        self.assertEqual(self.client.set_many(items), [])
        self.assertEqual(self.client.get_many(list(items)), items)
        self.assertEqual(self.client.get_many(["key1", "none"]), {"key1": b"v1"})
        self.assertTrue(self.client.delete_many(list(items)))
        self.assertEqual(self.client.get_many(list(items)), {})

    def test_add_replace_append_prepend(self):
        self.assertFalse(self.client.replace("key", b"x"))
        self.assertFalse(self.client.append("key", b"x"))
        self.assertTrue(self.client.add("key", b"m"))
        self.assertFalse(self.client.add("key", b"x"))
        self.assertTrue(self.client.append("key", b">"))
        self.assertTrue(self.client.prepend("key", b"<"))
        self.assertEqual(self.client.get("key"), b"<m>")
        self.assertTrue(self.client.replace("key", b"r"))
        self.assertEqual(self.client.get("key"), b"r")

    def test_cas(self):
        self.assertIsNone(self.client.cas("key", b"x", b"1"))
        self.client.set("key", b"1")
        value, unique = self.client.gets("key")
        self.assertEqual(value, b"1")
        self.assertTrue(self.client.cas("key", b"2", unique))
        self.assertFalse(self.client.cas("key", b"3", unique))
        self.assertEqual(self.client.get("key"), b"2")

    def test_incr_decr(self):
        self.assertIsNone(self.client.incr("n", 1))
        self.client.set("n", b"18446744073709551614")
        self.assertEqual(self.client.incr("n", 1), 18446744073709551615)
        self.assertEqual(self.client.incr("n", 2), 1)
        self.assertEqual(self.client.decr("n", 5), 0)
        self.client.set("n", b"text")
        with self.assertRaises(MemcacheClientError):
            self.client.incr("n", 1)

    def test_touch_and_expiry(self):
        self.client.set("key", b"x", expire=1)
        self.assertTrue(self.client.touch("key", 100))
        self.client.set("short", b"x", expire=1)
        self.assertFalse(self.client.touch("none", 100))
        time.sleep(2.1)
        self.assertEqual(self.client.get("key"), b"x")
        self.assertIsNone(self.client.get("short"))

    def test_flush_version_stats(self):
        self.client.set("key", b"x")
        self.assertTrue(self.client.flush_all())
        self.assertIsNone(self.client.get("key"))
        self.assertTrue(self.client.version().startswith(b"1.6."))
        self.assertIn(b"cmd_get", self.client.stats())

    def test_values_come_back_whole(self):
        for size in [0, 1, 511, 1024, 16384, 65536, 1000000]:
            value = bytes(range(256)) * (size // 256 + 1)
            self.client.set("big", value[:size])
            self.assertEqual(self.client.get("big"), value[:size])

    def test_a_long_key_is_refused_by_the_client_itself(self):
        with self.assertRaises(MemcacheIllegalInputError):
            self.client.set("k" * 251, b"x")

    def test_pool_and_unix_socket(self):
        pool = PooledClient(self.daemon.tcp_address, max_pool_size=4)
        pool.set("key", b"x", noreply=False)
        self.assertEqual(pool.get("key"), b"x")
        pool.close()
        unix = Client(self.daemon.socket_path)
        self.assertEqual(unix.get("key"), b"x")
        unix.close()

    def test_hash_client(self):
        client = HashClient([self.daemon.tcp_address])
        client.set_many({"a": b"1", "b": b"2"}, noreply=False)
        self.assertEqual(client.get_many(["a", "b", "c"]), {"a": b"1", "b": b"2"})
        client.close()


if __name__ == "__main__":
    unittest.main()
