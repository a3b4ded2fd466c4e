"""Generates command sequences for the differential test, from a fixed seed.

A Command knows its bytes for each of the two servers. They differ in two places only: CAS uniques
are each server's own, and the data block of a refused `set` goes to the subject alone (memcached
1.6.18 runs it as commands, 1.6.45 swallows it, so the reference is spared it).

A profile is a set of weighted makers. ClassicProfile stays off the paths where 1.6.18 is known to
differ from 1.6.45; docs/differences.md lists them.

Keys come in classes, so that values of one class cannot turn into another's by accident:
  strings  any bytes, never numeric: append and prepend data starts with a letter
  numbers  numeric edge values for incr and decr; the reference may pad a shorter result
  digits   numbers that only grow, so append and prepend of digits and incr mix
"""

import random
import time

REFERENCE, SUBJECT = 0, 1

# The digit comes first: FNV-1a hardly moves on the ring when only the last byte differs, and the
# keys shall use all shards.
STRINGS = [b"%d.string" % i for i in range(8)] + [
    b"tab\tin", b"cr\rin", b"\xff\xfe\x80", b"glob*?[]{}%", b"{tag}x", b"L" * 250]
NUMBERS = [b"%d.number" % i for i in range(6)]
DIGITS = [b"%d.digits" % i for i in range(3)]
MISSING = [b"%d.never" % i for i in range(3)]
LONG_KEY = b"K" * 251

SIZES = [0, 1, 2, 3, 7, 10, 100, 100, 100, 1000, 1023, 1024, 1025, 4096, 16383, 16384, 16385, 65536,
         100000]
SIZE_WEIGHTS = [8, 8, 8, 8, 8, 20, 20, 20, 20, 10, 2, 2, 2, 3, 1, 1, 1, 1, 1]
HOSTILE = [b"\r\n", b"END\r\n", b"\r\nget 1.string\r\n", b"*1\r\n$8\r\nFLUSHALL\r\n", b"\r\nVALUE 1.string 0 1\r\nx",
           b"$0\r\n\r\n", b"\x00\x00", b"\xc1\x8d\x01\x00 nearly our header", b"ERROR\r\n"]
NUMERIC_VALUES = [
    b"0", b"1", b"9", b"10", b"99", b"100", b"999999999999999", b"1000000000000000",
    b"9223372036854775807", b"9223372036854775808", b"18446744073709551614", b"18446744073709551615",
    b"99999999999999999", b"10000000000000000000", b"007", b" 7", b"7 ", b"12 34", b"+5"]
NOT_NUMERIC_VALUES = [b"", b"1.5", b"12abc", b"18446744073709551616", b"abc"]
DELTAS = [b"0", b"1", b"2", b"5", b"10", b"99", b"4294967296", b"9007199254740993",
          b"999999999999999999", b"9223372036854775807", b"9223372036854775808",
          b"18446744073709551615"]
BAD_DELTAS = [b"-1", b"abc", b"1x", b"1.5", b"18446744073709551616", b"99999999999999999999999"]
FLAGS = [0, 0, 0, 0, 1, 5, 65535, 65536, 2147483648, 4294967295]


class CasOf:
    """Stands for a CAS unique that the server showed for `key`: the last one, or an older one."""

    def __init__(self, key, age):
        self.key = key
        self.age = age


class Command:
    """`parts` are bytes and CasOf. `refused_block` goes to the subject only. `markers` counts the
    VERSION lines it answers. `ends` says that the server closes the connection after it."""

    def __init__(self, *parts, keys=(), refused_block=b"", markers=0, ends=False):
        self.parts = parts
        self.keys = tuple(keys)
        self.refused_block = refused_block
        self.markers = markers
        self.ends = ends

    def bytes_for(self, server, uniques):
        """`uniques` maps a key to the list of uniques that server has shown for it."""
        out = []
        for part in self.parts:
            if isinstance(part, CasOf):
                seen = uniques.get(part.key, [])
                out.append(b"%d" % (seen[-1 - part.age] if len(seen) > part.age else 1))
            else:
                out.append(part)
        if server == SUBJECT:
            out.append(self.refused_block)
        return b"".join(out)

    def __repr__(self):
        text = [b"<cas of %s, %d before the last>" % (p.key, p.age) if isinstance(p, CasOf) else p
                for p in self.parts]
        data = b"".join(text) + self.refused_block
        return repr(data if len(data) <= 240 else data[:160] + b"...(%d)" % len(data))


class Batch:
    """Commands sent in one piece over one connection. `pause_s` is waited before it."""

    def __init__(self, connection, commands, pause_s=0):
        self.connection = connection
        self.commands = commands
        self.pause_s = pause_s


class Profile:
    """Draws commands from weighted makers. Subclasses fill `makers`: [(weight, method)]."""

    def __init__(self, seed, connections=4):
        self.rng = random.Random(seed)
        self.connections = connections
        self.serial = 0
        # Without '-': to tell a number from 2^63 on from a negative one, 1.6.18 looks for a '-' and
        # does not stop at the item's end.
        self.pool = self.rng.randbytes(1 << 18).replace(b"-", b"_")
        self.makers = []

    def choose(self, options):
        return self.rng.choice(options)

    def chance(self, probability):
        return self.rng.random() < probability

    def random_bytes(self, size):
        start = self.rng.randrange(len(self.pool) - size)
        return self.pool[start:start + size]

    def batch_size(self):
        return self.choose([1, 1, 2, 4, 8, 16, 32, 64])

    def batches(self, commands):
        """Yields batches until that many commands were given out."""
        weights = [weight for weight, _ in self.makers]
        while commands > 0:
            drawn = self.rng.choices([maker for _, maker in self.makers], weights, k=self.batch_size())
            batch = [maker() for maker in drawn]
            commands -= len(batch)
            yield Batch(self.rng.randrange(self.connections), batch)


class ClassicProfile(Profile):
    """All classic commands. `content_cas` says that CAS uniques follow the content (value_format
    plain): then no two values of a key whose unique is asked for are equal."""

    def __init__(self, seed, connections=4, content_cas=False):
        super().__init__(seed, connections)
        self.content_cas = content_cas
        self.makers = [
            (16, self.store_string), (6, self.store_number), (3, self.store_digits),
            (5, self.cas_string), (5, self.grow_string), (3, self.grow_digits),
            (20, self.retrieve), (8, self.retrieve_unique), (5, self.touch_and_get),
            (9, self.count), (3, self.count_digits), (6, self.delete), (5, self.touch),
            (2, self.unknown), (2, self.refused_store), (1, self.bad_length), (1, self.bad_chunk),
            (1, self.bad_number), (1, self.small_talk), (0.3, self.wide_get), (0.05, self.too_large)]

    all_keys = STRINGS + NUMBERS + DIGITS + MISSING

    def removal(self):
        """Removes every key that can have been stored."""
        return b"".join(b"delete %s noreply\r\n" % key for key in self.all_keys)

    # Pieces.

    def noreply(self):
        return b" noreply" if self.chance(0.12) else b""

    def flags(self):
        return b"%d" % self.choose(FLAGS)

    def exptime(self, wide=True):
        """`wide` adds what only the storage commands take modulo 2^32."""
        now = int(time.time())
        usual = [0, 0, 0, 0, 0, 0, 100, 1000, 2592000, now + 5000, 2147483647, -1, -100, 2592001,
                 1000000000]
        return b"%d" % self.choose(usual + ([4294967296, 2147483648, 4294967295] if wide else []))

    def text(self, lead=b"v"):
        """A value for a string key: never numeric, unique where uniques follow the content."""
        self.serial += 1
        if self.content_cas:
            lead += b"%d." % self.serial
        size = self.rng.choices(SIZES, SIZE_WEIGHTS)[0]
        if size == 0 and not self.content_cas:
            return b""
        if self.chance(0.15):
            return lead + self.choose(HOSTILE)
        return lead + self.random_bytes(size)

    def head(self, verb, key, flags, exptime, size, *rest):
        return b"%s %s %s %s %d" % (verb, key, flags, exptime, size) + b"".join(rest)

    def end(self):
        return b"\n" if self.chance(0.03) else b"\r\n"

    def store(self, verb, key, value):
        line = self.head(verb, key, self.flags(), self.exptime(), len(value), self.noreply())
        return Command(line + self.end() + value + b"\r\n", keys=[key])

    def any_key(self):
        return self.choose(STRINGS + NUMBERS + DIGITS + MISSING)

    def string_key(self):
        return self.choose(STRINGS)

    # Storage.

    def store_string(self):
        return self.store(self.choose([b"set", b"set", b"set", b"add", b"replace"]),
                          self.string_key(), self.text())

    def store_number(self):
        value = self.choose(NUMERIC_VALUES if self.chance(0.85) else NOT_NUMERIC_VALUES)
        return self.store(self.choose([b"set", b"set", b"add", b"replace"]), self.choose(NUMBERS), value)

    def store_digits(self):
        return self.store(b"set", self.choose(DIGITS), b"%d" % self.rng.randrange(1, 100))

    def cas_string(self):
        key = self.string_key()
        value = self.text()
        unique = CasOf(key, 0)
        if self.chance(0.3):
            unique = self.choose([CasOf(key, 1), CasOf(key, 2), b"0", b"1", b"18446744073709551615"])
        line = self.head(b"cas", key, self.flags(), self.exptime(), len(value)) + b" "
        return Command(line, unique, self.noreply() + b"\r\n" + value + b"\r\n", keys=[key])

    def grow_string(self):
        value = self.text(b"g")[:2000]
        return self.store(self.choose([b"append", b"prepend"]),
                          self.choose(STRINGS + MISSING[:1]), value)

    def grow_digits(self):
        value = b"%d" % self.rng.randrange(1, 10)
        return self.store(self.choose([b"append", b"prepend"]), self.choose(DIGITS), value)

    # Retrieval.

    def keys(self):
        return [self.any_key() for _ in range(self.choose([1, 1, 1, 2, 3, 8]))]

    def unique_keys(self):
        """Keys whose uniques may be asked for."""
        if not self.content_cas:
            return self.keys()
        return [self.string_key() for _ in range(self.choose([1, 1, 2, 4]))]

    def retrieve(self):
        keys = self.keys()
        gap = b"  " if self.chance(0.05) else b" "
        trail = b" " if self.chance(0.03) else b""
        return Command(b"get" + gap + gap.join(keys) + trail + self.end(), keys=keys)

    def retrieve_unique(self):
        keys = self.unique_keys()
        return Command(b"gets " + b" ".join(keys) + b"\r\n", keys=keys)

    def touch_and_get(self):
        verb = self.choose([b"gat", b"gats"])
        keys = self.unique_keys() if verb == b"gats" else self.keys()
        return Command(verb + b" " + self.exptime(False) + b" " + b" ".join(keys) + b"\r\n", keys=keys)

    def wide_get(self):
        keys = [self.any_key() if self.chance(0.05) else b"%d.wide" % i for i in range(120)]
        return Command(b"get " + b" ".join(keys) + b"\r\n", keys=keys)

    # Numbers, removal, time.

    def count(self):
        key = self.choose(NUMBERS + NUMBERS + STRINGS[:3] + MISSING)
        delta = self.choose(DELTAS)
        return Command(b"%s %s %s%s\r\n" % (self.choose([b"incr", b"decr"]), key, delta,
                                            self.noreply()), keys=[key])

    def count_digits(self):
        key = self.choose(DIGITS)
        return Command(b"incr %s %d\r\n" % (key, self.rng.randrange(0, 10)), keys=[key])

    def delete(self):
        key = self.any_key()
        rest = self.choose([b""] * 8 + [b" 0", b" noreply", b" 0 noreply", b" 1", b" x noreply"])
        return Command(b"delete " + key + rest + b"\r\n", keys=[key])

    def touch(self):
        key = self.any_key()
        return Command(b"touch %s %s%s\r\n" % (key, self.exptime(False), self.noreply()), keys=[key])

    # Malformed.

    def unknown(self):
        return Command(self.choose([
            b"GET 1.string\r\n", b"gett 1.string\r\n", b"Set 1.string 0 0 1\r\n", b"unknown\r\n", b"foo noreply\r\n",
            b"*1\r\n$4\r\n", b"PING\r\n", b"get\t1.string\r\n", b"deletes 1.string\r\n", b"\x01\x02\x03\x04\r\n"]))

    def refused_store(self):
        """The length can be read, so the block is swallowed: nothing inside may run."""
        key = self.string_key()
        block = self.choose([b"flush_all\r\n", b"delete 1.string\r\ndelete 2.string\r\n", b"set 1.string 0 0 3\r\nbad\r\n",
                             b"\r\n\r\n", b"x" * 5000])
        size = b"%d" % len(block)
        silent = self.noreply()
        line = self.choose([
            b"set %s x 0 %s%s" % (key, size, silent), b"set %s -1 0 %s%s" % (key, size, silent),
            b"set %s 0 abc %s%s" % (key, size, silent), b"add %s 1.5 0 %s%s" % (key, size, silent),
            b"replace %s 18446744073709551616 0 %s%s" % (key, size, silent),
            b"append %s 0 18446744073709551616 %s%s" % (key, size, silent),
            b"set %s 0 0 %s%s" % (LONG_KEY, size, silent),
            b"cas %s 0 0 %s x%s" % (key, size, silent), b"cas %s 0 0 %s -1%s" % (key, size, silent),
            b"cas %s 0 0 %s 18446744073709551616%s" % (key, size, silent)])
        return Command(line + b"\r\n", keys=[key], refused_block=block + b"\r\n")

    def bad_length(self):
        """The length cannot be read, so what follows is the next command. Without noreply: 1.6.45 has
        not looked for it yet when it answers the error, 1.6.18 has."""
        key = self.string_key()
        size = self.choose([b"abc", b"-1", b"-100", b"1.5", b"2147483648", b"3x"])
        return Command(b"%s %s 0 0 %s\r\n" % (self.choose([b"set", b"add", b"append"]), key, size),
                       keys=[key])

    def bad_chunk(self):
        """The data does not end where it should: length + 2 bytes are taken, the rest is a line."""
        key = self.string_key()
        line, block = self.choose([(b"3", b"abcdefg\r\n"), (b"3", b"abcdefghijklm\n"),
                                   (b"6", b"abc\r\nnotacommand\r\n"), (b"0", b"abcdef\r\n"),
                                   (b"100", b"x" * 150 + b"\r\n")])
        return Command(b"set %s 0 0 %s%s\r\n%s" % (key, line, self.noreply(), block), keys=[key])

    def bad_number(self):
        key = self.any_key()
        return self.choose([
            Command(b"incr %s %s%s\r\n" % (key, self.choose(BAD_DELTAS), self.noreply()), keys=[key]),
            Command(b"decr %s %s\r\n" % (key, self.choose(BAD_DELTAS)), keys=[key]),
            Command(b"touch %s abc%s\r\n" % (key, self.noreply()), keys=[key]),
            Command(b"gat abc %s\r\n" % key, keys=[key]),
            Command(b"gats 1.5 %s\r\n" % key, keys=[key]),
            Command(b"incr %s 1%s\r\n" % (LONG_KEY, self.noreply())),
            Command(b"touch %s 0\r\n" % LONG_KEY), Command(b"delete %s\r\n" % LONG_KEY),
            Command(b"flush_all abc\r\n")])

    def small_talk(self):
        return self.choose([
            Command(b"verbosity 0\r\n"), Command(b"verbosity 0 noreply\r\n"),
            Command(b"verbosity abc\r\n"), Command(b"version\r\n", markers=1),
            Command(b"version x\r\n", markers=1), Command(b"stats nosuch\r\n")])

    def too_large(self):
        key = self.string_key()
        size = self.choose([1048576, 1100000, 1500000])
        value = b"v" * size
        return self.store(self.choose([b"set", b"add", b"replace", b"cas"][:3]), key, value)

    # Batches of their own.

    def batches(self, commands):
        flush_every = max(commands // 4, 1)
        left = flush_every
        for batch in super().batches(commands):
            yield batch
            left -= len(batch.commands)
            if left <= 0:
                left = flush_every
                yield self.flush()
            if self.chance(0.02):
                yield self.long_key_get()
            if self.chance(0.01):
                yield from self.closing()

    def flush(self):
        """1.6.18 may spare items used within the current second: none is when this starts."""
        flush = self.choose([b"flush_all\r\n", b"flush_all 0\r\n", b"flush_all -1\r\n",
                             b"flush_all noreply\r\n", b"flush_all 0 noreply\r\n"])
        after = [Command(b"get " + b" ".join(STRINGS + NUMBERS + DIGITS) + b"\r\n"),
                 self.store_string(), Command(b"get " + b" ".join(STRINGS) + b"\r\n")]
        return Batch(self.rng.randrange(self.connections), [Command(flush)] + after, pause_s=2.1)

    def long_key_get(self):
        """Alone: 1.6.18 drops answers queued before the error. gat touches the keys before it there."""
        verb = self.choose([b"get ", b"gets ", b"gat 0 "])
        keys = [LONG_KEY, self.any_key(), self.any_key()]
        if verb != b"gat 0 ":
            self.rng.shuffle(keys)
        return Batch(self.rng.randrange(self.connections),
                     [Command(verb + b" ".join(keys) + b"\r\n", keys=keys)])

    def closing(self):
        """Commands, answered, and then a reason to close the connection; alone, because memcached may
        lose answers that are still on their way when it closes over unread bytes."""
        connection = self.rng.randrange(self.connections)
        yield Batch(connection, [self.store_string(), self.retrieve()])
        last = self.choose([b"quit\r\n", b"quit now\r\n", b"x" * 3000, b"gat 0 " + b"y" * 3000])
        yield Batch(connection, [Command(last, ends=True)])
