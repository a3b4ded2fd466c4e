#!/usr/bin/env python3
"""Placement as other software computes it, written a second time, from the rules alone.

Nothing here is shared with protocol/placement/: this model writes placement_vectors.txt, which the
unit tests read, and tests/protocol/placement/crosscheck.py holds the model itself against the real
nutcracker and libmemcached. The rules in words: docs/sharding.md.

    placement_vectors.py          writes placement_vectors.txt beside this file
    placement_vectors.py --check  fails when the checked-in file differs from what the rules give
"""

import binascii
import bisect
import hashlib
import math
import re
import struct
import sys
import zlib
from pathlib import Path

M32 = 0xFFFFFFFF
M64 = 0xFFFFFFFFFFFFFFFF


# --- key hashes: bytes -> 32 bits -----------------------------------------------------------------

def signed_bytes(key):
    """C's plain char on x86-64, widened to 32 bits: 0x80 and above become 0xFFFFFF80 and above."""
    return [(b - 256) & M32 if b >= 128 else b for b in key]


def fnv1(key, start, prime):
    h = start
    for b in signed_bytes(key):
        h = (h * prime & M32) ^ b
    return h


def fnv1a(key, start, prime):
    h = start
    for b in signed_bytes(key):
        h = (h ^ b) * prime & M32
    return h


# The published 64-bit start and prime, cut to 32 bits, as both projects compute "64-bit" FNV.
FNV64 = (0xCBF29CE484222325 & M32, 0x100000001B3 & M32)
FNV32 = (2166136261, 16777619)


def one_at_a_time(key):
    h = 0
    for b in signed_bytes(key):
        h = (h + b) & M32
        h = (h + (h << 10)) & M32
        h ^= h >> 6
    h = (h + (h << 3)) & M32
    h ^= h >> 11
    return (h + (h << 15)) & M32


def murmur2(key):
    """MurmurHash2 with the seed 0xDEADBEEF times the length."""
    m, n = 0x5BD1E995, len(key)
    h = (0xDEADBEEF * n & M32) ^ n
    whole = n // 4 * 4
    for (k,) in struct.iter_unpack('<I', key[:whole]):
        k = k * m & M32
        k = (k ^ (k >> 24)) * m & M32
        h = (h * m & M32) ^ k
    if n > whole:
        h = (h ^ int.from_bytes(key[whole:], 'little')) * m & M32
    h = (h ^ (h >> 13)) * m & M32
    return h ^ (h >> 15)


def lookup3(key):
    """Bob Jenkins' lookup3 (hashlittle) with the initial value 13."""
    def rot(x, k):
        return (x << k | x >> (32 - k)) & M32

    a = b = c = (0xDEADBEEF + len(key) + 13) & M32
    if not key:
        return c
    last = (len(key) - 1) // 12 * 12
    for i in range(0, last + 1, 12):
        x, y, z = struct.unpack('<III', key[i:i + 12].ljust(12, b'\0'))
        a, b, c = (a + x) & M32, (b + y) & M32, (c + z) & M32
        if i == last:
            break
        for k in (4, 6, 8, 16, 19, 4):  # a, b, c change places after each step
            a = ((a - c) & M32) ^ rot(c, k)
            c = (c + b) & M32
            a, b, c = b, c, a
    for k in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - rot(b, k)) & M32
        a, b, c = b, c, a
    # Seven steps of a cycle of three leave the word written last in `b`.
    return b


def hsieh(key):
    """Paul Hsieh's SuperFastHash, started at 0; a lone third byte is a signed char."""
    if not key:
        return 0
    h = 0
    for lo, hi in struct.iter_unpack('<HH', key[:len(key) // 4 * 4]):
        h = (h + lo) & M32
        h = (h << 16 ^ hi << 11 ^ h) & M32
        h = (h + (h >> 11)) & M32
    tail = key[len(key) // 4 * 4:]
    if len(tail) == 3:
        h = (h + int.from_bytes(tail[:2], 'little')) & M32
        h = (h ^ h << 16) & M32
        h = (h ^ signed_bytes(tail)[2] << 18) & M32
        h = (h + (h >> 11)) & M32
    elif len(tail) == 2:
        h = (h + int.from_bytes(tail, 'little')) & M32
        h = (h ^ h << 11) & M32
        h = (h + (h >> 17)) & M32
    elif len(tail) == 1:
        h = (h + tail[0]) & M32
        h = (h ^ h << 10) & M32
        h = (h + (h >> 1)) & M32
    h = (h ^ h << 3) & M32
    h = (h + (h >> 5)) & M32
    h = (h ^ h << 4) & M32
    h = (h + (h >> 17)) & M32
    h = (h ^ h << 25) & M32
    return (h + (h >> 6)) & M32


def md5_words(data):
    return struct.unpack('<IIII', hashlib.md5(data).digest())


def crc16(key):
    """CRC-16/XMODEM, the one of Redis Cluster."""
    return binascii.crc_hqx(key, 0)


def twemproxy_crc16(key):
    """The same table, but what is shifted out of 16 bits stays in the upper half of 32."""
    h = 0
    for b in key:
        h = (h << 8 & M32) ^ crc16(bytes([(h >> 8 ^ b) & 0xFF]))
    return h


HASHES = {
    'fnv1a_64': lambda key: fnv1a(key, *FNV64),
    'fnv1a_32': lambda key: fnv1a(key, *FNV32),
    'fnv1_64': lambda key: fnv1(key, *FNV64),
    'fnv1_32': lambda key: fnv1(key, *FNV32),
    'md5': lambda key: md5_words(key)[0],
    'crc16': twemproxy_crc16,
    'crc32': lambda key: zlib.crc32(key) >> 16 & 0x7FFF,
    'crc32a': zlib.crc32,
    'murmur': murmur2,
    'jenkins': lookup3,
    'hsieh': hsieh,
    'one_at_a_time': one_at_a_time,
}


# --- distributions: nodes are [(name, weight)] ------------------------------------------------------

def f32(x):
    return struct.unpack('f', struct.pack('f', x))[0]


def ketama_points(weight, total, count):
    """floor(weight/total * 160/4 * count + 1e-10) * 4, each step rounded to a 32-bit float."""
    share = f32(f32(f32(f32(weight) / f32(total)) * f32(160)) / f32(4))
    return math.floor(f32(f32(share * f32(count)) + 1e-10)) * 4


class Ketama:
    def __init__(self, nodes, key_hash):
        total = sum(weight for _, weight in nodes)
        points = []
        for index, (name, weight) in enumerate(nodes):
            for i in range(ketama_points(weight, total, len(nodes)) // 4):
                points += [(word, index) for word in md5_words(b'%s-%d' % (name.encode(), i))]
        self.points = sorted(points)
        self.hash = key_hash

    def pick(self, key):
        at = bisect.bisect_left(self.points, (self.hash(key), -1))
        return self.points[at % len(self.points)][1]


class Modula:
    def __init__(self, nodes, key_hash):
        self.slots = [index for index, (_, weight) in enumerate(nodes) for _ in range(weight)]
        self.hash = key_hash

    def pick(self, key):
        return self.slots[self.hash(key) % len(self.slots)]


class Rendezvous:
    """mcrelay's own: no other software is followed here, so this is the definition."""

    def __init__(self, nodes, key_hash):
        self.nodes = [(struct.unpack('<Q', hashlib.md5(name.encode()).digest()[:8])[0], weight)
                      for name, weight in nodes]
        self.equal = len({weight for _, weight in nodes}) == 1
        self.hash = key_hash

    @staticmethod
    def mix(x):
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & M64
        x = (x ^ x >> 27) * 0x94D049BB133111EB & M64
        return x ^ x >> 31

    def pick(self, key):
        spread = self.hash(key) * 0x9E3779B97F4A7C15 & M64
        scores = []
        for index, (node, weight) in enumerate(self.nodes):
            draw = (self.mix(node ^ spread) >> 11) + 1  # 1 .. 2^53
            cost = -draw if self.equal else -math.log(draw / 2**53) / weight
            scores.append((cost, index))
        return min(scores)[1]


class DjangoRedis:
    TAG = re.compile(rb'.*\{(.*)\}.*')

    def __init__(self, nodes, key_hash):
        del key_hash
        points = [(hashlib.sha256(b'%s:%d' % (name.encode(), i)).hexdigest(), index)
                  for index, (name, _) in enumerate(nodes) for i in range(128)]
        self.points = sorted(points)
        self.places = [text for text, _ in self.points]

    def pick(self, key):
        tag = self.TAG.match(key)
        text = hashlib.sha256(tag.group(1) if tag else key).hexdigest()
        return self.points[bisect.bisect_right(self.places, text) - 1][1]


DISTRIBUTIONS = {'ketama': Ketama, 'modula': Modula, 'rendezvous': Rendezvous,
                 'django-redis': DjangoRedis}


def tagged(key, tag):
    """What is hashed of `key`: between the first opener and the first closer after it, if anything."""
    if tag:
        begin = key.find(tag[0].encode())
        end = key.find(tag[1].encode(), begin + 1)
        if 0 <= begin < end - 1:
            return key[begin + 1:end]
    return key


def placement(distribution, key_hash, tag, nodes):
    ring = DISTRIBUTIONS[distribution](nodes, HASHES[key_hash])
    if len(nodes) == 1:
        return lambda key: 0
    if distribution == 'django-redis':
        return ring.pick
    return lambda key: ring.pick(tagged(key, tag))


def cluster_slot(key):
    return crc16(tagged(key, '{}')) % 16384


# --- the vectors ------------------------------------------------------------------------------------

KEYS = [b'a', b'ab', b'abc', b'abcd', b'foo', b'123456789', b'hello world', b'user:1000',
        b':1:name', b'app1:session:7f3a', b'k' * 250, b'x' * 12, b'x' * 13, b'y' * 24, b'y' * 25,
        'schlüssel'.encode(), 'ключ'.encode(), '鍵'.encode(), b'\x80', b'\xff', b'ab\x80', b'abc\xff',
        b'\x80\x81\x82\x83\x84\x85\x86', bytes(range(128, 256)),
        b'{user1000}.following', b'{user1000}.followers', b'foo{}{bar}', b'foo{{bar}}zap',
        b'foo{bar}{zap}', b'{}', b'{', b'}', b'a}b{c', b'a{b\nc}d', b'{x}\n{y}', b'\n{t}',
        b'<tag>rest', b'pre$mid$post', b'$$x$y$', b'{a}{b}{c', b'{a{b}c}d}e']


def nodes_of(count, weights=None):
    return [(f'10.0.0.{i + 1}:6379', weights[i % len(weights)] if weights else 1)
            for i in range(count)]


def rings():
    for count in (1, 2, 3, 5, 8, 25, 47, 50):
        yield 'ketama', 'fnv1a_64', '', nodes_of(count)
        yield 'ketama', 'md5', '', nodes_of(count)
    for name in HASHES:
        yield 'ketama', name, '', nodes_of(7)
        yield 'modula', name, '', nodes_of(7)
    yield 'ketama', 'md5', '', [('a', 1), ('b', 2), ('c', 7)]
    yield 'ketama', 'fnv1a_64', '', nodes_of(25, [1, 3, 10])
    yield 'ketama', 'fnv1a_64', '', nodes_of(4, [1000000, 1])
    yield 'ketama', 'fnv1a_64', '{}', nodes_of(5)
    yield 'ketama', 'crc32a', '$$', nodes_of(5)
    yield 'ketama', 'md5', '<>', nodes_of(5)
    # Two nodes of one name share every point: the first of them owns all.
    yield 'ketama', 'fnv1a_64', '', [('same', 1), ('same', 1), ('other', 1)]
    yield 'modula', 'crc32a', '{}', nodes_of(3, [1, 2, 5])
    for count in (2, 3, 25):
        yield 'rendezvous', 'fnv1a_64', '', nodes_of(count)
        yield 'rendezvous', 'md5', '{}', nodes_of(count, [1, 4, 2])
    for count in (2, 3, 10):
        yield 'django-redis', 'fnv1a_64', '', [(f'127.0.0.1:{6379 + i}:1', 1) for i in range(count)]
    yield 'django-redis', 'fnv1a_64', '{}', [('redis://a:6379/1', 1), ('redis://b:6379/1', 1)]


BULK = 2000


def bulk_key(n):
    return b'item:%d:{%d}' % (n, n % 97)


def lines():
    yield '# Written by placement_vectors.py; do not edit. Keys are hexadecimal.'
    for name, function in HASHES.items():
        for key in KEYS:
            yield f'hash {name} {key.hex()} {function(key)}'
    for key in KEYS:
        yield f'slot {key.hex()} {cluster_slot(key)}'
    for distribution, name, tag, nodes in rings():
        pick = placement(distribution, name, tag, nodes)
        spec = ' '.join(f'{node}={weight}' for node, weight in nodes)
        yield f'ring {distribution} {name} {tag or "-"} {spec}'
        yield 'picks ' + ' '.join(str(pick(key)) for key in KEYS)
        # Many more keys (item:<n>:{<n mod 97>}, n from 0), as a checksum of the picks in order.
        check = 0
        for n in range(BULK):
            check = (check * 31 + pick(bulk_key(n))) & M32
        yield f'bulk {BULK} {check}'
    yield 'keys ' + ' '.join(key.hex() for key in KEYS)


def main():
    out = Path(__file__).with_name('placement_vectors.txt')
    text = '\n'.join(lines()) + '\n'
    assert crc16(b'123456789') == 0x31C3
    if sys.argv[1:] == ['--check']:
        if out.read_text() != text:
            sys.exit(f'{out} differs from what placement_vectors.py computes')
        return
    out.write_text(text)


if __name__ == '__main__':
    main()
