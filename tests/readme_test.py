#!/usr/bin/python3
"""Runs what README.md tells a newcomer to type, in its order, and compares the output it shows.

Ports and the binary under test are put in the place of the README's; all else is run as written.
"""

import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.servers import Fleet, Port, answers_with, mcrelay_binary, patience, wait_until  # noqa: E402

README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEST_COMMAND = "scripts/dev test"  # is what runs this file; .ci/run calls it, see below


class Readme(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.folder = pathlib.Path(self.fleet.folder)
        self.port = Port()
        self.addCleanup(self.port.release)
        self.places = {
            "11211": str(self.port.number),
            "6379": str(self.fleet.redis().port),
            "6380": str(self.fleet.redis().port),
            "build/release/mcrelay": mcrelay_binary(),
            "build/release/mcrelay --backend": f"{mcrelay_binary()} -p {self.port.number} --backend",
            "scripts/dev run": f"scripts/dev run -p {self.port.number}",
            "mcrelay.yaml": str(self.folder / "mcrelay.yaml"),
        }

    def placed(self, text):
        pattern = "|".join(re.escape(word) for word in sorted(self.places, key=len, reverse=True))
        return re.sub(pattern, lambda match: self.places[match[0]], text)

    def shell(self, text):
        return subprocess.run(["bash", "-ec", text], cwd=ROOT, capture_output=True, text=True,
                              timeout=patience(30), check=False)

    def serve(self, command):
        """Starts a command line that serves; it is asked to end after the test."""
        env = {**os.environ, "MCRELAY_DEV_BINARY": mcrelay_binary()}
        with open(self.folder / "served", "ab") as log:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", "bash", "-c",
                                        f"exec {command}"], cwd=ROOT, env=env,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        address = ("127.0.0.1", self.port.number)

        def serves():
            self.assertIsNone(process.poll(), f"{command} ended: {log_text()}")
            return answers_with(address, b"version\r\n", b"VERSION 1.6.")

        def log_text():
            return (self.folder / "served").read_text()

        try:
            wait_until(serves, 15, f"{command} serves")
        except BaseException:
            process.kill()
            raise
        return process

    def end(self, process):
        process.terminate()
        self.assertEqual(process.wait(patience(10)), 0)

    def say_hello(self, block, shown):
        done = self.shell(self.placed(block))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.replace("\r\n", "\n"), shown)

    def test_every_command_of_the_readme(self):
        blocks = [(language, text) for language, text in FENCE.findall(README)]
        hello, = [text for language, text in blocks if language == "bash"]
        shown, = [text for language, text in blocks if language == "text"]
        settings, = [text for language, text in blocks if language == "yaml"]
        (self.folder / "mcrelay.yaml").write_text(self.placed(settings))
        served = 0
        for command in "".join(text for language, text in blocks if language == "sh").splitlines():
            with self.subTest(command=command):
                if command == TEST_COMMAND:
                    self.assertIn(command, (ROOT / ".ci/run").read_text())
                elif "--check-config" in command:
                    done = self.shell(self.placed(command))
                    self.assertEqual(done.returncode, 0, done.stderr)
                else:
                    process = self.serve(self.placed(command))
                    self.say_hello(hello, shown)
                    self.end(process)
                    served += 1
        self.assertEqual(served, 3)

    def test_every_file_it_names_exists(self):
        for target in re.findall(r"\]\(([^)#:]+)\)", README):
            self.assertTrue((ROOT / target).exists(), target)


if __name__ == "__main__":
    unittest.main(verbosity=2)
