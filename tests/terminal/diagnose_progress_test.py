#!/usr/bin/env python3
"""What `wring diagnose -- COMMAND` says at a terminal while it measures, and that elsewhere it says nothing.

Usage: diagnose_progress_test.py WRING FAKE_AGENT
"""
import os
import pty
import subprocess
import sys
import tempfile
import unittest

WRING = AGENT = None


def diagnose(options, verbs):
    """(standard output, what the terminal got), which is standard error alone."""
    master, slave = pty.openpty()
    with tempfile.TemporaryDirectory() as folder:
        variables = dict(os.environ, LC_ALL="C.UTF-8", XDG_RUNTIME_DIR=folder)
        started = subprocess.Popen([WRING, "diagnose", *options, "--", sys.executable, AGENT, *verbs], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=slave, env=variables, cwd=folder)  # fmt: skip
        os.close(slave)
        seen = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # nobody holds the other end any more
                break
            if not piece:
                break
            seen += piece
        os.close(master)
        out = started.communicate()[0]
    return out.decode(), seen.decode().replace("\r\n", "\n")


MEASURED = ("hello", "hear", "phase=steps", "done", "hold")


class Progress(unittest.TestCase):
    def test_it_says_what_comes_that_it_measures_and_that_it_ends(self):
        out, seen = diagnose([], MEASURED)
        self.assertEqual(out, "")
        lines = [line for line in seen.splitlines() if line.startswith("wring: ")]
        self.assertEqual(lines[0], "wring: the program is measured from its first training step on, usually for 10 to 40 s, "
                                   "and is then ended (--to-the-end lets it run on); after 600 s at the latest (--timeout)")  # fmt: skip
        self.assertEqual(lines[1:], ["wring: the first training step is seen, measuring",
                                     "wring: all is measured, the program is ended"])  # fmt: skip
        self.assertTrue(seen.startswith(lines[0]), "before the program prints anything")
        self.assertNotIn("wring ended the program", seen, "which was said before")

    def test_nothing_that_the_program_paints_is_erased(self):
        _, seen = diagnose([], ("stderr=12%|###", *MEASURED))
        self.assertIn("12%|###\nwring: the first training step", seen)
        self.assertNotIn("\x1b", seen.replace("\x1b[31m", ""))

    def test_it_speaks_chinese(self):
        _, seen = diagnose(["--lang", "zh", "--to-the-end", "--steps", "40"], ("hello", "hear", "done", "let-go", "exit=0"))
        self.assertTrue(seen.startswith("wring: 从第一个训练步开始测量该程序，之后继续自行运行；最迟在 600 秒后（--timeout）"), seen)
        self.assertIn("wring: 已看到第一个训练步，正在测量", seen)

    def test_it_is_silent_when_quiet_and_with_json(self):
        for options in (["--quiet"], ["--json"]):
            with self.subTest(options):
                self.assertNotIn("wring: ", diagnose(options, MEASURED)[1])


if __name__ == "__main__":
    AGENT = os.path.abspath(sys.argv.pop())
    WRING = os.path.abspath(sys.argv.pop())
    unittest.main()
