"""What clients of the meta protocol send, byte for byte, and what they make of the answers.

Debian has none of them, so each is played by a few lines here: Dalli 5 (Ruby, meta only) and
meta-memcache-py with its two parsers of answers. The same exchanges run against a real memcached,
which keeps the players honest.
"""

import base64
import os
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.testcase import SharedFleetTestCase  # noqa: E402


class Wire:
    """A connection as such a client holds it: lines ended by CR LF, and blocks of a known size."""

    def __init__(self, address):
        self.client = Client(address)
        self.close = self.client.close

    def send(self, data):
        self.client.send(data)

    def line(self):
        """The next line's bytes, and its block if it is a VA."""
        unit = self.client.unit()
        head, end, rest = unit.partition(b"\r\n")
        assert end, unit
        return head, rest


class Dalli:
    """Looks a flag up by the first word that starts with its letter, as Dalli does; it does not care for
    the words' order except in a get of many keys, where the key is the fourth."""

    def __init__(self, address):
        self.wire = Wire(address)
        self.send(b"version\r\n")  # before anything else, on every connection
        word, version = self.wire.line()[0].split(b" ")
        assert word == b"VERSION" and version.split(b".")[:2] == [b"1", b"6"], version

    def send(self, data):
        self.wire.send(data)

    @staticmethod
    def name(key):
        """Keys with blanks, controls or other than ASCII go as base64."""
        if key.isascii() and not any(byte <= 32 or byte == 127 for byte in key):
            return key
        return base64.b64encode(key) + b" b"

    def words(self, *codes):
        head, block = self.wire.line()
        words = head.split()
        assert words[0] in codes, head
        return words, block[:-2]

    @staticmethod
    def flag(words, letter):
        return next((word[1:] for word in words if word.startswith(letter)), b"0")

    def get(self, key, flags=b" v f"):
        self.send(b"mg " + self.name(key) + flags + b"\r\n")
        words, value = self.words(b"VA", b"EN", b"HD")
        return None if words[0] == b"EN" else (value, int(self.flag(words, b"f")))

    def get_cas(self, key):
        self.send(b"mg " + self.name(key) + b" v f c\r\n")
        words, value = self.words(b"VA", b"EN", b"HD")
        return (None, 0) if words[0] == b"EN" else (value, int(self.flag(words, b"c")))

    def get_with_metadata(self, key, extra):
        self.send(b"mg " + self.name(key) + b" v f c" + extra + b"\r\n")
        words, value = self.words(b"VA", b"EN", b"HD")
        return {"value": None if words[0] == b"EN" else value, "won": b"W" in words, "stale": b"X" in words,
                "lost": b"Z" in words, "words": words}

    def get_multi(self, keys):
        self.send(b"".join(b"mg " + self.name(key) + b" v f k q s\r\n" for key in keys) + b"mn\r\n")
        found = {}
        while True:
            head, block = self.wire.line()
            if head.startswith(b"MN"):
                return found
            if head.startswith(b"VA "):
                words = head.split()
                assert int(self.flag(words, b"s")) == len(block) - 2, head
                key = words[3][1:]
                found[base64.b64decode(key, validate=True) if b"b" in words else key] = block[:-2]

    def pipelined_get(self, keys):
        """Of several servers: the size of a block is taken from s, not from VA."""
        self.send(b"".join(b"mg " + self.name(key) + b" v f c k q s\r\n" for key in keys))
        self.send(b"mn\r\n")
        found = {}
        while True:
            head, block = self.wire.line()
            words = head.split()
            if int(self.flag(words, b"s")) == 0:
                return found
            key = self.flag(words, b"k")
            found[base64.b64decode(key, validate=True) if b"b" in words else key] = (
                block[:-2], int(self.flag(words, b"c")))

    def store(self, key, value, ttl=None, mode=b"S", cas=0, flags=0):
        name, _, encoded = self.name(key).partition(b" ")
        line = b"ms %s %d" % (name, len(value))
        line += b"" if mode in (b"A", b"P") else b" c"
        line += b" b" if encoded else b""
        line += b"" if mode in (b"A", b"P") else b" F%d" % flags
        line += b" C%d" % cas if cas else b""
        line += b" T%d" % ttl if ttl is not None else b""
        self.send(line + b" M" + mode + b"\r\n" + value + b"\r\n")
        words, _ = self.words(b"HD", b"NS", b"NF", b"EX")
        return words[0] == b"HD" and int(self.flag(words, b"c"))

    def set_multi(self, pairs, ttl):
        data = b""
        for key, value in pairs.items():
            name, _, encoded = self.name(key).partition(b" ")
            data += b"ms %s %d c%s F0 T%d MS q\r\n%s\r\n" % (
                name, len(value), b" b" if encoded else b"", ttl, value)
        self.send(data + b"mn\r\n")
        return self.until_mn()

    def until_mn(self):
        heads = []
        while True:
            head = self.wire.line()[0]
            if head == b"MN":
                return heads
            heads.append(head)

    def delete(self, key, flags=b""):
        self.send(b"md " + self.name(key) + flags + b"\r\n")
        return self.words(b"HD", b"NF", b"EX")[0][0] == b"HD"

    def delete_multi(self, keys):
        self.send(b"".join(b"md " + self.name(key) + b" q\r\n" for key in keys) + b"mn\r\n")
        return len(keys) - len(self.until_mn())

    def count(self, key, delta, initial=None, ttl=0, mode=b"I"):
        flags = b"" if initial is None else b" J%d N%d" % (initial, ttl)
        self.send(b"ma %s v D%d%s M%s\r\n" % (self.name(key), delta, flags, mode))
        words, value = self.words(b"VA", b"NF", b"NS", b"EX")
        return int(value) if words[0] == b"VA" else None


class MetaMemcache:
    """meta-memcache-py: flags in a fixed order, answers read letter by letter."""

    def __init__(self, address, unique_bits=64):
        self.wire = Wire(address)
        self.unique_bits = unique_bits  # its newer parser, in Rust, keeps uniques in 32 bits

    def command(self, verb, key, flags, value=None):
        binary = any(byte <= 32 or byte > 126 for byte in key)
        line = verb + b" " + (base64.b64encode(key) if binary else key)
        line += b"" if value is None else b" %d" % len(value)
        line += b"".join(b" " + flag for flag in ([b"b"] if binary else []) + flags)
        self.wire.send(line + b"\r\n" + (b"" if value is None else value + b"\r\n"))

    def answer(self):
        """(code, value, flags): a flag that is not known is skipped."""
        head, block = self.wire.line()
        words = head.split(b" ")
        assert words[0] in (b"VA", b"HD", b"NS", b"EX", b"EN", b"NF"), head
        flags = {}
        for word in words[2 if words[0] == b"VA" else 1:]:
            letter, text = chr(word[0]), word[1:]
            if letter in "clfs":
                flags[letter] = int(text) if int(text) < 1 << self.unique_bits else None
            elif letter == "t":
                flags[letter] = -1 if text.startswith(b"-") else int(text)
            elif letter == "h":
                flags[letter] = {b"0": False, b"1": True}[text]
            elif letter in "WZ":
                flags["win"] = letter == "W"
            elif letter == "X":
                flags["stale"] = True
            elif letter == "O":
                flags[letter] = text
        return words[0].decode(), block[:-2], flags

    def call(self, verb, key, flags, value=None):
        self.command(verb, key, flags, value)
        return self.answer()

    def get(self, key, *more, cas=False):
        return self.call(b"mg", key, [b"f"] + ([b"c"] if cas else []) + [b"v", b"t", b"l", b"h", *more])

    def set(self, key, value, ttl, *more):
        return self.call(b"ms", key, [b"T%d" % ttl, b"F16", *more], value)[0]


class MetaClients:
    """The exchanges; a subclass says with which server."""

    def dalli(self):
        client = Dalli(self.server.address)
        self.addCleanup(client.wire.close)
        return client

    def meta_memcache(self, **options):
        client = MetaMemcache(self.server.address, **options)
        self.addCleanup(client.wire.close)
        return client

    def test_dalli_values(self):
        client = self.dalli()
        self.assertIsNone(client.get(b"d:miss"))
        for key in (b"d:plain", "d:schlüssel".encode(), b"d:with space", b"d:control\x01"):
            unique = client.store(key, b"value", ttl=100, flags=3)
            self.assertGreater(unique, 0, key)
            self.assertEqual(client.get(key), (b"value", 3), key)
            self.assertEqual(client.get_cas(key), (b"value", unique), key)
            self.assertEqual(client.get(key, b" v f T200"), (b"value", 3), "get and touch")
            self.assertEqual(client.get(key, b" T300"), (b"", 0), "touch")
            self.assertFalse(client.store(key, b"other", mode=b"E"))
            self.assertTrue(client.store(key, b"tail", mode=b"A") is not False)
            self.assertTrue(client.store(key, b"head ", mode=b"P") is not False)
            self.assertEqual(client.get(key), (b"head valuetail", 3))
            self.assertTrue(client.delete(key))
            self.assertFalse(client.delete(key))
            self.assertFalse(client.store(key, b"x", mode=b"R"))
        self.assertIsNone(client.get(b"d:miss", b" T300"))

    def test_dalli_compare_and_set(self):
        client = self.dalli()
        client.store(b"d:cas", b"one")
        _, unique = client.get_cas(b"d:cas")
        newer = client.store(b"d:cas", b"two", cas=unique)
        self.assertGreater(newer, unique)
        self.assertFalse(client.store(b"d:cas", b"three", cas=unique))
        self.assertFalse(client.store(b"d:cas", b"three", mode=b"R", cas=unique))
        self.assertTrue(client.store(b"d:cas", b"three", mode=b"R", cas=newer))
        self.assertFalse(client.delete(b"d:cas", b" C%d" % newer))
        self.assertTrue(client.delete(b"d:cas", b" C%d" % client.get_cas(b"d:cas")[1]))
        self.assertEqual(client.get_cas(b"d:cas"), (None, 0))
        self.assertFalse(client.store(b"d:cas", b"four", cas=newer), "nothing there to compare with")

    def test_dalli_many_keys(self):
        client = self.dalli()
        pairs = {b"d:m%d" % i: b"v" * (i + 1) for i in range(100)}
        pairs["d:müll".encode()] = b"encoded"
        pairs[b"d:a b"] = b"with a space"
        pairs[b"d:hostile"] = b"VA 1 f0 kd:m1 s1\r\nx\r\nMN\r\n"
        self.assertEqual(client.set_multi(pairs, 100), [])
        asked = list(pairs) + [b"d:missing%d" % i for i in range(20)]
        self.assertEqual(client.get_multi(asked), pairs)
        found = client.pipelined_get(asked)
        self.assertEqual({key: value for key, (value, _) in found.items()}, pairs)
        self.assertEqual(len({unique for _, unique in found.values()}), len(pairs))
        self.assertEqual(client.delete_multi(asked), len(pairs))
        self.assertEqual(client.get_multi(asked), {})

    def test_dalli_quiet_block(self):
        """`quiet do ... end`: nothing is read until mn, which skips what was refused."""
        client = self.dalli()
        client.store(b"d:q", b"1")
        client.send(b"ms d:q 1 F0 T100 MS q\r\n5\r\nms d:q 1 F0 T100 ME q\r\nx\r\nma d:q v D2 q MI\r\n"
                    b"ms d:q2 1 MA q\r\nx\r\nmd d:none q\r\n")
        client.send(b"mn\r\n")
        self.assertEqual(client.until_mn(), [b"NS", b"NS", b"NF"])
        self.assertEqual(client.get(b"d:q"), (b"7", 0))

    def test_dalli_counters(self):
        client = self.dalli()
        self.assertIsNone(client.count(b"d:n", 1))
        self.assertEqual(client.count(b"d:n", 1, initial=10, ttl=100), 10)
        self.assertEqual(client.count(b"d:n", 5), 15)
        self.assertEqual(client.count(b"d:n", 20, mode=b"D"), 0)
        self.assertEqual(client.count(b"d:n", 2**64 - 1), 2**64 - 1)
        self.assertEqual(client.count(b"d:n", 1), 0)
        self.assertEqual(client.count("d:zähler".encode(), 1, initial=7), 7)

    def test_dalli_thundering_herd(self):
        first, second = self.dalli(), self.dalli()
        won = first.get_with_metadata(b"d:herd", b" N30")
        self.assertEqual((won["value"], won["won"], won["lost"]), (b"", True, False))
        lost = second.get_with_metadata(b"d:herd", b" N30")
        self.assertEqual((lost["value"], lost["won"], lost["lost"]), (b"", False, True))
        first.store(b"d:herd", b"fresh", ttl=20)
        won = second.get_with_metadata(b"d:herd", b" N30 R60")
        lost = first.get_with_metadata(b"d:herd", b" N30 R60")
        self.assertEqual([(got["value"], got["won"], got["lost"]) for got in (won, lost)],
                         [(b"fresh", True, False), (b"fresh", False, True)])
        self.assertTrue(first.delete(b"d:herd", b" I"))
        won, lost = second.get_with_metadata(b"d:herd", b""), first.get_with_metadata(b"d:herd", b"")
        self.assertEqual([(got["stale"], got["won"], got["lost"]) for got in (won, lost)],
                         [(True, True, False), (True, False, True)])
        first.store(b"d:herd", b"fresh", ttl=100)
        words = second.get_with_metadata(b"d:herd", b" h l t u")["words"]
        self.assertEqual((Dalli.flag(words, b"h"), Dalli.flag(words, b"t"), words[0]), (b"0", b"100", b"VA"))
        self.assertTrue(Dalli.flag(words, b"l").isdigit())

    def test_dalli_statistics_and_flush(self):
        client = self.dalli()
        client.send(b"stats\r\n")
        values = {}
        while (words := client.words(b"STAT", b"END")[0])[0] != b"END":
            values[words[1]] = words[2]
        self.assertTrue(values[b"get_hits"].isdigit())
        for line, answer in [(b"stats reset\r\n", b"RESET"), (b"flush_all 1000\r\n", b"OK")]:
            client.send(line)
            self.assertEqual(client.words(answer)[0], [answer])

    def test_meta_memcache_default_get(self):
        client = self.meta_memcache()
        self.assertEqual(client.get(b"p:get")[0], "EN")
        for key in (b"p:get", "p:ключ".encode(), b"\x00\xffp:binary"):
            self.assertEqual(client.set(key, b"value", 100), "HD")
            code, value, flags = client.get(key)
            self.assertEqual((code, value, flags["f"], flags["h"]), ("VA", b"value", 16, False))
            self.assertIn(flags["t"], (99, 100))
            self.assertIn(flags["l"], (0, 1))
            self.assertTrue(client.get(key)[2]["h"], "fetched by now")
            self.assertEqual(client.call(b"mg", key, [b"T1000"])[0], "HD", "touch")
            self.assertIn(client.get(key, b"T0")[2]["t"], (999, 1000))
            self.assertEqual(client.get(key)[2]["t"], -1)

    def test_meta_memcache_many_keys(self):
        """All commands, then all answers: misses are answered, too."""
        client = self.meta_memcache()
        client.set(b"p:many", b"x", 100)
        for key in (b"p:many", b"p:none", b"p:many"):
            client.command(b"mg", key, [b"f", b"v", b"t", b"l", b"h"])
        self.assertEqual([client.answer()[0] for _ in range(3)], ["VA", "EN", "VA"])

    def test_meta_memcache_no_reply_ends_with_mn(self):
        client = self.meta_memcache()
        client.command(b"ms", b"p:q", [b"q", b"T100", b"F0"], b"x")
        client.wire.send(b"mn\r\n")
        client.command(b"md", b"p:none", [b"q"])
        client.wire.send(b"mn\r\n")
        heads = [client.wire.line()[0] for _ in range(3)]
        self.assertEqual(heads, [b"MN", b"NF", b"MN"])
        self.assertEqual(client.get(b"p:q")[1], b"x")

    def test_meta_memcache_lease(self):
        winner, loser = self.meta_memcache(), self.meta_memcache()
        code, value, flags = winner.get(b"p:lease", b"N30", cas=True)
        self.assertEqual((code, value, flags["win"]), ("VA", b"", True))
        self.assertEqual(loser.get(b"p:lease", b"N30", cas=True)[2]["win"], False)
        self.assertEqual(winner.set(b"p:lease", b"x", 100, b"C%d" % flags["c"]), "HD")
        self.assertEqual(winner.set(b"p:lease", b"x", 100, b"C%d" % flags["c"]), "EX")
        self.assertNotIn("win", loser.get(b"p:lease", b"N30", cas=True)[2])

    def test_meta_memcache_recache_and_stale(self):
        winner, loser = self.meta_memcache(), self.meta_memcache()
        winner.set(b"p:stale", b"x", 20)
        old = winner.get(b"p:stale", cas=True)[2]["c"]
        self.assertEqual([client.get(b"p:stale", b"R30")[2].get("win") for client in (winner, loser)],
                         [True, False])
        self.assertEqual(winner.call(b"md", b"p:stale", [b"I", b"T30"])[0], "HD")
        flags = winner.get(b"p:stale", cas=True)[2]
        self.assertEqual((flags["stale"], flags["win"]), (True, True))
        self.assertEqual(loser.get(b"p:stale")[2]["win"], False)
        self.assertEqual(loser.call(b"ms", b"p:stale", [b"I", b"T100", b"F16", b"C%d" % old], b"y")[0], "HD")
        code, value, after = loser.get(b"p:stale")
        self.assertEqual((value, after["stale"]), (b"y", True), "older than the mark: kept, and still stale")
        self.assertEqual(winner.set(b"p:stale", b"z", 100), "HD")
        self.assertNotIn("stale", winner.get(b"p:stale")[2])

    def test_meta_memcache_refill_and_counters(self):
        client = self.meta_memcache()
        self.assertEqual(client.set(b"p:refill", b"x", 100, b"ME"), "HD")
        self.assertEqual(client.set(b"p:refill", b"y", 100, b"ME"), "NS")
        self.assertEqual(client.call(b"ma", b"p:n", [b"D1"])[0], "NF")
        self.assertEqual(client.call(b"ma", b"p:n", [b"v", b"N30", b"J5", b"D1"])[:2], ("VA", b"5"))
        self.assertEqual(client.call(b"ma", b"p:n", [b"v", b"T60", b"D3", b"M-"])[:2], ("VA", b"2"))
        self.assertEqual(client.call(b"ma", b"p:n", [b"D3"])[0], "HD")

    def test_meta_memcache_32_bit_parser_reads_what_follows_a_unique(self):
        """It drops a unique that does not fit (docs/commands.md), and nothing else."""
        client = self.meta_memcache(unique_bits=32)
        client.set(b"p:32", b"value", 100)
        code, value, flags = client.get(b"p:32", cas=True)
        self.assertEqual((code, value, flags["f"], flags["h"]), ("VA", b"value", 16, False))
        self.assertIn(flags["t"], (99, 100))
        self.check_32_bit_unique(flags["c"])


class WithMcrelay(MetaClients, SharedFleetTestCase):
    @classmethod
    def prepare(cls):
        cls.server = cls.fleet.mcrelay(backends=[cls.fleet.redis().location()])

    def check_32_bit_unique(self, unique):
        self.assertIsNone(unique, "if they fit, the note in docs/commands.md has to go")


class WithMemcached(MetaClients, SharedFleetTestCase):
    @classmethod
    def prepare(cls):
        cls.server = cls.fleet.memcached()

    def check_32_bit_unique(self, unique):
        self.assertGreater(unique, 0)


if __name__ == "__main__":
    unittest.main()
