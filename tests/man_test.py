#!/usr/bin/python3
"""Holds the manual pages and the completion against what the daemon itself says in --help."""

import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAN = ROOT / "docs/man"


def page(name):
    """The page without its markup: font macros, escapes."""
    text = (MAN / name).read_text()
    text = re.sub(r"\\f[BIR]", "", text)
    text = re.sub(r"^\.(B|BI|BR|I|IR|RI) ", "", text, flags=re.MULTILINE)
    return text.replace("\\-", "-").replace('"', "")


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run([os.environ["MCRELAY_BINARY"], "--help"], capture_output=True,
                              text=True, timeout=20, check=True)
        cls.help = done.stdout

    def rows(self, title):
        """What --help lists under a title: each row's first column and its text."""
        lines = self.help.splitlines(keepends=True)
        starts = [number for number, line in enumerate(lines) if line.startswith(title)]
        self.assertEqual(len(starts), 1, title)
        rows = []
        for line in lines[starts[0]:]:
            if not line.strip():
                break
            if re.match(r"  \S|      --", line):
                rows.append(re.split(r" {2,}", line.strip(), maxsplit=1))
            elif line.startswith(" ") and rows:  # a long row's text is on the next line
                rows[-1].append(line.strip())
        self.assertGreater(len(rows), 4, title)
        return rows

    def test_every_flag_is_in_the_manual(self):
        text = page("mcrelay.8")
        for row in self.rows("Flags of memcached\n") + self.rows("Flags of mcrelay\n"):
            for flag in re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", row[0]):
                self.assertRegex(text, rf"(?<![\w-]){re.escape(flag)}(?![\w-])")

    def test_every_key_and_its_default_are_in_the_manual_and_no_other(self):
        keys = []
        for name, *text in self.rows("Keys of the configuration file"):
            default = re.search(r" \(([^()]+)\)$", text[0])
            keys.append((name, default[1] if default else ""))
        told = re.findall(r"^\.TP\n([a-z_.]+) ?\*?(?: \((.*)\))?$", page("mcrelay.yaml.5"),
                          re.MULTILINE)
        told = set(told) - {("on_error", "")}  # the word for all three
        self.assertEqual(sorted(told), sorted(keys))

    def test_completion_offers_the_flags(self):
        script = (f'source "{ROOT}/scripts/completion.bash"; COMP_WORDS=("$MCRELAY_BINARY" --c); '
                  'COMP_CWORD=1; _mcrelay; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20,
                              check=True)
        self.assertEqual(sorted(done.stdout.split()), ["--check-config", "--config", "--conn-limit"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
