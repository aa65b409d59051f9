#!/usr/bin/env python3
"""All that is printed, and all JSON, goes through the functions that make text from outside harmless.

Usage: printing_test.py SOURCE_DIR. src/wring/base/message.h and src/wring/base/json_text.h say why.
"""
import re
import sys
import unittest
from pathlib import Path

PRINTS = re.compile(r"fmt::print\(|std::(?:cout|cerr|clog) *<<|\b(?:std::)?(?:f?puts|f?printf|fwrite|putchar)\(")
DUMPS = re.compile(r"(?:\.|->)dump\(")

# Who may, and why nothing from outside gets through.
PRINTERS = {
    "wring/base/message.cpp": "writes text out for terminals",
    "wring/console/progress_bar.cpp": "without_controls() in every line; clears its own",
    "wring_train/commands/trial.cpp": "the trial protocol: json_text()",
}
DUMPERS = {
    "wring/base/json_text.cpp": "makes JSON of any bytes",
    "wring/trial/json_fields.cpp": "a value in a message, as ASCII",
    "wring/tune/trial_cache.cpp": "numbers and names of ours, in a key",
    "wring_train/weights/safetensors.cpp": "the format's header, whose names must be exact: what is no UTF-8 is refused",
}


def lines_with(pattern, root, allowed):
    found = []
    for path in sorted(root.rglob("*")):
        if path.suffix not in (".cpp", ".h", ".cu") or path.relative_to(root).as_posix() in allowed:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pattern.search(line.split("//")[0]):
                found.append(f"{path.relative_to(root)}:{number}: {line.strip()}")
    return found


class Printing(unittest.TestCase):
    root = None

    def test_nothing_is_printed_beside_the_one_place(self):
        self.assertEqual(lines_with(PRINTS, self.root, PRINTERS), [])

    def test_no_json_is_written_beside_the_one_place(self):
        self.assertEqual(lines_with(DUMPS, self.root, DUMPERS), [])

    def test_every_exception_still_needs_to_be_one(self):
        for pattern, allowed in ((PRINTS, PRINTERS), (DUMPS, DUMPERS)):
            for name in allowed:
                self.assertRegex((self.root / name).read_text(encoding="utf-8"), pattern, name)

    def test_printing_is_recognised(self):
        for line in ('fmt::print("{}", x);', 'fmt::print(stderr, "x");', "std::cout << x;", "std::fputs(x, stderr);",
                     'printf("x");', "std::fwrite(a, 1, 2, stderr);"):
            self.assertRegex(line, PRINTS)
        for line in ('print_out("{}", x);', "std::cout.flush();", "fmt::format(x);", "put(json, x);"):
            self.assertNotRegex(line, PRINTS)


if __name__ == "__main__":
    Printing.root = Path(sys.argv.pop(1)).resolve() / "src"
    unittest.main()
