#!/usr/bin/env python3
"""No tracked file names somebody's home folder: such a path works on one machine only.

Usage: paths_test.py SOURCE_DIR. Exits with 77 (skipped) outside a git checkout.
"""
import re
import subprocess
import sys
import unittest
from pathlib import Path

# /root and /home/NAME on Linux, /Users/NAME on macOS, C:\Users\NAME on Windows. "~" and "$HOME" are fine.
HOME = re.compile(rb"(?<![\w.~-])/(?:root(?=/)|home/[A-Za-z]|Users/[A-Za-z])|[A-Za-z]:\\\\?Users\\")
SKIPPED = 77


def tracked_files(root):
    listing = subprocess.run(["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z"],
                             capture_output=True)
    if listing.returncode != 0:
        return None
    return [root / name for name in listing.stdout.decode().split("\0") if name]


def home_paths(name, content):
    return [f"{name}:{number}: {line.decode(errors='replace').strip()}"
            for number, line in enumerate(content.splitlines(), start=1) if HOME.search(line)]


class Paths(unittest.TestCase):
    root = None

    def test_no_tracked_file_names_a_home_folder(self):
        own = Path(__file__).resolve()
        found = []
        for path in tracked_files(self.root):
            if path.is_file() and path.resolve() != own:
                found += home_paths(path.relative_to(self.root), path.read_bytes())
        self.assertEqual(found, [])

    def test_home_folders_are_recognised(self):
        # Put together here, so that this file names none either.
        for before, folders, after in (
            (b'open("', (b"", b"home", b"ann"), b'/x")'),
            (b"cd ", (b"", b"root"), b"/x"),
            (b"", (b"", b"Users", b"ann"), b""),
            (b"=", (b"", b"home", b"ann"), b""),
        ):
            line = before + b"/".join(folders) + after
            self.assertEqual(len(home_paths("x", line)), 1, line)
        windows = b"\\".join((b"C:", b"Users", b"ann"))
        self.assertEqual(len(home_paths("x", windows)), 1, windows)

    def test_other_paths_are_left_alone(self):
        for line in (b"https://host/" + b"home/", b"~/data", b"$HOME/data", b"/usr/local", b"src/" + b"root/x"):
            self.assertEqual(home_paths("x", line), [], line)


if __name__ == "__main__":
    Paths.root = Path(sys.argv.pop(1)).resolve()
    if tracked_files(Paths.root) is None:
        print("skipped: not a git checkout, so there is no list of tracked files")
        sys.exit(SKIPPED)
    unittest.main()
