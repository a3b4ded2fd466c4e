"""Starts the servers that are compared, on free loopback ports, pinned to one core.

All live in one ExitStack: leaving it ends them, and the kernel ends them if this process dies first.
"""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as probe:
        return probe.getsockname()[1]


@dataclass
class Target:
    """Something the load can be sent to: a server alone, or a proxy with Redis servers of its own."""
    name: str
    protocol: str
    port: int
    backends: list
    stores: list  # ports where the keys are kept
    proxy: subprocess.Popen | None = None
    data: tuple = field(default=())  # what was preloaded last

    def pids(self):
        """What to watch, as [(part, pid)]."""
        return ([('proxy', self.proxy.pid)] if self.proxy else []) + [('backend', backend.pid)
                                                                      for backend in self.backends]

    def address(self):
        return ['--protocol', self.protocol, '--port', str(self.port)]

    def prepare(self, row, generator):
        """Stores the keys of `row`, through the proxy, so that each finds its own format."""
        if self.data == row.data:
            return
        self.data = row.data
        for port in self.stores:
            # Not through the proxy and not in the background: freeing must be over before we measure.
            ask(port, b'flush_all\r\n' if self.name == 'memcached' else b'FLUSHALL SYNC\r\n')
        subprocess.run([generator, *self.address(), *row.data, '--connections', '4', '--preload',
                        '--requests', '1'], check=True, stdout=subprocess.DEVNULL)


def ask(port, line):
    with socket.create_connection(('127.0.0.1', port), 30) as connection:
        connection.sendall(line)
        return connection.recv(4096)


class Bench:
    def __init__(self, folder, core, stack):
        self.folder = folder
        self.cores = set() if core is None else {core}  # of the servers that are started from now on
        self.stack = stack

    def spawn(self, name, arguments, port):
        """Starts a server and waits until it accepts connections."""
        affinity = self.cores

        def child():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            if affinity:
                os.sched_setaffinity(0, affinity)

        log = self.folder / f'{name}.log'
        with open(log, 'wb') as output:
            process = subprocess.Popen([str(word) for word in arguments], cwd=self.folder, stdout=output,
                                       stderr=output, stdin=subprocess.DEVNULL, preexec_fn=child)
        self.stack.callback(stop, process)
        for _ in range(200):
            if process.poll() is not None:
                break
            try:
                socket.create_connection(('127.0.0.1', port), 1).close()
                return process
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f'bench: {name} did not start:\n{log.read_text(errors="replace")}')

    def redis(self, name):
        port = free_port()
        process = self.spawn(f'{name}-redis', [
            'redis-server', '--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no',
            '--maxclients', 12000, '--loglevel', 'warning'], port)
        return process, port

    def start_redis(self):
        process, port = self.redis('direct')
        return Target('redis', 'redis', port, [process], [port])

    def start_memcached(self):
        port = free_port()
        # Root must be named, or it refuses to start.
        user = ['-u', 'root'] if os.geteuid() == 0 else []
        process = self.spawn('memcached', ['memcached', '-l', '127.0.0.1', '-p', port, '-t', 1, '-m', 1024,
                                           '-c', 12000, '-I', '2m', *user], port)
        return Target('memcached', 'memcached', port, [process], [port])

    def start_twemproxy(self, shards=1):
        backends, ports = zip(*[self.redis(f'twemproxy{i}') for i in range(shards)])
        servers = '\n'.join(f'    - 127.0.0.1:{redis_port}:1' for redis_port in ports)
        port, stats = free_port(), free_port()
        config = self.folder / 'nutcracker.yml'
        config.write_text(f"""bench:
  listen: 127.0.0.1:{port}
  redis: true
  hash: fnv1a_64
  distribution: ketama
  preconnect: true
  tcpkeepalive: false
  servers:
{servers}
""")
        proxy = self.spawn('twemproxy', ['nutcracker', '-c', config, '-s', stats, '-a', '127.0.0.1'], port)
        return Target('twemproxy', 'redis', port, list(backends), list(ports), proxy)

    def start_relay(self, program):
        """In front of a Redis server of its own."""
        backend, redis_port = self.redis('relay')
        port = free_port()
        proxy = self.spawn('relay', [program.resolve(), port, redis_port], port)
        return Target('relay', 'redis', port, [backend], [redis_port], proxy)

    def start_mcrelay(self, binary, shards=1, threads=1):
        backends, ports = zip(*[self.redis(f'mcrelay{i}') for i in range(shards)])
        named = [word for redis_port in ports for word in ('--backend', f'127.0.0.1:{redis_port}:0')]
        port = free_port()
        proxy = self.spawn('mcrelay', [binary.resolve(), '-t', threads, '-l', '127.0.0.1', '-p', port,
                                       '-c', 12000, *named], port)
        return Target('mcrelay', 'memcached', port, list(backends), list(ports), proxy)

    def start_all(self, mcrelay, relay=None):
        targets = [self.start_redis(), self.start_twemproxy()]
        if relay:
            targets.append(self.start_relay(relay))
        if mcrelay:
            self.mcrelay = mcrelay
            targets.append(self.start_mcrelay(mcrelay))
        return targets


def stop(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
