"""A Sentinel-managed set behind the daemon: its primary is killed, or switched by hand, under load."""

import os
import signal
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.load import Load  # noqa: E402
from support.servers import LOOPBACK, patience, wait_until  # noqa: E402
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
        self.assertGreater(load.total("after_failure"), 0)
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

    def test_sentinels_set_up_anew_are_believed(self):
        """They count configuration epochs from 0 again; meanwhile somebody switched by hand."""
        servers, daemon = self.start(replicas=1, sentinels=1)
        client = self.open(daemon)
        old = servers.primary
        with servers.sentinels[0].client() as sentinel:
            sentinel.call("SENTINEL", "FAILOVER", servers.SERVICE)
        wait_until(lambda: servers.named() != old.port, 20, "Sentinel switches")
        new = servers.server_on(servers.named())
        wait_until(lambda: f"primary {LOOPBACK}:{new.port}" in daemon.log(), 10, "it is followed")
        servers.sentinels[0].kill9()
        servers.promote(old)
        servers.follow(new, old)
        servers.sentinels[0].set_up_anew(old)
        wait_until(lambda: client.set(b"k", b"v") == b"STORED\r\n", 10, "the old one is served")
        with old.client() as redis:
            self.assertTrue(redis.call("GET", "k").endswith(b"v"))
        self.assertIn("no Sentinel knows configuration epoch 1 any more; believing 0", daemon.log())

    def test_sentinels_that_hang_hold_up_neither_reload_nor_stop(self):
        servers = SentinelSet(self.fleet, 1, 1)
        config = (f"topology: sentinel\nsentinels: {servers.addresses()}\nservice: mymaster\n"
                  "timeouts: {connect: %s}\n")
        daemon = self.fleet.mcrelay(config=config % "6s")
        client = self.open(daemon)
        self.assertEqual(client.set(b"k", b"1"), b"STORED\r\n")
        servers.sentinels[0].pause()
        # Another time limit means another watcher, which has to ask first.
        daemon.write_config(config % "5s")
        daemon.signal(signal.SIGHUP)
        time.sleep(patience(0.3))
        started = time.monotonic()
        other = self.open(daemon)
        self.assertEqual(other.get(b"k"), b"1")
        self.assertEqual(client.set(b"k", b"2"), b"STORED\r\n")  # as the one before knows
        self.assertNotIn("was taken over", daemon.log())
        self.assertEqual(daemon.terminate(), 0)
        self.assertLess(time.monotonic() - started, patience(2))
        # At the start it waits a second for them.
        started = time.monotonic()
        late = self.fleet.mcrelay(config=config % "6s")
        self.assertLess(time.monotonic() - started, patience(3))
        client = self.open(late)
        self.assertEqual(client.set(b"k", b"3"), b"NOT_STORED\r\n")
        late.write_config(config % "5s")
        late.signal(signal.SIGHUP)
        time.sleep(patience(0.3))
        late.signal(signal.SIGHUP)  # waits for the first
        time.sleep(patience(0.3))
        servers.sentinels[0].resume()
        wait_until(lambda: client.set(b"k", b"4") == b"STORED\r\n", 15, "they answer: it is served")
        wait_until(lambda: late.log().count("was taken over") == 2, 5, "both times")
        late.settle()

    def test_every_outage_of_the_sentinels_is_told_once(self):
        servers, daemon = self.start(replicas=1)
        for times in range(1, 3):
            for sentinel in servers.sentinels:
                sentinel.kill9()
            wait_until(lambda times=times: daemon.log().count("no Sentinel answers") == times, 10,
                       f"outage {times} is told")
            time.sleep(patience(0.5))
            for sentinel in servers.sentinels:
                sentinel.start()
            wait_until(lambda times=times: daemon.log().count("a Sentinel answers again") == times,
                       10, f"the end of outage {times} is told")
        self.assertEqual(daemon.log().count("no Sentinel answers"), 2)

    def test_an_unknown_service_and_an_outage_are_told_apart(self):
        servers = SentinelSet(self.fleet, 1, 1)
        daemon = self.fleet.mcrelay(config="topology: sentinel\nservice: other\n"
                                           f"sentinels: {servers.addresses()}\n")
        wait_until(lambda: "does not know service 'other'" in daemon.log(), 10, "it is told")
        servers.sentinels[0].kill9()
        wait_until(lambda: "no Sentinel answers" in daemon.log(), 10, "the outage, too")
        time.sleep(patience(0.5))
        self.assertEqual(daemon.log().count("does not know service"), 1)

    def test_a_wrong_password_is_told_to_writers_and_in_the_log(self):
        servers = SentinelSet(self.fleet, 1, 1, password="right")
        config = f"topology: sentinel\nsentinels: {servers.addresses()}\nservice: mymaster\n"
        for password, word in (("password: wrong\n", b"WRONGPASS"), ("", b"NOAUTH")):
            daemon = self.fleet.mcrelay(config=config + password)
            client = self.open(daemon)
            wait_until(lambda client=client, word=word:
                       client.set(b"k", b"v").startswith(b"SERVER_ERROR " + word), 10,
                       f"writers are told {word}")
            self.assertIsNone(client.get(b"k"))
            self.assertIn(word.decode(), daemon.log())
            self.assertLess(len(daemon.log().splitlines()), 20, "not told again and again")


if __name__ == "__main__":
    unittest.main()
