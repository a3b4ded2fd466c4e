"""The same command sequences to a real memcached and to mcrelay: every byte of the answers compared.

Fixed seeds; MCRELAY_SEED adds one more, MCRELAY_COMMANDS changes how many commands a run has.
Generated around the known divergences of Debian's memcached 1.6.18 from 1.6.45, the version that is
the rule (docs/differences.md).
"""

import os
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.differential import Pair, run_or_explain  # noqa: E402
from support.generator import ClassicProfile  # noqa: E402
from support.meta_generator import MetaProfile  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

COMMANDS = int(os.environ.get("MCRELAY_COMMANDS", "20000"))
# Room behind a number in its chunk: 1.6.18 looks for a '-' behind one from 2^63 on, and does not stop
# before the pointers of the next chunk.
ROOMY = ("-n", "400")
# Bytes are compared here, not times: a machine that stalls shall not look like an outage.
PATIENT = "timeouts: {request: 5s}\n"
EXTRA_SEEDS = [int(os.environ["MCRELAY_SEED"])] if "MCRELAY_SEED" in os.environ else []


class Differential(FleetTestCase):
    def compare(self, daemon, shards, profile, seed, ordered_cas):
        reference = self.fleet.memcached(*ROOMY)

        def fresh_pair():
            for shard in shards:
                with shard.client() as redis:
                    redis.call("FLUSHALL")
            with Client(reference.address) as client:
                client.send(profile.removal() + b"mn\r\n")
                client.until(b"MN\r\n")
            return Pair(reference.address, daemon.address, ordered_cas)

        pair, difference = run_or_explain(fresh_pair, profile.batches(COMMANDS), seed)
        if difference:
            self.fail(difference)
        self.assertGreaterEqual(pair.commands_run, COMMANDS)
        self.assertGreater(len(pair.uniques[1].rank), COMMANDS // 100, "hardly a CAS unique was seen")
        print(f"seed {seed}: {pair.commands_run} commands, {len(pair.uniques[1].rank)} uniques, "
              f"{pair.padded} padded numbers")

    def run_profile(self, daemon, shards, seeds, content_cas=False, kind=ClassicProfile):
        for seed in seeds + EXTRA_SEEDS:
            with self.subTest(seed=seed):
                profile = kind(seed, content_cas=content_cas)
                self.compare(daemon, shards, profile, seed, ordered_cas=not content_cas)

    def test_tagged_values_over_tcp(self):
        redis, daemon = self.one_shard(config=PATIENT)
        self.run_profile(daemon, [redis], [11])

    def test_plain_values(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location()], config=PATIENT + "value_format: plain\n")
        self.run_profile(daemon, [redis], [22], content_cas=True)

    def test_three_shards_over_unix_sockets(self):
        shards = [self.fleet.redis() for _ in range(3)]
        backends = "".join(f"  - {{location: '{shard.location(unix=True)}', name: node{number}}}\n"
                           for number, shard in enumerate(shards))
        daemon = self.fleet.mcrelay(config=PATIENT + "backends:\n" + backends, listen="unix")
        self.run_profile(daemon, shards, [33])
        for number, shard in enumerate(shards):
            with shard.client() as redis:
                stats = redis.call("INFO", "stats").decode()
            hits = int(stats.partition("keyspace_hits:")[2].split()[0])
            self.assertGreater(hits, 0, f"no key was read from shard {number}")

    def test_meta_tagged_values(self):
        redis, daemon = self.one_shard(config=PATIENT)
        self.run_profile(daemon, [redis], [55], kind=MetaProfile)

    def test_meta_more_tagged_values(self):
        redis, daemon = self.one_shard(config=PATIENT)
        self.run_profile(daemon, [redis], [66], kind=MetaProfile)

    def test_meta_plain_values(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location()], config=PATIENT + "value_format: plain\n")
        self.run_profile(daemon, [redis], [77], content_cas=True, kind=MetaProfile)


class OddNumbers(FleetTestCase):
    """What counts as a number. Not: white space alone, where memcached reads what lies behind it."""

    VALUES = [b"5\0", b"5\0abc", b"5\0\0", b"\x005", b" 5\0 ", b"\t5", b"\v5", b"\n5", b" \t 5", b"5\t", b"5\n6",
              b"5\r\n", b"5\v", b"5\f", b"0x10", b"1e3", b"-0", b"-00", b"--0", b"+-0", b"+ 5", b"+", b"-",
              b"+0", b"00", b"0" * 30 + b"5", b"018446744073709551615", b"18446744073709551615 x",
              b"18446744073709551616", b"5 abc", b"5,000", b"\xa05", b"5\xa0", b"5\x85", b"'5'", b"5.", b".5",
              b"5-", b"5 -", b"0 -1", b"  +7  "]

    def test_odd_values_count_as_by_memcached(self):
        _, daemon = self.one_shard(config=PATIENT)
        servers = [Client(self.fleet.memcached(*ROOMY).address), self.open(daemon)]
        self.fleet.closers.callback(servers[0].close)
        for value in self.VALUES:
            answers = []
            for client in servers:
                client.set(b"n", value, flags=3)
                lines = [client.call(line) for line in (b"incr n 1\r\n", b"decr n 2\r\n", b"ma n D5 v\r\n")]
                # memcached pads to the old length
                lines.append(client.get(b"n").rstrip(b" ") if lines[0][:1].isdigit() else client.get(b"n"))
                answers.append(lines)
            with self.subTest(value=value):
                self.assertEqual(answers[1], answers[0])


class GeneratorSelfTest(FleetTestCase):
    """Two memcacheds must not differ: what the generator draws is deterministic in the reference."""

    def agrees_with_itself(self, profile, seed):
        def fresh_pair():
            return Pair(self.fleet.memcached(*ROOMY).address, self.fleet.memcached(*ROOMY).address, True,
                        subject_pads=True)

        differ_by_side = ["refused_store", "refused_meta_set"]
        profile.makers = [(weight, maker) for weight, maker in profile.makers
                          if maker.__name__ not in differ_by_side]
        _, difference = run_or_explain(fresh_pair, profile.batches(3000), seed)
        self.assertIsNone(difference)

    def test_memcached_agrees_with_itself(self):
        self.agrees_with_itself(ClassicProfile(44), 44)

    def test_memcached_agrees_with_itself_on_meta_commands(self):
        self.agrees_with_itself(MetaProfile(88), 88)


if __name__ == "__main__":
    unittest.main()
