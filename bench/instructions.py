#!/usr/bin/env python3
"""Counts the instructions that mcrelay spends on a command, so that a regression shows without a quiet machine.

Runs the real daemon under callgrind with a real redis-server behind it, sends each kind of command in two
amounts, and takes the difference, so that start-up and timers cancel. The counts are user-space
instructions of all threads; the kernel's part is what `strace -c` and bench/run show.

    instructions.py            compare with instructions.json; exit 1 when a count left its 5 % band
    instructions.py --update   write the counts there: do so with the change that moves them
"""

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import servers  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
CHECKED_IN = Path(__file__).with_name('instructions.json')
BAND = 0.05
SMALL, LARGE = 200, 2200  # commands; multiples of every batch below
BATCH = 100
KEYS = 50
CLIENTS = 50
VALUE = b'v' * 100
END = b'END\r\n'

GET_HIT, GET_MISS = b'get there:%06d\r\n', b'get gone:%06d\r\n'
SET = b'set there:%06d 0 0 100\r\n' + VALUE + b'\r\n'


class Daemon:
    """mcrelay under callgrind, with dumps on demand."""

    def __init__(self, folder, binary, redis_port, stack):
        self.folder = folder
        self.port = servers.free_port()
        self.log = folder / 'valgrind.log'
        command = ['valgrind', '--tool=callgrind', f'--callgrind-out-file={folder}/out',
                   f'--log-file={self.log}', str(binary), '-t', '1', '-c', '200', '-l', '127.0.0.1',
                   '-p', str(self.port), '--backend', f'127.0.0.1:{redis_port}:0']
        self.output = stack.enter_context(open(folder / 'daemon.log', 'w+b'))
        # Under callgrind, on a busy machine, an answer may take long.
        patient = dict(os.environ, MCRELAY_TIMEOUTS_REQUEST='30s', MCRELAY_TIMEOUTS_CONNECT='30s')
        self.process = subprocess.Popen(command, stdout=self.output, stderr=self.output, cwd=folder,
                                        env=patient)
        stack.callback(servers.stop, self.process)
        self.dumps = 0
        for _ in range(600):
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.output.seek(0)
        raise SystemExit('instructions: the daemon did not start:\n' + self.log.read_text()
                         + self.output.read().decode(errors='replace'))

    def connect(self):
        connection = socket.create_connection(('127.0.0.1', self.port), 120)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def instructions(self):
        """Instructions since the last call."""
        self.dumps += 1
        subprocess.run(['callgrind_control', f'--dump=at{self.dumps}', str(self.process.pid)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        path = self.folder / f'out.{self.dumps}'
        for _ in range(300):
            if path.exists() and (found := re.search(r'^(?:totals|summary): (\d+)', path.read_text(), re.M)):
                return int(found.group(1))
            time.sleep(0.1)
        raise SystemExit(f'instructions: callgrind wrote no {path.name}:\n{self.log.read_text()}')


def receive(connection, size):
    data = b''
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise SystemExit('instructions: the daemon closed the connection')
        data += more
    return data


def expect(connection, answer):
    got = receive(connection, len(answer))
    if got != answer:
        raise SystemExit(f'instructions: a wrong answer: {got[:100]!r}')


def answer_of(command, number):
    if command is SET:
        return b'STORED\r\n'
    if command is GET_MISS:
        return b'END\r\n'
    return b'VALUE there:%06d 0 100\r\n%s\r\nEND\r\n' % (number, VALUE)


def one_by_one(daemon, command, count):
    with daemon.connect() as connection:
        for number in range(count):
            connection.sendall(command % number)
            expect(connection, answer_of(command, number))


def pipelined(daemon, command, count):
    with daemon.connect() as connection:
        for first in range(0, count, BATCH):
            numbers = range(first, first + BATCH)
            connection.sendall(b''.join(command % number for number in numbers))
            expect(connection, b''.join(answer_of(command, number) for number in numbers))


def multi_key(daemon, command, count):
    """Commands of KEYS keys; what is counted is a key."""
    with daemon.connect() as connection:
        for first in range(0, count, KEYS):
            numbers = range(first, first + KEYS)
            keys = [(command % number).split()[1] for number in numbers]
            connection.sendall(b'get ' + b' '.join(keys) + b'\r\n')
            expect(connection, b''.join(answer_of(command, number)[:-len(END)] for number in numbers) + END)


def many_clients(daemon, command, count):
    """CLIENTS connections with one command each, all there before the daemon looks."""
    connections = [daemon.connect() for _ in range(CLIENTS)]
    for connection in connections:  # accepted, all of them
        connection.sendall(b'mn\r\n')
        expect(connection, b'MN\r\n')
    for first in range(0, count, CLIENTS):
        os.kill(daemon.process.pid, signal.SIGSTOP)
        for number, connection in enumerate(connections, first):
            connection.sendall(command % number)
        os.kill(daemon.process.pid, signal.SIGCONT)
        for number, connection in enumerate(connections, first):
            expect(connection, answer_of(command, number))
    for connection in connections:
        connection.close()


CASES = [(f'{name}, {how}', run, command)
         for how, run in (('one at a time', one_by_one), (f'{BATCH} pipelined', pipelined),
                          (f'{CLIENTS} clients at once', many_clients))
         for name, command in (('get hit', GET_HIT), ('get miss', GET_MISS), ('set', SET))]
CASES += [(f'get {what}, {KEYS} keys in a command', multi_key, command)
          for what, command in (('hit', GET_HIT), ('miss', GET_MISS))]


def count(binary):
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        _, redis_port = servers.Bench(folder, None, stack).redis('instructions')
        daemon = Daemon(folder, binary, redis_port, stack)
        counts = {}
        pipelined(daemon, SET, LARGE)
        for name, run, command in CASES:
            run(daemon, command, SMALL)  # buffers grow to their size once
            daemon.instructions()
            run(daemon, command, SMALL)
            small = daemon.instructions()
            run(daemon, command, LARGE)
            counts[name] = round((daemon.instructions() - small) / (LARGE - SMALL))
        return counts


def compiler():
    done = subprocess.run(['c++', '--version'], stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--update', action='store_true', help=f'write {CHECKED_IN.name}')
    parser.add_argument('--mcrelay', type=Path, default=ROOT / 'build/release/mcrelay', metavar='FILE')
    options = parser.parse_args()
    counts = count(options.mcrelay.resolve())
    if options.update:
        CHECKED_IN.write_text(json.dumps({'compiler': compiler(), 'per_command': counts}, indent=2) + '\n')
    known = json.loads(CHECKED_IN.read_text())
    worse = 0
    for name, number in counts.items():
        was = known['per_command'].get(name, 0)
        change = number / was - 1 if was else float('inf')
        left = abs(change) > BAND
        worse += left
        print(f'{name:32} {number:8} instructions, checked in {was:8} ({change:+.1%})'
              + (' OUTSIDE the band' if left else ''))
    if worse and known['compiler'] != compiler():
        print(f'The figures are from another compiler ({known["compiler"]}); nothing follows.')
        return 77
    if worse:
        print(f'{worse} left the band of {BAND:.0%}. If that is meant, or better: --update, and say why.')
    return 1 if worse else 0


if __name__ == '__main__':
    sys.exit(main())
