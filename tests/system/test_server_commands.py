"""Commands that concern the whole server: their words and replies against a real memcached."""

import os
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

# Not `lru_crawler enable`: memcached's runs already and says so as an error.
NO_EFFECT = b"""
slabs
slabs x
slabs noreply
slabs x noreply
slabs automove
slabs automove 0
slabs automove 1
slabs automove 2
slabs automove 3
slabs automove 1 x
slabs automove -1
slabs automove x
slabs automove 1 noreply
slabs automove noreply
slabs automove ratio
slabs automove ratio 0.5
slabs automove ratio x
slabs reassign
slabs reassign 1
slabs reassign 1 2
slabs reassign 0 2
slabs reassign 1 0
slabs reassign 1 39
slabs reassign 1 40
slabs reassign x y
slabs reassign 1 noreply
slabs reassign 1 1
slabs reassign 1 2 3
slabs reassign 1 2 noreply
lru
lru x
lru noreply
lru x noreply
lru mode
lru mode flat
lru mode segmented
lru mode x
lru mode flat x
lru mode flat noreply
lru tune
lru tune 10 25 0.1 2.0
lru tune 10 25 0.1
lru tune x y z w
lru tune 10 25 x 2.0
lru tune 1e1 25 0.1 2
lru tune 60 60 0.1 2.0
lru tune 99 0 1 2
lru tune 10 25 -1 2.0
lru tune 0 0 0 0
lru tune 10 25 0.1 2.0 noreply
lru tune 81 0 1 1 noreply
lru temp_ttl
lru temp_ttl 61
lru temp_ttl -1
lru temp_ttl x
lru temp_ttl 1.5
lru temp_ttl 60 noreply
lru_crawler
lru_crawler x
lru_crawler noreply
lru_crawler enable x
lru_crawler enable noreply
lru_crawler sleep
lru_crawler sleep 0
lru_crawler sleep 1000000
lru_crawler sleep 1000001
lru_crawler sleep x
lru_crawler sleep -1
lru_crawler sleep 10 x
lru_crawler sleep 100 noreply
lru_crawler tocrawl
lru_crawler tocrawl 0
lru_crawler tocrawl x
lru_crawler tocrawl -1
lru_crawler crawl
lru_crawler crawl all
lru_crawler crawl 1
lru_crawler crawl 1,2,3
lru_crawler crawl 63
lru_crawler crawl 64
lru_crawler crawl x
lru_crawler crawl 0
lru_crawler crawl 1,x
lru_crawler crawl all x
lru_crawler crawl all noreply
lru_crawler disable
cache_memlimit x
cache_memlimit 64
cache_memlimit 64 x
cache_memlimit 8
cache_memlimit 7
cache_memlimit 1
cache_memlimit 0
cache_memlimit -1
cache_memlimit 64.5
cache_memlimit 1000000001
cache_memlimit 64 noreply
cache_memlimit 1 noreply
cache_memlimit x noreply
cache_memlimit noreply
""".strip().split(b"\n")


class NoEffect(FleetTestCase):
    def test_commands_about_memcacheds_memory_get_its_replies(self):
        _, daemon = self.one_shard()
        reference = self.open_memcached()
        client = self.open(daemon)
        for line in NO_EFFECT:
            client.send(line + b"\r\nmn\r\n")
            with self.subTest(line=line):
                self.assertEqual(client.until(b"MN"), self.ask_when_free(reference, line))

    def ask_when_free(self, memcached, line):
        """memcached's own crawler may still be at the crawl before: that is no answer to the line."""
        for _ in range(100):
            memcached.send(line + b"\r\nmn\r\n")
            answer = memcached.until(b"MN")
            if not any(unit.startswith(b"BUSY") for unit in answer):
                break
            time.sleep(0.05)
        return answer

    def open_memcached(self):
        client = Client(self.fleet.memcached().address)
        self.fleet.closers.callback(client.close)
        return client

    def test_the_crawler_may_be_enabled(self):
        _, daemon = self.one_shard()
        self.assertEqual(self.open(daemon).call(b"lru_crawler enable\r\n"), b"OK\r\n")


class Others(FleetTestCase):
    def test_cache_memlimit_sets_the_embedded_store(self):
        daemon = self.fleet.mcrelay("-m", "64")
        client = self.open(daemon)

        def limit():
            client.call(b"mn\r\n")
            time.sleep(1.05)  # it is asked for once a second
            client.send(b"stats\r\n")
            line = next(line for line in client.until(b"END\r\n") if b"limit_maxbytes" in line)
            return int(line.split()[2])

        self.assertEqual(limit(), 64 << 20)
        self.assertEqual(client.call(b"cache_memlimit 100\r\n"), b"OK\r\n")
        self.assertEqual(limit(), 100 << 20)
        self.assertEqual(client.call(b"cache_memlimit 1\r\n")[:18], b"MEMLIMIT_TOO_SMALL")
        self.assertEqual(limit(), 100 << 20)

    def test_watch_is_refused_as_by_memcached_without_watchers(self):
        _, daemon = self.one_shard()
        with Client(self.fleet.memcached("-W").address) as memcached:
            for line in (b"watch\r\n", b"watch fetchers mutations\r\n", b"watch x\r\n"):
                self.assertEqual(self.open(daemon).call(line), memcached.call(line))

    def test_shutdown_only_where_it_is_enabled(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location()])
        self.assertEqual(self.open(daemon).call(b"shutdown\r\n"),
                         b"SERVER_ERROR: shutdown not enabled\r\n")
        daemon = self.fleet.mcrelay("-A", backends=[redis.location()])
        client = self.open(daemon)
        self.assertEqual(client.call(b"shutdown now\r\n"), b"CLIENT_ERROR invalid shutdown mode\r\n")
        daemon.expected_alive = False
        client.send(b"shutdown\r\n")
        self.assertEqual(daemon.wait(), 0)


if __name__ == "__main__":
    unittest.main()
