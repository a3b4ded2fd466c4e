"""What every client test has in common: mcrelay over one Redis, and the check of a client script."""

import os
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support.servers import patience  # noqa: E402
from support.testcase import SharedFleetTestCase  # noqa: E402


class ClientTestCase(SharedFleetTestCase):
    @classmethod
    def prepare(cls):
        cls.redis = cls.fleet.redis()
        cls.daemon = cls.fleet.mcrelay(backends=[cls.redis.location()], listen="both")

    def setUp(self):
        with self.redis.client() as redis:
            redis.call("FLUSHALL")

    def run_script(self, command, package, checks):
        """Runs a script that prints `ok NAME` or `not ok NAME: ...` per check, and wants them all."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                                  timeout=patience(40))
        except FileNotFoundError:
            self.fail(f"{command[0]} is missing: apt-get install {package}")
        report = f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
        if "MISSING PACKAGE" in done.stdout:
            self.fail(f"apt-get install {package}\n{report}")
        passed = [line[3:] for line in done.stdout.splitlines() if line.startswith("ok ")]
        failed = [line for line in done.stdout.splitlines() if line.startswith("not ok ")]
        self.assertEqual(failed, [], report)
        self.assertEqual(done.returncode, 0, report)
        self.assertEqual(sorted(passed), sorted(checks), report)
