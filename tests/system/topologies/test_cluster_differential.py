"""The differential test, unchanged, with a cluster behind the daemon."""

import os
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)
sys.path.insert(0, os.path.join(TESTS, "system"))

import test_differential  # noqa: E402
from support.topology import Cluster  # noqa: E402


class ClusterDifferential(test_differential.Differential):
    # The tests of the base have no cluster.
    locals().update({name: None for name in dir(test_differential.Differential)
                     if name.startswith("test_")})

    def compare_over_a_cluster(self, seed, **options):
        cluster = Cluster(self.fleet, replicas=False)
        daemon = self.fleet.mcrelay(config=test_differential.PATIENT +
                                    f"backends: {cluster.seeds()}\ntopology: cluster\n")
        self.run_profile(daemon, cluster.primaries(), [seed], **options)

    def test_classic_commands(self):
        self.compare_over_a_cluster(66)

    def test_meta_commands(self):
        self.compare_over_a_cluster(99, kind=test_differential.MetaProfile)


if __name__ == "__main__":
    unittest.main(defaultTest="ClusterDifferential")
