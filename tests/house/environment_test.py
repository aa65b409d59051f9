#!/usr/bin/env python3
"""The environment is read in one place, by names that stand in one table.

Usage: environment_test.py SOURCE_DIR. src/wring/base/environment.h has both; docs/environment.md is made from the table.
"""
import re
import sys
import unittest
from pathlib import Path

READS = re.compile(r"\b(?:secure_)?getenv\b")
ROW = re.compile(r'\{VariableGroup::\w+, "(\w+)",')
TABLE = "src/wring/base/environment.h"
READER = "src/wring/base/environment.cpp"


def sources(root):
    """Yields (name, text without comments)."""
    for folder in ("src", "apps"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".cpp", ".h", ".cu", ".cuh"):
                lines = path.read_text(encoding="utf-8").splitlines()
                yield path.relative_to(root).as_posix(), "\n".join(line.split("//")[0] for line in lines)


class Environment(unittest.TestCase):
    root = None

    def test_nothing_is_read_beside_the_one_place(self):
        self.assertEqual([name for name, text in sources(self.root) if READS.search(text)], [READER])

    def test_every_row_of_the_table_is_read(self):
        rows = ROW.findall((self.root / TABLE).read_text(encoding="utf-8"))
        self.assertTrue(rows)
        rest = "\n".join(text for name, text in sources(self.root) if name != TABLE)
        self.assertEqual([row for row in rows if f'"{row}"' not in rest], [])

    def test_reading_is_recognised(self):
        for line in ('std::getenv("HOME")', "::getenv(name)", "secure_getenv(name)"):
            self.assertRegex(line, READS)
        for line in ('environment("HOME")', "::setenv(name, value, 1)"):
            self.assertNotRegex(line, READS)


if __name__ == "__main__":
    Environment.root = Path(sys.argv.pop(1)).resolve()
    unittest.main()
