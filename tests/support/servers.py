"""Real servers for the system tests: redis-server, memcached and mcrelay itself.

Each process gets its own folder below one temporary directory, a loopback port that no other test
of this machine holds (a locked file per port, so that ctest may run tests side by side) or a Unix
socket, a bounded wait until it serves, and is ended by its own pid. A test that is killed takes its
servers along (setpriv --pdeathsig).

MCRELAY_BINARY names the daemon under test. MCRELAY_TEST_SLOWNESS (default 1) stretches waiting
limits, for sanitizer builds; it never touches what is compared.
"""

import contextlib
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SLOWNESS = float(os.environ.get("MCRELAY_TEST_SLOWNESS", "1"))
LOOPBACK = "127.0.0.1"
START_LIMIT_S = 10.0
STOP_LIMIT_S = 8.0
SANITIZER_MARKS = ("AddressSanitizer", "ThreadSanitizer", "LeakSanitizer", "MemorySanitizer",
                   "runtime error:", "Assertion `", "assertion failed")
PORT_LOCKS = os.path.join(tempfile.gettempdir(), "mcrelay-test-ports")


class ServerError(Exception):
    """A server did not start, or ended when it should not have."""


def patience(seconds):
    """How long a test waits at most for something that should take `seconds`."""
    return seconds * SLOWNESS


def wait_until(condition, seconds, what):
    """Waits until condition() is true; its last value is returned."""
    deadline = time.monotonic() + patience(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {patience(seconds):g} s still not true: {what}")
        time.sleep(0.01)


def package_hint(program):
    """Debian's package for a program that a test needs."""
    packages = {"memccapable": "libmemcached-tools", "php": "php-cli php-memcached"}
    return packages.get(program, program)


def find_program(name):
    path = shutil.which(name)
    if path is None:
        raise ServerError(f"{name} is not installed: apt-get install {package_hint(name)}")
    return path


class Port:
    """A TCP port on loopback that is ours until release(), whatever runs beside us.

    Below the kernel's range for outgoing connections, so that none of those can take it while a
    test has its server down.
    """

    def __init__(self):
        os.makedirs(PORT_LOCKS, exist_ok=True)
        for _ in range(500):
            self.number = random.SystemRandom().randrange(11500, 32000)
            path = os.path.join(PORT_LOCKS, str(self.number))
            self._lock = open(path, "w")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((LOOPBACK, self.number))
                return
            except OSError:
                self._lock.close()
        raise ServerError("no free TCP port found")

    def release(self):
        self._lock.close()


class Process:
    """One server process. Subclasses say how it is started and when it serves."""

    name = "server"

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.log_path = os.path.join(folder, "stderr")
        self.process = None
        self.ports = []
        self.inherited = ()  # descriptors that it keeps
        self.expected_alive = False

    def new_port(self):
        port = Port()
        self.ports.append(port)
        return port.number

    def command(self):
        raise NotImplementedError

    def environment(self):
        return None

    def answers(self):
        """True once the server takes and answers requests."""
        raise NotImplementedError

    @property
    def pid(self):
        return self.process.pid

    def spawn(self):
        command = ["setpriv", "--pdeathsig", "KILL", "--"] + self.command()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder, env=self.environment(),
                                            pass_fds=self.inherited)

    def start(self, limit_s=START_LIMIT_S):
        """Starts it and returns when it answers; the error shows what it wrote."""
        self.spawn()
        deadline = time.monotonic() + patience(limit_s)
        while not self.answers():
            if self.process.poll() is not None:
                raise ServerError(f"{self.name} ended with {self.process.returncode} at start: "
                                  f"{' '.join(self.command())}\n{self.log()}")
            if time.monotonic() > deadline:
                self.kill9()
                raise ServerError(f"{self.name} did not answer within {patience(limit_s):g} s: "
                                  f"{' '.join(self.command())}\n{self.log()}")
            time.sleep(0.01)
        self.expected_alive = True
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def wait(self, limit_s=STOP_LIMIT_S):
        """The exit status, waited for."""
        try:
            return self.process.wait(patience(limit_s))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {patience(limit_s):g} s\n"
                                 f"{self.log()}") from None

    def terminate(self, limit_s=STOP_LIMIT_S, with_signal=signal.SIGTERM):
        """Asks it to end; the exit status."""
        self.expected_alive = False
        self.signal(with_signal)
        return self.wait(limit_s)

    def kill9(self):
        self.expected_alive = False
        if self.alive():
            self.process.kill()
            self.process.wait()

    def signal(self, number):
        if self.alive():
            self.process.send_signal(number)

    def pause(self):
        """SIGSTOP: the kernel keeps its connections, nothing answers."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self.state() == "T", 5, f"{self.name} is stopped")

    def resume(self):
        self.signal(signal.SIGCONT)

    def restart(self):
        """The same server again: same port, same arguments."""
        if self.alive():
            self.kill9()
        return self.start()

    def state(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def status_kib(self, field):
        """A size of /proc/pid/status, e.g. VmRSS."""
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise KeyError(field)

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log(self):
        try:
            with open(self.log_path, errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def close(self):
        """Ends it whatever state it is in."""
        if self.alive():
            self.resume()
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(patience(STOP_LIMIT_S))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for port in self.ports:
            port.release()


def connect(address, timeout_s):
    """A stream socket to ("host", port) or to the path of a Unix socket."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX)
    else:
        sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(timeout_s)
    try:
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def answers_with(address, question, start_of_answer):
    try:
        with connect(address, 0.5) as sock:
            sock.sendall(question)
            return sock.recv(100).startswith(start_of_answer)
    except OSError:
        return False


class Redis(Process):
    """redis-server without persistence, on a TCP port and a Unix socket at once."""

    name = "redis-server"

    def __init__(self, folder, arguments=(), password=None):
        super().__init__(folder)
        self.port = self.new_port()
        self.address = (LOOPBACK, self.port)
        self.socket_path = os.path.join(folder, "redis.sock")
        self.arguments = list(arguments)
        self.password = password

    def command(self):
        command = [find_program("redis-server"), "--port", str(self.port), "--bind", LOOPBACK,
                   "--unixsocket", self.socket_path, "--dir", self.folder, "--save", "",
                   "--appendonly", "no", "--daemonize", "no", "--enable-debug-command", "yes"]
        if self.password:
            command += ["--requirepass", self.password]
        return command + self.arguments

    def answers(self):
        question = b"PING\r\n"
        if self.password:
            question = b"AUTH " + self.password.encode() + b"\r\n"
        return answers_with(self.address, question, (b"+PONG", b"+OK"))

    def location(self, unix=False, db=0):
        """As mcrelay's --backend takes it."""
        if unix:
            return f"unix:{self.socket_path}:{db}"
        return f"{LOOPBACK}:{self.port}:{db}"

    def client(self, db=0):
        from support.client import RedisClient
        return RedisClient(self.address, self.password, db)


class Memcached(Process):
    """Debian's memcached, the reference of the differential test."""

    name = "memcached"

    def __init__(self, folder, arguments=()):
        super().__init__(folder)
        self.port = self.new_port()
        self.address = (LOOPBACK, self.port)
        self.arguments = list(arguments)

    def command(self):
        user = ["-u", "root"] if os.geteuid() == 0 else []
        return [find_program("memcached"), "-l", LOOPBACK, "-p", str(self.port), "-U", "0",
                "-m", "64"] + user + self.arguments

    def answers(self):
        return answers_with(self.address, b"version\r\n", b"VERSION ")


def mcrelay_binary():
    path = os.environ.get("MCRELAY_BINARY")
    if not path or not os.access(path, os.X_OK):
        raise ServerError("MCRELAY_BINARY does not name the daemon under test "
                          "(ctest sets it; by hand: MCRELAY_BINARY=build/release/mcrelay)")
    return os.path.abspath(path)


class Mcrelay(Process):
    """The daemon under test. `listen` is "tcp", "unix" or "both"; "none" leaves it to arguments."""

    name = "mcrelay"

    def __init__(self, folder, backends=(), arguments=(), env=None, config=None, listen="tcp",
                 threads=2):
        super().__init__(folder)
        self.backends = list(backends)
        self.arguments = list(arguments)
        self.extra_env = dict(env or {})
        self.config = config
        self.listen = listen
        self.threads = threads
        self.port = self.new_port()
        self.socket_path = os.path.join(folder, "mcrelay.sock")
        self.tcp_address = (LOOPBACK, self.port)
        self.address = self.socket_path if listen == "unix" else self.tcp_address
        self.config_path = os.path.join(folder, "mcrelay.yaml")
        self.write_config(config)
        self.idle_descriptors = None

    def write_config(self, text):
        """The text may name {port} and {socket}; None removes the file."""
        self.config = text
        if text is not None:
            with open(self.config_path, "w") as file:
                file.write(text.replace("{port}", str(self.port))
                           .replace("{socket}", self.socket_path))

    def command(self):
        command = [mcrelay_binary()]
        if self.listen == "tcp":
            command += ["-l", LOOPBACK, "-p", str(self.port)]
        elif self.listen == "unix":
            command += ["-s", self.socket_path]
        elif self.listen == "both":
            command += ["-l", f"{LOOPBACK}:{self.port}", "-s", self.socket_path]
        if self.threads:
            command += ["-t", str(self.threads)]
        if self.config is not None:
            command += ["--config", self.config_path]
        for backend in self.backends:
            command += ["--backend", backend]
        return command + self.arguments

    def environment(self):
        env = self.plain_environment()
        if SLOWNESS > 1 and "timeouts" not in (self.config or ""):
            env.setdefault("MCRELAY_TIMEOUTS_REQUEST", f"{int(patience(250))}ms")
        return env

    def plain_environment(self):
        env = {key: value for key, value in os.environ.items()
               if not key.startswith(("MCRELAY_", "MEMCACHED_")) and key not in ("REDIS_URL", "XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY")}
        env["TMPDIR"] = self.folder  # for the embedded store
        env.update(self.extra_env)
        return env

    def answers(self):
        return answers_with(self.address, b"version\r\n", b"VERSION 1.6.")

    def run(self, limit_s=5):
        """Runs it to its end, for flags and errors: (status, stdout, stderr)."""
        try:
            done = subprocess.run(self.command(), stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, cwd=self.folder, env=self.plain_environment(),
                                  timeout=patience(limit_s), errors="replace")
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{' '.join(self.command())} still ran after {patience(limit_s):g}"
                                 f" s\n{error.stdout}\n{error.stderr}") from None
        return done.returncode, done.stdout, done.stderr

    def settle(self):
        """Notes how many descriptors it has at rest; check_at_rest() wants no more."""
        deadline = time.monotonic() + patience(2)
        last, since = self.descriptors(), time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - since < 0.15:
            time.sleep(0.02)
            now = self.descriptors()
            if now != last:
                last, since = now, time.monotonic()
        self.idle_descriptors = last

    def start(self, limit_s=START_LIMIT_S):
        super().start(limit_s)
        self.settle()
        return self

    def client(self, **options):
        from support.client import Client
        return Client(self.address, **options)

    def problems(self):
        """What is wrong with it at the end of a test, as sentences."""
        found = []
        if self.expected_alive and not self.alive():
            found.append(f"mcrelay ended by itself with {self.process.returncode}")
        if self.expected_alive and self.alive() and self.idle_descriptors is not None:
            try:
                wait_until(lambda: self.descriptors() <= self.idle_descriptors, 3, "")
            except AssertionError:
                found.append(f"mcrelay holds {self.descriptors()} descriptors, had "
                             f"{self.idle_descriptors} at rest")
        if self.expected_alive and self.alive():
            status = self.terminate()
            if status != 0:
                found.append(f"mcrelay's exit status after SIGTERM is {status}")
        for line in self.log().splitlines():
            if any(mark in line for mark in SANITIZER_MARKS):
                found.append(f"mcrelay's log has: {line}")
        return found


class Fleet:
    """The servers of one test (or one class of tests) and their temporary folder."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="mcrelay-test-")
        self.servers = []
        self.closers = contextlib.ExitStack()

    def _folder(self, name):
        return os.path.join(self.folder, f"{len(self.servers)}-{name}")

    def add(self, server):
        self.servers.append(server)
        return server

    def redis(self, *arguments, password=None):
        return self.add(Redis(self._folder("redis"), arguments, password)).start()

    def memcached(self, *arguments):
        return self.add(Memcached(self._folder("memcached"), arguments)).start()

    def mcrelay(self, *arguments, start=True, **options):
        daemon = self.add(Mcrelay(self._folder("mcrelay"), arguments=arguments, **options))
        return daemon.start() if start else daemon

    def close(self):
        """Ends everything; the problems found in the daemons, with their logs."""
        problems = []
        self.closers.close()
        for server in reversed(self.servers):
            if isinstance(server, Mcrelay) and server.process is not None:
                found = server.problems()
                if found:
                    problems += found + ["its log:", server.log()[-8000:]]
        for server in reversed(self.servers):
            server.close()
        if problems:
            print(f"kept for a look: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        return problems
