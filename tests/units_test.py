#!/usr/bin/python3
"""Holds the systemd units: valid, locked down as far as promised, template and service alike."""

import difflib
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

UNITS = pathlib.Path(__file__).resolve().parent.parent / "systemd"
MOST_EXPOSURE = 1.1  # by systemd 252's scale; redis-server's unit has 1.2, memcached's 4.8


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True,
                          timeout=60, check=False)


class Units(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mcrelay-units-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # verify wants the program to exist; it is not installed while it is tested
        for path in UNITS.glob("*.s*"):
            if path.suffix in (".service", ".socket"):
                text = path.read_text().replace("/usr/bin/mcrelay", os.environ["MCRELAY_BINARY"])
                (self.folder / path.name).write_text(text)

    def verify(self, *units):
        done = analyze("verify", "--man=no", *(str(self.folder / unit) for unit in units))
        ours = [line for line in done.stderr.splitlines() if "mcrelay" in line]
        self.assertEqual((done.returncode, ours), (0, []), done.stderr)

    def test_systemd_finds_nothing_wrong(self):
        self.verify("mcrelay.service", "mcrelay.socket")
        instance = self.folder / "mcrelay@second.service"
        instance.write_text((self.folder / "mcrelay@.service").read_text())
        self.verify("mcrelay@second.service")

    def test_verify_would_find_a_mistake(self):
        unit = self.folder / "mcrelay.service"
        unit.write_text(unit.read_text().replace("Restart=on-failure", "Restart=sometimes"))
        with self.assertRaises(AssertionError):
            self.verify("mcrelay.service")

    def test_exposure(self):
        for name in ("mcrelay.service", "mcrelay@.service"):
            done = analyze("security", "--offline=yes", str(self.folder / name))
            figure = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
            self.assertIsNotNone(figure, done.stdout + done.stderr)
            self.assertLessEqual(float(figure[1]), MOST_EXPOSURE, done.stdout)

    def test_the_template_is_the_service_with_an_instance(self):
        """Whatever is changed in one of the two has to be changed in the other."""
        service = (UNITS / "mcrelay.service").read_text()
        template = (UNITS / "mcrelay@.service").read_text()
        for mine, general in (("/mcrelay/%i.yaml", "/mcrelay/mcrelay.yaml"), ("mcrelay-%i", "mcrelay"),
                              (" (%i)\n", "\n")):
            self.assertIn(mine, template)
            template = template.replace(mine, general)
        differing = [line for line in difflib.ndiff(service.splitlines(), template.splitlines())
                     if line[0] in "+-" and line[2:3] != "#"]
        self.assertEqual(differing, [])

    def test_the_private_redis_ends_after_the_daemon(self):
        """By default systemd would end all processes of the service at once: the daemon could not answer what
        is in flight any more."""
        self.assertIn("\nKillMode=mixed\n", (UNITS / "mcrelay.service").read_text())

    def test_a_daemon_that_hangs_is_restarted(self):
        self.assertRegex((UNITS / "mcrelay.service").read_text(), r"(?m)^WatchdogSec=\d+$")

    def test_the_user_of_the_service_is_the_one_that_is_made(self):
        user = re.search(r"^User=(\S+)$", (UNITS / "mcrelay.service").read_text(), re.MULTILINE)[1]
        self.assertRegex((UNITS / "mcrelay.sysusers").read_text(), rf"(?m)^u {user} ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
