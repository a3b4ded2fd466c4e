"""The admin HTTP server: metrics as Prometheus and the documentation want them, health, the status page, and
what systemd is told."""

import contextlib
import csv
import ctypes
import html.parser
import http.client
import http.server
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.servers import LOOPBACK, patience, wait_until  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

DOCS = os.path.join(os.path.dirname(TESTS), "docs")
EXPORTER_METRICS = """up uptime_seconds version commands_total current_bytes limit_bytes current_items
    items_total items_evicted_total items_reclaimed_total read_bytes_total written_bytes_total
    current_connections max_connections connections_total connections_rejected_total
    connections_yielded_total connections_listener_disabled_total accepting_connections
    process_user_cpu_seconds_total process_system_cpu_seconds_total""".split()


def read(name):
    with open(os.path.join(DOCS, name), encoding="utf-8") as file:
        return file.read()


def families(text):
    """Metric name to type, of a page for Prometheus."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def samples(text):
    """'name{labels}' to value. Each is there once."""
    found = re.findall(r"^([^#\s].*) (\S+)$", text, re.MULTILINE)
    values = {name: float(value) for name, value in found}
    if len(values) != len(found):
        raise AssertionError(f"a series is there twice: {sorted(name for name, _ in found)}")
    return values


def metric_names(expression):
    """The metrics of a PromQL expression, _bucket, _sum and _count of a histogram taken off."""
    names = re.findall(r"\b(?:memcached|mcrelay|process)_[a-z0-9_]+", re.sub(r'"[^"]*"', "", expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


class Outline(html.parser.HTMLParser):
    """The rows of a page's tables, and what it refers to."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.links, self.classes, self.in_script = [], [], [], [], False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.links += [attrs[name] for name in ("src", "href", "action") if name in attrs]
        if tag not in ("meta", "link", "br", "path"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.classes.append(attrs.get("class", ""))
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag == "script":
            self.in_script = True

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()
        self.in_script = False

    def handle_data(self, data):
        assert not (self.in_script and data.strip()), "a script in the page itself"
        if self.rows and self.rows[-1] and "tr" in self.open:
            self.rows[-1][-1] += data

    def row(self, first):
        """(class, cells) of the row that starts with the cell `first`."""
        for style, cells in zip(self.classes, self.rows):
            if cells and cells[0] == first:
                return style, cells
        raise AssertionError(f"no row {first} in {self.rows}")


class AdminTestCase(FleetTestCase):
    def start(self, redises=1, *arguments, **options):
        """(redis servers, mcrelay) with an admin server."""
        servers = [self.fleet.redis() for _ in range(redises)]
        backends = options.pop("backends", [server.location() for server in servers])
        daemon = self.fleet.mcrelay(*arguments, start=False, backends=backends, **options)
        self.admin = (LOOPBACK, daemon.new_port())
        daemon.extra_env.setdefault("MCRELAY_ADMIN", f"{LOOPBACK}:{self.admin[1]}")
        return servers, daemon.start()

    def ask(self, path, method="GET", headers=None):
        """(status, headers, text)"""
        connection = http.client.HTTPConnection(*self.admin, timeout=patience(5))
        with contextlib.closing(connection):
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()

    def page(self, path):
        status, _, text = self.ask(path)
        self.assertEqual(status, 200, text)
        return text

    def samples(self):
        return samples(self.page("/metrics"))

    def status(self):
        return json.loads(self.page("/stats.json"))

    def traffic(self, daemon):
        client = self.open(daemon)
        for command, answer in ((b"set a 0 0 1\r\nx\r\n", b"STORED\r\n"), (b"get a\r\n", None),
                                (b"get a b\r\n", None), (b"incr a 1\r\n", None),
                                (b"delete b\r\n", b"NOT_FOUND\r\n"), (b"mg a v\r\n", None)):
            client.send(command)
            unit = client.unit()
            while command.startswith(b"get") and unit != b"END\r\n":
                unit = client.unit()
            if answer:
                self.assertEqual(unit, answer)
        return client


class Pages(AdminTestCase):
    def test_health_and_readiness(self):
        self.start()
        for path, word in (("/healthz", "ok\n"), ("/readyz", "ready\n")):
            status, headers, text = self.ask(path)
            self.assertEqual((status, text[:len(word)]), (200, word))
            self.assertTrue(headers["Content-Type"].startswith("text/plain"))
        self.assertEqual(self.page("/healthz").count("turned"), 3)  # main, two workers

    def test_it_only_reads(self):
        self.start()
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            self.assertEqual(self.ask("/", method)[0], 405)
        self.assertEqual(self.ask("/", "HEAD")[0], 200)
        self.assertEqual(self.ask("/nothing")[0], 404)

    def test_a_foreign_host_name_is_refused_on_loopback(self):
        self.start()
        self.assertEqual(self.ask("/metrics", headers={"Host": "attacker.example"})[0], 403)
        for host in ("localhost", "localhost:9150", "127.0.0.1:9150", "[::1]:9150"):
            self.assertEqual(self.ask("/metrics", headers={"Host": host})[0], 200, host)

    def test_without_the_key_there_is_none(self):
        _, daemon = self.one_shard()
        self.assertNotIn("for metrics", daemon.log())

    def test_a_busy_address_is_an_error(self):
        self.start()
        other = self.fleet.mcrelay(start=False, backends=["127.0.0.1:1:0"],
                                   env={"MCRELAY_ADMIN": f"{LOOPBACK}:{self.admin[1]}"})
        status, _, errors = other.run()
        self.assertEqual(status, 1, errors)
        self.assertIn(f"cannot listen on {LOOPBACK}:{self.admin[1]} (admin): Address already in use", errors)

    def test_wider_than_loopback_is_said(self):
        servers = [self.fleet.redis()]
        daemon = self.fleet.mcrelay(start=False, backends=[servers[0].location()])
        daemon.extra_env["MCRELAY_ADMIN"] = f"0.0.0.0:{daemon.new_port()}"
        daemon.start()
        self.assertRegex(daemon.log(), r"warning config: admin: 0\.0\.0\.0:\d+ is not loopback")

    def test_draining_is_not_ready_but_healthy(self):
        servers, daemon = self.start(env={"MCRELAY_TIMEOUTS_REQUEST": "20s"})
        client = self.open(daemon)
        wait_until(lambda: client.set(b"a", b"x") == b"STORED\r\n", 5, "this worker is connected")
        self.assertEqual(client.call(b"delete a\r\n"), b"DELETED\r\n")
        servers[0].pause()
        client.send(b"get a\r\n")
        wait_until(lambda: self.status()["nodes"][0]["in_flight"] == 1, 5, "the read is on its way")
        daemon.expected_alive = False
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: self.ask("/readyz")[0] == 503, 5, "not ready")
        self.assertEqual(self.ask("/readyz")[2], "draining\n")
        self.assertEqual(self.ask("/healthz")[0], 200)
        servers[0].resume()
        self.assertEqual(client.unit(), b"END\r\n")
        self.assertEqual(daemon.wait(), 0)

    def test_a_flood_costs_nothing_and_hurts_no_client(self):
        _, daemon = self.start(1, "-c", "64")
        before = daemon.descriptors()
        idle = [socket.socket() for _ in range(300)]
        try:
            for sock in idle:
                sock.setblocking(False)
                sock.connect_ex(self.admin)  # what the daemon does not take waits in the kernel
            client = self.open(daemon)
            client.send(b"get a\r\n")
            self.assertEqual(client.unit(), b"END\r\n")
            self.assertLess(daemon.descriptors(), before + 80)
        finally:
            for sock in idle:
                sock.close()
        wait_until(lambda: self.ask("/healthz")[0] == 200, 10, "it answers again")
        wait_until(lambda: daemon.descriptors() <= before + 1, 10, "the descriptors are back")

    def trickle(self, count):
        """`count` clients that send a byte of a header line now and then, until the end of the test."""
        socks = [socket.create_connection(self.admin, patience(5)) for _ in range(count)]
        ended = threading.Event()

        def send():
            while not ended.wait(0.2):
                for sock in socks:
                    with contextlib.suppress(OSError):
                        sock.sendall(b"a")

        for sock in socks:
            sock.sendall(b"GET / HTTP/1.1\r\nX: ")
            self.addCleanup(sock.close)
        thread = threading.Thread(target=send)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)
        return socks

    def test_clients_that_trickle_do_not_keep_others_out(self):
        self.start()
        socks = self.trickle(3)  # as many as there are threads
        self.assertEqual(self.ask("/healthz")[0], 200)
        for sock in socks:
            sock.settimeout(patience(5))
            with contextlib.suppress(ConnectionResetError):
                self.assertNotIn(b" 200 ", sock.recv(1000))

    def test_a_client_that_trickles_does_not_hold_up_the_end(self):
        _, daemon = self.start()
        self.trickle(3)
        time.sleep(0.3)  # they are being read
        started = time.monotonic()
        self.assertEqual(daemon.terminate(), 0)
        self.assertLess(time.monotonic() - started, patience(1.5), "not even until their time is over")


class Metrics(AdminTestCase):
    def test_promtool_finds_nothing_to_say(self):
        _, daemon = self.start(2)
        self.traffic(daemon)
        done = subprocess.run(["promtool", "check", "metrics"], input=self.page("/metrics"), text=True,
                              capture_output=True, timeout=patience(20))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        broken = subprocess.run(["promtool", "check", "metrics"], input="# TYPE a counter\na 1\n",
                                text=True, capture_output=True, timeout=patience(20))
        self.assertNotEqual(broken.returncode, 0)

    def test_every_metric_is_documented_and_no_other(self):
        _, daemon = self.start()
        self.traffic(daemon)
        text = self.page("/metrics")
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", read("metrics.md"), re.MULTILINE)
        self.assertEqual(dict((name, kind) for name, kind, _ in rows), families(text))
        labels = {name: set() for name in families(text)}
        for sample in samples(text):
            name, _, rest = sample.partition("{")
            name = name if name in labels else re.sub(r"_(bucket|sum|count)$", "", name)
            labels[name] |= set(re.findall(r'(\w+)="', rest)) - {"le"}
        self.assertEqual({name: set(re.findall(r"`(\w+)`", told)) for name, _, told in rows}, labels)

    def test_the_exporters_names_are_there(self):
        self.start()
        missing = {f"memcached_{name}" for name in EXPORTER_METRICS} - set(families(self.page("/metrics")))
        self.assertEqual(missing, set())

    def test_they_count_what_clients_did(self):
        _, daemon = self.start()
        self.traffic(daemon)
        now = self.samples()
        commands = 'memcached_commands_total{command="%s",status="%s"}'
        self.assertEqual([now[commands % pair] for pair in (
            ("get", "hit"), ("get", "miss"), ("set", "hit"), ("delete", "miss"))], [3, 1, 1, 1])
        durations = {re.search(r'command="(\w+)"', name)[1]: value for name, value in now.items()
                     if name.startswith("mcrelay_command_duration_seconds_count")}
        self.assertEqual(durations, {"get": 3, "set": 1, "incr": 1, "delete": 1, "mg": 1})
        client = self.open(daemon)
        client.send(b"mg a v q\r\nms a 1\r\nx\r\nmd b\r\nma a\r\nme a\r\nmg a\r\nmn\r\n")
        client.until(b"MN")
        self.assertEqual(self.samples()["mcrelay_meta_commands_total"], 1 + 6)
        self.assertEqual(now['mcrelay_command_duration_seconds_bucket{command="get",le="+Inf"}'], 3)
        self.assertGreater(now['mcrelay_command_duration_seconds_sum{command="get"}'], 0)
        self.assertLess(now['mcrelay_command_duration_seconds_sum{command="get"}'], patience(3))
        node = [name for name in now if name.startswith("mcrelay_node_requests_total")]
        self.assertGreaterEqual(now[node[0]], 7)

    def test_a_slow_node_shows_in_both_histograms(self):
        servers, daemon = self.start()
        client = self.open(daemon)
        with servers[0].client() as redis:
            redis.call("CLIENT", "PAUSE", "120", "ALL")
        client.send(b"get a\r\n")
        self.assertEqual(client.unit(), b"END\r\n")
        now = self.samples()
        self.assertGreater(now['mcrelay_command_duration_seconds_sum{command="get"}'], 0.06)
        self.assertEqual(now['mcrelay_command_duration_seconds_bucket{command="get",le="0.032768"}'], 0)
        node = f'node="{LOOPBACK}:{servers[0].port}"'
        self.assertGreater(now["mcrelay_node_round_trip_seconds_sum{%s}" % node], 0.06)

    def test_a_dead_node_and_its_return(self):
        servers, daemon = self.start(2)
        node = f'mcrelay_node_up{{node="{LOOPBACK}:{servers[1].port}"}}'
        self.assertEqual(self.samples()[node], 1)
        servers[1].kill9()
        wait_until(lambda: self.samples()[node] == 0, 5, "seen down")
        self.assertEqual(self.ask("/readyz")[0], 200)
        down = f'mcrelay_node_down_seconds_total{{node="{LOOPBACK}:{servers[1].port}"}}'
        wait_until(lambda: self.samples()[down] >= 0.5, 5, "the outage is counted while it lasts")
        self.assertEqual(self.status()["nodes"][0]["state_seconds"], None)
        servers[1].restart()
        wait_until(lambda: self.samples()[node] == 1, 5, "seen up again")
        lasted = self.samples()[down]
        wait_until(lambda: self.status()["nodes"][1]["state_seconds"] >= 1, 5, "it is up for a second")
        self.assertEqual(self.samples()[down], lasted)
        self.assertEqual(self.samples()[down.replace(str(servers[1].port), str(servers[0].port))], 0)
        self.assertEqual([event["event"] for event in self.status()["events"]
                          if event["event"].startswith("node_")], ["node_up", "node_down"])

    def test_clients_of_each_listener(self):
        servers, daemon = self.start()
        listener = f'mcrelay_listener_clients{{listener="{LOOPBACK}:{daemon.port}"}}'
        wait_until(lambda: self.samples()[listener] == 0, 5, "whoever waited for the start has left")
        before = self.status()["listeners"][0]["accepted"]
        clients = [self.open(daemon) for _ in range(3)]
        wait_until(lambda: self.samples()[listener] == 3, 5, "three are counted")
        clients[0].close()
        wait_until(lambda: self.samples()[listener] == 2, 5, "two are left")
        self.assertEqual(self.status()["listeners"][0]["clients"], 2)
        self.assertEqual(self.status()["listeners"][0]["accepted"], before + 3)

    def test_listeners_are_told_apart_by_what_they_are_bound_to(self):
        """Each address of a name has a listener of its own; inherited sockets have no name at all."""
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(listen="none", start=False, backends=[redis.location()])
        daemon.arguments += ["-l", f"localhost:{daemon.port}"]
        self.admin = (LOOPBACK, daemon.new_port())
        daemon.extra_env["MCRELAY_ADMIN"] = f"{LOOPBACK}:{self.admin[1]}"
        daemon.start()
        bound = {f"[{address[0]}]:{daemon.port}" if ":" in address[0] else f"{address[0]}:{daemon.port}"
                 for *_, address in socket.getaddrinfo("localhost", daemon.port, type=socket.SOCK_STREAM)}
        self.assertEqual({name for name in self.samples() if name.startswith("mcrelay_listener_open")},
                         {f'mcrelay_listener_open{{listener="{address}"}}' for address in bound})
        rows = [tuple(row[:3]) for row in csv.reader(io.StringIO(self.page("/stats.csv"), newline=""))]
        self.assertEqual(len(rows), len(set(rows)))
        daemon.terminate()

        path = os.path.join(self.fleet.folder, "inherited")
        with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
            tcp.bind((LOOPBACK, daemon.port))
            unix.bind(path)
            inherited = [tcp, unix]
            for sock in inherited:
                sock.listen()
            script = 'exec 3<&%d 4<&%d; LISTEN_FDS=2 LISTEN_PID=$$ exec "$@"' % (tcp.fileno(), unix.fileno())
            command = ["setpriv", "--pdeathsig", "KILL", "--", "bash", "-c", script, "bash", *daemon.command()]
            process = subprocess.Popen(command, env=daemon.environment(), pass_fds=[s.fileno() for s in inherited],
                                       stderr=subprocess.DEVNULL)
            try:
                def open_listeners():
                    with contextlib.suppress(OSError):
                        return {name for name in self.samples() if name.startswith("mcrelay_listener_open")}

                self.assertEqual(wait_until(open_listeners, 10, "it serves"),
                                 {f'mcrelay_listener_open{{listener="{name}"}}'
                                  for name in (f"{LOOPBACK}:{daemon.port}", f"unix:{path}")})
            finally:
                process.terminate()
                self.assertEqual(process.wait(patience(8)), 0)

    def test_reloads(self):
        servers, daemon = self.start(config="key_prefix: a\n")
        self.assertEqual(self.samples()["mcrelay_config_last_reload_successful"], 1)
        since = self.samples()["mcrelay_config_in_use_timestamp_seconds"]
        daemon.write_config("key_prefixes: b\n")
        daemon.signal(signal.SIGHUP)
        refused = 'mcrelay_config_reloads_total{result="refused"}'
        wait_until(lambda: self.samples()[refused] == 1, 5, "refused")
        self.assertEqual(self.samples()["mcrelay_config_last_reload_successful"], 0)
        self.assertEqual(self.samples()["mcrelay_config_in_use_timestamp_seconds"], since)
        self.assertFalse(self.status()["reload"]["last_worked"])
        daemon.write_config("key_prefix: c\n")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: self.samples()["mcrelay_config_last_reload_successful"] == 1, 5, "taken over")
        self.assertGreater(self.samples()["mcrelay_config_in_use_timestamp_seconds"], since)
        self.assertIn('key_prefix: "c" ', self.status()["configuration"])

    def test_dashboard_and_alerts_use_metrics_that_exist(self):
        _, daemon = self.start()
        self.traffic(daemon)
        known = set(families(self.page("/metrics")))
        board = json.loads(read("examples/grafana-dashboard.json"))
        expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
        expressions += [variable["query"] for variable in board["templating"]["list"]]
        alerts = read("examples/prometheus-alerts.yaml")
        self.assertGreater(len(expressions), 25)
        for expression in expressions + re.findall(r"expr: *(?:>-\n)?((?:.|\n {10})+)", alerts):
            self.assertEqual(metric_names(expression) - known, set(), expression)
        self.assertGreater(len(metric_names(alerts)), 8)
        self.assertNotIn("mcrelay_nothing", known)
        rules = os.path.join(DOCS, "examples", "prometheus-alerts.yaml")
        done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True,
                              timeout=patience(20))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_alerts_fire_as_they_are_meant(self):
        """Redis was never there: nothing has a duration, and still commands fail."""
        rules = os.path.join(DOCS, "examples", "prometheus-alerts.yaml")
        path = os.path.join(self.fleet.folder, "alerts.yaml")
        failed, lasted = "mcrelay_backend_failed_total", "mcrelay_command_duration_seconds_count"
        with open(path, "w") as file:
            file.write(f"""
rule_files: [{rules}]
tests:
  - interval: 1m
    input_series:
      - {{series: '{failed}{{job="mcrelay",instance="never"}}', values: '0+60x20'}}
      - {{series: '{failed}{{job="mcrelay",instance="idle"}}', values: '0+0x20'}}
      - {{series: '{failed}{{job="mcrelay",instance="some"}}', values: '0+60x20'}}
      - {{series: '{lasted}{{job="mcrelay",instance="some",command="get"}}', values: '0+4000x20'}}
      - {{series: '{lasted}{{job="mcrelay",instance="some",command="set"}}', values: '0+4000x20'}}
      - {{series: '{failed}{{job="mcrelay",instance="many"}}', values: '0+60x20'}}
      - {{series: '{lasted}{{job="mcrelay",instance="many",command="get"}}', values: '0+4000x20'}}
    alert_rule_test:
      - eval_time: 15m
        alertname: McrelayBackendFailures
        exp_alerts: [{self.alert("never")}, {self.alert("many")}]
""")
        done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True,
                              timeout=patience(20))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @staticmethod
    def alert(instance):
        summary = f"mcrelay {instance}: more than 1 % of the commands get no answer of a backend"
        return json.dumps({"exp_labels": {"severity": "warning", "job": "mcrelay", "instance": instance},
                           "exp_annotations": {"summary": summary}})

    def test_stats_reset_takes_nothing_off(self):
        _, daemon = self.start()
        client = self.traffic(daemon)
        client.send(b"stats reset\r\n")
        self.assertEqual(client.unit(), b"RESET\r\n")
        self.assertEqual(self.samples()['memcached_commands_total{command="get",status="hit"}'], 3)


class StatusPage(AdminTestCase):
    def test_it_is_complete_without_a_script(self):
        servers, daemon = self.start(2)
        self.traffic(daemon)
        wait_until(lambda: self.status()["process"]["commands_per_second"] is not None, 8, "a sample")
        hit = self.open(daemon)
        hit.send(b"get a\r\nget a\r\n")
        hit.units(4)
        wait_until(lambda: 1 in self.status()["hit_ratio"]["history"], 8, "the step with these two hits")
        servers[1].kill9()
        dead = f"{LOOPBACK}:{servers[1].port}"
        wait_until(lambda: self.status()["nodes"][1]["state"] == "down", 5, "seen down")
        text = self.page("/")
        self.assertRegex(text, r'data-lines="/hit_ratio/history" [^>]*><path class="line0" d="M[^"]+"/>'
                               r'<text x="1" y="8">100\.0 %</text>')
        outline = Outline(text)
        self.assertEqual(outline.open, [])
        self.assertEqual(outline.row("get")[1][1], "5")
        self.assertEqual(outline.row(f"{LOOPBACK}:{servers[0].port}")[0], "up")
        self.assertEqual(outline.row(dead)[0], "down")
        self.assertEqual(outline.row(dead)[1][1], "down")
        self.assertEqual(outline.row(f"{LOOPBACK}:{daemon.port}")[0], "open")
        self.assertTrue(any("node_down" in row for row in outline.rows), outline.rows)
        self.assertIn("threads: 2", text)
        self.assertIn("83.3 %", text)  # five of six reads hit
        self.assertTrue(all("//" not in link and not link.startswith("/") for link in outline.links),
                        outline.links)
        for link in ("status.css", "status.js", "metrics", "stats.json", "stats.csv", "healthz", "readyz"):
            self.assertIn(link, outline.links)
            self.assertEqual(self.ask("/" + link)[0], 200)
        self.assertIn("script-src 'self'", self.ask("/")[1]["Content-Security-Policy"])

    def test_the_same_values_as_csv(self):
        servers, daemon = self.start(2)
        self.traffic(daemon)
        status, headers, text = self.ask("/stats.csv")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/csv; charset=utf-8"))
        rows = list(csv.reader(io.StringIO(text, newline="")))
        self.assertEqual(rows[0], ["kind", "name", "field", "value"])
        values = {tuple(row[:3]): row[3] for row in rows[1:]}
        self.assertEqual(len(values), len(rows) - 1)
        self.assertEqual(values["node", f"{LOOPBACK}:{servers[1].port}", "state"], "up")
        self.assertEqual(values["command", "set", "count"], "1")
        self.assertEqual(values["listener", f"{LOOPBACK}:{daemon.port}", "clients"], "1")
        self.assertEqual(values["process", "", "pid"], str(daemon.pid))
        self.assertEqual(values["stats", "", "get_hits"], "3")

    def test_names_are_escaped_and_secrets_stay_secret(self):
        redis = self.fleet.redis(password="hush-hush")
        config = ("backends:\n  - {location: 'redis://:hush-hush@%s:%d/0', name: '<script>\"a&b'}\n"
                  % (LOOPBACK, redis.port))
        _, daemon = self.start(0, backends=[], config=config)
        self.traffic(daemon)
        text = self.page("/")
        Outline(text)
        self.assertIn("&lt;script&gt;&quot;a&amp;b", text)
        self.assertNotIn("<script>\"a", text)
        for path in ("/", "/metrics", "/stats.json", "/stats.csv"):
            self.assertNotIn("hush-hush", self.page(path))
        self.assertEqual(self.status()["nodes"][0]["name"], '<script>"a&b')
        self.assertIn(r'node="<script>\"a&b"', self.page("/metrics"))


class Systemd(FleetTestCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.mkdtemp(prefix="mcrelay-notify-")
        self.addCleanup(shutil.rmtree, folder)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(os.path.join(folder, "notify"))
        self.socket.settimeout(patience(8))
        self.environment = {"NOTIFY_SOCKET": os.path.join(folder, "notify")}

    def told(self, start):
        """The next message that starts so, as a dictionary."""
        while True:
            text = self.socket.recv(4096).decode()
            if text.startswith(start):
                return dict(line.split("=", 1) for line in text.splitlines())

    def test_life_of_a_daemon(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location()], env=self.environment, config="key_prefix: a\n")
        self.assertEqual(self.told("READY=1")["STATUS"], "serving 0 clients from 1 node")
        self.open(daemon)
        self.assertEqual(self.told("STATUS=")["STATUS"], "serving 1 client from 1 node")
        redis.kill9()
        self.assertEqual(self.told("STATUS=")["STATUS"],
                         f"serving 1 client from 1 node; down: {LOOPBACK}:{redis.port}")
        daemon.write_config("key_prefixes: a\n")
        daemon.signal(signal.SIGHUP)
        self.told("RELOADING=1")
        self.assertTrue(self.told("READY=1")["STATUS"].endswith("; the last reload was refused"))
        self.assertEqual(daemon.terminate(), 0)
        self.assertTrue(self.told("STOPPING=1")["STATUS"].startswith("stopping"))

    def test_the_watchdog_is_fed_twice_as_often_as_asked(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location()],
                                    env={**self.environment, "WATCHDOG_USEC": "400000"})
        self.told("WATCHDOG=1")
        started = time.monotonic()
        for _ in range(5):
            self.told("WATCHDOG=1")
        self.assertLess(time.monotonic() - started, patience(1.8))
        self.assertEqual(daemon.terminate(), 0)


class HungWorker(AdminTestCase):
    """A worker that no longer turns: ptrace stops one thread of the daemon, the others go on."""

    PTRACE_ATTACH, PTRACE_DETACH = 16, 17
    WALL = 0x40000000

    def ptrace(self, request, thread):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.assertEqual(libc.ptrace(request, thread, None, None), 0, os.strerror(ctypes.get_errno()))

    def test_it_is_noticed_by_probe_and_watchdog(self):
        folder = tempfile.mkdtemp(prefix="mcrelay-notify-")
        self.addCleanup(shutil.rmtree, folder)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        notify.bind(os.path.join(folder, "notify"))
        notify.setblocking(False)
        _, daemon = self.start(env={"NOTIFY_SOCKET": os.path.join(folder, "notify"),
                                    "WATCHDOG_USEC": "400000"})

        def fed():
            """How often the watchdog was fed since the last question."""
            count = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    count += notify.recv(4096).startswith(b"WATCHDOG=1")
            return count

        wait_until(lambda: fed() > 0, 5, "the watchdog is fed")
        thread = worker_thread(daemon.pid)
        self.ptrace(self.PTRACE_ATTACH, thread)
        os.waitpid(thread, self.WALL)
        try:
            wait_until(lambda: self.ask("/healthz")[0] == 503, 10, "the probe sees that it hangs")
            self.assertTrue(self.ask("/healthz")[2].startswith("hanging\n"))
            self.assertEqual(self.status()["process"]["state"], "hanging")

            def starves():
                fed()  # what was sent before it was seen to hang
                time.sleep(1)
                return fed() == 0

            wait_until(starves, 5, "systemd hears no more of a daemon that hangs")
        finally:
            self.ptrace(self.PTRACE_DETACH, thread)
        wait_until(lambda: self.ask("/healthz")[0] == 200 and fed() > 0, 5, "it turns again")


def worker_thread(pid):
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="ascii") as name:
            if name.read() == "worker0\n":
                return int(thread)
    raise AssertionError("no thread is called worker0")


class StalePages(http.server.ThreadingHTTPServer):
    """The daemon's admin pages, but with a status page of an earlier moment: what a browser then shows that is
    newer, its script has brought in."""

    def __init__(self, admin, old_page):
        super().__init__((LOOPBACK, 0), self.Handler)
        self.admin, self.old_page = admin, old_page

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            connection = http.client.HTTPConnection(*self.server.admin, timeout=patience(5))
            with contextlib.closing(connection):
                connection.request("GET", self.path)
                answer = connection.getresponse()
                body = answer.read()
            if self.path == "/":
                body = self.server.old_page.encode()
            self.send_response(answer.status)
            for name in ("Content-Type", "Content-Security-Policy"):
                self.send_header(name, answer.getheader(name))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass


@unittest.skipUnless(shutil.which("chromium"), "no Chromium here: scripts/dev deps browser")
class Browser(AdminTestCase):
    def chromium(self, url, *arguments):
        profile = tempfile.mkdtemp(prefix="mcrelay-chromium-")
        self.addCleanup(shutil.rmtree, profile, True)
        command = ["setpriv", "--pdeathsig", "KILL", "--", "chromium", "--headless", "--no-sandbox",
                   "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                   "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}",
                   "--virtual-time-budget=10000", "--enable-logging=stderr", *arguments, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience(60))
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.assertEqual(re.findall(r"CONSOLE.*", done.stderr), [])
        return done.stdout

    def test_the_script_brings_the_page_up_to_date(self):
        servers, daemon = self.start(2)
        client = self.traffic(daemon)
        old = self.page("/")
        self.assertEqual(Outline(old).row("set")[1][1], "1")
        for _ in range(1233):
            client.send(b"set a 0 0 1\r\nx\r\n")
            self.assertEqual(client.unit(), b"STORED\r\n")
        servers[1].kill9()
        dead = f"{LOOPBACK}:{servers[1].port}"
        wait_until(lambda: self.status()["nodes"][1]["state"] == "down", 5, "seen down")
        with StalePages(self.admin, old) as pages:
            thread = threading.Thread(target=pages.serve_forever)
            thread.start()
            try:
                dom = self.chromium(f"http://{LOOPBACK}:{pages.server_port}/", "--dump-dom")
            finally:
                pages.shutdown()
                thread.join()
        outline = Outline(re.sub(r"</?(noscript|tbody)[^>]*>", "", dom.replace("</path>", "")))
        self.assertEqual(outline.row("set")[1][1], "1,234")
        self.assertEqual((outline.row(dead)[0], outline.row(dead)[1][1]), ("down", "down"))
        self.assertTrue(any("node_down" in row for row in outline.rows), outline.rows)

    def test_a_page_on_which_all_is_well(self):
        servers, daemon = self.start(2)
        self.traffic(daemon)
        dom = self.chromium(f"http://{LOOPBACK}:{self.admin[1]}/", "--dump-dom")
        outline = Outline(re.sub(r"</?(noscript|tbody)[^>]*>", "", dom.replace("</path>", "")))
        for server in servers:
            style, cells = outline.row(f"{LOOPBACK}:{server.port}")
            self.assertEqual((style, cells[1]), ("up", "up"))
        self.assertEqual(outline.row(f"{LOOPBACK}:{daemon.port}")[0], "open")
        self.assertEqual([style for style in outline.classes if style in ("down", "closed", "error", "warning")],
                         ["warning"] * (os.geteuid() == 0))  # that it runs as root
        self.assertRegex(dom, 'id="lost" hidden')
        self.picture("healthy")

    def test_a_picture_of_it(self):
        servers, daemon = self.start(2)
        self.traffic(daemon)
        servers[1].kill9()
        wait_until(lambda: self.status()["nodes"][1]["state"] == "down", 5, "seen down")
        self.picture("node-down")

    def picture(self, name):
        """For a look: MCRELAY_SCREENSHOT names a folder to keep it in."""
        path = os.path.join(os.environ.get("MCRELAY_SCREENSHOT", self.fleet.folder), f"{name}.png")
        self.chromium(f"http://{LOOPBACK}:{self.admin[1]}/", f"--screenshot={path}",
                      "--window-size=1400,1250")
        with open(path, "rb") as picture:
            self.assertEqual(picture.read(8), b"\x89PNG\r\n\x1a\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
