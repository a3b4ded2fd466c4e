"""The same command sequences to a real memcached and to mcrelay: every byte of the answers compared.

Fixed seeds; MCRELAY_SEED adds one more, MCRELAY_COMMANDS changes how many commands a run has.
Generated around the known divergences of Debian's memcached 1.6.18 from 1.6.45, the version that is
the rule (tests/data/differences.md).
"""

import os
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.differential import Pair, run_or_explain  # noqa: E402
from support.generator import ClassicProfile  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

COMMANDS = int(os.environ.get("MCRELAY_COMMANDS", "20000"))
EXTRA_SEEDS = [int(os.environ["MCRELAY_SEED"])] if "MCRELAY_SEED" in os.environ else []


class Differential(FleetTestCase):
    def compare(self, daemon, shards, profile, seed, ordered_cas):
        references = []

        def fresh_pair():
            for shard in shards:
                with shard.client() as redis:
                    redis.call("FLUSHALL")
            if references:
                references.pop().close()
            references.append(self.fleet.memcached())
            return Pair(references[0].address, daemon.address, ordered_cas)

        pair, difference = run_or_explain(fresh_pair, profile.batches(COMMANDS), seed)
        if difference:
            self.fail(difference)
        self.assertGreaterEqual(pair.commands_run, COMMANDS)
        self.assertGreater(len(pair.uniques[1].rank), COMMANDS // 100, "hardly a CAS unique was seen")
        print(f"seed {seed}: {pair.commands_run} commands, {len(pair.uniques[1].rank)} uniques, "
              f"{pair.padded} padded numbers")

    def run_profile(self, daemon, shards, seeds, content_cas=False):
        for seed in seeds + EXTRA_SEEDS:
            with self.subTest(seed=seed):
                profile = ClassicProfile(seed, content_cas=content_cas)
                self.compare(daemon, shards, profile, seed, ordered_cas=not content_cas)

    def test_tagged_values_over_tcp(self):
        redis, daemon = self.one_shard()
        self.run_profile(daemon, [redis], [11])

    def test_plain_values(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location()], config="value_format: plain\n")
        self.run_profile(daemon, [redis], [22], content_cas=True)

    def test_three_shards_over_unix_sockets(self):
        shards = [self.fleet.redis() for _ in range(3)]
        backends = "".join(f"  - {{location: '{shard.location(unix=True)}', name: node{number}}}\n"
                           for number, shard in enumerate(shards))
        daemon = self.fleet.mcrelay(config="backends:\n" + backends, listen="unix")
        self.run_profile(daemon, shards, [33])
        for number, shard in enumerate(shards):
            with shard.client() as redis:
                stats = redis.call("INFO", "stats").decode()
            hits = int(stats.partition("keyspace_hits:")[2].split()[0])
            self.assertGreater(hits, 0, f"no key was read from shard {number}")


class GeneratorSelfTest(FleetTestCase):
    """Two memcacheds must not differ: what the generator draws is deterministic in the reference."""

    def test_memcached_agrees_with_itself(self):
        def fresh_pair():
            return Pair(self.fleet.memcached().address, self.fleet.memcached().address, True,
                        subject_pads=True)

        profile = ClassicProfile(44)
        profile.makers = [(weight, maker) for weight, maker in profile.makers
                          if maker != profile.refused_store]  # its bytes differ by side
        pair, difference = run_or_explain(fresh_pair, profile.batches(3000), 44)
        self.assertIsNone(difference)


if __name__ == "__main__":
    unittest.main()
