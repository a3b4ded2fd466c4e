"""Runs batches against a reference and a subject and compares every byte of the answers.

CAS uniques are compared by structure: the n-th distinct unique of one server stands for the n-th of
the other. Where the subject promises order, a unique that is new for a key must be above all that
the key had before.

In the answers of meta commands the seconds to live (t, exp) may differ by the reference's clock tick and
by how far apart the two servers got the same batch; the seconds since the last access (l, la) are only
held to be a number, since memcached notes accesses once a minute.
"""

import base64
import math
import re
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
        """The unique's rank. `key` may be None: then it is not noted for any."""
        if key is None:
            return self.rank.setdefault(unique, len(self.rank))
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
        self.lag_s = 0  # the longest time from a batch's start at the reference to its end

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
        for server in (REFERENCE, SUBJECT):
            # A CasOf that was never seen is 1, which memcached gives to its first item.
            self.client(server, 0).call(b"set 0.spent 0 0 1\r\nx\r\n")
        for index, batch in enumerate(batches):
            if deadline and time.monotonic() > deadline:
                return False
            if batch.pause_s:
                time.sleep(batch.pause_s)
            answers = []
            began = time.monotonic()
            for server in (REFERENCE, SUBJECT):
                try:
                    answers.append(self.exchange(server, batch))
                except AssertionError as problem:
                    raise Difference(f"{NAMES[server]}: {problem}", index, batch_keys(batch)) from None
            self.lag_s = max(self.lag_s, time.monotonic() - began)
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
                words = actual.partition(b"\r\n")[0].split(b" ")
                key = words[1] if words[0] == b"VALUE" else named_key(words)
                raise Difference(
                    f"answer {position + 1} of the batch:\n  memcached {shorten(expected)}\n"
                    f"  mcrelay   {shorten(actual)}", index, {key} if key else batch_keys(batch))
        if len(answers[0]) != len(answers[1]):
            raise Difference(
                f"{len(answers[0])} answers of memcached, {len(answers[1])} of mcrelay; the first "
                f"without a partner: {shorten(max(answers, key=len)[min(map(len, answers))])}",
                index, batch_keys(batch))

    def same(self, expected, actual):
        kind = expected[:2]
        if kind in (b"VA", b"HD", b"ME") and not expected.startswith(b"VALUE "):
            return self.same_meta(expected, actual)
        if not expected.startswith(b"VALUE ") or not actual.startswith(b"VALUE "):
            return expected == actual
        expected_line, _, expected_data = expected.partition(b"\r\n")
        actual_line, end, actual_data = actual.partition(b"\r\n")
        expected_words, actual_words = expected_line.split(b" "), actual_line.split(b" ")
        if len(expected_words) != len(actual_words) or not end:
            return False
        if len(expected_words) == 5 and not self.same_unique(
                actual_words[1], expected_words[4], actual_words[4]):
            return False
        if expected_words[:4] == actual_words[:4] and expected_data == actual_data:
            return True
        return self.only_padding(expected_words, actual_words, expected_data, actual_data)

    def same_unique(self, key, expected, actual):
        """`key` is None where the answer does not name it."""
        if not expected.isdigit() or not actual.isdigit():
            return False
        expected, actual = int(expected), int(actual)
        ours = self.uniques[SUBJECT]
        before = ours.by_key.get(key, []) if key is not None else []
        if self.ordered_cas and actual not in before and before and actual <= max(before):
            return False
        return self.uniques[REFERENCE].note(key, expected) == ours.note(key, actual)

    def only_padding(self, expected_words, actual_words, expected_data, actual_data):
        """memcached pads a counted number to the length it had, unless an answer that is still being
        sent holds the item (so it depends on how a batch arrives); mcrelay never does."""
        number = self.number_of(actual_data)
        padded = (expected_words[1] in NUMBERS and expected_words[:3] == actual_words[:3]
                  and number.isdigit() and b" " in expected_data + actual_data
                  and expected_data[:-2].rstrip(b" ") == number)
        self.padded += padded
        return padded

    def same_meta(self, expected, actual):
        """A line of flags, each compared by its meaning, and perhaps a value."""
        expected_line, _, expected_data = expected.partition(b"\r\n")
        actual_line, end, actual_data = actual.partition(b"\r\n")
        expected_words, actual_words = expected_line.split(b" "), actual_line.split(b" ")
        if len(expected_words) != len(actual_words) or not end or expected_words[0] != actual_words[0]:
            return False
        if expected_data != actual_data:
            # A counted number that memcached padded to its old length; s counts the blanks, too.
            number = expected_data.rstrip(b"\r\n ")
            if not number.isdigit() or self.number_of(actual_data) != number:
                return False
            self.padded += 1
            expected_words = without_padding(expected_words, expected_data, actual_data)
        key = named_key(actual_words)
        return all(self.same_word(key, *words) for words in zip(expected_words, actual_words))

    def number_of(self, data):
        return data[:-2].rstrip(b" ") if self.subject_pads else data[:-2]

    def same_word(self, key, expected, actual):
        for pattern, same in ((rb"(c|cas=)(\d+)", lambda a, b: self.same_unique(key, a, b)),
                              (rb"(t|exp=)(-?\d+)", self.same_time),
                              (rb"(l|la=)(\d{1,3})", lambda a, b: True),
                              (rb"(cls=)(\d+)", lambda a, b: True)):
            theirs, ours = re.fullmatch(pattern, expected), re.fullmatch(pattern, actual)
            if theirs and ours and theirs[1] == ours[1]:
                return same(theirs[2], ours[2])
        return expected == actual

    def same_time(self, expected, actual):
        if expected == b"-1" or actual == b"-1":
            return expected == actual
        return abs(int(expected) - int(actual)) <= 1 + math.ceil(self.lag_s)


def without_padding(words, padded, plain):
    """The reference's words as they were, had it not padded."""
    sizes = {b"%d" % (len(padded) - 2): b"%d" % (len(plain) - 2)}
    return [words[0], sizes.get(words[1], words[1])] + [
        b"s" + sizes.get(word[1:], word[1:]) if word[:1] == b"s" else word for word in words[2:]]


def named_key(words):
    """The key that an answer names, None without one."""
    if words[0] == b"ME" and len(words) > 1:
        return words[1]
    for position, word in enumerate(words):
        if word[:1] == b"k":
            encoded = words[position + 1:position + 2] == [b"b"]
            return base64.b64decode(word[1:]) if encoded else word[1:]
    return None


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
    narrow = [narrowed(batch, difference.keys) for batch in history]
    candidates = [[batch for batch in narrow if batch.commands],
                  [batch for batch in narrow[:-1] + history[-1:] if batch.commands], history]
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
