"""What every client relies on, over each listener and each way to Redis."""

import os
import random
import socket
import struct
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.servers import connect, patience, wait_until  # noqa: E402
from support.testcase import FleetTestCase, SharedFleetTestCase  # noqa: E402

HOSTILE_VALUES = [
    b"", b"\r\n", b"\n", b"\r", b"\x00", b"END\r\n", b"VALUE a 0 1\r\nx\r\nEND\r\n", b"STORED\r\n",
    b"*1\r\n$8\r\nFLUSHALL\r\n", b"\r\nFLUSHALL\r\n", b"$-1\r\n", b"*-1\r\n", b"+OK\r\n", b"-ERR no\r\n",
    b":1\r\n", b"\xc1\x8d", b"\xc1\x8d\x01\x00" + bytes(12), b"\xc1\x8d\xff\xff" + bytes(20),
    b"\x80\x01\x00\x00", b"get a\r\nset b 0 0 1\r\nx\r\n", b"quit\r\n", b"'; redis.call('FLUSHALL') --",
    b"\xff" * 300, bytes(range(256)), b"${PATH}", b"%s%n%d"]
HOSTILE_KEYS = [
    b"\x01", b"\x7f", b"tab\tkey", b"cr\rkey", b"nul\x00key", b"*", b"?", b"[a-z]", b"{tag}", b"{}", b"%",
    b"$3", b"*1", b"\xff\xfe", b"\xc1\x8d", b"'", b'"', b"\\", b"K" * 250, b"FLUSHALL", b"get", b"noreply",
    b"0", b"-1"]


class Checks:
    """The checks themselves; the classes below say over what they run. `self.daemon` serves."""

    def test_store_and_fetch(self):
        client = self.open(self.daemon)
        self.assertEqual(client.set(b"key", b"value", flags=7), b"STORED\r\n")
        self.assertEqual(client.values(b"get key\r\n"), b"VALUE key 7 5\r\nvalue\r\nEND\r\n")
        self.assertEqual(client.call(b"delete key\r\n"), b"DELETED\r\n")
        self.assertEqual(client.values(b"get key\r\n"), b"END\r\n")

    def test_sizes_around_powers_of_two(self):
        client = self.open(self.daemon)
        pool = random.Random(1).randbytes(1 << 20)
        for power in range(0, 20):
            for size in {(1 << power) - 1, 1 << power, (1 << power) + 1}:
                self.assertEqual(client.set(b"size", pool[:size]), b"STORED\r\n")
                self.assertEqual(client.get(b"size"), pool[:size], size)

    def test_the_largest_value_and_one_more(self):
        client = self.open(self.daemon)
        largest = 1048517 - len(b"big")
        value = random.Random(2).randbytes(largest)
        self.assertEqual(client.set(b"big", value), b"STORED\r\n")
        self.assertEqual(client.get(b"big"), value)
        self.assertEqual(client.set(b"big", value + b"x", verb=b"add"),
                         b"SERVER_ERROR object too large for cache\r\n")
        self.assertEqual(client.get(b"big"), value, "a refused add removed the item")
        self.assertEqual(client.set(b"big", value + b"x"), b"SERVER_ERROR object too large for cache\r\n")
        self.assertIsNone(client.get(b"big"), "a refused set leaves the old item")
        self.assertEqual(client.set(b"big", value, flags=1), b"SERVER_ERROR object too large for cache\r\n")
        self.assertEqual(client.set(b"big", b"x" * (5 << 20)),
                         b"SERVER_ERROR object too large for cache\r\n")
        self.assertEqual(client.set(b"big", b"small"), b"STORED\r\n")

    def test_hostile_values_and_keys_come_back_as_they_were(self):
        client = self.open(self.daemon)
        for number, value in enumerate(HOSTILE_VALUES):
            key = HOSTILE_KEYS[number % len(HOSTILE_KEYS)]
            self.assertEqual(client.set(key, value, flags=number), b"STORED\r\n", key)
            self.assertEqual(client.get(key), value)
        for key in HOSTILE_KEYS:
            self.assertEqual(client.set(key, b"of " + key), b"STORED\r\n", key)
        for key in HOSTILE_KEYS:
            self.assertEqual(client.get(key), b"of " + key)
        self.assertEqual(client.call(b"version\r\n")[:12], b"VERSION 1.6.")

    def test_one_byte_at_a_time(self):
        client = self.open(self.daemon)
        whole = b"set slow 3 0 6\r\nab\r\ncd\r\ngets  slow none\r\nincr slow 1\r\nbad line\r\nget slow\r\n"
        for byte in whole:
            client.send(bytes([byte]))
        self.assertEqual(client.unit(), b"STORED\r\n")
        value = client.unit()
        self.assertTrue(value.startswith(b"VALUE slow 3 6 ") and value.endswith(b"\r\nab\r\ncd\r\n"), value)
        self.assertEqual(client.units(5), [
            b"END\r\n", b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", b"ERROR\r\n",
            b"VALUE slow 3 6\r\nab\r\ncd\r\n", b"END\r\n"])

    def test_a_pipeline_answers_in_order(self):
        client = self.open(self.daemon)
        count = 3000
        client.send(b"".join(b"set p%d 0 0 %d\r\n%d\r\nget p%d p%d\r\n" % (i, len(str(i)), i, i, i - 1)
                             for i in range(count)))
        for i in range(count):
            self.assertEqual(client.unit(), b"STORED\r\n")
            self.assertEqual(client.unit(), b"VALUE p%d 0 %d\r\n%d\r\n" % (i, len(str(i)), i))
            if i:
                self.assertEqual(client.unit(),
                                 b"VALUE p%d 0 %d\r\n%d\r\n" % (i - 1, len(str(i - 1)), i - 1))
            self.assertEqual(client.unit(), b"END\r\n")

    def test_ten_thousand_commands_without_reply(self):
        client = self.open(self.daemon)
        client.send(b"set quiet 0 0 1 noreply\r\n0\r\n" + b"incr quiet 1 noreply\r\n" * 10000)
        self.assertEqual(client.get(b"quiet", limit_s=20), b"10000")
        client.send(b"".join(b"set q%d 0 0 1 noreply\r\nx\r\ndelete q%d noreply\r\n" % (i, i)
                             for i in range(5000)))
        self.assertEqual(client.values(b"get q0 q4999\r\n", limit_s=20), b"END\r\n")
        client.expect_quiet()

    def test_a_get_of_five_thousand_keys(self):
        client = self.open(self.daemon)
        keys = [b"many%d" % i for i in range(5000)]
        client.send(b"".join(b"set %s 0 0 %d noreply\r\n%s\r\n" % (key, len(key), key)
                             for key in keys[::2]))
        random.Random(3).shuffle(keys)
        expected = b"".join(b"VALUE %s 0 %d\r\n%s\r\n" % (key, len(key), key)
                            for key in keys if int(key[4:]) % 2 == 0) + b"END\r\n"
        for _ in range(3):
            self.assertEqual(client.values(b"get " + b" ".join(keys) + b"\r\n", limit_s=20), expected)

    def test_a_get_of_many_large_values(self):
        client = self.open(self.daemon)
        pool = random.Random(4).randbytes(1 << 20)
        for i in range(16):
            self.assertEqual(client.set(b"large%d" % i, pool[i:i + 500000]), b"STORED\r\n")
        order = [b"large%d" % (i % 16) for i in range(32)]
        client.send(b"get " + b" ".join(order) + b"\r\n")
        for key in order:
            i = int(key[5:])
            self.assertEqual(client.unit(), b"VALUE %s 0 500000\r\n%s\r\n" % (key, pool[i:i + 500000]))
        self.assertEqual(client.unit(), b"END\r\n")

    def test_expiry(self):
        client = self.open(self.daemon)
        client.set(b"brief", b"x", exptime=1)
        client.set(b"longer", b"x", exptime=100)
        client.set(b"absolute", b"x", exptime=int(time.time()) + 2)
        client.set(b"touched", b"x")
        self.assertEqual(client.call(b"touch touched 1\r\n"), b"TOUCHED\r\n")
        client.set(b"saved", b"x", exptime=1)
        self.assertEqual(client.values(b"gat 100 saved\r\n"), b"VALUE saved 0 1\r\nx\r\nEND\r\n")
        client.set(b"gone", b"x", exptime=-1)
        self.assertEqual(client.values(b"get brief gone saved\r\n").count(b"VALUE"), 2)
        wait_until(lambda: client.values(b"get brief absolute touched\r\n") == b"END\r\n", 4,
                   "the brief items are gone")
        self.assertEqual(client.values(b"get longer saved\r\n").count(b"VALUE"), 2)

    def test_a_half_closed_client_gets_its_answers(self):
        sock = connect(self.daemon.address, patience(5))
        try:
            sock.sendall(b"set half 0 0 1\r\nx\r\n" + b"get half\r\n" * 500)
            sock.shutdown(socket.SHUT_WR)
            data = b""
            while chunk := sock.recv(65536):
                data += chunk
        finally:
            sock.close()
        self.assertEqual(data, b"STORED\r\n" + b"VALUE half 0 1\r\nx\r\nEND\r\n" * 500)

    def test_clients_that_vanish_disturb_nobody(self):
        client = self.open(self.daemon)
        client.set(b"v", b"before")
        request = b"set v 0 0 20000\r\n" + b"x" * 20000 + b"\r\nget v\r\n"
        cuts = [1, 3, 10, 16, 17, 18, 5000, 20016, 20017, 20018, 20019, 20022]
        for round_number in range(5):
            for cut in cuts:
                sock = connect(self.daemon.address, patience(5))
                sock.sendall(request[:cut])
                if round_number % 2:  # RST instead of FIN
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
                self.assertEqual(client.set(b"other", b"%d" % cut), b"STORED\r\n")
        self.assertIn(client.get(b"v"), [b"before", b"x" * 20000])

    def test_the_binary_protocol_is_refused_clearly(self):
        lines_before = self.daemon.log().count("binary")
        client = self.open(self.daemon)
        header = struct.pack(">BBHBBHIIQ", 0x80, 0x00, 1, 0, 0, 0, 1, 0x01020304, 0)
        client.send(header + b"k")
        answer = client.expect_closed()
        self.assertGreaterEqual(len(answer), 24, answer)
        magic, opcode, _, _, _, status, body = struct.unpack(">BBHBBHI", answer[:12])
        self.assertEqual((magic, opcode), (0x81, 0x00), answer)
        self.assertNotEqual(status, 0)
        self.assertEqual(len(answer), 24 + body)
        self.assertEqual(answer[12:16], b"\x01\x02\x03\x04", "the opaque is to be echoed")
        wait_until(lambda: self.daemon.log().count("binary") > lines_before, 2, "a log line says so")
        text = self.open(self.daemon)
        self.assertEqual(text.call(b"nothing\r\n\x80\x00\x00\x00\x00\r\n", count=2), b"ERROR\r\n" * 2)

    def test_gat_cas_and_counters_across_connections(self):
        first, second = self.open(self.daemon), self.open(self.daemon)
        first.set(b"shared", b"10")
        unique = second.gets_cas(b"shared")
        self.assertEqual(first.call(b"incr shared 5\r\n"), b"15\r\n")
        self.assertEqual(second.call(b"cas shared 0 0 1 %d\r\nx\r\n" % unique), b"EXISTS\r\n")
        newer = second.gets_cas(b"shared")
        self.assertGreater(newer, unique)
        self.assertEqual(second.call(b"cas shared 0 0 1 %d\r\nx\r\n" % newer), b"STORED\r\n")
        self.assertEqual(first.get(b"shared"), b"x")

    def test_stats_end(self):
        client = self.open(self.daemon)
        client.send(b"stats\r\n")
        names = {unit.split(b" ")[1] for unit in client.until(b"END\r\n")}
        for name in (b"pid", b"uptime", b"version", b"cmd_get", b"cmd_set", b"curr_connections"):
            self.assertIn(name, names)


class TcpToOneRedis(Checks, SharedFleetTestCase):
    @classmethod
    def prepare(cls):
        cls.daemon = cls.fleet.mcrelay(backends=[cls.fleet.redis().location()])


class UnixToOneRedis(Checks, SharedFleetTestCase):
    @classmethod
    def prepare(cls):
        cls.daemon = cls.fleet.mcrelay(backends=[cls.fleet.redis().location(unix=True, db=3)],
                                       listen="unix")


class TcpToThreeShards(Checks, SharedFleetTestCase):
    @classmethod
    def prepare(cls):
        cls.shards = [cls.fleet.redis() for _ in range(3)]
        cls.daemon = cls.fleet.mcrelay(backends=[shard.location() for shard in cls.shards], threads=3)

    def test_keys_are_spread(self):
        client = self.open(self.daemon)
        for i in range(300):
            client.set(b"%d.spread" % i, b"x")
        sizes = []
        for shard in self.shards:
            with shard.client() as redis:
                sizes.append(len(redis.call("KEYS", "*.spread")))
        self.assertEqual(sum(sizes), 300)
        self.assertGreater(min(sizes), 40, sizes)


class UnixToThreeShards(Checks, SharedFleetTestCase):
    @classmethod
    def prepare(cls):
        shards = [cls.fleet.redis() for _ in range(3)]
        cls.daemon = cls.fleet.mcrelay(backends=[shard.location(unix=True) for shard in shards],
                                       listen="unix", config="value_format: plain\n")

    def test_gat_cas_and_counters_across_connections(self):
        """plain: uniques identify the content and have no order; the test above wants order."""


class Listeners(FleetTestCase):
    def test_tcp_and_unix_at_once(self):
        _, daemon = self.one_shard(listen="both")
        with Client(daemon.tcp_address) as tcp, Client(daemon.socket_path) as unix:
            tcp.set(b"key", b"over tcp")
            self.assertEqual(unix.get(b"key"), b"over tcp")

    def test_no_udp_and_loopback_only(self):
        _, daemon = self.one_shard()
        tcp, udp = sockets_of(daemon.pid)
        self.assertEqual(tcp, [("0100007F", daemon.port)])
        self.assertEqual(udp, [])

    def test_unix_socket_mask_and_removal(self):
        _, daemon = self.one_shard("-a", "0777", listen="unix")
        self.assertEqual(os.stat(daemon.socket_path).st_mode & 0o777, 0o777)
        daemon.terminate()
        self.assertFalse(os.path.exists(daemon.socket_path), "the socket file stayed behind")

    def test_a_stale_socket_file_is_replaced(self):
        redis, daemon = self.one_shard(listen="unix")
        daemon.kill9()
        self.assertTrue(os.path.exists(daemon.socket_path))
        daemon.start()
        with daemon.client() as client:
            self.assertEqual(client.set(b"key", b"x"), b"STORED\r\n")


def sockets_of(pid):
    """(listening TCP as (hex address, port), UDP) of a process, IPv4 and IPv6."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])

    def rows(name):
        with open(f"/proc/{pid}/net/{name}") as table:
            for line in table.readlines()[1:]:
                fields = line.split()
                if fields[9] in inodes:
                    address, _, port = fields[1].partition(":")
                    yield address, int(port, 16), fields[3]

    tcp = [(address, port) for name in ("tcp", "tcp6") for address, port, state in rows(name)
           if state == "0A"]
    udp = [(address, port) for name in ("udp", "udp6") for address, port, _ in rows(name)]
    return tcp, udp


if __name__ == "__main__":
    unittest.main()
