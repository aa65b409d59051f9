#!/usr/bin/env python3
"""Both languages of a message stand beside each other, with one list of arguments: Text("… {}", "… {}", value).

A message glued together of halves cannot be read in either language where it is written, and the halves drift apart.

Usage: language_test.py SOURCE_DIR. src/wring/base/text.h has what to use instead: format strings, += and append().
"""
import re
import sys
import unittest
from pathlib import Path

GLUED = re.compile(r'(\.|->)(en|zh)\s*\+|\+\s*[A-Za-z_*(][\w.>()\[\]*-]+(\.|->)(en|zh)\b(?!\()')

# Where the halves are made, and why.
ALLOWED = {"wring/base/text.h": "what everybody uses"}


def glued(root):
    found = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.suffix not in (".cpp", ".h") or name in ALLOWED:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if GLUED.search(line.split("//")[0]):
                found.append(f"{name}:{number}: {line.strip()}")
    return found


class Languages(unittest.TestCase):
    root = None

    def test_no_message_is_glued_together_of_halves(self):
        self.assertEqual(glued(self.root), [])

    def test_every_exception_still_needs_to_be_one(self):
        for name in ALLOWED:
            self.assertRegex((self.root / name).read_text(encoding="utf-8"), r"en \+=", name)

    def test_gluing_is_recognised(self):
        for line in ('return {a.en + "; " + b.en, a.zh + "；" + b.zh};', 'text.zh += "…";', '{"x: " + error.message().en,',
                     "list->en += name;", '"a" + (*what).zh'):
            self.assertRegex(line, GLUED)
        for line in ('Text("{}; {}", "{}；{}", a, b)', "text += more;", 'words.append({", ", "，"}, more);', "a.end() + 1",
                     'std::string en = x + "y";', "out += text.in(language);"):
            self.assertNotRegex(line, GLUED)


if __name__ == "__main__":
    Languages.root = Path(sys.argv.pop(1)).resolve() / "src"
    unittest.main()
