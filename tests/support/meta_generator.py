"""Generates meta commands, mixed with classic ones, for the differential test.

MetaProfile stays off the paths where memcached 1.6.18 is known to differ from 1.6.45 and where
memcached does not know itself from one time to the next; docs/differences.md lists both.
That is why some flags are asked for certain keys only:

  strings  everything but h; the first few by their plain and by their base64 name
  numbers  ma, incr, decr; without marks (I, R), which memcached keeps or drops by chance
  fetched  h, me and marks; every read of them asks for h, since h counts only such reads here
  binary   names that only base64 can carry
"""

import base64
import time

from support.generator import (
    BAD_DELTAS, DELTAS, FLAGS, LONG_KEY, MISSING, NUMBERS, STRINGS, Batch, CasOf, ClassicProfile, Command)

FETCHED = [b"%d.fetched" % i for i in range(4)]
BINARY = [b"with space", b"line\nend", b"\x00\x01zero", b" ", b"cr\r\nlf", b"\xff" * 180]
TWO_NAMES = STRINGS[:4]
LONG_OPAQUE = b"O" + b"o" * 32

# Far from one another, so that no test is slow enough to let one become the other.
TTLS = [b"0", b"1000", b"2592000"]
GONE = [b"-1", b"-100", b"2592001", b"1000000000"]
RECACHE = [b"0", b"-1", b"500", b"3000", b"1000000"]

# Of other commands, or of none: taken and ignored.
IGNORED = {"mg": [b"F5", b"I", b"D2", b"J3", b"MS", b"P", b"Lpath/to", b"C1"],
           "ms": [b"v", b"t", b"f", b"h", b"l", b"u", b"R30", b"D2", b"J3", b"P", b"Lx"],
           "md": [b"v", b"t", b"c", b"f", b"s", b"h", b"l", b"u", b"F7", b"R30", b"N100", b"D2", b"MS", b"P"],
           "ma": [b"s", b"f", b"h", b"l", b"u", b"F7", b"R30", b"I", b"P", b"Lx"]}


class MetaProfile(ClassicProfile):
    """All meta commands with all flags that 1.6.18 knows, classic commands between them."""

    def __init__(self, seed, connections=4, content_cas=False):
        super().__init__(seed, connections, content_cas)
        classic = [(weight * 0.35, maker) for weight, maker in self.makers]
        self.makers = classic + [
            (18, self.meta_get), (12, self.meta_set), (7, self.meta_set_cas), (6, self.meta_grow),
            (6, self.meta_delete), (9, self.meta_count), (4, self.vivify), (4, self.get_number),
            (6, self.store_fetched), (12, self.get_fetched), (3, self.debug), (4, self.invalidate),
            (4, self.store_binary), (5, self.get_binary), (2, self.count_binary), (3, self.noop),
            (3, self.bad_flag), (1.5, self.bad_meta_block), (0.7, self.refused_meta_set),
            (0.04, self.meta_too_large)]

    all_keys = ClassicProfile.all_keys + FETCHED

    def removal(self):
        return super().removal() + b"".join(
            b"md %s b q\r\n" % base64.b64encode(key) for key in BINARY)

    def exptime(self, wide=True):
        """As the classic profile's, without those that end, or tell two tokens apart, within a run."""
        usual = [0, 0, 0, 0, 0, 0, 1000, 2592000, int(time.time()) + 5000, 2147483647, -1, -100, 2592001,
                 1000000000]
        return b"%d" % self.choose(usual + ([4294967296, 2147483648, 4294967295] if wide else []))

    # Pieces.

    def some(self, *flags):
        """Each with the chance given with it: (chance, flag) pairs."""
        return [flag for chance, flag in flags if self.chance(chance)]

    def opaque(self):
        return b"O" + self.random_bytes(self.choose([0, 1, 4, 31])).translate(NO_SPACE)

    def ttl(self, gone=0.1):
        if self.chance(gone):
            return self.choose(GONE)
        return self.choose(TTLS + [b"%d" % (int(time.time()) + 5000), b"2147483647"])

    def line(self, verb, key, flags, size=None, encoded=False):
        """A command line with its flags in any order. `encoded`: the key goes as base64."""
        flags = flags + ([b"b"] if encoded else [])
        letters = {flag[:1] for flag in flags}
        flags += [flag for flag in self.some(*[(0.04, flag) for flag in IGNORED[verb]])
                  if flag[:1] not in letters]
        self.rng.shuffle(flags)
        name = base64.b64encode(key) if encoded else key
        words = [verb.encode(), name] + ([] if size is None else [b"%d" % size]) + flags
        gap = b"  " if self.chance(0.03) else b" "
        return gap.join(words) + self.end()

    def meta(self, verb, key, flags, value=None, encoded=False):
        """The command; flags may be CasOf, which stands for C and that unique."""
        unique = next((flag for flag in flags if isinstance(flag, CasOf)), None)
        plain = [flag for flag in flags if not isinstance(flag, CasOf)]
        line = self.line(verb, key, plain + ([b"C@"] if unique else []),
                         None if value is None else len(value), encoded)
        tail = b"" if value is None else value + b"\r\n"
        if unique is None:
            return Command(line + tail, keys=[key])
        before, _, after = line.partition(b" C@")
        return Command(before + b" C", unique, after + tail, keys=[key])

    def unique(self, key):
        """A unique to compare with: mostly the last one seen, else older or foreign."""
        return CasOf(key, self.choose([0, 0, 0, 0, 1, 2]))

    def name(self):
        """A string key, and whether it goes by its base64 name."""
        key = self.string_key() if self.chance(0.8) else self.choose(MISSING[:2])
        return key, key in TWO_NAMES and self.chance(0.4)

    # mg.

    def read_flags(self):
        flags = self.some((0.6, b"v"), (0.3, b"s"), (0.3, b"f"), (0.3, b"c"), (0.3, b"k"), (0.3, b"t"),
                          (0.1, b"l"), (0.25, b"q"), (0.1, b"u"), (0.2, self.opaque()))
        if self.chance(0.15):
            # t of an item that is over is a wrapped number there, 0 here
            flags.append(b"T" + self.ttl(0 if b"t" in flags else 0.15))
        if self.chance(0.2):
            flags.append(b"R" + self.choose(RECACHE))
        return flags

    def meta_get(self):
        key, encoded = self.name()
        return self.meta("mg", key, self.read_flags(), encoded=encoded)

    def get_number(self):
        """s only with v: memcached may have padded the number, which only its digits tell."""
        key = self.choose(NUMBERS)
        flags = self.some((0.3, b"f"), (0.3, b"k"), (0.3, b"t"), (0.2, b"q"), (0.2, self.opaque()))
        if self.chance(0.8):
            flags += self.some((1, b"v"), (0.3, b"s"))
        if not self.content_cas:
            flags += self.some((0.3, b"c"))
        flags += self.some((0.1, b"N" + self.choose(TTLS)))
        return self.meta("mg", key, flags)

    def vivify(self):
        """By the plain name: 1.6.18 does not note that such an item came by base64."""
        key = self.choose(MISSING[:2] + STRINGS[6:8])
        flags = self.some((0.6, b"v"), (0.3, b"s"), (0.3, b"k"), (0.3, b"t"), (0.2, b"q"), (0.2, self.opaque()))
        flags.append(b"N" + (self.choose(TTLS) if b"t" in flags else self.ttl()))
        return self.meta("mg", key, flags)

    # ms, md.

    def store_flags(self, mode):
        flags = self.some((0.3, b"c"), (0.3, b"k"), (0.3, b"q"), (0.25, b"F%d" % self.choose(FLAGS)),
                          (0.35, b"T" + self.ttl()), (0.2, self.opaque()), (0.05, b"I"))
        return flags + ([b"M" + mode] if mode else [])

    def meta_set(self):
        key, encoded = self.name()
        mode = self.choose([b"", b"", b"", b"S", b"E", b"R"])
        flags = self.store_flags(mode) + self.some((0.05, b"N100"))  # N: for the modes A and P only
        return self.meta("ms", key, flags, self.text(), encoded)

    def meta_set_cas(self):
        key, encoded = self.name()
        mode = self.choose([b"", b"", b"S", b"R", b"E"])
        flags = [flag for flag in self.store_flags(mode) if flag != b"I"]
        # A bare value's unique has no order, and I asks for one.
        flags += self.some((0 if self.content_cas else 0.4, b"I"))
        return self.meta("ms", key, flags + [self.unique(key)], self.text(), encoded)

    def meta_grow(self):
        """Without N: 1.6.18 does not create what is missing."""
        key, encoded = self.name()
        flags = self.store_flags(self.choose([b"A", b"P"]))
        if self.chance(0.2):
            flags = flags + [self.unique(key)]
        return self.meta("ms", key, flags, self.text(b"g")[:2000], encoded)

    def meta_delete(self):
        key, encoded = self.name()
        flags = self.some((0.3, b"q"), (0.3, b"k"), (0.2, self.opaque()), (0.15, b"T" + self.ttl()))
        if self.chance(0.25):
            flags.append(self.unique(key))
        return self.meta("md", key, flags, encoded=encoded)

    def invalidate(self):
        key, encoded = self.name()
        flags = [b"I"] + self.some((0.2, b"q"), (0.3, b"k"), (0.2, self.opaque()), (0.3, b"T" + self.ttl()))
        if self.chance(0.25):
            flags.append(self.unique(key))
        return self.meta("md", key, flags, encoded=encoded)

    # Keys whose every read asks for h.

    def store_fetched(self):
        key = self.choose(FETCHED)
        return self.choose([
            lambda: self.meta("ms", key, self.store_flags(self.choose([b"", b"E", b"R"])), self.text()),
            lambda: self.meta("md", key, self.some((0.7, b"I"), (0.3, b"k"), (0.2, b"q"),
                                                   (0.2, b"T" + self.ttl(0.05)))),
            lambda: self.meta("md", key, [b"I"]),
            lambda: self.store(b"set", key, self.text()),
            lambda: self.meta("ms", key, self.store_flags(b"")
                              + ([] if self.content_cas else [self.unique(key)]), self.text())])()

    def get_fetched(self):
        key = self.choose(FETCHED)
        flags = self.read_flags() + [b"h"]
        if self.chance(0.15):
            flags.append(b"N" + (self.choose(TTLS) if b"t" in flags else self.ttl()))
        return self.meta("mg", key, flags)

    def debug(self):
        return Command(b"me %s\r\n" % self.choose(FETCHED + MISSING[2:]))

    # Names that need base64.

    def store_binary(self):
        key = self.choose(BINARY)
        if self.chance(0.2):
            return self.meta("md", key, self.some((0.4, b"I"), (0.5, b"k"), (0.2, b"q")), encoded=True)
        mode = self.choose([b"", b"S", b"E", b"R"])
        return self.meta("ms", key, self.store_flags(mode), self.text(), encoded=True)

    def get_binary(self):
        return self.meta("mg", self.choose(BINARY), self.read_flags(), encoded=True)

    def count_binary(self):
        """Never a number."""
        key = self.choose(BINARY)
        return self.meta("ma", key, self.some((0.5, b"v"), (0.5, b"k"), (0.3, b"q")), encoded=True)

    # ma.

    def meta_count(self):
        key = self.choose(NUMBERS + NUMBERS + NUMBERS + STRINGS[:3])
        flags = self.some((0.7, b"v"), (0.3, b"t"), (0.3, b"k"), (0.2, self.opaque()),
                          (0.5, b"D" + self.choose(DELTAS)), (0.3, b"J" + self.choose(DELTAS)),
                          (0.5, b"M" + self.choose([b"I", b"+", b"D", b"-"])))
        if not self.content_cas:
            flags += self.some((0.3, b"c"), (0.05, b"C0"))
        timed = self.chance(0.15)
        if timed:
            flags.append(b"T" + self.ttl(0))
        if key in NUMBERS and self.chance(0.3):
            flags.append(b"N" + (self.choose(TTLS) if b"t" in flags else self.ttl()))
        else:  # with N, 1.6.18 shows what it created in spite of q
            flags += self.some((0.3, b"q"))
        if b"C0" not in flags and not self.content_cas and self.chance(0.15):
            flags.append(self.unique(key))
        command = self.meta("ma", key, flags)
        if timed:
            # memcached gives the new time to the item it has just replaced, unless it changed it in place
            command.parts += (b"touch %s 0 noreply\r\n" % key,)
        return command

    # Malformed, and mn.

    def noop(self):
        return Command(self.choose([b"mn\r\n", b"mn\r\n", b"mn x\r\n"]))

    def bad_flag(self):
        key = self.any_key()
        token = self.choose([b"T", b"Tabc", b"N", b"Nx", b"R", b"R1x", b"C", b"Cabc", b"C-1",
                             b"C18446744073709551616"])
        unknown = self.choose([b"W", b"1", b"noreply", b"X", b"Z", b"i", b"zzz"])
        wrong = self.choose([token, unknown, b"F", b"Fx", b"F-1", LONG_OPAQUE, b"v v", b"q q", b"Oa Ob",
                             b"T5 T5", b"b" if key not in MISSING else b"W"])
        flags = b" ".join(flag for flag in [self.choose([b"k", b"t", b""]), wrong] if flag)
        return self.choose([
            Command(b"mg %s %s\r\n" % (key, flags), keys=[key]),
            Command(b"ms %s 7 %s\r\nignored\r\n" % (key, flags), keys=[key]),
            Command(b"ms %s 7 q MX\r\nignored\r\n" % key, keys=[key]),
            Command(b"ma %s %s\r\n" % (key, self.choose([b"v v", b"W", b"Tx", b"J", b"Jx", b"D", b"Nx", b"MX",
                                                         b"D" + self.choose(BAD_DELTAS)])), keys=[key]),
            Command(b"md %s q %s\r\n" % (key, LONG_OPAQUE), keys=[key]),
            Command(b"ma %s.never %s\r\n" % (key[:9], LONG_OPAQUE)),
            Command(b"mg %s %s\r\n" % (key, b" ".join([b"v"] * 25)), keys=[key]),
            Command(b"ms %s %s\r\n" % (key, self.choose([b"abc", b"-1", b"2147483648", b""])), keys=[key]),
            Command(b"%s %s v\r\n" % (self.choose([b"mg", b"md", b"me"]), LONG_KEY)),
            Command(self.choose([b"mget a\r\n", b"mx a\r\n", b"MG a v\r\n", b"mgx\r\n"]))])

    def bad_meta_block(self):
        key = self.string_key()
        size, block = self.choose([(3, b"abcdefg\r\n"), (0, b"abcdef\r\n"), (100, b"x" * 150 + b"\r\n")])
        return Command(b"ms %s %d q k\r\n%s" % (key, size, block), keys=[key])

    def refused_meta_set(self):
        """1.6.18 takes the block of an over-long key for commands, 1.6.45 swallows it."""
        block = self.choose([b"flush_all\r\n", b"md 1.string\r\n", b"x" * 3000])
        return Command(b"ms %s %d\r\n" % (LONG_KEY, len(block)), refused_block=block + b"\r\n")

    def meta_too_large(self):
        key = self.string_key()
        value = b"v" * self.choose([1048576, 1500000])
        return self.meta("ms", key, self.some((0.5, b"q"), (0.3, b"MA"), (0.3, b"k")), value)

    # Batches of their own.

    def batches(self, commands):
        for batch in super().batches(commands):
            yield batch
            if self.chance(0.15):
                yield self.quiet_sequence()

    def quiet_sequence(self):
        """As clients ask for many keys: quiet commands, and mn to end them."""
        keys = [self.any_key() for _ in range(self.choose([2, 5, 20, 100]))]
        keys = [key for key in keys if key not in NUMBERS]
        quiet = [self.meta("mg", key, [b"v", b"f", b"k", b"q", b"s"] + self.some((0.5, self.opaque())))
                 for key in keys]
        if self.chance(0.3):
            quiet = [self.meta("ms", key, [b"q", b"T1000"], self.text()) for key in keys if key in STRINGS]
        if self.chance(0.2):
            quiet = [self.meta("md", key, [b"q"]) for key in keys]
        return Batch(self.rng.randrange(self.connections), quiet + [Command(b"mn\r\n")])


NO_SPACE = bytes(byte if byte not in b" \r\n\0" else ord("_") for byte in range(256))
