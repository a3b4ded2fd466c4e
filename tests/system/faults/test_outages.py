"""Redis killed, stopped, cut off, restarted, under load that knows what every answer may be."""

import os
import signal
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.client import RedisClient  # noqa: E402
from support.load import Load  # noqa: E402
from support.servers import patience, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402
from support.wire import Wire  # noqa: E402

TIMEOUT_S = 0.5
CONFIG = "timeouts: {connect: 500ms, request: 500ms}\n"
LIMIT_S = TIMEOUT_S + 0.3  # every answer, whatever Redis does


class OutageTestCase(FleetTestCase):
    def stage(self, shards=1, config=CONFIG, **options):
        redis = [self.fleet.redis() for _ in range(shards)]
        daemon = self.fleet.mcrelay(backends=[r.location() for r in redis], config=config, **options)
        return redis, daemon

    def wired(self, config=CONFIG, prepare=lambda redis: None, **options):
        """(redis, wire, daemon): the wire between them can be cut or held."""
        redis = self.fleet.redis()
        prepare(redis)
        wire = Wire(redis.address)
        self.fleet.closers.callback(wire.close)
        return redis, wire, self.fleet.mcrelay(backends=[wire.location()], config=config, **options)

    def load(self, daemon, **options):
        return Load(daemon.address, limit_s=LIMIT_S, **options)

    def assert_served_within(self, load, moment, seconds):
        time.sleep(patience(seconds))
        wait_until(lambda: load.stored_since(moment) < float("inf") or load.check(), 5, "it serves again")
        self.assertLess(load.stored_since(moment), patience(seconds))


class Undisturbed(OutageTestCase):
    def test_nothing_fails_and_nothing_is_lost(self):
        _, daemon = self.stage(shards=3)
        with self.load(daemon, strict=True) as load:
            time.sleep(2)
        self.assertEqual((load.total("failed_writes"), load.total("lost")), (0, 0))
        self.assertGreater(load.total("hits"), 1000)

    def test_a_stall_of_200_ms_is_no_error(self):
        (redis,), daemon = self.stage()
        with self.load(daemon) as load:
            for _ in range(5):
                time.sleep(0.3)
                redis.pause()
                time.sleep(0.2)
                redis.resume()
            time.sleep(0.3)
        self.assertEqual((load.total("failed_writes"), load.total("lost")), (0, 0))


class Killed(OutageTestCase):
    def test_killed_and_restarted_under_load(self):
        (redis,), daemon = self.stage()
        with self.load(daemon) as load:
            for _ in range(3):
                time.sleep(0.7)
                redis.kill9()
                down = time.monotonic()
                time.sleep(1.2)
                # Once the node is known to be down, answers come at once.
                self.assertLess(load.percentile(0.99, down + 0.5, down + 1.1), patience(0.1))
                redis.start()
                self.assert_served_within(load, time.monotonic(), 1.0)
                load.check()
        self.assertGreater(load.total("failed_writes"), 0, "the outage was not noticed")

    def test_killed_under_load_behind_a_unix_socket(self):
        """Its end is often noticed in writing first. Nothing is left open, and who has connected to
        the new server meanwhile is not disturbed: ids begin anew there."""
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location(unix=True)], config=CONFIG, threads=4)
        daemon.settle()
        with self.load(daemon, workers=8) as load:
            for _ in range(6):
                time.sleep(0.3)
                redis.kill9()
                redis.start()
                strangers = [RedisClient(redis.socket_path) for _ in range(10)]
                self.assert_served_within(load, time.monotonic(), 1.0)
                for stranger in strangers:
                    self.assertEqual(stranger.call("PING"), b"PONG")
                    stranger.close()
                load.check()
        wait_until(lambda: daemon.descriptors() <= daemon.idle_descriptors, 2, "all is closed")

    def test_a_batch_that_finds_it_dead_in_the_same_turn(self):
        """Commands that wait for earlier ones go on when those fail while they are written."""
        (redis,), daemon = self.stage(threads=1)
        many = b"".join(b"set k%d 0 0 1\r\nx\r\n" % i for i in range(1100))
        for batch, answers in ((many + b"delete last\r\n", 1101), (b"mg a v\r\nmn\r\n", 2),
                               (b"mg a v\r\nset a 0 0 1\r\nx\r\n", 2), (b"incr a 1\r\nversion\r\n", 2),
                               (b"set a 0 0 1\r\nx\r\nflush_all\r\n", 2),
                               (b"append a 0 0 1\r\nx\r\nget a\r\n", 2)):
            with self.subTest(batch=batch[-40:]):
                client, other = self.open(daemon), self.open(daemon)
                wait_until(lambda: client.set(b"warm", b"x") == b"STORED\r\n", 3, "it serves")
                redis.pause()
                other.send(b"set unread 0 0 1\r\nx\r\n")  # so that Redis resets instead of closing
                time.sleep(0.1)
                os.kill(daemon.pid, signal.SIGSTOP)
                client.send(batch)
                redis.kill9()
                os.kill(daemon.pid, signal.SIGCONT)
                self.assertEqual(len(client.units(answers, limit_s=3)), answers)
                redis.start()

    def test_what_a_dead_backend_answers(self):
        for mode, config in (("miss", CONFIG), ("error", CONFIG + "on_error: error\n")):
            with self.subTest(on_error=mode):
                (redis,), daemon = self.stage(config=config)
                client = self.open(daemon)
                self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")
                redis.kill9()
                # Keys of their own: what a failed write was about counts as missing from then on.
                self.check_dead_answers(client, mode, b"first")
                self.check_dead_answers(client, mode, b"known to be down")
                self.assertEqual(client.call(b"flush_all\r\n"), b"SERVER_ERROR backend unavailable\r\n")

    def check_dead_answers(self, client, mode, round_name):
        def expect(request, miss):
            want = miss if mode == "miss" else b"SERVER_ERROR backend unavailable\r\n"
            request = request.replace(b"?", round_name.replace(b" ", b"-"))
            started = time.monotonic()
            self.assertEqual(client.call(request), want, request)
            self.assertLess(time.monotonic() - started, patience(LIMIT_S), request)

        for line in (b"get ?", b"gets ?", b"get ? l m", b"gat 0 ?", b"gats 100 ? l"):
            expect(line + b"\r\n", b"END\r\n")
        for verb in (b"set", b"add", b"replace", b"append", b"prepend"):
            expect(verb + b" " + verb + b"? 0 0 1\r\nx\r\n", b"NOT_STORED\r\n")
        for line in (b"cas ?cas 0 0 1 5\r\nx\r\n", b"delete ?delete\r\n", b"touch ?touch 0\r\n",
                     b"incr ?incr 1\r\n", b"decr ?decr 1\r\n"):
            expect(line, b"NOT_FOUND\r\n")
        # noreply stays silent, and the connection in step.
        client.send(b"set q 0 0 1 noreply\r\nx\r\ndelete q noreply\r\nincr q 1 noreply\r\n")
        self.assertTrue(client.call(b"version\r\n").startswith(b"VERSION "))
        client.expect_quiet()

    def test_a_lock_that_cannot_be_had_is_no_lock_that_somebody_holds(self):
        """With `write: error`, also on a key whose removal is pending."""
        (redis,), daemon = self.stage(config=CONFIG + "on_error: {read: miss, write: error, delete: error}\n")
        client = self.open(daemon)
        redis.kill9()
        for _ in range(3):
            self.assertEqual(client.call(b"delete lock\r\n"), b"SERVER_ERROR backend unavailable\r\n")
            self.assertEqual(client.set(b"lock", b"x", verb=b"add"), b"SERVER_ERROR backend unavailable\r\n")

    def test_on_error_by_kind(self):
        config = CONFIG + "on_error: {read: miss, write: error, delete: miss}\n"
        (redis,), daemon = self.stage(config=config)
        client = self.open(daemon)
        redis.kill9()
        unavailable = b"SERVER_ERROR backend unavailable\r\n"
        self.assertEqual(client.values(b"get k\r\n"), b"END\r\n")
        self.assertEqual(client.set(b"k1", b"x", verb=b"add"), unavailable)
        self.assertEqual(client.call(b"incr k2 1\r\n"), unavailable)
        self.assertEqual(client.call(b"touch k3 1\r\n"), unavailable)
        self.assertEqual(client.call(b"delete k4\r\n"), b"NOT_FOUND\r\n")

    def test_a_state_change_is_logged_once(self):
        (redis,), daemon = self.stage()
        with self.load(daemon):
            time.sleep(0.3)
            redis.kill9()
            time.sleep(1.5)
            redis.start()
            time.sleep(1)
        down = [line for line in daemon.log().splitlines() if "node_down" in line]
        up = [line for line in daemon.log().splitlines() if "node_up" in line]
        self.assertTrue(1 <= len(down) <= 2, daemon.log())
        self.assertTrue(1 <= len(up) <= 2, daemon.log())


class Stopped(OutageTestCase):
    def test_stopped_and_continued_under_load(self):
        (redis,), daemon = self.stage()
        with self.load(daemon) as load:
            for _ in range(3):
                time.sleep(0.5)
                redis.pause()
                time.sleep(1.5)
                redis.resume()
                self.assert_served_within(load, time.monotonic(), 1.0)
                load.check()
        self.assertGreater(load.total("failed_writes"), 0, "the outage was not noticed")

    def test_a_pipelined_batch_is_answered_within_one_timeout(self):
        (redis,), daemon = self.stage()
        client = self.open(daemon)
        client.set(b"k", b"x")
        redis.pause()
        started = time.monotonic()
        client.send(b"get k\r\nset k 0 0 1\r\ny\r\nincr n 1\r\n" * 200)
        for _ in range(200):
            self.assertEqual(client.units(3), [b"END\r\n", b"NOT_STORED\r\n", b"NOT_FOUND\r\n"])
        self.assertLess(time.monotonic() - started, patience(LIMIT_S))
        redis.resume()

    def test_a_slow_node_is_asked_nothing_more_after_so_many_overdue_requests(self):
        for overdue in (1, 3):
            (redis,), daemon = self.stage(config=CONFIG + f"health: {{overdue: {overdue}, failures: 100}}\n",
                                          threads=1)
            client = self.open(daemon)
            self.assertEqual(client.set(b"k", b"v"), b"STORED\r\n")
            redis.pause()
            took_s = []
            for _ in range(overdue + 3):
                started = time.monotonic()
                self.assertIsNone(client.get(b"k"))
                took_s.append(time.monotonic() - started)
            redis.resume()
            for waited_s in took_s[:overdue]:
                self.assertGreater(waited_s, TIMEOUT_S * 0.9, took_s)
                self.assertLess(waited_s, patience(LIMIT_S), took_s)
            for waited_s in took_s[overdue:]:
                self.assertLess(waited_s, patience(TIMEOUT_S / 3), took_s)
            # A handshake that succeeds brings it back.
            wait_until(lambda client=client: client.get(b"k") == b"v", 3, "it is asked again")

    def test_unreachable_without_a_reset(self):
        """A cut that nobody is told of: bytes are held, then come late."""
        redis, wire, daemon = self.wired()
        with self.load(daemon) as load:
            for _ in range(2):
                time.sleep(0.5)
                wire.hold()
                time.sleep(1.5)
                wire.release()
                self.assert_served_within(load, time.monotonic(), 1.5)
                load.check()

    def test_connections_dropped_again_and_again(self):
        redis, wire, daemon = self.wired()
        with self.load(daemon) as load:
            for _ in range(20):
                time.sleep(0.1)
                wire.drop_connections()
            self.assert_served_within(load, time.monotonic(), 1.0)

    def test_refused_for_a_while(self):
        redis, wire, daemon = self.wired()
        with self.load(daemon) as load:
            time.sleep(0.5)
            wire.cut()
            time.sleep(1)
            wire.mend()
            self.assert_served_within(load, time.monotonic(), 1.0)


class OneOfThree(OutageTestCase):
    """The other shards do not notice, and no key moves."""

    def keys_by_shard(self, redis, client, count=300):
        keys = [b"%d.key" % i for i in range(count)]
        for key in keys:
            self.assertEqual(client.set(key, b"of " + key), b"STORED\r\n")
        found = []
        for server in redis:
            with server.client() as raw:
                found.append({key for key in keys if raw.call("EXISTS", key)})
        self.assertEqual(sum(map(len, found)), count)
        return found

    def outage(self, begin, end):
        redis, daemon = self.stage(shards=3)
        client = self.open(daemon)
        found = self.keys_by_shard(redis, client)
        sick = max(range(3), key=lambda shard: len(found[shard]))
        healthy = sorted(set().union(*found) - found[sick])
        lost = sorted(found[sick])
        begin(redis[sick])
        time.sleep(patience(2 * TIMEOUT_S))
        for _ in range(20):  # until it is known to be down
            client.get(lost[0])
        times = []
        for key in healthy * 3:
            started = time.monotonic()
            self.assertEqual(client.get(key), b"of " + key)
            self.assertEqual(client.call(b"touch " + key + b" 100\r\n"), b"TOUCHED\r\n")
            times.append(time.monotonic() - started)
        self.assertLess(sorted(times)[int(len(times) * 0.99)], patience(0.08))
        answer = client.values(b"get " + b" ".join(sorted(healthy + lost)) + b"\r\n")
        self.assertEqual(answer, b"".join(b"VALUE %s 0 %d\r\nof %s\r\n" % (key, len(key) + 3, key)
                                          for key in healthy) + b"END\r\n")
        for key in lost[:10]:
            self.assertEqual(client.set(key, b"moved"), b"NOT_STORED\r\n")
        for number, server in enumerate(redis):
            if number != sick:
                with server.client() as raw:
                    self.assertEqual(raw.call("DBSIZE"), len(found[number]), "a key moved")
        end(redis[sick])
        wait_until(lambda: client.set(lost[0], b"back") == b"STORED\r\n", 1.5, "the shard is back")
        wait_until(lambda: client.get(lost[0]) == b"back", 1.5, "its new item shows")

    def test_dead(self):
        self.outage(lambda redis: redis.kill9(), lambda redis: redis.start())

    def test_hung(self):
        self.outage(lambda redis: redis.pause(), lambda redis: redis.resume())


class Idle(OutageTestCase):
    def test_the_first_request_after_redis_closed_idle_connections(self):
        redis = self.fleet.redis("--timeout", "1")
        daemon = self.fleet.mcrelay(backends=[redis.location()], config=CONFIG)
        client = self.open(daemon)
        client.set(b"k", b"x")
        for _ in range(3):
            time.sleep(2.5)
            self.assertEqual(client.get(b"k"), b"x")
            self.assertEqual(client.call(b"delete none\r\n"), b"NOT_FOUND\r\n")
            self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")

    def test_the_first_request_after_redis_killed_connections(self):
        (redis,), daemon = self.stage()
        client = self.open(daemon)
        client.set(b"k", b"x")
        with redis.client() as raw:
            for _ in range(10):
                raw.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                time.sleep(0.1)
                self.assertEqual(client.set(b"k", b"y"), b"STORED\r\n")
                self.assertEqual(client.get(b"k"), b"y")


class Ending(OutageTestCase):
    def test_sigterm_answers_what_is_in_flight(self):
        (redis,), daemon = self.stage()
        client = self.open(daemon)
        client.set(b"n", b"0")
        client.send(b"incr n 1\r\n" * 2000)
        daemon.expected_alive = False
        ender = threading.Thread(target=daemon.terminate)
        ender.start()
        self.assertEqual(client.expect_closed(), b"".join(b"%d\r\n" % n for n in range(1, 2001)))
        ender.join()
        self.assertEqual(daemon.process.returncode, 0)
        with redis.client() as raw:
            self.assertEqual(raw.call("GET", "n")[16:], b"2000", "done without being answered")

    def test_sigterm_with_a_hung_backend(self):
        (redis,), daemon = self.stage()
        client = self.open(daemon)
        client.set(b"k", b"x")
        redis.pause()
        client.send(b"get k\r\nset k 0 0 1\r\ny\r\n")
        time.sleep(0.05)
        started = time.monotonic()
        self.assertEqual(daemon.terminate(5), 0)
        self.assertLess(time.monotonic() - started, patience(5))
        self.assertEqual(client.expect_closed(), b"END\r\nNOT_STORED\r\n")

    def test_sigterm_under_load(self):
        (redis,), daemon = self.stage()
        clients = [self.open(daemon) for _ in range(8)]
        for client in clients:
            client.send(b"get k\r\n" * 50)
        self.assertEqual(daemon.terminate(5), 0)
        for client in clients:
            self.assertEqual(client.expect_closed(), b"END\r\n" * 50)


if __name__ == "__main__":
    unittest.main()
