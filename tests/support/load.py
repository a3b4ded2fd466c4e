"""Load that catches crossed, damaged, late and stale answers.

Every value carries its key, a sequence number and a checksum. Each worker is one connection in one
thread and the only writer of its keys, so it knows what each read may return: after a set that was
acknowledged or just attempted, that value or a miss; after a delete, a miss. Nothing older, ever.
(A read may be sent a second time after an outage, and then see a set that stands behind it in the
same pipeline: allowed unless `strict`. A failover of asynchronous replication may lose what was
acknowledged just before it: with `forgets` an older value of the same key is counted, not refused,
unless the key's last set was answered with a failure: its removal is pending then, wherever it goes.)
"""

import collections
import random
import threading
import time
import zlib

from support.client import Client
from support.servers import patience


def make_value(key, sequence, size=0):
    body = b"%s|%d|" % (key, sequence)
    body += b"x" * max(size - len(body) - 8, 0)
    return body + b"%08x" % zlib.crc32(body)


def read_value(key, value):
    """The sequence number of a value; a value that is not this key's raises."""
    body, check = value[:-8], value[-8:]
    owner, _, rest = body.partition(b"|")
    if b"%08x" % zlib.crc32(body) != check or owner != key:
        raise AssertionError(f"crossed or damaged answer for {key!r}: {value[:120]!r}")
    return int(rest.partition(b"|")[0])


class Expectation:
    """What a key's only writer knows of it."""

    def __init__(self):
        self.sequence = 0
        self.present = False  # the last attempted write was a set
        self.sure = False     # and it was acknowledged
        self.failed = 0       # number of the last set that was answered with a failure


class Worker(threading.Thread):
    """Mixed operations on its own keys until stop() or for `operations`."""

    WRITE_FAILED = (b"NOT_STORED\r\n", b"SERVER_ERROR backend unavailable\r\n")
    DELETE_FAILED = (b"NOT_FOUND\r\n", b"SERVER_ERROR backend unavailable\r\n")

    def __init__(self, address, name, limit_s, keys=20, batch=8, seed=0, pause_s=0.0,
                 strict=False, forgets=False):
        super().__init__(daemon=True)
        self.label = name.encode()
        self.client = Client(address)
        self.limit_s = limit_s
        self.rng = random.Random(seed or name)
        self.batch = batch
        self.pause_s = pause_s
        self.strict = strict
        self.forgets = forgets
        self.known = {b"%s.%d" % (self.label, i): Expectation() for i in range(keys)}
        self.ending = threading.Event()
        self.error = None
        self.answers = 0
        self.failed_writes = 0
        self.stored = 0
        self.hits = 0
        self.unsure_misses = 0
        self.lost = 0  # misses of acknowledged sets
        self.older = 0  # reads of a value from before a failover
        self.after_failure = 0  # reads of keys whose last set had failed
        self.slowest_s = 0.0
        self.times = []  # (when, duration, failures) per batch
        self.batches = 0
        self.history = collections.deque(maxlen=2000)  # (key, what was answered)

    def run(self):
        try:
            while not self.ending.is_set():
                self.step()
                if self.pause_s:
                    time.sleep(self.pause_s)
        except BaseException as error:  # noqa: B902 - handed to the test's thread
            self.error = error

    def step(self):
        self.batches += 1
        plan = [self.draw() for _ in range(self.rng.randrange(1, self.batch + 1))]
        started = time.monotonic()
        failures_before = self.failed_writes
        self.client.send(b"".join(data for data, _ in plan))
        for _, check in plan:
            check()
            self.answers += 1
        duration = time.monotonic() - started
        self.slowest_s = max(self.slowest_s, duration)
        self.times.append((started, duration, self.failed_writes - failures_before))
        if duration > patience(self.limit_s):
            raise AssertionError(f"a batch of {len(plan)} took {duration:.3f} s, "
                                 f"limit {patience(self.limit_s):.3f} s")

    def draw(self):
        key = self.rng.choice(list(self.known))
        kind = self.rng.random()
        if kind < 0.4:
            return self.draw_set(key)
        if kind < 0.5:
            return self.draw_delete(key)
        if kind < 0.6:
            return self.draw_get(self.rng.sample(list(self.known), 8))
        return self.draw_get([key])

    def draw_set(self, key):
        known = self.known[key]
        known.sequence += 1
        known.present, known.sure = True, False
        value = make_value(key, known.sequence, self.rng.choice([30, 30, 200, 3000, 40000]))
        data = b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value)
        sequence = known.sequence

        def check():
            answer = self.client.unit()
            self.note(key, f"set number {sequence}: {answer.decode().strip()}")
            if answer == b"STORED\r\n":
                self.stored += 1
                if known.sequence == sequence:
                    known.sure = True
            elif answer in self.WRITE_FAILED or answer.startswith(b"SERVER_ERROR "):
                self.failed_writes += 1
                known.failed = sequence
            else:
                raise AssertionError(f"set {key!r} answered {answer[:120]!r}")

        return data, check

    def draw_delete(self, key):
        known = self.known[key]
        known.sequence += 1
        known.present = known.sure = False
        sequence = known.sequence

        def check():
            answer = self.client.unit()
            self.note(key, f"delete number {sequence}: {answer.decode().strip()}")
            if answer != b"DELETED\r\n" and answer not in self.DELETE_FAILED:
                raise AssertionError(f"delete {key!r} answered {answer[:120]!r}")

        return b"delete " + key + b"\r\n", check

    def draw_get(self, keys):
        # What each key may return is fixed by the writes before this command in the pipeline.
        allowed = [(key, self.known[key].sequence, self.known[key].present) for key in keys]

        def check():
            self.check_retrieval(allowed)

        return b"get " + b" ".join(keys) + b"\r\n", check

    def check_retrieval(self, allowed):
        units = []
        while True:
            unit = self.client.unit()
            if not unit.startswith(b"VALUE "):
                break
            units.append(unit)
        if unit != b"END\r\n" and not unit.startswith(b"SERVER_ERROR "):
            raise AssertionError(f"get ended with {unit[:120]!r}")
        for key, sequence, present in allowed:
            self.after_failure += self.known[key].failed == sequence > 0
            if units and units[0].startswith(b"VALUE %s " % key):
                value = units.pop(0).partition(b"\r\n")[2][:-2]
                found = read_value(key, value)
                self.hits += 1
                self.note(key, f"get of {len(allowed)} keys: number {found}")
                repeated = not self.strict and sequence < found <= self.known[key].sequence
                lost = found >= sequence or self.known[key].failed != sequence
                if self.forgets and lost and found <= self.known[key].sequence:
                    self.older += found < sequence
                    continue
                if not repeated and (found != sequence or not present):
                    raise AssertionError(
                        f"stale: {key!r} returned number {found}, the last attempt was "
                        f"{'a set' if present else 'a delete'}, number {sequence}; the key's "
                        "history:\n  " + "\n  ".join(self.story(key)))
            elif self.known[key].sure and self.known[key].sequence == sequence:
                self.lost += 1
        if units:
            raise AssertionError(f"an answer nobody asked for: {units[0][:120]!r}")

    def note(self, key, text):
        self.history.append((key, f"batch {self.batches}, {text}"))

    def story(self, key):
        return [text for noted, text in self.history if noted == key][-12:]

    def stop(self):
        self.ending.set()


class Load:
    """Several workers; ends by raising what any of them found."""

    def __init__(self, address, workers=4, limit_s=0.8, name="w", **options):
        self.workers = [Worker(address, f"{name}{i}", limit_s, seed=i + 1, **options)
                        for i in range(workers)]

    def __enter__(self):
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, kind, *_):
        for worker in self.workers:
            worker.stop()
        for worker in self.workers:
            worker.join(patience(10))
        for worker in self.workers:
            worker.client.close()
        if kind is None:
            for worker in self.workers:
                if worker.error:
                    raise AssertionError(f"worker {worker.label.decode()}: {worker.error}") \
                        from worker.error
                if worker.is_alive():
                    raise AssertionError(f"worker {worker.label.decode()} hangs")
            if not all(worker.answers for worker in self.workers):
                raise AssertionError("a worker did nothing")

    def check(self):
        """Raises early what a worker found so far."""
        for worker in self.workers:
            if worker.error:
                raise worker.error

    def total(self, field):
        return sum(getattr(worker, field) for worker in self.workers)

    def stored_since(self, moment):
        """Seconds from `moment` until every worker completed a batch without a failed write."""
        worst = 0.0
        for worker in self.workers:
            good = [when + took for when, took, failures in worker.times
                    if when >= moment and failures == 0]
            if not good:
                return float("inf")
            worst = max(worst, good[0] - moment)
        return worst

    def percentile(self, fraction, since, until):
        """Of the durations of batches begun in that time."""
        durations = sorted(took for worker in self.workers for when, took, _ in worker.times
                           if since <= when < until)
        return durations[int(len(durations) * fraction)] if durations else float("nan")
