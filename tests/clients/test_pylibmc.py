"""pylibmc (libmemcached) against mcrelay, with libmemcached's own behaviours switched on."""

import time
import unittest

from scenario import ClientTestCase

try:
    import pylibmc
except ImportError:
    pylibmc = None


class Pylibmc(ClientTestCase):
    def setUp(self):
        super().setUp()
        if pylibmc is None:
            self.fail("apt-get install python3-pylibmc")
        self.client = self.connect({"cas": True, "tcp_nodelay": True})

    def connect(self, behaviors):
        client = pylibmc.Client([f"127.0.0.1:{self.daemon.port}"], behaviors=behaviors)
        self.addCleanup(client.disconnect_all)
        return client

    def test_set_get_delete(self):
        for value in ["text", b"bytes", 42, 2.5, {"a": [1, 2]}, True, ""]:
            self.assertTrue(self.client.set("key", value))
            self.assertEqual(self.client.get("key"), value)
        self.assertTrue(self.client.delete("key"))
        self.assertFalse(self.client.delete("key"))
        self.assertIsNone(self.client.get("key"))

    def test_multi(self):
        items = {f"key{number}": f"value{number}" for number in range(500)}
        self.assertEqual(self.client.set_multi(items), [])
        self.assertEqual(self.client.get_multi(list(items)), items)
        self.assertTrue(self.client.delete_multi(list(items)))
        self.assertEqual(self.client.get_multi(list(items)), {})

    def test_add_replace_append_prepend(self):
        self.assertFalse(self.client.replace("key", b"x"))
        self.assertTrue(self.client.add("key", b"m"))
        self.assertFalse(self.client.add("key", b"x"))
        self.assertTrue(self.client.append("key", b">"))
        self.assertTrue(self.client.prepend("key", b"<"))
        self.assertEqual(self.client.get("key"), b"<m>")

    def test_cas(self):
        self.client.set("key", "1")
        value, unique = self.client.gets("key")
        self.assertEqual(value, "1")
        self.assertTrue(self.client.cas("key", "2", unique))
        self.assertFalse(self.client.cas("key", "3", unique))
        self.assertEqual(self.client.get("key"), "2")

    def test_incr_decr(self):
        with self.assertRaises(pylibmc.NotFound):
            self.client.incr("n")
        self.client.set("n", 10)
        self.assertEqual(self.client.incr("n", 5), 15)
        self.assertEqual(self.client.decr("n", 6), 9)
        self.assertEqual(self.client.get("n"), 9)

    def test_touch(self):
        self.client.set("kept", "x", time=1)
        self.client.set("gone", "x", time=1)
        self.assertTrue(self.client.touch("kept", 100))
        time.sleep(2.1)
        self.assertEqual(self.client.get("kept"), "x")
        self.assertIsNone(self.client.get("gone"))

    def test_flush_and_stats(self):
        self.client.set("key", "x")
        self.assertTrue(self.client.flush_all())
        self.assertIsNone(self.client.get("key"))
        (_, stats), = self.client.get_stats()
        version = stats.get("version", stats.get(b"version"))
        self.assertIn("1.6.", version.decode() if isinstance(version, bytes) else version)

    def test_noreply_and_buffered(self):
        client = self.connect({"no_block": True, "_noreply": True, "buffer_requests": True})
        for number in range(200):
            client.set("key", number)
        self.assertEqual(client.get("key"), 199)

    def test_large_value(self):
        value = b"0123456789" * 100000
        self.assertTrue(self.client.set("big", value))
        self.assertEqual(self.client.get("big"), value)

    def test_compressed_value_keeps_its_flags(self):
        value = "repeat " * 5000
        self.assertTrue(self.client.set("zip", value, min_compress_len=100))
        self.assertEqual(self.client.get("zip"), value)


if __name__ == "__main__":
    unittest.main()
