"""A Sentinel-managed set behind the daemon: its primary is killed, or switched by hand, under load."""

import os
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.load import Load  # noqa: E402
from support.servers import patience, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402
from support.topology import SentinelSet, example  # noqa: E402


class SentinelTests(FleetTestCase):
    def start(self, **options):
        servers = SentinelSet(self.fleet, **options)
        config = example("sentinel.yaml", {26379 + i: sentinel.port
                                           for i, sentinel in enumerate(servers.sentinels)})
        if servers.password:
            config += f"password: {servers.password}\n"
        if options.get("sentinel_password"):
            config += f"sentinel_password: {options['sentinel_password']}\n"
        return servers, self.fleet.mcrelay(config=config)

    def test_a_killed_primary_is_replaced(self):
        servers, daemon = self.start(password="secret", sentinel_password="hush")
        with Load(daemon.address, workers=4, keys=20, pause_s=0.002, forgets=True) as load:
            time.sleep(0.3)
            load.check()
            self.assertEqual(load.total("failed_writes"), 0)
            old = servers.primary.port
            servers.primary.kill9()
            killed = time.monotonic()
            wait_until(lambda: any(servers.named(one) != old for one in servers.sentinels), 20,
                       "Sentinel switches")
            switched = time.monotonic()
            wait_until(lambda: load.stored_since(switched) < float("inf"), 10,
                       "every worker writes again")
            resumed = load.stored_since(switched)
            time.sleep(0.5)
            load.check()
            # The old primary comes back as a replica: nobody may write to it.
            servers.server_on(old).restart()
            failures = load.total("failed_writes")
            time.sleep(patience(2))
            load.check()
            self.assertEqual(load.total("failed_writes"), failures, "after the old one came back")
        print(f"switched {switched - killed:.2f} s after the kill, written {resumed:.2f} s later")
        self.assertLess(resumed, patience(2))

    def test_a_failover_by_hand(self):
        servers, daemon = self.start(replicas=1)
        with Load(daemon.address, workers=2, keys=20, pause_s=0.002, forgets=True) as load:
            time.sleep(0.3)
            old = servers.primary.port
            with servers.sentinels[0].client() as sentinel:
                sentinel.call("SENTINEL", "FAILOVER", servers.SERVICE)
            wait_until(lambda: servers.named() != old, 20, "Sentinel switches")
            switched = time.monotonic()
            wait_until(lambda: load.stored_since(switched) < float("inf"), 10,
                       "every worker writes again")
            resumed = load.stored_since(switched)
            time.sleep(patience(1))
        self.assertLess(resumed, patience(2))
        new = servers.server_on(servers.named())
        with new.client() as redis:
            self.assertGreater(redis.call("DBSIZE"), 0)


if __name__ == "__main__":
    unittest.main()
