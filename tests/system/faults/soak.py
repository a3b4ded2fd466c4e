"""Mixed load with faults, for as long as one likes: `scripts/dev soak [MINUTES]`.

Three shards and two workers; sixteen checking clients (support/load.py: no crossed, damaged, stale or
late answer), clients that vanish, slow readers, and every few seconds a fault: a server killed and
started again, stopped and continued, its connections closed, or a reload. At the end everything that
was lent must be back: descriptors as at the start, memory grown by no more than 1 MB a minute. Exit
status 1 otherwise.
"""

import os
import random
import signal
import socket
import struct
import sys
import threading
import time

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.load import Load  # noqa: E402
from support.servers import Fleet, connect, patience  # noqa: E402

MINUTES = 5.0
CONFIG = "timeouts: {connect: 500ms, request: 500ms}\n"
LIMIT_S = 2.0  # of a batch: what is shorter is this program's own threads waiting for each other
REST_S = 3.0
MOST_MIB_A_MINUTE = 1.0
MOST_DESCRIPTORS = 4


class Nuisances(threading.Thread):
    """Clients that come, ask, and vanish or do not read."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.ending = threading.Event()
        self.rng = random.Random(11)
        self.done = 0

    def run(self):
        while not self.ending.wait(0.02):
            try:
                self.one(connect(self.address, 1))
                self.done += 1
            except OSError:
                pass

    def one(self, sock):
        with sock:
            kind = self.rng.random()
            if kind < 0.5:
                request = b"set nuisance 0 0 3000\r\n" + b"y" * 3000 + b"\r\n"
                sock.sendall(request[:self.rng.randrange(1, len(request))])
            elif kind < 0.9:
                sock.sendall(b"get nuisance w0.1 w1.1\r\n" * 50)
            else:
                sock.sendall(self.rng.randbytes(200) + b"\r\n")
            if self.rng.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def fault(rng, redis, daemon):
    """One disturbance, and its end; its name."""
    kind = rng.choice(["kill", "stop", "drop", "reload"])
    if kind == "kill":
        redis.kill9()
        time.sleep(rng.uniform(0.3, 1.5))
        redis.start()
    elif kind == "stop":
        redis.pause()
        time.sleep(rng.uniform(0.1, 1.5))
        redis.resume()
    elif kind == "drop":
        with redis.client() as raw:
            raw.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    else:
        daemon.write_config(CONFIG.replace("500ms", rng.choice(["500ms", "490ms"])))
        daemon.signal(signal.SIGHUP)
    return kind


def disturb(load, redis, daemon, until):
    rng = random.Random(12)
    counts = {}
    while time.monotonic() < until:
        time.sleep(rng.uniform(0.5, 2.5))
        kind = fault(rng, rng.choice(redis), daemon)
        counts[kind] = counts.get(kind, 0) + 1
        load.check()
    return counts


def measure(daemon):
    time.sleep(patience(REST_S))
    return daemon.status_kib("VmRSS") / 1024, daemon.descriptors()


def run_load(daemon, redis, until, name):
    nuisances = Nuisances(daemon.address)
    nuisances.start()
    try:
        with Load(daemon.address, workers=16, limit_s=LIMIT_S, name=name, pause_s=0.005) as load:
            counts = disturb(load, redis, daemon, until)
    finally:
        nuisances.ending.set()
        nuisances.join()
    return load, counts, nuisances.done


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    fleet = Fleet()
    try:
        redis = [fleet.redis() for _ in range(3)]
        daemon = fleet.mcrelay(backends=[one.location() for one in redis], config=CONFIG)
        run_load(daemon, redis, time.monotonic() + min(30, minutes * 60 / 4), "warm")  # warms the pools
        rss, descriptors = measure(daemon)
        load, counts, nuisances = run_load(daemon, redis, time.monotonic() + minutes * 60, "w")
        rss_after, descriptors_after = measure(daemon)
    finally:
        problems = fleet.close()
    grown = rss_after - rss
    if grown > MOST_MIB_A_MINUTE * max(minutes, 1):
        problems.append(f"memory grew by {grown:.1f} MB in {minutes:g} minutes")
    if descriptors_after > descriptors + MOST_DESCRIPTORS:
        problems.append(f"{descriptors} descriptors before, {descriptors_after} after")
    faults = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    print(f"{minutes:g} minutes: {load.total('answers')} answers checked, {load.total('hits')} values; "
          f"faults: {faults}; {nuisances} vanishing clients; {load.total('failed_writes')} writes failed, "
          f"slowest batch {max(w.slowest_s for w in load.workers):.3f} s; memory {rss:.1f} -> {rss_after:.1f} MB, "
          f"descriptors {descriptors} -> {descriptors_after}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
