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
    test_tagged_values_over_tcp = test_plain_values = test_three_shards_over_unix_sockets = None

    def test_a_cluster(self):
        cluster = Cluster(self.fleet, replicas=False)
        daemon = self.fleet.mcrelay(config=f"backends: {cluster.seeds()}\ntopology: cluster\n")
        self.run_profile(daemon, cluster.primaries(), [66])


if __name__ == "__main__":
    unittest.main(defaultTest="ClusterDifferential")
