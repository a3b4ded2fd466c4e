#!/usr/bin/python3
"""Holds docs/commands.md: no row of its tables and no difference without a test, and no test named for
one that does not exist (tests/data/commands_tests.txt)."""

import ast
import json
import pathlib
import re
import unittest

TESTS = pathlib.Path(__file__).resolve().parent
DASHES = re.compile(r"\|[-| ]+\|")


def documented():
    """The first cell of every row and the bold words of every difference, in order."""
    names = []
    lines = (TESTS.parent / "docs/commands.md").read_text().splitlines()
    for line, after in zip(lines, lines[1:] + [""]):
        if line.startswith("|") and not DASHES.fullmatch(line) and not DASHES.fullmatch(after):
            names.append(line.split(" | ")[0].removeprefix("| "))
        if difference := re.match(r"- \*\*(.+?)\*\*", line):
            names.append(difference[1])
    return names


def mapped():
    """[(name, [test, ...])]"""
    lines = (TESTS / "data/commands_tests.txt").read_text().splitlines()
    rows = [line.split(" | ") for line in lines if line and not line.startswith("#")]
    return [(name, tests.split("; ")) for name, tests in rows]


def test_exists(test):
    kind, _, name = test.partition(" ")
    if kind == "golden":
        cases = json.loads((TESTS / "data/golden.json").read_text())["cases"]
        return any(case["name"] == name for case in cases)
    file = TESTS / kind
    if not file.is_file() or not name:
        return False
    if file.suffix == ".cc":
        # A long name is cut into literals over several lines.
        cases = re.findall(r'TEST_CASE\(\s*((?:"[^"]*"\s*)+)\)', file.read_text())
        return name in ["".join(re.findall(r'"([^"]*)"', case)) for case in cases]
    owner, _, function = name.partition(".")
    return any(isinstance(node, ast.ClassDef) and node.name == owner
               and any(isinstance(part, ast.FunctionDef) and part.name == function for part in node.body)
               for node in ast.parse(file.read_text()).body)


class Commands(unittest.TestCase):
    def test_every_row_has_a_test(self):
        names = documented()
        self.assertGreater(len(names), 80)
        for name, (mapped_name, _) in zip(names, mapped()):
            self.assertTrue(name.startswith(mapped_name), f"{name!r} of the page, {mapped_name!r} of the list")
        self.assertEqual(len(names), len(mapped()))

    def test_every_named_test_exists(self):
        for name, tests in mapped():
            for test in tests:
                with self.subTest(row=name, test=test):
                    self.assertTrue(test_exists(test))

    def test_a_test_that_is_not_there_is_seen(self):
        for test in ("golden no such case", "system/test_none.py A.test_b", "system/test_walk.py Walks.test_none",
                     "system/test_walk.py None.test_mgdump_and_cachedump", "protocol/translate/meta_test.cc none"):
            self.assertFalse(test_exists(test), test)


if __name__ == "__main__":
    unittest.main()
