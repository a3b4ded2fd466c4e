"""Replays the exchanges recorded from real memcached servers (tests/data/golden.json).

GoldenClassic and GoldenMeta want memcached 1.6.45's bytes from mcrelay. GoldenReference replays the
same file against Debian's own memcached 1.6.18 with that version's replies: it keeps the reader of
this test honest.
"""

import json
import os
import re
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.client import Client  # noqa: E402
from support.testcase import SharedFleetTestCase  # noqa: E402

META = re.compile(r"^m[gsdaen]\b", re.MULTILINE)
CLOSED = "<closed>"
WAITS = "<waits>"
TTL_SLACK_S = 2

# Where mcrelay's bytes are fixed otherwise than 1.6.45's: docs/differences.md has the reasons.
EXPECTED_INSTEAD = {
    "key 251 get": ["CLIENT_ERROR bad command line format\r\n"],
    "delete many": ["ERROR\r\n"],
}

# What the reference does differently from one time to the next: a shorter number may be padded to
# its old length, and a refused length above 2^31 may or may not be followed by answers.
UNSTEADY_IN_REFERENCE = {"incr wrap", "incr value '12 34'", "set length 2^32"}


def load_cases():
    with open(os.path.join(TESTS, "data", "golden.json"), encoding="utf-8") as file:
        return json.load(file)["cases"]


def is_meta(case):
    return any(META.search(step) for step in case["steps"] if isinstance(step, str))


def split_units(text):
    """Cuts recorded replies as the client cuts live ones."""
    units, rest = [], text.encode("latin-1")
    while rest:
        line, end, after = rest.partition(b"\n")
        size = len(line) + len(end)
        words = line.rstrip(b"\r").split(b" ")
        if words[0] == b"VALUE":
            size += int(words[3]) + 2
        elif words[0] == b"VA":
            size += int(words[1]) + 2
        units.append(rest[:size])
        rest = rest[size:]
    return units


class Replay:
    """One case against one server. `prefix` takes the place of @ in texts and replies."""

    def __init__(self, client, prefix):
        self.client = client
        self.prefix = prefix.encode()
        self.cas = b"0"

    def send(self, step):
        data = step.encode("latin-1").replace(b"@", self.prefix).replace(b"<C>", self.cas)
        self.client.send(data)

    def word_matches(self, expected, actual):
        """Words differ only where the recording says C, N, * or a TTL."""
        if expected in (b"C", b"cC"):
            prefix = expected[:-1]
            number = actual[len(prefix):]
            if not actual.startswith(prefix) or not number.isdigit():
                return False
            self.cas = number
            return True
        if expected == b"*":
            return True
        if expected.endswith(b"=N"):
            return actual.startswith(expected[:-1]) and actual[len(expected) - 1:].isdigit()
        if re.fullmatch(rb"t\d+", expected) and re.fullmatch(rb"t\d+", actual):
            return abs(int(actual[1:]) - int(expected[1:])) <= TTL_SLACK_S
        return expected == actual

    def unit_matches(self, expected, actual):
        expected = expected.replace(b"@", self.prefix)
        expected_line, _, expected_rest = expected.partition(b"\r\n")
        actual_line, end, actual_rest = actual.partition(b"\r\n")
        expected_words, actual_words = expected_line.split(b" "), actual_line.split(b" ")
        return (end == b"\r\n" and expected_rest == actual_rest
                and len(expected_words) == len(actual_words)
                and all(map(self.word_matches, expected_words, actual_words)))

    def run(self, case, replies):
        """Problems found, as sentences."""
        sent = ""
        replies = list(replies)
        for step in case["steps"]:
            if not isinstance(step, str):
                time.sleep(step)
                continue
            self.send(step)
            sent = step
            expected = replies.pop(0)
            for unit in split_units(expected.replace(WAITS, "")):
                actual = self.client.unit()
                if not self.unit_matches(unit, actual):
                    return (f"sent {sent[:200]!r}\nexpected {unit[:300]!r} of {expected[:500]!r}\n"
                            f"got      {actual[:300]!r}")
            if expected.endswith(WAITS):
                self.client.expect_quiet(0.2)
                return None
        if replies == [CLOSED]:
            left = self.client.expect_closed()
            return f"sent {sent[:200]!r}, closed after an unexpected {left!r}" if left else None
        answer = self.client.call(b"version\r\n")
        if not answer.startswith(b"VERSION "):
            return f"after {sent[:200]!r} there was one answer too many: {answer[:300]!r}"
        return None


class GoldenTestCase(SharedFleetTestCase):
    """Runs all cases for which wanted() is true, each as a sub-test on a connection of its own."""

    version = "1.6.45"
    server = None

    def replay_all(self, wanted):
        cases = [case for case in load_cases() if wanted(case)]
        self.assertGreater(len(cases), 10)
        for number, case in enumerate(cases):
            with self.subTest(case=case["name"]):
                replies = self.expected(case)
                with Client(self.server.address) as client:
                    problem = Replay(client, f"g{number}-").run(case, replies)
                if problem:
                    self.fail(problem)

    def expected(self, case):
        if self.version == "1.6.45" and case["name"] in EXPECTED_INSTEAD:
            return EXPECTED_INSTEAD[case["name"]]
        return case["replies"][self.version]


class GoldenClassic(GoldenTestCase):
    @classmethod
    def prepare(cls):
        redis = cls.fleet.redis()
        cls.server = cls.fleet.mcrelay(backends=[redis.location()],
                                       config="timeouts: {request: 5s}\n")

    def test_classic_exchanges(self):
        self.replay_all(lambda case: not is_meta(case))


class GoldenMeta(GoldenTestCase):
    @classmethod
    def prepare(cls):
        redis = cls.fleet.redis()
        cls.server = cls.fleet.mcrelay(backends=[redis.location()],
                                       config="timeouts: {request: 5s}\n")

    def test_meta_exchanges(self):
        self.replay_all(is_meta)


class GoldenReference(GoldenTestCase):
    version = "1.6.18"

    @classmethod
    def prepare(cls):
        cls.server = cls.fleet.memcached()

    def test_recorded_replies_of_the_reference(self):
        self.replay_all(lambda case: not is_meta(case) and case["name"] not in UNSTEADY_IN_REFERENCE)


if __name__ == "__main__":
    unittest.main()
