"""Start, refusal to start, and end: flags, exit statuses, ports, the embedded redis-server."""

import contextlib
import glob
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.servers import (LOOPBACK, answers_with, connect, mcrelay_binary, patience,  # noqa: E402
                             wait_until)
from support.testcase import FleetTestCase  # noqa: E402
from test_basic import sockets_of  # noqa: E402

USAGE, CONFIG, RUNTIME = 2, 78, 1
DEAD_BACKEND = f"{LOOPBACK}:1:0"
BACKEND = "backends: ['127.0.0.1:6379']\n"


class ExitStatus(FleetTestCase):
    def run_daemon(self, *arguments, config=None, env=None, backends=(DEAD_BACKEND,), limit_s=3):
        daemon = self.fleet.mcrelay(*arguments, start=False, config=config, env=env,
                                    backends=backends)
        started = time.monotonic()
        status, out, err = daemon.run(limit_s + 2)
        self.assertLess(time.monotonic() - started, patience(limit_s))
        return daemon, status, out, err

    def refuse(self, status, patterns, *arguments, **options):
        """It ends with `status`, and one line of stderr matches all patterns."""
        daemon, got, out, err = self.run_daemon(*arguments, **options)
        report = f"{arguments} {options}: status {got}\n{out}\n{err}"
        self.assertEqual(got, status, report)
        patterns = [pattern.replace("FILE", re.escape(daemon.config_path)) for pattern in patterns]
        self.assertTrue(any(all(re.search(pattern, line) for pattern in patterns)
                            for line in err.splitlines()), f"{patterns} not in one line of\n{report}")

    def test_help_and_version(self):
        _, status, out, _ = self.run_daemon("-h")
        self.assertEqual(status, 0)
        for word in ("--backend", "--config", "--check-config", "--print-config", "-p", "-m"):
            self.assertIn(word, out)
        _, status, out, _ = self.run_daemon("-V")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"mcrelay \d+\.\d+")

    def test_usage_errors(self):
        for arguments, pattern in [
                (["--no-such-flag"], "no-such-flag"), (["-p", "abc"], "abc"), (["-p", "70000"], "70000"),
                (["-U", "11211"], "-U|UDP"), (["-S"], "(?i)sasl|binary|text"), (["-Z"], "(?i)tls"),
                (["-B", "binary"], "binary"), (["-t", "0"], "-t|threads"), (["-c"], "-c"),
                (["-I", "zzz"], "zzz"), (["surplus"], "surplus")]:
            with self.subTest(arguments=arguments):
                self.refuse(USAGE, [pattern], *arguments)

    def test_memcached_flags_are_taken(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay("-m", "64", "-c", "512", "-I", "2m", "-b", "256", "-U", "0", "-v", "-o",
                                    "modern,hash_algorithm=murmur3", "-n", "48", "-f", "1.25", "-L", "-C",
                                    backends=[redis.location()])
        with daemon.client() as client:
            self.assertEqual(client.set(b"k", b"x" * 1500000), b"STORED\r\n")

    def test_configuration_errors(self):
        for config, patterns in [
                (BACKEND + "lisen: [127.0.0.1:1]\n", ["FILE:2:1", "lisen", "listen"]),
                (BACKEND + "threads: many\n", ["FILE:2:10", "many"]),
                (BACKEND + "threads: 2\nthreads: 3\n", ["FILE:3:1", "threads"]),
                (BACKEND + "timeouts: {connect: soon}\n", ["FILE:2:21", "soon"]),
                (BACKEND + "limits: {item_size: 1zb}\n", ["FILE:2:21", "1zb"]),
                (BACKEND + "value_format: taged\n", ["FILE:2:15", "taged", "tagged"]),
                (BACKEND + "password: ${MCRELAY_TEST_UNSET}\n", ["FILE:2", "MCRELAY_TEST_UNSET"]),
                (BACKEND + "timeouts: [1]\n", ["FILE:2"]),
                ("backends: [127.0.0.1:99999]\n", ["FILE:1", "99999"]),
                ("backends: [a:1, b:2]\ntopology: single\n", ["FILE", "topology|single"]),
                (BACKEND + "on_error: {raed: miss}\n", ["FILE:2", "raed", "read"]),
                ("listen: [\n", ["FILE:"]),
                (BACKEND + "pools: {}\n", ["FILE:2", "pools"])]:
            with self.subTest(config=config):
                self.refuse(CONFIG, patterns, config=config, backends=())

    def test_a_missing_file(self):
        self.refuse(CONFIG, ["/no/such/file.yaml"], "--config", "/no/such/file.yaml")

    def test_environment_errors(self):
        self.refuse(CONFIG, ["MCRELAY_THREADS", "many"], env={"MCRELAY_THREADS": "many"})

    def test_an_unknown_variable_is_named_and_ignored(self):
        """Not an error: container platforms add variables of their own (MCRELAY_SERVICE_HOST)."""
        _, daemon = self.one_shard(env={"MCRELAY_LISTEM": "127.0.0.1:1"})
        self.assertRegex(daemon.log(), "MCRELAY_LISTEM.*MCRELAY_LISTEN")

    def test_bad_backend_location(self):
        _, status, _, err = self.run_daemon(backends=["127.0.0.1:notaport"])
        self.assertIn(status, (USAGE, CONFIG), err)
        self.assertIn("notaport", err)

    def test_check_config(self):
        daemon, status, out, err = self.run_daemon("--check-config", config=BACKEND + "key_prefix: 'a:'\n",
                                                   backends=())
        self.assertEqual(status, 0, err)
        self.refuse(CONFIG, ["FILE:2:1", "key_prefx"], "--check-config", config=BACKEND + "key_prefx: a\n",
                    backends=())

    def test_a_folder_as_log_file(self):
        for flags in ((), ("--check-config",)):
            self.refuse(CONFIG, [f"log.file: found the folder {self.fleet.folder}, expected a file"], *flags,
                        config=BACKEND + f"log: {{file: {self.fleet.folder}}}\n", backends=())

    def test_threads_are_as_many_as_cores_may_be_used(self):
        core = min(os.sched_getaffinity(0))
        daemon = self.fleet.mcrelay("--print-config", start=False, threads=0)
        plain = daemon.command
        daemon.command = lambda: ["taskset", "-c", str(core)] + plain()
        status, out, err = daemon.run()
        self.assertEqual(status, 0, err)
        self.assertRegex(out, r"(?m)^threads: 1 +# default, one per core that may be used$")

    def test_check_config_names_mistyped_variables(self):
        _, status, out, err = self.run_daemon("--check-config", config=BACKEND, backends=(),
                                              env={"MCRELAY_KEY_PREFX": "a", "MCRELAY_SERVICE_HOST": "x"})
        self.assertEqual((status, out[-6:]), (0, "valid\n"), err)
        self.assertEqual(err, "mcrelay: warning: environment MCRELAY_KEY_PREFX: no such setting, ignored "
                              "(did you mean MCRELAY_KEY_PREFIX?)\n")

    def test_print_config_names_origins_and_masks_secrets(self):
        _, status, out, err = self.run_daemon(
            "-c", "77", "--print-config", env={"MCRELAY_TIMEOUTS_REQUEST": "123ms"},
            config=BACKEND + "password: very-secret\nkey_prefix: 'from-file:'\n", backends=())
        self.assertEqual(status, 0, err)
        self.assertNotIn("very-secret", out + err)
        for value, origin in [("77", "-c|flag"), ("123ms", "MCRELAY_TIMEOUTS_REQUEST|environment"),
                              ("from-file:", r"mcrelay\.yaml|file"), ("250ms", "default")]:
            lines = [line for line in out.splitlines() if value in line]
            self.assertTrue(any(re.search(origin, line) for line in lines), (value, origin, out))

    def test_print_config_can_be_read_back(self):
        _, status, out, err = self.run_daemon("--print-config", config=BACKEND + "threads: 3\n",
                                              backends=())
        self.assertEqual(status, 0, err)
        daemon = self.fleet.mcrelay("--check-config", start=False, config=out, listen="none", threads=0)
        status, _, err = daemon.run()
        self.assertEqual(status, 0, out + err)

    def test_a_busy_port(self):
        redis, first = self.one_shard()
        second = self.fleet.mcrelay(start=False, backends=[redis.location()])
        second.port = first.port
        started = time.monotonic()
        status, _, err = second.run()
        self.assertLess(time.monotonic() - started, patience(3))
        self.assertEqual(status, RUNTIME, err)
        self.assertIn(str(first.port), err)
        self.assertRegex(err, "(?i)in use")

    def test_a_busy_unix_socket(self):
        redis, first = self.one_shard(listen="unix")
        second = self.fleet.mcrelay(start=False, backends=[redis.location()], listen="unix")
        second.socket_path = first.socket_path
        status, _, err = second.run()
        self.assertEqual(status, RUNTIME, err)
        with first.client() as client:
            self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")


class Configured(FleetTestCase):
    def test_listeners_backends_and_prefix_from_the_file(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(listen="none", threads=0, config=f"""
listen: [127.0.0.1:{{port}}, "unix:{{socket}}"]
threads: 2
backends:
  - {{location: {redis.location(db=1)}, name: only, weight: 2}}
key_prefix: "app1:"
timeouts: {{connect: 500ms, request: 500ms}}
""".replace("{{", "{").replace("}}", "}"))
        with daemon.client() as client, redis.client(db=1) as raw:
            client.set(b"k", b"x")
            self.assertEqual(raw.call("KEYS", "*"), [b"app1:k"])

    def test_environment(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(env={"MCRELAY_BACKENDS": redis.location(), "MCRELAY_KEY_PREFIX": "e:"})
        with daemon.client() as client, redis.client() as raw:
            client.set(b"k", b"x")
            self.assertEqual(raw.call("KEYS", "*"), [b"e:k"])

    def test_redis_url_is_the_last_resort(self):
        redis, unused = self.fleet.redis(), self.fleet.redis()
        url = {"REDIS_URL": f"redis://127.0.0.1:{redis.port}/2"}
        daemon = self.fleet.mcrelay(env=url)
        with daemon.client() as client, redis.client(db=2) as raw:
            client.set(b"k", b"x")
            self.assertEqual(raw.call("KEYS", "*"), [b"k"])
        other = self.fleet.mcrelay(env={"REDIS_URL": f"redis://127.0.0.1:{unused.port}/2"},
                                   backends=[redis.location(db=2)])
        with other.client() as client:
            self.assertEqual(client.get(b"k"), b"x")

    def test_password_file(self):
        redis = self.fleet.redis(password="from-a-file")
        daemon = self.fleet.mcrelay(start=False, backends=[redis.location()])
        path = os.path.join(daemon.folder, "password")
        with open(path, "w") as file:
            file.write("from-a-file\n")
        daemon.write_config(f"password_file: {path}\n")
        daemon.start()
        with daemon.client() as client:
            self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")

    def test_json_log(self):
        import json
        redis, daemon = self.one_shard(config="log: {format: json}\n")
        daemon.terminate()
        lines = [line for line in daemon.log().splitlines() if line]
        self.assertTrue(lines)
        for line in lines:
            self.assertIn("level", json.loads(line))

    def test_a_name_that_does_not_resolve_does_not_stop_it(self):
        daemon = self.fleet.mcrelay(backends=["no-such-host.invalid:6379"])
        with daemon.client() as client:
            started = time.monotonic()
            self.assertIsNone(client.get(b"k"))
            self.assertEqual(client.set(b"k", b"x"), b"NOT_STORED\r\n")
            self.assertEqual(client.call(b"delete k\r\n"), b"NOT_FOUND\r\n")
            self.assertLess(time.monotonic() - started, patience(2))

    def test_absent_backend_comes_later(self):
        redis = self.fleet.redis()
        redis.kill9()
        daemon = self.fleet.mcrelay(backends=[redis.location()])
        with daemon.client() as client:
            self.assertIsNone(client.get(b"k"))
            redis.start()
            wait_until(lambda: client.set(b"k", b"x") == b"STORED\r\n", 1.5, "it serves")
        daemon.settle()

    def test_sigterm_and_sigint(self):
        redis = self.fleet.redis()
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.fleet.mcrelay(backends=[redis.location()])
            client = self.open(daemon)
            client.set(b"k", b"x")
            self.assertEqual(daemon.terminate(5, number), 0)
            self.assertEqual(client.expect_closed(), b"")

    def test_a_restart_behind_an_inherited_socket_refuses_nobody(self):
        """As a systemd.socket(5) unit has it: the socket outlives the daemon."""
        redis = self.fleet.redis()
        listener = socket.create_server((LOOPBACK, 0), backlog=512)
        self.addCleanup(listener.close)
        daemon = self.fleet.mcrelay(backends=[redis.location()], start=False,
                                    config="timeouts: {connect: 5s, request: 5s}\n")
        daemon.inherited, daemon.address = [listener.fileno()], listener.getsockname()
        own = daemon.command()
        daemon.command = lambda: [
            "sh", "-c", f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@" 3<&{listener.fileno()}', *own]
        daemon.start()
        wrong, ended, served = [], threading.Event(), [0] * 3

        def ask(number):
            while not ended.is_set():
                try:
                    with connect(daemon.address, patience(5)) as sock:
                        sock.sendall(b"set k%d 0 0 1\r\nx\r\nquit\r\n" % number)
                        answer = sock.recv(100)
                    if answer != b"STORED\r\n":
                        wrong.append(answer)
                    served[number] += 1
                except OSError as error:
                    wrong.append(error)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(served))]
        for thread in threads:
            thread.start()
        try:
            for _ in range(4):
                time.sleep(0.3)
                self.assertEqual(daemon.terminate(), 0)
                before = list(served)
                daemon.start()
                wait_until(lambda before=before: all(now > then for now, then in zip(served, before)),
                           5, "everybody is served again")
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])
        self.assertFalse(answers_with((LOOPBACK, daemon.port), b"version\r\n", b"VERSION"),
                         "it takes the place of -l and -p")


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            found += [int(child) for child in file.read().split()]
    return found


def exists(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Embedded(FleetTestCase):
    """No backend named anywhere: a private redis-server."""

    def embedded(self, *arguments, **options):
        daemon = self.fleet.mcrelay(*arguments, **options)
        client = self.open(daemon)
        wait_until(lambda: client.set(b"k", b"x") == b"STORED\r\n", 3, "the embedded store serves")
        daemon.settle()
        found = children(daemon.pid)
        self.assertEqual(len(found), 1, "one child")
        return daemon, client, found[0]

    def test_it_serves_without_a_tcp_port_and_ends_with_the_daemon(self):
        daemon, client, child = self.embedded("-m", "32")
        with open(f"/proc/{child}/comm") as comm:
            self.assertIn("redis", comm.read())
        self.assertEqual(sockets_of(child), ([], []))
        self.assertEqual(client.get(b"k"), b"x")
        self.assertEqual(daemon.terminate(), 0)
        wait_until(lambda: not exists(child), 3, "the child is gone")

    def test_kill_9_of_the_daemon_ends_the_child(self):
        daemon, _, child = self.embedded()
        daemon.kill9()
        wait_until(lambda: not exists(child), 3, "the child is gone")

    def test_the_child_is_started_again(self):
        daemon, client, child = self.embedded()
        for _ in range(2):
            os.kill(child, signal.SIGKILL)
            wait_until(lambda: client.set(b"k", b"again") == b"STORED\r\n", 5, "it serves again")
            wait_until(lambda: client.get(b"k") == b"again", 2, "the new item shows")
            (child,) = children(daemon.pid)

    def test_a_child_that_hangs_is_started_again(self):
        daemon, client, child = self.embedded()
        os.kill(child, signal.SIGSTOP)
        self.assertEqual(client.set(b"k", b"lost", limit_s=3), b"NOT_STORED\r\n")
        wait_until(lambda: client.set(b"k", b"again") == b"STORED\r\n", 20, "it serves again")
        wait_until(lambda: client.get(b"k") == b"again", 2, "the new item shows")
        self.assertNotEqual(children(daemon.pid), [child])
        self.assertIn("has not answered for 10 s", daemon.log())

    def test_what_a_killed_daemon_left_is_removed_by_the_next(self):
        """And nothing of one that lives, nor what only looks like it."""
        daemon, _, child = self.embedded()
        base = daemon.folder
        (left,) = glob.glob(os.path.join(base, "mcrelay-*"))
        daemon.kill9()
        wait_until(lambda: not exists(child), 3, "the child is gone")
        self.assertTrue(os.path.exists(left))
        foreign = os.path.join(base, "mcrelay-abcdef")
        os.mkdir(foreign)
        living, client, _ = self.embedded(env={"TMPDIR": base})
        self.assertFalse(os.path.exists(left))
        _, other, _ = self.embedded(env={"TMPDIR": base})
        self.assertTrue(os.path.exists(foreign))
        self.assertEqual(len(glob.glob(os.path.join(base, "mcrelay-*"))), 3)
        for one in (client, other):
            self.assertEqual(one.set(b"k", b"x"), b"STORED\r\n")

    def test_memory_limit_evicts_or_refuses(self):
        value = b"x" * 500000
        patient = {"MCRELAY_TIMEOUTS_REQUEST": "5s"}  # large values, and whatever else this machine does
        daemon, client, _ = self.embedded("-m", "16", env=patient)
        for i in range(80):
            self.assertEqual(client.set(b"big%d" % i, value), b"STORED\r\n", i)
        # Which ones is Redis' choice: within one second of its LRU clock all are of the same age.
        kept = sum(client.get(b"big%d" % i) is not None for i in range(80))
        self.assertLess(kept, 32)
        self.assertGreater(kept, 8)
        daemon, client, _ = self.embedded("-m", "16", "-M", env=patient)
        answers = {client.set(b"big%d" % i, value) for i in range(80)}
        self.assertEqual(answers, {b"STORED\r\n", b"SERVER_ERROR out of memory storing object\r\n"})

    def test_a_signal_while_it_starts_leaves_nothing_behind(self):
        daemon = self.fleet.mcrelay(start=False)
        for delay_s in (0, 0.005, 0.01, 0.02, 0.04, 0.08):
            told = daemon.log().count("listening on")
            daemon.spawn()
            wait_until(lambda told=told: daemon.log().count("listening on") > told, 3, "it listens")
            time.sleep(delay_s)
            self.assertEqual(daemon.terminate(), 0, delay_s)
            self.assertEqual(glob.glob(os.path.join(daemon.folder, "mcrelay-*")), [])

    def test_no_redis_server_on_the_machine(self):
        empty = self.fleet.folder
        daemon = self.fleet.mcrelay(start=False, env={"PATH": empty})
        status, _, err = daemon.run()
        self.assertNotEqual(status, 0)
        self.assertIn("redis-server", err)
        self.assertIn("--backend", err)

    def test_two_side_by_side(self):
        _, first, _ = self.embedded()
        _, second, _ = self.embedded()
        first.set(b"k", b"first")
        second.set(b"k", b"second")
        self.assertEqual((first.get(b"k"), second.get(b"k")), (b"first", b"second"))

    def test_nothing_stays_in_its_temporary_folder(self):
        for _ in range(5):
            daemon, _, _ = self.embedded()
            self.assertTrue(glob.glob(os.path.join(daemon.folder, "mcrelay-*")))
            self.assertEqual(daemon.terminate(), 0)
            self.assertEqual(glob.glob(os.path.join(daemon.folder, "mcrelay-*")), [])


class Health(FleetTestCase):
    """`mcrelay --health`: alive is whoever answers as memcached does."""

    def health(self, *arguments, env=None):
        done = subprocess.run([mcrelay_binary(), "--health", *arguments], capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], **(env or {})}, timeout=patience(10))
        return done.returncode, done.stderr

    def test_a_daemon_that_serves(self):
        _, daemon = self.one_shard()
        address = f"{LOOPBACK}:{daemon.port}"
        self.assertEqual(self.health(address), (0, ""))
        daemon.terminate()
        self.assertEqual(self.health(address), (1, f"mcrelay: {address}: Connection refused\n"))

    def test_one_that_wants_a_login(self):
        users = os.path.join(self.fleet.folder, "users")
        with open(users, "w") as file:
            file.write("ann:secret\n")
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay("-Y", users, backends=[redis.location()], start=False)
        daemon.answers = lambda: answers_with(daemon.address, b"version\r\n", b"CLIENT_ERROR unauthenticated")
        daemon.start()
        self.assertEqual(self.health(f"{LOOPBACK}:{daemon.port}"), (0, ""))

    def test_one_that_is_full(self):
        _, daemon = self.one_shard("-c", "2")
        clients = [self.open(daemon) for _ in range(2)]
        wait_until(lambda: all(client.call(b"version\r\n").startswith(b"VERSION") for client in clients), 5,
                   "both are in")
        for _ in range(20):  # whether it hears the refusal before it has asked or after
            self.assertEqual(self.health(f"{LOOPBACK}:{daemon.port}"), (0, ""))

    def test_one_that_hangs_and_one_of_another_kind(self):
        redis, daemon = self.one_shard()
        daemon.pause()
        status, said = self.health(f"{LOOPBACK}:{daemon.port}")
        daemon.resume()
        self.assertEqual((status, said), (1, f"mcrelay: {LOOPBACK}:{daemon.port}: no answer to version\n"))
        self.assertEqual(self.health(f"{LOOPBACK}:{redis.port}"),
                         (1, f"mcrelay: {LOOPBACK}:{redis.port}: not a memcached answer\n"))

    def test_the_daemon_of_this_runtime_folder(self):
        """Where it listens need not be said again: a container's check does not see its arguments."""
        redis = self.fleet.redis()
        runtime = os.path.join(self.fleet.folder, "runtime")
        os.mkdir(runtime)
        env = {"RUNTIME_DIRECTORY": f"{runtime}:/elsewhere"}
        for listen in ("tcp", "unix", "both"):
            daemon = self.fleet.mcrelay(backends=[redis.location()], listen=listen, env=env)
            self.assertEqual(self.health(env=env), (0, ""), listen)
            daemon.pause()
            status, said = self.health(env=env)
            daemon.resume()
            self.assertIn(daemon.socket_path if listen == "unix" else str(daemon.port), said)
            self.assertEqual(status, 1)
            self.assertEqual(daemon.terminate(), 0)
            self.assertEqual(os.listdir(runtime), [])


def process_status(pid, field):
    with open(f"/proc/{pid}/status") as status:
        return next(line for line in status if line.startswith(field + ":")).split()[1:]


class Background(FleetTestCase):
    """-d, -P, -u, -r: what memcached does with itself at the start."""

    def run_d(self, *arguments, backends=None, limit_s=10):
        """Runs `mcrelay -d`, from a folder of its own: (exit status, what it said, its pid or None)."""
        daemon = self.fleet.mcrelay("-d", "-P", os.path.join(self.fleet.folder, "pid"), *arguments, start=False,
                                    backends=[self.fleet.redis().location()] if backends is None else backends)
        self.daemon, self.pid_file = daemon, os.path.join(self.fleet.folder, "pid")
        with open(daemon.log_path, "ab") as log:
            done = subprocess.run(daemon.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  cwd=daemon.folder, env=daemon.environment(), timeout=patience(limit_s))
        pid = None
        if os.path.exists(self.pid_file):
            with open(self.pid_file) as file:
                pid = int(file.read())
            self.addCleanup(self.end, pid)
        return done.returncode, daemon.log(), pid

    @staticmethod
    def end(pid):
        if exists(pid):
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not exists(pid), 10, "the daemon has ended")

    def test_it_serves_once_the_foreground_has_ended(self):
        status, said, pid = self.run_d()
        self.assertEqual(status, 0, said)
        with self.daemon.client() as client:
            self.assertEqual(client.set(b"k", b"x"), b"STORED\r\n")
        self.assertIn("serving with", said)
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        self.assertEqual([os.readlink(f"/proc/{pid}/fd/{i}") for i in range(3)], ["/dev/null"] * 3)
        self.assertEqual(os.getsid(pid), pid)
        self.end(pid)
        self.assertFalse(os.path.exists(self.pid_file))

    def test_with_v_its_log_stays(self):
        status, said, pid = self.run_d("-v")
        self.assertEqual(status, 0, said)
        self.assertEqual([os.readlink(f"/proc/{pid}/fd/{i}") for i in range(3)],
                         ["/dev/null", self.daemon.log_path, self.daemon.log_path])
        self.end(pid)
        self.assertIn("stopped", self.daemon.log())

    def test_a_busy_port_is_told_and_takes_no_pid_file(self):
        _, first = self.one_shard()
        for flags in ((), ("-v",)):
            status, said, pid = self.run_d("-l", f"{LOOPBACK}:{first.port}", *flags)
            self.assertEqual((status, pid), (RUNTIME, None), said)
            self.assertRegex(said, f"mcrelay: cannot listen on {LOOPBACK}:{first.port}: .*in use")

    def test_what_is_relative_to_the_folder_stays_so(self):
        redis = self.fleet.redis()
        self.fleet.mcrelay("-d", "-P", "pid", "--config", "mcrelay.yaml", start=False)
        daemon = self.fleet.servers[-1]
        daemon.write_config(f"backends: ['{redis.location()}']\nlog: {{file: log}}\nkey_prefix: a\n")
        daemon.config = None  # the arguments name it
        status, out, err = daemon.run()
        self.assertEqual(status, 0, out + err)
        with open(os.path.join(daemon.folder, "pid")) as file:
            pid = int(file.read())
        self.addCleanup(self.end, pid)
        log = os.path.join(daemon.folder, "log")
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        os.remove(log)
        os.kill(pid, signal.SIGUSR1)
        wait_until(lambda: os.path.exists(log), 5, "the log was opened anew")
        daemon.write_config(f"backends: ['{redis.location()}']\nlog: {{file: log}}\nkey_prefix: b\n")
        os.kill(pid, signal.SIGHUP)

        def reloaded():
            with open(log) as file:
                return "key_prefix changed" in file.read()

        wait_until(reloaded, 5, "the file was read again")

    def test_a_pid_file_that_cannot_be_written_is_a_warning(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay("-P", "/no/such/folder/pid", backends=[redis.location()])
        self.assertIn("warning start: cannot write the pid file /no/such/folder/pid: No such file or directory",
                      daemon.log())

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_another_user(self):
        """The pid file is in a folder that only root can write."""
        os.chmod(self.fleet.folder, 0o755)
        status, said, pid = self.run_d("-u", "nobody")
        self.assertEqual(status, 0, said)
        nobody = pwd.getpwnam("nobody")
        self.assertEqual(process_status(pid, "Uid"), [str(nobody.pw_uid)] * 4)
        self.assertEqual(process_status(pid, "Gid"), [str(nobody.pw_gid)] * 4)
        self.assertNotIn("0", process_status(pid, "Groups"))
        self.end(pid)
        with open(self.pid_file) as file:
            self.assertEqual(file.read(), "", "no pid that will be somebody else's")
        os.remove(self.pid_file)
        status, said, pid = self.run_d("-u", "no-such-user")
        self.assertEqual((status, pid), (RUNTIME, None), said)
        self.assertIn("mcrelay: -u: no user named no-such-user", said)

    def test_core_files(self):
        """Also of a process that has left root."""
        for user in [()] + [("-u", "nobody")] * (os.geteuid() == 0):
            done = subprocess.run(["prlimit", f"--pid={os.getpid()}", "--core=0:"], check=False)
            self.assertEqual(done.returncode, 0)
            status, said, pid = self.run_d("-r", *user)
            self.assertEqual(status, 0, said)
            with open(f"/proc/{pid}/limits") as limits:
                line = next(line for line in limits if line.startswith("Max core file size"))
            self.assertNotEqual(line.split()[4], "0")
            self.assertEqual(str(os.stat(f"/proc/{pid}").st_uid), process_status(pid, "Uid")[0], "it can be dumped")
            self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), self.daemon.folder, "where core files go")
            self.end(pid)
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.pid_file)

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_memory_is_locked_before_root_is_left(self):
        """Under a limit that the daemon reaches, if it is bound to it, as soon as it has a few clients. A root that
        may not raise limits (CAP_SYS_RESOURCE) gets the daemon's warning, and is given the right by hand."""
        def can(*command):
            return subprocess.run(command, check=False, capture_output=True).returncode == 0

        redis = self.fleet.redis()
        wrapped = []
        if can("prlimit", "--memlock=65536:65536", "prlimit", "--memlock=unlimited:unlimited", "true"):
            wrapped = ["prlimit", "--memlock=65536:65536"]
        elif can("prlimit", "--memlock=unlimited:unlimited", "true"):
            wrapped = ["prlimit", "--memlock=unlimited:unlimited"]
        daemon = self.fleet.mcrelay("-k", "-u", "nobody", start=False, backends=[redis.location()])
        plain = daemon.command
        daemon.command = lambda: wrapped + plain()
        daemon.start()
        with daemon.client() as client:
            self.assertEqual(client.set(b"k", b"x" * 1000000), b"STORED\r\n")
        locked_kib = int(process_status(daemon.pid, "VmLck")[0])
        if not wrapped:
            self.assertIn("-k: cannot lock memory (ulimit -l)", daemon.log())
            self.assertEqual(locked_kib, 0)
            self.skipTest("only the warning was seen: this root may not lock memory without limit")
        self.assertNotIn("cannot lock memory", daemon.log())
        self.assertGreater(locked_kib, 1000)


class PortFile(FleetTestCase):
    def test_memcached_port_filename(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(start=False, backends=[redis.location()])
        path = os.path.join(daemon.folder, "ports")
        daemon.extra_env["MEMCACHED_PORT_FILENAME"] = path
        daemon.start()
        with open(path) as file:
            self.assertIn(f"TCP INET: {daemon.port}", file.read())


if __name__ == "__main__":
    unittest.main()
