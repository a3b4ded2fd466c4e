"""libmemcached's conformance tool against mcrelay: all of its ASCII checks must pass."""

import os
import re
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.servers import LOOPBACK, find_program, patience  # noqa: E402
from support.testcase import FleetTestCase  # noqa: E402

CHECKS = 27
RESULT = re.compile(r"^(ascii .+?)\s+\[(\w+)\]\s*$", re.MULTILINE)


class Conformance(FleetTestCase):
    def run_tool(self, port):
        done = subprocess.run([find_program("memccapable"), "-h", LOOPBACK, "-p", str(port), "-a"],
                              capture_output=True, text=True, errors="replace",
                              timeout=patience(60))
        return done, dict(RESULT.findall(done.stdout))

    def check(self, port):
        done, results = self.run_tool(port)
        report = f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
        failed = [name for name, result in results.items() if result != "pass"]
        self.assertEqual(failed, [], report)
        self.assertEqual(len(results), CHECKS, report)
        self.assertEqual(done.returncode, 0, report)

    def test_tagged(self):
        _, daemon = self.one_shard()
        self.check(daemon.port)

    def test_plain(self):
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(backends=[redis.location()], config="value_format: plain\n")
        self.check(daemon.port)

    def test_the_tool_is_read_right(self):
        """The same parser over a real memcached: it sees the 27 checks there too."""
        _, results = self.run_tool(self.fleet.memcached().port)
        self.assertEqual(len(results), CHECKS, results)


if __name__ == "__main__":
    unittest.main()
