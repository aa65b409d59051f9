#!/usr/bin/env python3
"""A type or a constant that several files see is defined once in its namespace.

Two definitions of one name link without a word, and which of them counts depends on the optimiser.
"""
import collections
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
OPENS = re.compile(r"^(?:inline )?namespace ([\w:]*) ?\{")
CLOSES = re.compile(r"^\}  // namespace")
# clang-format indents nothing within a namespace: what is defined there begins its line.
TYPE = re.compile(r"^(?:template <.*> )?(?:struct|class|enum class|union) (?:alignas\(\w+\) )?(\w+)(?: final)?(?: :[^:].*)? \{")
CONSTANT = re.compile(r"^inline (?:constexpr|const) .*?\b(k[A-Z]\w*)\b")


def definitions(text):
    """(namespace, name) of what a file defines for others to see."""
    inside = []
    for line in text.splitlines():
        if opened := OPENS.match(line):
            if "}" not in line:
                inside.append(opened[1])
        elif CLOSES.match(line):
            inside.pop()
        elif "" not in inside and (found := TYPE.match(line) or CONSTANT.match(line)):
            yield "::".join(inside), found[1]


def defined_twice(files):
    """{name: files} for what more than one of {path: text} defines."""
    places = collections.defaultdict(set)
    for path, text in files.items():
        for namespace, name in definitions(text):
            places[f"{namespace}::{name}"].add(path)
    return {name: sorted(paths) for name, paths in places.items() if len(paths) > 1}


class Names(unittest.TestCase):
    def test_what_two_files_define_alike_is_found(self):
        constant = "namespace wring {\ninline constexpr double kHalf = %s;\n}  // namespace wring\n"
        hidden = "namespace wring {\nnamespace {\nstruct Row {\n};\n}  // namespace\n}  // namespace wring\n"
        other = "namespace wring::tune {\ninline constexpr double kHalf = 1;\n}  // namespace wring::tune\n"
        self.assertEqual(defined_twice({"a.h": constant % 5, "b.h": constant % 0.5, "c.h": other}),
                         {"wring::kHalf": ["a.h", "b.h"]})  # fmt: skip
        self.assertEqual(defined_twice({"a.cpp": hidden, "b.cpp": hidden}), {})

    def test_the_sources_define_every_name_once(self):
        listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "src"],
                                capture_output=True, text=True)  # fmt: skip
        names = listed.stdout.splitlines() or [str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*")]
        files = {name: (ROOT / name).read_text() for name in names
                 if name.endswith((".h", ".cpp", ".cu", ".cuh")) and (ROOT / name).exists()}  # fmt: skip
        self.assertGreater(len(files), 300)
        self.assertEqual(defined_twice(files), {})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
