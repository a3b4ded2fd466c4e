"""Runs batches against a reference and a subject and compares every byte of the answers.

CAS uniques are compared by structure: the n-th distinct unique of one server stands for the n-th of
the other. Where the subject promises order, a unique that is new for a key must be above all that
the key had before.
"""

import time

from support.client import Client
from support.generator import NUMBERS, REFERENCE, SUBJECT, Command

MARKER = b"version\r\n"
NAMES = ("memcached", "mcrelay")


class Uniques:
    """What one server has shown: per key in order, and over all."""

    def __init__(self):
        self.by_key = {}
        self.rank = {}

    def note(self, key, unique):
        seen = self.by_key.setdefault(key, [])
        if unique not in seen:
            seen.append(unique)
        return self.rank.setdefault(unique, len(self.rank))


class Difference(Exception):
    def __init__(self, text, batch_index, keys):
        super().__init__(text)
        self.batch_index = batch_index
        self.keys = keys


class Pair:
    """Connections to both servers, and what is known of their CAS uniques."""

    def __init__(self, reference_address, subject_address, ordered_cas, subject_pads=False):
        self.addresses = (reference_address, subject_address)
        self.ordered_cas = ordered_cas
        self.subject_pads = subject_pads  # it is a memcached, too
        self.clients = {}
        self.uniques = (Uniques(), Uniques())
        self.commands_run = 0
        self.padded = 0

    def close(self):
        for client in self.clients.values():
            client.close()

    def client(self, server, connection):
        key = (server, connection)
        if key not in self.clients:
            self.clients[key] = Client(self.addresses[server], limit_s=4)
        return self.clients[key]

    def run(self, batches, deadline=None):
        """Raises Difference at the first one. False when the deadline passed before the end."""
        for index, batch in enumerate(batches):
            if deadline and time.monotonic() > deadline:
                return False
            if batch.pause_s:
                time.sleep(batch.pause_s)
            answers = []
            for server in (REFERENCE, SUBJECT):
                try:
                    answers.append(self.exchange(server, batch))
                except AssertionError as problem:
                    raise Difference(f"{NAMES[server]}: {problem}", index, batch_keys(batch)) from None
            self.compare(index, batch, answers)
            self.commands_run += len(batch.commands)
        return True

    def exchange(self, server, batch):
        """Sends one batch; its units, up to the marker or the close."""
        client = self.client(server, batch.connection)
        known = self.uniques[server].by_key
        data = b"".join(command.bytes_for(server, known) for command in batch.commands)
        if batch.commands[-1].ends:
            client.send(data)
            units = [client.expect_closed()]
            self.clients.pop((server, batch.connection)).close()
            return units
        client.send(data + MARKER)
        units = []
        for _ in range(1 + sum(command.markers for command in batch.commands)):
            units += client.until(b"VERSION ")
            units.append(b"VERSION")
        return units

    def compare(self, index, batch, answers):
        for position, (expected, actual) in enumerate(zip(*answers)):
            if not self.same(expected, actual):
                raise Difference(
                    f"answer {position + 1} of the batch:\n  memcached {shorten(expected)}\n"
                    f"  mcrelay   {shorten(actual)}", index, batch_keys(batch))
        if len(answers[0]) != len(answers[1]):
            raise Difference(
                f"{len(answers[0])} answers of memcached, {len(answers[1])} of mcrelay; the first "
                f"without a partner: {shorten(max(answers, key=len)[min(map(len, answers))])}",
                index, batch_keys(batch))

    def same(self, expected, actual):
        if not expected.startswith(b"VALUE ") or not actual.startswith(b"VALUE "):
            return expected == actual
        expected_line, _, expected_data = expected.partition(b"\r\n")
        actual_line, end, actual_data = actual.partition(b"\r\n")
        expected_words, actual_words = expected_line.split(b" "), actual_line.split(b" ")
        if len(expected_words) != len(actual_words) or not end:
            return False
        if len(expected_words) == 5 and not self.same_unique(expected_words, actual_words):
            return False
        if expected_words[:4] == actual_words[:4] and expected_data == actual_data:
            return True
        return self.only_padding(expected_words, actual_words, expected_data, actual_data)

    def same_unique(self, expected_words, actual_words):
        key, actual = actual_words[1], int(actual_words[4])
        ours = self.uniques[SUBJECT]
        before = ours.by_key.get(key, [])
        if self.ordered_cas and actual not in before and before and actual <= max(before):
            return False
        return (self.uniques[REFERENCE].note(key, int(expected_words[4])) == ours.note(key, actual))

    def only_padding(self, expected_words, actual_words, expected_data, actual_data):
        """memcached pads a counted number to the length it had, unless an answer that is still being
        sent holds the item (so it depends on how a batch arrives); mcrelay never does."""
        number = actual_data[:-2].rstrip(b" ") if self.subject_pads else actual_data[:-2]
        padded = (expected_words[1] in NUMBERS and expected_words[:3] == actual_words[:3]
                  and number.isdigit() and b" " in expected_data + actual_data
                  and expected_data[:-2].rstrip(b" ") == number)
        self.padded += padded
        return padded


def batch_keys(batch):
    return {key for command in batch.commands for key in command.keys}


def shorten(data):
    return repr(data if len(data) <= 300 else data[:200] + b" ...(%d bytes)" % len(data))


def run_or_explain(make_pair, batches, seed):
    """Runs all batches. On a difference: a message with the seed, a shrunken history, the answers.

    make_pair() gives a Pair of servers without items.
    """
    history = []

    def remember():
        for batch in batches:
            history.append(batch)
            yield batch

    pair = make_pair()
    try:
        pair.run(remember())
        return pair, None
    except Difference as difference:
        first = difference
    finally:
        pair.close()
    shrunken, last = shrink(make_pair, history, first, time.monotonic() + 40)
    lines = [f"  connection {batch.connection}: {command!r}" + (f" (after {batch.pause_s} s)"
                                                                if batch.pause_s else "")
             for batch in shrunken for command in batch.commands]
    return pair, (f"seed {seed}, after {pair.commands_run} commands: {first}\n"
                  f"shrunken to {len(lines)} commands:\n" + "\n".join(lines[-40:]) +
                  f"\nthere: {last}")


def shrink(make_pair, history, difference, deadline):
    """Drops batches, then commands, for as long as a difference remains."""

    def still_differs(batches):
        pair = make_pair()
        try:
            pair.run(batches, deadline)
            return None
        except Difference as found:
            return found
        finally:
            pair.close()

    best, reason = history, difference
    narrow = [narrowed(batch, difference.keys) for batch in history[:-1]] + [history[-1]]
    candidates = [[batch for batch in narrow if batch.commands], history]
    for candidate in candidates:
        found = still_differs(candidate)
        if found:
            best, reason = candidate[:found.batch_index + 1], found
            break
    best, reason = drop_pieces(best, reason, still_differs, deadline)
    split = [type(batch)(batch.connection, [command], batch.pause_s if not position else 0)
             for batch in best for position, command in enumerate(batch.commands)]
    found = still_differs(split)
    if found:
        return drop_pieces(split[:found.batch_index + 1], found, still_differs, deadline)
    return best, reason


def narrowed(batch, keys):
    """The batch without commands on other keys."""
    kept = [command for command in batch.commands if not command.keys or keys & set(command.keys)]
    return type(batch)(batch.connection, kept, batch.pause_s)


def drop_pieces(batches, reason, still_differs, deadline):
    size = max(len(batches) // 2, 1)
    while time.monotonic() < deadline:
        position = 0
        while position < len(batches) and time.monotonic() < deadline:
            candidate = batches[:position] + batches[position + size:]
            found = still_differs(candidate) if candidate else None
            if found:
                batches, reason = candidate[:found.batch_index + 1], found
            else:
                position += size
        if size == 1:
            break
        size //= 2
    return batches, reason


__all__ = ["Command", "Difference", "Pair", "run_or_explain"]
