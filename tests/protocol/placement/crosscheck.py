#!/usr/bin/env python3
"""Holds the placement model (tests/data/placement_vectors.py) against the software it follows.

nutcracker (twemproxy) and libmemcached (through pylibmc) store keys on recording servers on loopback;
the model must name the server each key went to. django-redis' ShardClient and a redis-server in cluster
mode are asked directly. The unit tests hold mcrelay to the same model, so together they show that
mcrelay places keys as the real programs do.

Needs the packages nutcracker, python3-pylibmc, python3-django-redis and redis-server; exits 77 (skipped)
when one is missing, after checking against the others. Not part of ctest's default run: it guards the
model, which changes rarely.
"""

import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'data'))
import placement_vectors as model  # noqa: E402

try:
    import pylibmc
except ImportError:
    pylibmc = None
try:
    from django.conf import settings
    settings.configure()
    from django_redis.client import sharded
    from django_redis.hash_ring import HashRing
except ImportError:
    sharded = None


class Recorders:
    """Memcached servers that answer STORED and remember which of them saw a key."""

    def __init__(self, count):
        self.selector = selectors.DefaultSelector()
        self.seen = {}
        self.listeners = []
        for index in range(count):
            listener = socket.create_server(('127.0.0.1', 0))
            listener.setblocking(False)
            self.listeners.append(listener)
            self.selector.register(listener, selectors.EVENT_READ, ('accept', index, None))
        self.ports = [listener.getsockname()[1] for listener in self.listeners]
        self.running = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.running:
            for key, _ in self.selector.select(0.1):
                kind, index, pending = key.data
                if kind == 'accept':
                    client, _ = key.fileobj.accept()
                    self.selector.register(client, selectors.EVENT_READ, ('data', index, bytearray()))
                    continue
                data = key.fileobj.recv(65536)
                if not data:
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()
                    continue
                pending += data
                self.serve(key.fileobj, index, pending)

    def serve(self, client, index, pending):
        while (end := pending.find(b'\r\n')) >= 0:
            words = bytes(pending[:end]).split(b' ')
            if words[0] == b'version':
                del pending[:end + 2]
                client.sendall(b'VERSION 1.6.18\r\n')
                continue
            if words[0] == b'quit':
                pending.clear()
                return
            assert words[0] == b'set', words
            size = end + 2 + int(words[4]) + 2
            if len(pending) < size:
                return
            self.seen[words[1]] = index
            del pending[:size]
            client.sendall(b'STORED\r\n')

    def close(self):
        self.running = False
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def keys():
    """What a memcached key may hold: up to 250 bytes, no space and no control character."""
    text = [key for key in model.KEYS if min(key) > 0x20 and 0x7F not in key and len(key) <= 250]
    text += [b'\xc3\xa9:%d' % n for n in range(100)]
    text += [bytes([0x80 + n % 128]) * (n % 13 + 1) + b'%d' % n for n in range(150)]
    return list(dict.fromkeys(text + [model.bulk_key(n) for n in range(400)]))


class Check:
    def __init__(self):
        self.failed = 0

    def compare(self, what, seen, pick, wanted):
        missing = [key for key in wanted if key not in seen]
        wrong = [key for key in wanted if key in seen and seen[key] != pick(key)]
        verdict = 'ok' if not missing and not wrong else 'FAILED'
        print(f'{verdict:6} {what}: {len(wanted)} keys, {len(wrong)} elsewhere, {len(missing)} unseen',
              flush=True)
        if verdict != 'ok':
            self.failed += 1
            print('       first elsewhere:', wrong[:5])


def wait_for_port(port, process):
    for _ in range(100):
        assert process.poll() is None, 'the server ended at once'
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise TimeoutError(port)


def through_nutcracker(folder, recorders, distribution, name, tag, nodes):
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    servers = [f'    - 127.0.0.1:{recorders.ports[i]}:{weight}' + (f' {node}' if node else '')
               for i, (node, weight) in enumerate(nodes)]
    config = ['pool:', f'  listen: 127.0.0.1:{port}', f'  hash: {name}',
              f'  distribution: {distribution}', '  timeout: 2000', '  servers:', *servers]
    if tag:
        config.insert(3, f'  hash_tag: "{tag}"')
    path = Path(folder) / 'nutcracker.yml'
    path.write_text('\n'.join(config) + '\n')
    with socket.create_server(('127.0.0.1', 0)) as probe:
        stats = probe.getsockname()[1]
    process = subprocess.Popen(['nutcracker', '-c', path, '-s', str(stats), '-a', '127.0.0.1'],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        recorders.seen.clear()
        with socket.create_connection(('127.0.0.1', port), 5) as client:
            reader = client.makefile('rb')
            for key in keys():
                client.sendall(b'set %s 0 0 1\r\nx\r\n' % key)
                answer = reader.readline()
                assert answer == b'STORED\r\n', (key, answer)
    finally:
        process.terminate()
        process.wait(10)
    return dict(recorders.seen)


def named(ports, weights, names=None):
    return [(names[i] if names else f'127.0.0.1:{port}', weights[i % len(weights)])
            for i, port in enumerate(ports)]


def as_twemproxy_orders(pick, nodes):
    """twemproxy sorts its servers by name, shorter names first, before modula counts them."""
    order = sorted(range(len(nodes)), key=lambda i: (len(nodes[i][0]), nodes[i][0]))
    ordered = pick([nodes[i] for i in order])
    return lambda key: order[ordered(key)]


NAMES = ['zulu', 'b', 'alpha', 'Kilo', 'c10', 'c9', 'a']


def check_nutcracker(check):
    cases = [('modula', name, '', 7, [1], True) for name in model.HASHES]
    cases += [('ketama', name, '', 7, [1], False) for name in model.HASHES]
    cases += [('ketama', 'fnv1a_64', '', 25, [1], False), ('ketama', 'md5', '', 47, [1], False),
              ('ketama', 'fnv1a_64', '', 5, [1, 3, 10], True),
              ('ketama', 'fnv1a_64', '{}', 5, [1], True), ('ketama', 'crc32a', '$$', 5, [1], False),
              ('modula', 'crc32a', '{}', 7, [1, 2, 5], True),
              ('modula', 'crc32a', '', 5, [1, 2, 5], False)]
    with tempfile.TemporaryDirectory() as folder:
        for distribution, name, tag, count, weights, use_names in cases:
            recorders = Recorders(count)
            nodes = named(recorders.ports, weights, NAMES if use_names else None)
            given = nodes if use_names else [('', weight) for _, weight in nodes]
            seen = through_nutcracker(folder, recorders, distribution, name, tag, given)
            pick = as_twemproxy_orders(lambda ordered: model.placement(distribution, name, tag, ordered),
                                       nodes)
            check.compare(f'nutcracker {distribution} {name} {tag or "no tag"} {count} nodes', seen,
                          pick, keys())
            recorders.close()


def check_libmemcached(check):
    cases = [('ketama', 'md5', count, weights) for count, weights in
             ((2, [1]), (3, [1]), (8, [1]), (25, [1]), (47, [1]), (50, [1]), (5, [1, 3, 10]))]
    plain = {'md5': 'md5', 'crc32': 'crc', 'one_at_a_time': 'default'}
    plain |= {name: name for name in ('fnv1_64', 'fnv1a_64', 'fnv1_32', 'fnv1a_32', 'jenkins', 'murmur',
                                      'hsieh')}
    cases += [('modula', name, 7, [1]) for name in plain]
    for distribution, name, count, weights in cases:
        recorders = Recorders(count)
        nodes = named(recorders.ports, weights)
        what = f'libmemcached {distribution} {name} {count} nodes, weights {weights}'
        servers = [(f'127.0.0.1:{port}' if weight == 1 else f'127.0.0.1:{port}:{weight}')
                   for port, (_, weight) in zip(recorders.ports, nodes)]
        try:
            client = pylibmc.Client(servers)
            if distribution == 'ketama':
                client.behaviors = {'ketama_weighted': True}
            else:
                client.behaviors = {'hash': plain[name], 'distribution': 'modula'}
            for key in keys():
                client.set(key, b'x')
        except pylibmc.Error as error:
            print(f'----   {what}: this library does not have it ({error})')
            recorders.close()
            continue
        check.compare(what, dict(recorders.seen), model.placement(distribution, name, '', nodes),
                      keys())
        del client
        recorders.close()


def check_django_redis(check):
    for count in (2, 3, 10):
        names = [f'redis://127.0.0.1:{6379 + i}/1' for i in range(count)]
        # Only the choice of a server is wanted, not the connections and settings of a whole client.
        client = object.__new__(sharded.ShardClient)
        client._ring = HashRing(names)
        wanted = [key for key in keys() + model.KEYS if is_text(key)]
        seen = {key: names.index(client.get_server_name(key.decode())) for key in wanted}
        pick = model.placement('django-redis', 'fnv1a_64', '', [(name, 1) for name in names])
        check.compare(f'django-redis {count} nodes', seen, pick, wanted)


def is_text(key):
    try:
        key.decode()
        return True
    except UnicodeDecodeError:
        return False


def check_redis_cluster(check):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'redis.sock'
        process = subprocess.Popen(['redis-server', '--cluster-enabled', 'yes', '--port', '0', '--save', '',
                                    '--unixsocket', path, '--dir', folder], stdout=subprocess.DEVNULL)
        try:
            for _ in range(100):
                if path.exists():
                    break
                time.sleep(0.05)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                reader = client.makefile('rb')
                wanted = keys() + model.KEYS
                seen = {}
                for key in wanted:
                    client.sendall(b'*3\r\n$7\r\nCLUSTER\r\n$7\r\nKEYSLOT\r\n$%d\r\n%s\r\n'
                                   % (len(key), key))
                    seen[key] = int(reader.readline()[1:])
            check.compare('redis cluster slots', seen, model.cluster_slot, wanted)
        finally:
            process.terminate()
            process.wait(10)


def main():
    parts = [(shutil.which('nutcracker'), 'nutcracker', check_nutcracker),
             (pylibmc, 'python3-pylibmc', check_libmemcached),
             (sharded, 'python3-django-redis', check_django_redis),
             (shutil.which('redis-server'), 'redis-server', check_redis_cluster)]
    check = Check()
    missing = []
    for present, package, run in parts:
        if present:
            run(check)
        else:
            missing.append(package)
    if missing:
        print('not checked, needs:', ', '.join(missing))
    return 1 if check.failed else 77 if missing else 0


if __name__ == '__main__':
    sys.exit(main())
