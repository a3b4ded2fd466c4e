"""No stale item after an outage: contract of docs/operations.md, "When a backend fails".

When a set, replace, cas or delete failed or its outcome is unknown, no read through this process
returns the older item; what others wrote since then, and locks taken by add, survive.
"""

import os
import socket
import struct
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.fake_redis import Drop, FakeRedis, bulk, read_command  # noqa: E402
from support.load import Load  # noqa: E402
from support.servers import patience, wait_until  # noqa: E402
from test_outages import CONFIG, LIMIT_S, OutageTestCase  # noqa: E402

PLAIN = CONFIG + "value_format: plain\n"


class Stale(OutageTestCase):
    def clients(self, daemon, count=6):
        """Connections over all workers."""
        return [self.open(daemon) for _ in range(count)]

    def wait_until_served(self, client):
        wait_until(lambda: client.set(b"probe", b"x") == b"STORED\r\n", 2, "it serves again")

    def watch(self, clients, key, forbidden, seconds=1.0):
        """All connections read the key for a while; what they saw."""
        seen = set()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for client in clients:
                value = client.get(key)
                self.assertNotIn(value, forbidden)
                seen.add(value)
        return seen

    def outage(self, config, attempt, expected_answers, forbidden=(b"old",), hold="pause"):
        """old is stored, Redis stops, `attempt` fails, Redis goes on; nobody may read old."""
        redis, wire, daemon = self.wired(config=config)
        clients = self.clients(daemon)
        self.assertEqual(clients[0].set(b"k", b"old", flags=0), b"STORED\r\n")
        self.assertEqual(clients[1].get(b"k"), b"old")
        unique = clients[0].gets_cas(b"k")
        begin, end = {"pause": (redis.pause, redis.resume), "cut": (wire.cut, wire.mend),
                      "hold": (wire.hold, wire.release)}[hold]
        begin()
        answer = clients[0].call(attempt.replace(b"<C>", b"%d" % unique))
        self.assertIn(answer, expected_answers)
        for client in clients:
            self.assertIsNone(client.get(b"k"))
        end()
        seen = self.watch(clients, b"k", forbidden)
        self.wait_until_served(clients[0])
        seen |= self.watch(clients, b"k", forbidden, 0.5)
        self.assertEqual(clients[0].set(b"k", b"after"), b"STORED\r\n")
        self.wait_until_all_read(clients, b"k", b"after")
        self.assertEqual(self.watch(clients, b"k", forbidden, 0.3), {b"after"})
        return seen

    def wait_until_all_read(self, clients, key, value):
        """A miss is right as long as the removal is pending, and not afterwards."""
        wait_until(lambda: all(client.get(key) == value for client in clients), 2, "the newer item shows")

    def test_set(self):
        for config in (CONFIG, PLAIN):
            for hold in ("pause", "cut", "hold"):
                with self.subTest(config=config, hold=hold):
                    self.outage(config, b"set k 0 0 3\r\nnew\r\n", [b"NOT_STORED\r\n"], hold=hold)

    def test_delete(self):
        for config in (CONFIG, PLAIN):
            for hold in ("pause", "cut", "hold"):
                with self.subTest(config=config, hold=hold):
                    seen = self.outage(config, b"delete k\r\n", [b"NOT_FOUND\r\n"], hold=hold)
                    self.assertEqual(seen, {None})

    def test_replace_and_cas(self):
        for attempt, answer in ((b"replace k 0 0 3\r\nnew\r\n", b"NOT_STORED\r\n"),
                                (b"cas k 0 0 3 <C>\r\nnew\r\n", b"NOT_FOUND\r\n")):
            for hold in ("pause", "cut"):
                with self.subTest(attempt=attempt, hold=hold):
                    self.outage(CONFIG, attempt, [answer], hold=hold)

    def test_without_reply(self):
        redis, daemon = self.stage()
        clients = self.clients(daemon)
        clients[0].set(b"k", b"old")
        redis[0].pause()
        clients[0].send(b"set k 0 0 3 noreply\r\nnew\r\n")
        self.assertIsNone(clients[0].get(b"k"))
        redis[0].resume()
        self.watch(clients, b"k", (b"old",))

    def test_the_late_command(self):
        """The SET lies in the stopped server's socket buffer. Deleted afterwards, it must not come
        back when the server goes on and executes it."""
        for config in (CONFIG, PLAIN):
            with self.subTest(config=config):
                redis, daemon = self.stage(config=config)
                clients = self.clients(daemon)
                clients[0].set(b"k", b"old")
                redis[0].pause()
                self.assertEqual(clients[0].set(b"k", b"late"), b"NOT_STORED\r\n")
                self.assertEqual(clients[1].call(b"delete k\r\n"), b"NOT_FOUND\r\n")
                redis[0].resume()
                seen = self.watch(clients, b"k", (b"old", b"late"))
                self.assertEqual(seen, {None})
                self.wait_until_served(clients[0])
                with redis[0].client() as raw:
                    wait_until(lambda: raw.call("EXISTS", "k") == 0, 2, "the item is removed")
                self.assertEqual(clients[2].set(b"k", b"newer"), b"STORED\r\n")
                self.wait_until_all_read(clients, b"k", b"newer")
                self.assertEqual(self.watch(clients, b"k", (b"old", b"late"), 0.3), {b"newer"})

    def test_the_late_command_does_not_follow_a_newer_set(self):
        redis, daemon = self.stage()
        clients = self.clients(daemon)
        for round_number in range(3):
            key = b"k%d" % round_number
            clients[0].set(key, b"old")
            redis[0].pause()
            self.assertEqual(clients[0].set(key, b"late"), b"NOT_STORED\r\n")
            redis[0].resume()
            wait_until(lambda: clients[1].set(key, b"newer") == b"STORED\r\n", 2, "it serves again")
            self.watch(clients, key, (b"old", b"late"), 0.3)
            self.wait_until_all_read(clients, key, b"newer")
            self.assertEqual(self.watch(clients, key, (b"old", b"late"), 0.3), {b"newer"})

    def test_the_late_command_that_a_proxy_still_has(self):
        """That our end of the connection was closed says nothing of what is still on its way."""
        redis, wire, daemon = self.wired(threads=1)
        client = self.open(daemon)
        client.set(b"k", b"old")
        wire.hold()
        client.send(b"set k 0 0 4\r\nlate\r\n")
        wait_until(wire.holds_bytes, 0.4, "the set is on its way")
        wire.leave()
        self.assertEqual(client.unit(), b"NOT_STORED\r\n")
        wire.release()
        wait_until(lambda: client.set(b"k", b"newer") == b"STORED\r\n", 2, "it serves again")
        self.wait_until_all_read([client], b"k", b"newer")
        wire.arrive()
        self.assertEqual(self.watch([client], b"k", (b"old", b"late")), {b"newer"})

    def test_somebody_elses_newer_item_survives(self):
        """Another process wrote after the failed set: the removal must leave that alone."""
        redis, wire, daemon = self.wired()
        other = self.fleet.mcrelay(backends=[redis.location()], config=CONFIG)
        client, foreign = self.open(daemon), self.open(other)
        client.set(b"k", b"old")
        wire.cut()
        self.assertEqual(client.set(b"k", b"lost"), b"NOT_STORED\r\n")
        time.sleep(0.05)
        self.assertEqual(foreign.set(b"k", b"foreign"), b"STORED\r\n")
        wire.mend()
        wait_until(lambda: client.get(b"k") == b"foreign", 2, "the newer item shows")
        self.assertEqual(foreign.get(b"k"), b"foreign")

    def test_a_lock_of_somebody_else_survives(self):
        for verb in (b"add lock 0 60 4\r\nmine\r\n", b"append lock 0 0 1\r\n!\r\n", b"incr lock 1\r\n",
                     b"touch lock 60\r\n"):
            with self.subTest(verb=verb):
                redis, daemon = self.stage()
                client = self.open(daemon)
                with redis[0].client() as raw:
                    raw.call("SET", "lock", "somebody")
                    redis[0].pause()
                    self.assertIn(client.call(verb), [b"NOT_STORED\r\n", b"NOT_FOUND\r\n"])
                    redis[0].resume()
                    self.wait_until_served(client)
                    time.sleep(0.3)
                    self.assertIn(client.get(b"lock"), [b"somebody", b"somebody!"])

    def test_a_lock_taken_after_a_failed_set_survives(self):
        redis, wire, daemon = self.wired()
        other = self.fleet.mcrelay(backends=[redis.location()], config=CONFIG)
        client, foreign = self.open(daemon), self.open(other)
        wire.cut()
        self.assertEqual(client.set(b"lock", b"x"), b"NOT_STORED\r\n")
        time.sleep(0.05)
        self.assertEqual(foreign.set(b"lock", b"held", verb=b"add"), b"STORED\r\n")
        wire.mend()
        self.wait_until_served(client)
        time.sleep(0.3)
        self.assertEqual(foreign.get(b"lock"), b"held")

    def test_under_load_with_several_workers(self):
        """The load's own rule: what was last attempted, or a miss; through other connections too."""
        redis, wire, daemon = self.wired(threads=3)
        with Load(daemon.address, workers=6, limit_s=LIMIT_S, keys=10) as load:
            for begin, end in ((wire.cut, wire.mend), (redis.pause, redis.resume),
                               (wire.hold, wire.release), (wire.drop_connections, lambda: None)) * 2:
                time.sleep(0.4)
                begin()
                time.sleep(0.9)
                end()
                self.assert_served_within(load, time.monotonic(), 1.5)
                load.check()
        self.assertGreater(load.total("failed_writes"), 0)

    def test_many_keys_at_once(self):
        redis, wire, daemon = self.wired()
        client = self.open(daemon)
        keys = [b"%d.many" % i for i in range(3000)]
        client.send(b"".join(b"set %s 0 0 3 noreply\r\nold\r\n" % key for key in keys))
        self.assertEqual(client.get(keys[-1], limit_s=10), b"old")
        wire.cut()
        client.send(b"".join(b"delete %s\r\n" % key for key in keys))
        self.assertEqual(set(client.units(len(keys), limit_s=10)), {b"NOT_FOUND\r\n"})
        wire.mend()
        until = time.monotonic() + patience(2)
        with Client(daemon.address) as reader:
            while time.monotonic() < until:
                answer = reader.values(b"get " + b" ".join(keys) + b"\r\n")
                self.assertEqual(answer, b"END\r\n")
        with redis.client() as raw:
            self.assertEqual(raw.call("DBSIZE"), 0, "not all were removed")

    def test_nearly_as_many_keys_as_may_be_pending(self):
        """Of 100,000: their removal takes seconds, and others are served meanwhile."""
        redis, wire, daemon = self.wired(threads=8)
        client, other = self.open(daemon), self.open(daemon)
        count, step = 99000, 9000
        with redis.client() as raw:
            raw.call("EVAL", "for i = 1, tonumber(ARGV[1]) do redis.call('SET', i .. '.many', 'old') end", "0",
                     str(count))
        self.assertEqual(client.get(b"7.many"), b"old")
        wire.cut()
        for first in range(1, count, step):
            client.send(b"".join(b"delete %d.many noreply\r\n" % i for i in range(first, first + step)))
            self.assertIsNone(client.get(b"7.many", limit_s=20))
        wire.mend()
        started = time.monotonic()
        times, failed = [], 0
        with redis.client() as raw:
            while raw.call("DBSIZE") > 1:
                self.assertLess(time.monotonic() - started, patience(20))
                begun = time.monotonic()
                self.assertIsNone(client.get(b"%d.many" % count))
                if other.set(b"bystander", b"x") == b"STORED\r\n":
                    times.append(time.monotonic() - begun)
                elif times:  # it was back, and is not again because of the removals
                    failed += 1
        self.assertGreater(len(times), 20)
        self.assertLess(failed, len(times) / 4)
        self.assertLess(sorted(times)[len(times) // 2], patience(0.05))
        wait_until(lambda: b"every pending removal is done" in daemon.log().encode(), 5, "it is told")
        self.assertEqual(client.get(b"bystander"), b"x")

    def test_a_client_that_vanishes_after_a_set_that_is_lost(self):
        """Nobody hears that the set failed, and the item it should have replaced is stale all the
        same."""
        for vanish in (reset, Client.close):
            with self.subTest(vanish=vanish.__name__):
                redis, wire, daemon = self.wired()
                clients = self.clients(daemon)
                self.assertEqual(clients[0].set(b"k", b"old"), b"STORED\r\n")
                wire.hold()
                gone = daemon.client()
                gone.send(b"set k 0 0 3\r\nnew\r\n")
                time.sleep(0.1)
                vanish(gone)
                time.sleep(0.1)
                wire.cut()
                wire.release()
                time.sleep(0.2)
                wire.mend()
                self.assertEqual(self.watch(clients, b"k", (b"old",)), {None})
                with redis.client() as raw:
                    wait_until(lambda: raw.call("EXISTS", "k") == 0, 2, "the item is removed")

    def test_a_flush_that_is_lost_stays_due(self):
        """Sent to a server that had stopped, or over a connection that was dead already."""
        for begin in ("hold", "cut"):
            with self.subTest(begin=begin):
                redis, wire, daemon = self.wired()
                clients = self.clients(daemon)
                self.assertEqual(clients[0].set(b"k", b"old"), b"STORED\r\n")
                getattr(wire, begin)()
                self.assertEqual(clients[0].call(b"flush_all\r\n"), b"SERVER_ERROR backend unavailable\r\n")
                wire.cut()
                wire.release()
                time.sleep(0.2)
                wire.mend()
                self.assertEqual(self.watch(clients, b"k", (b"old",)), {None})
                with redis.client() as raw:
                    wait_until(lambda: raw.call("DBSIZE") == 0, 2, "it is flushed")
                self.wait_until_served(clients[0])


def reset(client):
    """Closes with a reset instead of an end of stream."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


class SlowConnection(FakeRedis):
    """Once stop() was called nothing is read until go(), and then the connection that served last
    before is read later than all others: as a real server may, which owes no order between them.
    CLIENT KILL really ends a connection."""

    LATE_S = 0.4

    def __init__(self):
        super().__init__()
        self.ids = {}
        self.stopped, self.going = threading.Event(), threading.Event()
        self.victim = None
        self.set_by = None

    def stop(self):
        self.victim = self.set_by
        self.stopped.set()

    def go(self):
        self.going.set()

    def _serve(self, connection):
        with self.lock:
            number = len(self.ids) + 1
            self.ids[number] = connection
        stream = connection.makefile("rb")
        try:
            while stream.peek(1):
                if self.stopped.is_set():
                    self.going.wait()
                    if number == self.victim:
                        time.sleep(self.LATE_S)
                words = read_command(stream)
                if not words or number not in self.ids:
                    return
                connection.sendall(self._numbered_reply(number, words))
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            connection.close()

    def _numbered_reply(self, number, words):
        if words[:2] == [b"CLIENT", b"ID"]:
            return b":%d\r\n" % number
        if words[:2] == [b"CLIENT", b"INFO"]:
            return bulk(b"id=%d addr=127.0.0.1:%d name= db=0" % (number, number))
        if words[:2] == [b"CLIENT", b"KILL"]:
            other = self.ids.pop(int(words[words.index(b"ID") + 1]), None)
            if other is None:
                return b":0\r\n"
            other.shutdown(socket.SHUT_RDWR)
            return b":1\r\n"
        if words[0] == b"SET":
            self.set_by = number
        return self._reply(words)


def forbid_kill(redis):
    with redis.client() as raw:
        raw.call("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-client|kill")


class BusyOnce(FakeRedis):
    """Too busy for the first CLIENT KILL."""

    kills = 0

    def _reply(self, words):
        if words[:2] != [b"CLIENT", b"KILL"]:
            return super()._reply(words)
        self.kills += 1
        return b"-BUSY Redis is busy running a script.\r\n" if self.kills == 1 else b":0\r\n"


class RetiredLink(OutageTestCase):
    def test_with_more_unsent_than_the_socket_holds(self):
        """What the daemon could not even write fails when it gives the connection up. That says
        nothing of what the server has in its hands: a late set there must still not come back."""
        for fill in (False, True):
            with self.subTest(fill=fill):
                self.late_set(fill)

    def late_set(self, fill):
        server = SlowConnection()
        self.fleet.closers.callback(server.close)
        self.fleet.closers.callback(server.go)
        config = "timeouts: {connect: 20s, request: 500ms}\n"
        daemon = self.fleet.mcrelay(backends=[server.location()], config=config, threads=1)
        client = self.open(daemon)
        self.assertEqual(client.set(b"k", b"old"), b"STORED\r\n")
        server.stop()
        client.send(b"set k 0 0 4\r\nlate\r\n")
        time.sleep(0.05)
        fillers = [threading.Thread(target=self.flood, args=(daemon,)) for _ in range(15 if fill else 0)]
        for thread in fillers:
            thread.start()
        for thread in fillers:
            thread.join()
        self.assertEqual(client.unit(), b"NOT_STORED\r\n")
        time.sleep(0.3)
        server.go()
        writer = self.open(daemon)
        wait_until(lambda: writer.set(b"k", b"newer") == b"STORED\r\n", 5, "it serves again")
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            self.assertIn(writer.get(b"k"), (None, b"newer"))
            time.sleep(0.005)
        self.assertEqual(writer.set(b"k", b"last"), b"STORED\r\n")
        wait_until(lambda: writer.get(b"k") == b"last", 2, "the newer item shows")

    def test_where_the_server_refuses_to_kill(self):
        """The end of file is believed then, whoever closed first."""
        for begin, end in (("cut", "mend"), ("hold", "release")):
            with self.subTest(begin=begin):
                redis, wire, daemon = self.wired(config=CONFIG + "username: app\npassword: secret\n",
                                                 prepare=forbid_kill, threads=1)
                client = self.open(daemon)
                self.assertEqual(client.set(b"k", b"old"), b"STORED\r\n")
                wire.hold()
                client.send(b"set k 0 0 4\r\nlost\r\n")
                wait_until(wire.holds_bytes, 0.4, "the set is on its way")
                getattr(wire, begin)()
                self.assertEqual(client.unit(), b"NOT_STORED\r\n")
                wire.release()
                getattr(wire, end)()
                wait_until(lambda: client.set(b"k", b"newer") == b"STORED\r\n", 3, "it serves again")
                wait_until(lambda: client.get(b"k") == b"newer", 3, "the newer item shows")
                daemon.settle()

    def test_killed_again_when_the_server_was_busy(self):
        """What a script that runs too long refuses for a while is not refused for good."""
        server = BusyOnce(lambda words: Drop() if words[0] == b"SET" and words[2].endswith(b"lost") else None)
        self.fleet.closers.callback(server.close)
        daemon = self.fleet.mcrelay(backends=[server.location()], config=CONFIG, threads=1)
        client = self.open(daemon)
        self.assertEqual(client.set(b"k", b"old"), b"STORED\r\n")
        self.assertEqual(client.set(b"k", b"lost"), b"NOT_STORED\r\n")
        wait_until(lambda: server.kills == 2, 3, "the old connection is ended")
        wait_until(lambda: client.set(b"k", b"newer") == b"STORED\r\n", 2, "it serves again")
        wait_until(lambda: client.get(b"k") == b"newer", 2, "the newer item shows")
        self.assertEqual(server.kills, 2)

    def flood(self, daemon):
        sock = daemon.client().sock
        sock.settimeout(1)
        try:
            sock.sendall(b"set b 0 0 1000000 noreply\r\n%s\r\n" % (b"x" * 1000000) * 2)
        except OSError:
            pass
        finally:
            sock.close()


class PrefixFlush(OutageTestCase):
    STEPS = 40

    def test_another_during_a_running_one_follows_it(self):
        """The walk that runs may have passed what was stored since: a second one is needed, after
        the first, and reads miss until that has ended."""
        walks = []

        def answer(words):
            name = words[0].upper()
            if name == b"SCAN":
                time.sleep(0.05)
                cursor = (int(words[1]) + 1) % self.STEPS
                if cursor == 1:
                    walks.append("begun")
                if cursor == 0:
                    walks.append("ended")
                text = b"%d" % cursor
                return b"*2\r\n%s*0\r\n" % bulk(text)
            return bulk(b"val") if name == b"GET" else None

        server = FakeRedis(answer)
        self.fleet.closers.callback(server.close)
        daemon = self.fleet.mcrelay(backends=[server.location()], config="key_prefix: 'key:'\n", threads=1)
        client = self.open(daemon)
        self.assertEqual(client.get(b"a"), b"val")
        self.assertEqual(client.call(b"flush_all 1\r\n"), b"OK\r\n")
        wait_until(lambda: walks == ["begun"], 4, "the first walk runs")
        with daemon.client() as other:
            self.assertEqual(other.call(b"flush_all 1\r\n"), b"OK\r\n")
        wait_until(lambda: client.get(b"a") == b"val", 10, "it serves again")
        wait_until(lambda: len(walks) == 4, 10, "there was a second walk")
        self.assertEqual(walks, ["begun", "ended"] * 2)
        time.sleep(0.5)
        self.assertEqual(len(walks), 4, "two were asked for")
        self.assertEqual(client.get(b"a"), b"val")


if __name__ == "__main__":
    unittest.main()
