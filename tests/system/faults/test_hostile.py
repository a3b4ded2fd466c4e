"""Clients that vanish, flood, stall and talk nonsense: others are not harmed, memory stays bounded."""

import os
import random
import resource
import socket
import struct
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.servers import SLOWNESS, connect, patience, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

LONG = os.environ.get("MCRELAY_LONG") == "1"
MALFORMED_INPUTS = 200000 if LONG else 40000
IDLE_CLIENTS = 10000 if LONG else 2000
SANITIZED = SLOWNESS > 1  # a sanitizer's shadow memory makes memory limits meaningless


class HostileTestCase(FleetTestCase):
    def assert_memory_below(self, daemon, before_kib, mebibytes):
        if not SANITIZED:
            grown = daemon.status_kib("VmHWM") - before_kib
            self.assertLess(grown, mebibytes * 1024, f"grew by {grown / 1024:.1f} MB")


class Vanishing(HostileTestCase):
    def test_a_thousand_clients_at_every_point_of_a_request(self):
        redis, daemon = self.one_shard()
        bystander = self.open(daemon)
        bystander.set(b"k", b"x" * 1000)
        requests = [b"set v 0 0 3000\r\n" + b"y" * 3000 + b"\r\n", b"get k k k k k\r\n", b"incr n 1\r\n" * 20,
                    b"set w 0 0 10 noreply\r\n0123456789\r\ndelete w\r\n"]
        before = daemon.status_kib("VmHWM")
        rng = random.Random(5)
        for i in range(1000):
            request = rng.choice(requests)
            sock = connect(daemon.address, patience(5))
            sock.sendall(request[:rng.randrange(1, len(request) + 1)])
            if i % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            if i % 50 == 0:
                self.assertEqual(bystander.get(b"k"), b"x" * 1000)
        self.assert_memory_below(daemon, before, 24)

    def test_five_hundred_announced_values_that_do_not_come(self):
        redis, daemon = self.one_shard()
        before = daemon.status_kib("VmHWM")
        clients = [connect(daemon.address, patience(5)) for _ in range(500)]
        try:
            for number, sock in enumerate(clients):
                sock.sendall(b"set big%d 0 0 1000000\r\nstart" % number)
            time.sleep(0.5)
            with daemon.client() as client:
                self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")
            self.assert_memory_below(daemon, before, 48)
        finally:
            for sock in clients:
                sock.close()


class Lines(HostileTestCase):
    def test_lines_without_end(self):
        """64 MB of one line, plain or get: memory stays below 16 MB more."""
        redis, daemon = self.one_shard()
        before = daemon.status_kib("VmHWM")
        for start in (b"", b"get ", b"gets ", b"gat 0 ", b"set k 0 0 "):
            with self.subTest(start=start):
                self.flood(daemon, start, b"k" * 65536)
                self.flood(daemon, start, b"key " * 16384)
                self.assert_memory_below(daemon, before, 16)
        with daemon.client() as client:
            self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")

    def flood(self, daemon, start, piece):
        sock = connect(daemon.address, patience(10))
        try:
            sock.sendall(start)
            for _ in range(1024):
                sock.sendall(piece)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
        finally:
            sock.close()

    def test_malformed_input_harms_nobody(self):
        redis, daemon = self.one_shard()
        bystander = self.open(daemon)
        rng = random.Random(6)
        sent = 0
        while sent < MALFORMED_INPUTS:
            batch = b"".join(malformed(rng) for _ in range(200))
            sent += 200
            sock = connect(daemon.address, patience(5))
            try:
                sock.sendall(batch)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(1 << 16):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                sock.close()
            value = b"%d" % sent
            self.assertEqual(bystander.set(b"mine", value), b"STORED\r\n")
            self.assertIn(bystander.get(b"mine"), (value, None))  # a flush_all may come by

    def test_packet_boundaries_change_no_answer(self):
        redis, daemon = self.one_shard()
        rng = random.Random(7)
        for seed in range(12):
            batch_rng = random.Random(seed)
            batch = b"flush_all\r\n" + b"".join(
                line for line in (malformed(batch_rng) for _ in range(60)) if b"quit" not in line
                and b"verbosity" not in line and b"stats" not in line)
            answers = []
            for _ in range(3):
                pieces = [batch]
                if answers:
                    cuts = sorted(rng.randrange(len(batch)) for _ in range(40))
                    pieces = [batch[a:b] for a, b in zip([0] + cuts, cuts + [len(batch)])]
                answers.append(self.answer(daemon, pieces))
            self.assertEqual(answers[0], answers[1])
            self.assertEqual(answers[0], answers[2])

    def answer(self, daemon, pieces):
        sock = connect(daemon.address, patience(5))
        data = b""
        try:
            for piece in pieces:
                sock.sendall(piece)
                time.sleep(0.0005)
            sock.shutdown(socket.SHUT_WR)
            while chunk := sock.recv(1 << 16):
                data += chunk
        except (BrokenPipeError, ConnectionResetError):
            data += b"<reset>"
        finally:
            sock.close()
        return data


WORDS = [b"get", b"gets", b"gat", b"gats", b"set", b"add", b"replace", b"append", b"prepend", b"cas", b"incr",
         b"decr", b"delete", b"touch", b"verbosity", b"version", b"stats", b"flush_all", b"k", b"key",
         b"noreply", b"0", b"1", b"-1", b"3", b"99", b"4294967296", b"18446744073709551616", b"abc", b"",
         b"\x00", b"\xff\xfe", b"x" * 251, b"x" * 100, b"\t", b"*1", b"$3", b"mn", b"zz", b"HTTP"]


def malformed(rng):
    """A line of random words, sometimes with a block, sometimes random bytes; no huge length."""
    kind = rng.random()
    if kind < 0.1:
        return rng.randbytes(rng.randrange(1, 60)).replace(b"\x80", b"") + b"\r\n"
    words = [rng.choice(WORDS) for _ in range(rng.randrange(1, 8))]
    line = b" ".join(words)
    if line.startswith(b"\x80"):
        line = line[1:]
    end = rng.choice([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n"])
    block = rng.choice([b"", b"", b"abc\r\n", b"\r\n", b"abcdef\r\n"])
    return line + end + block


class SlowReaders(HostileTestCase):
    def test_unread_answers_are_bounded(self):
        """Four clients leave 40 MB of answers each unread."""
        redis, daemon = self.one_shard()
        bystander = self.open(daemon)
        for i in range(40):
            bystander.set(b"large%d" % i, b"v" * 1000000)
        before = daemon.status_kib("VmHWM")
        request = b"".join(b"get large%d\r\n" % i for i in range(40))
        lazy = [connect(daemon.address, patience(5)) for _ in range(4)]
        try:
            for sock in lazy:
                sock.sendall(request)
            times = []
            until = time.monotonic() + 2
            while time.monotonic() < until:
                started = time.monotonic()
                self.assertEqual(bystander.set(b"k", b"x"), b"STORED\r\n")
                times.append(time.monotonic() - started)
            self.assertLess(sorted(times)[int(len(times) * 0.99)], patience(0.15))
            self.assert_memory_below(daemon, before, 64)
        finally:
            for sock in lazy:
                sock.close()

    def test_memory_returns_to_the_start_when_they_are_gone(self):
        """Ten clients ask for 100 MB each in one line and read nothing, again and again."""
        redis, daemon = self.one_shard(config="timeouts: {request: 5s}\n")
        client = self.open(daemon, limit_s=20)
        for i in range(100):
            self.assertEqual(client.set(b"large%d" % i, b"v" * 1000000), b"STORED\r\n")
        request = b"get " + b" ".join(b"large%d" % i for i in range(100)) + b"\r\n"
        start_kib = daemon.status_kib("VmRSS")
        most_kib = start_kib + 8 * 1024
        for number in range(3):
            lazy = [connect(daemon.address, patience(5)) for _ in range(10)]
            for sock in lazy:
                sock.sendall(request)
            time.sleep(1)
            grown_kib = daemon.status_kib("VmRSS") - start_kib
            for sock in lazy:
                sock.close()
            wait_until(lambda: daemon.descriptors() <= daemon.idle_descriptors + 1, 5, "they are gone")
            if SANITIZED:
                continue
            self.assertGreater(grown_kib, 12 * 1024, "the test does not fill anything")
            wait_until(lambda: daemon.status_kib("VmRSS") < most_kib, 12,
                       f"round {number}: memory is given back")
            if number == 0:  # later rounds leave no more than this one
                time.sleep(6)
                most_kib = daemon.status_kib("VmRSS") + 2 * 1024

    def test_memory_returns_to_the_start_when_they_rest(self):
        """Four clients read all of their 100 MB in the end, and stay; sanitizers keep what is freed."""
        redis, daemon = self.one_shard(config="timeouts: {request: 5s}\n")
        clients = [self.open(daemon, limit_s=20) for _ in range(4)]
        for client in clients:
            client.set(b"k", b"x")
        start_kib = daemon.status_kib("VmRSS")
        for i in range(100):
            self.assertEqual(clients[0].set(b"large%d" % i, b"v" * 1000000), b"STORED\r\n")
        for client in clients:
            client.send(b"get " + b" ".join(b"large%d" % i for i in range(100)) + b"\r\n")
        time.sleep(1)
        for client in clients:
            while client.unit() != b"END\r\n":
                pass
        if not SANITIZED:
            self.assertGreater(daemon.status_kib("VmHWM") - start_kib, 9 * 1024,
                               "the test does not fill anything")
            wait_until(lambda: daemon.status_kib("VmRSS") - start_kib < 5 * 1024, 9,
                       "memory is given back")

    def test_a_slow_reader_gets_everything(self):
        redis, daemon = self.one_shard()
        client = self.open(daemon, limit_s=15)
        client.set(b"large", b"v" * 100000)
        client.send(b"get large\r\n" * 60)
        for _ in range(60):
            time.sleep(0.01)
            self.assertEqual(len(client.unit()), 100000 + len(b"VALUE large 0 100000\r\n\r\n"))
            self.assertEqual(client.unit(), b"END\r\n")


class ConnectionLimit(HostileTestCase):
    LIMIT = 60

    def test_beyond_the_limit(self):
        """Existing clients are served; when clients leave, others are taken."""
        redis, daemon = self.one_shard("-c", str(self.LIMIT))
        bystander = self.open(daemon)
        extra = []
        try:
            for _ in range(self.LIMIT + 30):
                try:
                    extra.append(connect(daemon.address, patience(2)))
                except OSError:
                    break
            time.sleep(0.3)
            cpu, begun = daemon.cpu_seconds(), time.monotonic()
            served = 0
            for sock in extra:
                sock.settimeout(0.05)
                try:
                    sock.sendall(b"version\r\n")
                    served += sock.recv(100).startswith(b"VERSION ")
                except OSError:
                    pass
            self.assertLessEqual(served, self.LIMIT + 10)
            self.assertGreater(served, self.LIMIT - 10)
            self.assertEqual(bystander.set(b"k", b"x"), b"STORED\r\n")
            self.assertLess(daemon.cpu_seconds() - cpu, 0.6 * (time.monotonic() - begun) + 0.1)
        finally:
            for sock in extra:
                sock.close()

        def accepts():
            try:
                with Client(daemon.address, limit_s=0.3) as client:
                    return client.call(b"version\r\n").startswith(b"VERSION ")
            except (OSError, AssertionError):
                return False

        wait_until(accepts, 2, "it accepts again")

    def test_idle_connections(self):
        """At most 40 KB each, and others are served."""
        redis, daemon = self.one_shard("-c", str(IDLE_CLIENTS + 100))
        client = self.open(daemon)  # before the others: select() takes low descriptors only
        self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, IDLE_CLIENTS + 100), hard))
        before = daemon.status_kib("VmRSS")
        idle = []
        try:
            for _ in range(IDLE_CLIENTS):
                idle.append(connect(daemon.address, patience(5)))
            wait_until(lambda: daemon.descriptors() > IDLE_CLIENTS, 5, "all are taken")
            self.assertEqual(client.set(b"k", b"y"), b"STORED\r\n")
            if not SANITIZED:
                self.assertLess(daemon.status_kib("VmRSS") - before, 40 * IDLE_CLIENTS)
            for sock in idle[::100]:
                sock.sendall(b"get k\r\n")
                self.assertEqual(sock.recv(100), b"VALUE k 0 1\r\ny\r\nEND\r\n")
        finally:
            for sock in idle:
                sock.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class OutOfDescriptors(HostileTestCase):
    def test_it_recovers(self):
        """The file limit is reached before -c: refused at start, or served again afterwards."""
        redis = self.fleet.redis()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        daemon = self.fleet.mcrelay("-c", "1000", start=False, backends=[redis.location()])
        resource.setrlimit(resource.RLIMIT_NOFILE, (90, hard))
        try:
            daemon.spawn()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        time.sleep(0.5)
        if not daemon.alive():
            self.assertNotEqual(daemon.process.returncode, 0)
            self.assertRegex(daemon.log(), "(?i)descriptor|file|nofile")
            return
        daemon.expected_alive = True
        wait_until(daemon.answers, 5, "it serves")
        extra = []
        for _ in range(200):
            try:
                extra.append(connect(daemon.address, 1))
            except OSError:
                break
        time.sleep(0.5)
        cpu, begun = daemon.cpu_seconds(), time.monotonic()
        time.sleep(1)
        self.assertLess(daemon.cpu_seconds() - cpu, 0.6 * (time.monotonic() - begun))
        for sock in extra:
            sock.close()
        wait_until(daemon.answers, 3, "it accepts again")
        with daemon.client() as client:
            self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")


class Floods(HostileTestCase):
    def test_a_huge_pipeline_from_one_client_does_not_starve_others(self):
        redis, daemon = self.one_shard(threads=1)
        bystander, flooder = self.open(daemon), self.open(daemon)
        flooder.set(b"k", b"x" * 100)
        ending = threading.Event()

        def flood():
            while not ending.is_set():
                flooder.call(b"get k\r\n" * 5000, count=10000, limit_s=20)

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            times = []
            until = time.monotonic() + 2
            while time.monotonic() < until:
                started = time.monotonic()
                self.assertEqual(bystander.get(b"k"), b"x" * 100)
                times.append(time.monotonic() - started)
            self.assertLess(sorted(times)[int(len(times) * 0.99)], patience(0.25))
        finally:
            ending.set()
            thread.join()


if __name__ == "__main__":
    unittest.main()
