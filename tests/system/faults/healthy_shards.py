"""What one dead shard of three costs the others: `scripts/dev faults [ROUNDS]`.

The same load twice in every round, with all three servers and with one of them killed: gets and sets
on keys of the two healthy ones, timed, and every fourth command on a key of the third. Both halves of
a round see the same machine; the medians of their 99th percentiles are compared. Exit status 1 when
the healthy keys are more than 20 % slower then, or any of their commands fails.
"""

import gc
import os
import statistics
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TESTS)

from support.servers import Fleet, connect, patience, wait_until  # noqa: E402

ROUNDS = 15
HALF_S = 2.0
MOST_RATIO = 1.2
CONNECTIONS = 8
KEYS = 300


class Shards:
    def __init__(self, fleet):
        self.redis = [fleet.redis() for _ in range(3)]
        self.daemon = fleet.mcrelay(backends=[one.location() for one in self.redis], threads=2)
        self.sick = self.redis[1]
        self.sockets = [connect(self.daemon.address, patience(5)) for _ in range(CONNECTIONS)]
        for sock in self.sockets:
            fleet.closers.callback(sock.close)
        keys = [b"%d.key" % i for i in range(KEYS)]
        for key in keys:
            self.ask(self.sockets[0], b"set %s 0 0 100\r\n%s\r\n" % (key, b"v" * 100))
        with self.sick.client() as raw:
            self.lost = [key for key in keys if raw.call("EXISTS", key)]
        self.healthy = [key for key in keys if key not in set(self.lost)]

    @staticmethod
    def ask(sock, request):
        sock.sendall(request)
        answer = sock.recv(65536)
        while not answer.endswith(b"\r\n"):
            answer += sock.recv(65536)
        return answer

    def up(self):
        for sock in self.sockets:  # every worker's connection
            answer = self.ask(sock, b"set %s 0 0 1\r\nx\r\n" % self.lost[0])
            if answer != b"STORED\r\n" or b"VALUE" not in self.ask(sock, b"get %s\r\n" % self.lost[0]):
                return False
        return True

    def half(self):
        """(99th percentile in microseconds, commands, failures) on the healthy keys."""
        times, failures, number = [], 0, 0
        until = time.monotonic() + HALF_S
        value = b"v" * 100
        while time.monotonic() < until:
            number += 1
            sock = self.sockets[number % CONNECTIONS]
            if number % 4 == 0:
                self.ask(sock, b"get %s\r\n" % self.lost[number % len(self.lost)])
                continue
            key = self.healthy[number % len(self.healthy)]
            if number % 4 == 1:
                request, wanted = b"set %s 0 0 100\r\n%s\r\n" % (key, value), b"STORED\r\n"
            else:
                request, wanted = b"get %s\r\n" % key, b"VALUE %s 0 100\r\n%s\r\nEND\r\n" % (key, value)
            begun = time.perf_counter_ns()
            answer = self.ask(sock, request)
            times.append(time.perf_counter_ns() - begun)
            failures += answer != wanted
        times.sort()
        return times[int(len(times) * 0.99)] / 1000, len(times), failures

    def round(self):
        undisturbed = self.half()
        self.sick.kill9()
        wait_until(self.known_down, 5, "every worker knows that it is dead")
        dead = self.half()
        self.sick.start()
        wait_until(self.up, 5, "it is back")
        return undisturbed, dead

    def known_down(self):
        return all(b"STORED" != self.ask(sock, b"set %s 0 0 1\r\nx\r\n" % self.lost[0])[:6]
                   for sock in self.sockets for _ in range(5))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    fleet = Fleet()
    gc.disable()
    try:
        shards = Shards(fleet)
        shards.half()  # warm
        results = []
        for number in range(rounds):
            undisturbed, dead = shards.round()
            results.append((undisturbed, dead))
            print(f"round {number + 1}: undisturbed p99 {undisturbed[0]:.0f} us, one of three dead "
                  f"{dead[0]:.0f} us ({undisturbed[1]} and {dead[1]} commands)", flush=True)
            gc.collect()
    finally:
        problems = fleet.close()
    before = statistics.median(undisturbed[0] for undisturbed, _ in results)
    after = statistics.median(dead[0] for _, dead in results)
    failures = sum(undisturbed[2] + dead[2] for undisturbed, dead in results)
    print(f"median p99 of {rounds} rounds: undisturbed {before:.0f} us, one of three dead {after:.0f} us, "
          f"ratio {after / before:.2f} (at most {MOST_RATIO}); {failures} failures")
    for problem in problems:
        print(problem)
    return 1 if problems or failures or after > MOST_RATIO * before else 0


if __name__ == "__main__":
    sys.exit(main())
