"""Statistics: the counters move as a real memcached's do, the fields that tools read are there and parse,
and every one is in docs/statistics.md."""

import os
import re
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.servers import wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

DOCS = os.path.join(os.path.dirname(TESTS), "docs", "statistics.md")

# Commands after which every counter must have moved alike. Each is sent alone.
COMMANDS = [
    b"set a 0 0 1\r\nx\r\n", b"add a 0 0 1\r\nx\r\n", b"add b 0 0 1\r\n5\r\n",
    b"replace a 0 0 1\r\nx\r\n", b"replace zz 0 0 1\r\nx\r\n", b"append a 0 0 1\r\nx\r\n",
    b"append zz 0 0 1\r\nx\r\n", b"prepend a 0 0 1\r\nx\r\n", b"get a\r\n", b"get a zz b\r\n",
    b"gets a\r\n", b"gat 0 a\r\n", b"gat 0 zz\r\n", b"gats 100 a\r\n", b"gat 0 a b zz\r\n",
    b"touch a 100\r\n", b"touch zz 100\r\n", b"touch a x\r\n", b"gat x a\r\n", b"incr b 1\r\n",
    b"incr zz 1\r\n", b"incr a 1\r\n", b"incr b x\r\n", b"decr b 1\r\n", b"decr zz 1\r\n",
    b"decr a 1\r\n", b"delete zz\r\n", b"delete a\r\n", b"set a 0 0 1\r\nx\r\n",
    b"cas a 0 0 1 1\r\nx\r\n", b"cas zz 0 0 1 1\r\nx\r\n", b"cas a 0 0 1 x\r\nx\r\n",
    b"set a 0 0 1\r\nxyz\r\n", b"set a 0 0 2000000\r\n" + b"x" * 2000000 + b"\r\n",
    b"add big 0 0 2000000\r\n" + b"x" * 2000000 + b"\r\n", b"set a 0 -1 1\r\nx\r\n",
    b"set a 0 0 1 noreply\r\nx\r\n", b"mg a v\r\n", b"mg zz v\r\n", b"mg a v q\r\n", b"mg zz q\r\n",
    b"mg a T100\r\n", b"mg zz T100\r\n", b"mg new N30 v\r\n", b"mg a h l t\r\n", b"mg a\r\n",
    b"mg a k O1 v\r\n", b"ms c 1\r\nx\r\n", b"ms c 1 ME\r\nx\r\n", b"ms zz 1 MA\r\nx\r\n",
    b"ms c 1 C1\r\nx\r\n", b"ms zz 1 C1\r\nx\r\n", b"ms c 1 MA\r\nx\r\n", b"ms c 1 I\r\nx\r\n",
    b"ma b\r\n", b"ma b MD\r\n", b"ma zz\r\n", b"ma zz MD\r\n", b"ma c\r\n", b"ma number N0 J5\r\n",
    b"ma b D0\r\n", b"ma b T30\r\n", b"ma b C1\r\n", b"md zz\r\n", b"md c I\r\n", b"md c C1\r\n",
    b"md c x\r\n", b"md c\r\n", b"md c q\r\n", b"me a\r\n", b"me zz\r\n", b"mg a !\r\n", b"mg\r\n",
    b"flush_all 100\r\n", b"flush_all x\r\n", b"verbosity 0\r\n", b"version\r\n", b"set k\r\n",
    b"get a\r\n", b"nonsense\r\n"]
COUNTERS = """cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses delete_misses delete_hits
    incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval touch_hits
    touch_misses store_too_large store_no_memory auth_cmds auth_errors total_items""".split()

# What the tools of operators read; see docs/statistics.md.
FIELDS = """pid uptime time version libevent pointer_size rusage_user rusage_system max_connections
    curr_connections total_connections rejected_connections connection_structures cmd_get cmd_set
    cmd_flush cmd_touch get_hits get_misses get_expired get_flushed delete_misses delete_hits
    incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval touch_hits
    touch_misses store_too_large store_no_memory auth_cmds auth_errors bytes_read bytes_written
    limit_maxbytes accepting_conns listen_disabled_num threads conn_yields hash_power_level
    hash_bytes hash_is_expanding slab_reassign_running slabs_moved bytes curr_items total_items
    expired_unfetched evicted_unfetched evicted_active evictions reclaimed crawler_reclaimed
    crawler_items_checked lru_crawler_starts moves_to_cold moves_to_warm moves_within_lru
    direct_reclaims""".split()


def stats(client, what=b""):
    client.send(b"stats" + what + b"\r\n")
    values = {}
    for line in client.until(b"END\r\n"):
        match = re.fullmatch(rb"STAT (\S+) (.*)\r\n", line)
        assert match, line
        assert match[1].decode() not in values, line
        values[match[1].decode()] = match[2].decode()
    return values


class Counting(FleetTestCase):
    def test_counters_move_as_memcacheds(self):
        shards = [self.fleet.redis() for _ in range(2)]
        daemon = self.fleet.mcrelay(backends=[shard.location() for shard in shards])
        sides = [Client(self.fleet.memcached().address), self.open(daemon)]
        self.fleet.closers.callback(sides[0].close)
        for command in COMMANDS:
            moved = []
            for client in sides:
                before = stats(client)
                client.send(command + b"mn\r\n")
                client.until(b"MN")
                after = stats(client)
                moved.append({name: int(after[name]) - int(before[name]) for name in COUNTERS
                              if after[name] != before[name]})
            with self.subTest(command=command[:60]):
                self.assertEqual(moved[1], moved[0])

    def test_detail_counts_prefixes_as_memcached(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location()], config="key_prefix: 'p:'\n")
        sides = [Client(self.fleet.memcached().address), self.open(daemon)]
        self.fleet.closers.callback(sides[0].close)
        sequence = [b"get no:1\r\n", b"stats detail\r\n", b"stats detail x\r\n", b"stats detail on\r\n"]
        for command in [b"get %s", b"gets %s", b"gat 0 %s", b"set %s 0 0 1\r\nx", b"get %s",
                        b"gat 0 %s", b"add %s 0 0 1\r\nx", b"append %s 0 0 1\r\nx",
                        b"cas %s 0 0 1 1\r\nx", b"mg %s v", b"ms %s 1\r\nx", b"incr %s 1",
                        b"touch %s 0", b"delete %s", b"delete %s", b"md %s"]:
            sequence += [command % key + b"\r\n" for key in (b"a:1", b"a:1:2", b":x", b"plain")]
            sequence.append(b"stats detail dump\r\n")
        sequence += [b"stats reset\r\n", b"stats detail dump\r\n", b"get a:1\r\n",
                     b"stats detail off\r\n", b"get a:1\r\n", b"stats detail dump\r\n"]
        for line in sequence:
            answers = []
            for client in sides:
                client.send(line + b"mn\r\n")
                answers.append(sorted(client.until(b"MN")))
            self.assertEqual(answers[1], answers[0], line)

    def test_another_delimiter_counts_from_the_start(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay("-D", "/", backends=[redis.location()])
        sides = [Client(self.fleet.memcached("-D", "/").address), self.open(daemon)]
        self.fleet.closers.callback(sides[0].close)
        answers = []
        for client in sides:
            client.send(b"set a/1 0 0 1\r\nx\r\nget a/1\r\nget b:1\r\nget a:b/c\r\nmn\r\n")
            client.until(b"MN")
            client.send(b"stats detail dump\r\nstats settings\r\nmn\r\n")
            answers.append(sorted(unit for unit in client.until(b"MN")
                                  if unit.startswith((b"PREFIX", b"STAT stat_key_prefix"))))
        self.assertEqual(answers[0], [b"PREFIX a get 1 hit 1 set 1 del 0\r\n",
                                      b"PREFIX a:b get 1 hit 0 set 0 del 0\r\n",
                                      b"STAT stat_key_prefix /\r\n"])
        self.assertEqual(answers[1], answers[0])

    def test_reset_starts_counters_anew_and_nothing_else(self):
        _, daemon = self.one_shard()
        client, other = self.open(daemon), self.open(daemon)
        client.set(b"a", b"x")
        client.get(b"a")
        other.get(b"b")
        self.assertEqual(client.call(b"stats reset\r\n"), b"RESET\r\n")
        values = stats(client)
        for name in COUNTERS + ["total_connections", "evictions", "reclaimed"]:
            self.assertEqual(values[name], "0", name)
        self.assertEqual(values["curr_connections"], "2")
        other.get(b"b")
        self.assertEqual(stats(client)["get_misses"], "1")

    def test_store_no_memory_counts_what_redis_refuses(self):
        redis = self.fleet.redis("--maxmemory", "1", "--maxmemory-policy", "noeviction")
        client = self.open(self.fleet.mcrelay(backends=[redis.location()]))
        self.assertEqual(client.set(b"a", b"x"), b"SERVER_ERROR out of memory storing object\r\n")
        values = stats(client)
        self.assertEqual(values["store_no_memory"], "1")
        node = f"relay_node_127.0.0.1_{redis.port}_"
        self.assertEqual((values[node + "errors_oom"], values[node + "up"]), ("1", "1"))

    def test_items_and_memory_are_redis_own_and_cached_for_a_second(self):
        shards = [self.fleet.redis("--maxmemory", "100mb") for _ in range(2)]
        client = self.open(self.fleet.mcrelay(backends=[shard.location() for shard in shards]))
        self.assertEqual(stats(client)["curr_items"], "0")
        for i in range(50):
            client.set(b"%d.key" % i, b"x", exptime=1 if i < 20 else 0)
        self.assertEqual(stats(client)["curr_items"], "0", "asked again within a second")
        time.sleep(1.05)
        values = stats(client)
        self.assertIn(int(values["curr_items"]), range(30, 51))
        self.assertEqual(int(values["limit_maxbytes"]), 200 << 20)
        self.assertIn(int(values["bytes"]), range(1 << 20, 50 << 20))
        wait_until(lambda: int(stats(client)["reclaimed"]) == 20, 6, "expired keys are counted")
        shards[1].pause()
        time.sleep(1.05)
        began = time.monotonic()
        self.assertEqual(stats(client)["curr_items"], "30", "a silent node leaves the last values")
        self.assertLess(time.monotonic() - began, 2)
        shards[1].resume()

    def test_a_node_that_is_away_shows(self):
        redis, daemon = self.one_shard()
        client = self.open(daemon)
        redis.kill9()
        node = f"relay_node_127.0.0.1_{redis.port}_"
        wait_until(lambda: stats(client)[node + "up"] == "0", 5, "the node counts as down")
        values = stats(client)
        self.assertGreaterEqual(int(values[node + "ejections"]), 1)
        self.assertGreaterEqual(int(values[node + "failures"]), 3)


# What memcached_exporter reads as numbers of `stats`.
EXPORTER_READS = """uptime time bytes limit_maxbytes curr_items total_items evictions reclaimed bytes_read
    bytes_written curr_connections total_connections rejected_connections max_connections conn_yields
    listen_disabled_num accepting_conns cmd_get cmd_set cmd_flush cmd_touch get_hits get_misses delete_hits
    delete_misses incr_hits incr_misses decr_hits decr_misses cas_hits cas_misses cas_badval touch_hits
    touch_misses hash_bytes hash_power_level slabs_moved lru_crawler_starts crawler_items_checked
    moves_to_cold moves_to_warm moves_within_lru direct_reclaims""".split()


def exporter(client, ask=None):
    """memcached_exporter: four answers, each to its END; a name with a colon is a slab's; a line whose
    value has a blank is lost; what it reads must be a number, and four fields must be there."""
    ask = ask or (lambda word: {name: value for name, value in stats(client, word).items() if " " not in value})
    general = ask(b"")
    for name in ("cmd_set", "cas_hits", "cas_misses", "cas_badval", "version"):
        assert name in general, name
    for name in EXPORTER_READS:
        assert re.fullmatch(r"\d+", general.get(name, "")), (name, general.get(name))
    for name in ("rusage_user", "rusage_system"):
        assert re.fullmatch(r"\d+\.\d+", general[name]), (name, general[name])
    for word in (b" slabs", b" items"):
        general |= ask(word)
    for name in general:
        assert ":" not in name, name
    assert re.fullmatch(r"\d+", ask(b" settings")["maxconns"])


def telegraf(client):
    """Each known field becomes an integer, and must stay one."""
    for name, value in stats(client).items():
        if name in FIELDS and name not in ("version", "libevent", "rusage_user", "rusage_system"):
            assert re.fullmatch(r"\d+", value), (name, value)


def netdata(client):
    """Reads to END, splits at blanks, and divides."""
    client.send(b"stats\r\n")
    values = dict(line.split()[1:3] for line in client.until(b"END"))
    hits, gets = int(values[b"get_hits"]), int(values[b"cmd_get"])
    assert 0 <= hits <= gets, (hits, gets)
    assert 0 < int(values[b"bytes"]) < int(values[b"limit_maxbytes"]), values[b"bytes"]


class Tools(FleetTestCase):
    """The parsing rules of memcached_exporter, telegraf, netdata and damemtop."""

    def test_every_answer_parses(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(
            config=f"backends: [{{location: '{redis.location()}', name: 'a b:c'}}]\n")
        client = self.open(daemon)
        values = stats(client)
        self.assertEqual([name for name in FIELDS if name not in values], [])
        for name, value in values.items():
            self.assertRegex(name, r"^[A-Za-z0-9_.-]+$", "a colon is taken for a slab's number")
            self.assertNotIn(" ", value, name)
            if name in ("version", "libevent"):
                continue
            pattern = r"^\d+\.\d{6}$" if name.startswith("rusage") else r"^\d+$"
            self.assertRegex(value, pattern, name)
            self.assertNotRegex(name, "^(proxy|extstore)_")
        self.assertEqual(values["relay_node_a_b_c_up"], "1")
        self.assertTrue(values["version"].startswith("1.6."))
        for what in (b" items", b" slabs"):
            for name, value in stats(client, what).items():
                self.assertNotIn(":", name)
                self.assertRegex(value, r"^\d+$")
        settings = stats(client, b" settings")
        self.assertEqual(settings["maxconns"], "1024")
        self.assertEqual(settings["tcpport"], str(daemon.port))

    def test_every_answer_satisfies_each_tool_in_every_state(self):
        shards = [self.fleet.redis() for _ in range(2)]
        daemon = self.fleet.mcrelay(config="backends: [" + ", ".join(
            f"{{location: '{shard.location()}', name: 'node {i}:x'}}" for i, shard in enumerate(shards)) + "]\n")
        client = self.open(daemon)
        node = "relay_node_node_1_x_up"
        states = [("fresh", lambda: None), ("used", self.use), ("reset", lambda: client.call(b"stats reset\r\n")),
                  ("a silent node", shards[0].pause), ("a node again", shards[0].resume),
                  ("a dead node", shards[1].kill9)]
        for name, change in states:
            change() if name != "used" else change(client)
            if name == "a dead node":
                wait_until(lambda: stats(client)[node] == "0", 8, "it counts as down")
            with self.subTest(state=name):
                exporter(client)
                telegraf(client)
                netdata(client)
                for word in (b"items", b"slabs", b"settings", b"sizes", b"conns", b"extstore"):
                    stats(client, b" " + word)

    @staticmethod
    def use(client):
        client.set(b"a", b"x")
        for line in (b"get a\r\n", b"incr a 1\r\n", b"gat 5 a\r\n", b"mg a v t h\r\n", b"get none\r\n", b"bad line\r\n"):
            client.send(line + b"mn\r\n")
            client.until(b"MN")

    def test_the_rules_see_what_is_wrong(self):
        """A tool's rules against answers that would turn it red."""
        good = {name: "1" for name in EXPORTER_READS} | {"version": "1.6.1", "rusage_user": "0.000001",
                                                         "rusage_system": "0.000001"}
        for broken in ({"cas_hits": None}, {"bytes": "1.5"}, {"items:1:age": "1"}, {"rusage_user": "1"},
                       {"evictions": "many"}):
            answers = {b"": {k: v for k, v in (good | broken).items() if v is not None}, b" slabs": {},
                       b" items": {}, b" settings": {"maxconns": "1"}}
            with self.assertRaises(AssertionError, msg=str(broken)):
                exporter(None, answers.__getitem__)

    def test_a_trailing_space_and_a_bare_newline(self):
        _, daemon = self.one_shard()
        client = self.open(daemon)
        client.send(b"stats \n")
        self.assertGreater(len(client.until(b"END\r\n")), 50)

    def test_words(self):
        _, daemon = self.one_shard()
        client = self.open(daemon)
        for line, answer in [(b"stats nosuch", b"ERROR\r\n"), (b"stats noreply", b"ERROR\r\n"),
                             (b"stats reset x", b"RESET\r\n"),
                             (b"stats sizes_enable", b"STAT sizes_status disabled\r\n")]:
            self.assertEqual(client.call(line + b"\r\n"), answer, line)
        self.assertEqual(stats(client, b" sizes"), {"sizes_status": "disabled"})


class Connections(FleetTestCase):
    STATES = ["conn_listening", "conn_parse_cmd", "conn_read", "conn_nread"]

    def connections(self, client):
        """[(addr, listen_addr or None, state)], of every descriptor."""
        by_descriptor = {}
        for name, value in stats(client, b" conns").items():
            descriptor, _, field = name.partition(":")
            by_descriptor.setdefault(int(descriptor), {})[field] = value
        for fields in by_descriptor.values():
            self.assertRegex(fields["secs_since_last_cmd"], r"^\d$")
        return sorted((fields["state"], fields["addr"], fields.get("listen_addr", ""))
                      for fields in by_descriptor.values())

    def check(self, server, asking):
        """One asks, one is idle, one is in the middle of a value: over all workers."""
        idle, halfway = Client(server.address), Client(server.address)
        for client in (asking, idle, halfway):
            self.fleet.closers.callback(client.close)
            self.assertEqual(client.call(b"mn\r\n"), b"MN\r\n")
        halfway.send(b"set a 0 0 10\r\nxxx")
        clients = {"conn_parse_cmd": asking, "conn_read": idle, "conn_nread": halfway}
        peer = {state: "tcp:%s:%d" % client.sock.getsockname() for state, client in clients.items()}
        listening = "tcp:%s:%d" % asking.sock.getpeername()
        expected = sorted([(state, peer[state], listening) for state in clients]
                          + [("conn_listening", listening, "")])
        wait_until(lambda: self.connections(asking) == expected, 5, "all are shown")

    def test_every_connection_is_shown_as_by_memcached(self):
        redis = self.fleet.redis()
        for server in (self.fleet.memcached(), self.fleet.mcrelay("-t", "3", backends=[redis.location()])):
            self.check(server, Client(server.address))

    def test_a_client_of_a_unix_socket_has_no_name(self):
        _, daemon = self.one_shard(listen="both")
        client = self.open(daemon)
        shown = self.connections(client)
        self.assertEqual(len(shown), 3)
        self.assertTrue(any(addr.startswith("unix:/") for state, addr, _ in shown if state == "conn_listening"))

    def test_a_client_that_goes_while_its_answer_is_gathered(self):
        _, daemon = self.one_shard("-t", "4")
        for _ in range(200):
            with Client(daemon.address) as client:
                client.send(b"stats conns\r\n")
        wait_until(lambda: len(self.connections(self.open(daemon))) <= 12, 5, "only those that are open")


class Documented(FleetTestCase):
    def test_every_statistic_is_in_the_documentation_and_no_other(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(
            config=f"backends: [{{location: '{redis.location()}', name: n}}]\n")
        client = self.open(daemon)
        with open(DOCS) as file:
            sections = file.read().split("\n## ")
        for title, what in [("stats\n", b""), ("stats settings\n", b" settings")]:
            text = next(section for section in sections if section.startswith(title))
            rows = re.findall(r"^\| `([^`]+)` \| \S", text, re.MULTILINE)
            names = []
            for name in stats(client, what):
                name = re.sub(r"^relay_node_n_errors_\w+$", "relay_node_<name>_errors_<kind>", name)
                name = re.sub(r"^relay_node_n_", "relay_node_<name>_", name)
                if name not in names:
                    names.append(name)
            self.assertEqual(rows, names)


if __name__ == "__main__":
    unittest.main()
