#!/usr/bin/env python3
"""How tools/attack chooses, judges, bounds and isolates attacks. None is made on the real programs here.

Usage: attack_test.py SOURCE_DIR
"""
import contextlib
import importlib.util
import io
import json
import os
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(ROOT / "tools/attack"))
sys.dont_write_bytecode = True
import box  # noqa: E402
import pictures  # noqa: E402
import registry  # noqa: E402
import verdict  # noqa: E402
from lab import Ended, weights  # noqa: E402

specification = importlib.util.spec_from_file_location("attack_program", ROOT / "tools/attack/__main__.py")
program = importlib.util.module_from_spec(specification)
specification.loader.exec_module(program)

ROWS = '''
import os
import time
from registry import Skipped, attack


@attack("1.1")
def _(lab):
    """The program says that all is well"""
    lab.note(lab.run("x").out.strip())


@attack("1.2", 1)
def _(lab):
    """The program says nothing and never ends"""
    lab.must(False, "seen before")
    lab.run("hang", timeout=60)


@attack("1.3")
def _(lab):
    """Something is less than it should be, and a process is left behind"""
    lab.start("leave")
    lab.should(False, "less")


@attack("2.1")
def _(lab):
    """This machine is not the right one"""
    raise Skipped("no such machine")


@attack("2.2")
def _(lab):
    """The script itself is wrong"""
    lab.unheard_of()
'''
# In place of wring: what it leaves or hangs with has the name of its folder in its command line.
PROGRAM = '''#!/bin/sh
case $1 in
  hang) sleep 4321.5 ;;
  leave) setsid sleep 4321.25 & ;;
  *) echo all is well ;;
esac
'''


def running(marked):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if marked in Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                    found.append(entry)
    return found


class Whole(unittest.TestCase):
    """The script from end to end, on a program and attacks of the test's own."""

    @classmethod
    def setUpClass(cls):
        try:
            box.sandbox()
        except box.Unusable as reason:
            raise unittest.SkipTest(str(reason))
        cls.folder = tempfile.TemporaryDirectory()
        root = Path(cls.folder.name)
        for name in ("bin", "rows", "scratch"):
            (root / name).mkdir()
        (root / "rows/some.py").write_text(ROWS)
        for name in ("wring", "wring-train"):
            (root / "bin" / name).write_text(PROGRAM)
            (root / "bin" / name).chmod(0o755)
        before = tempfile.tempdir
        tempfile.tempdir = str(root / "scratch")
        registered, registry.ATTACKS = registry.ATTACKS, {}
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                cls.code = program.main(
                    program.parse(
                        ["--bin",
                         str(root / "bin"), "--rows",
                         str(root / "rows"), "--json",
                         str(root / "results.json")]))
        finally:
            tempfile.tempdir = before
            registry.ATTACKS = registered
        cls.output = output.getvalue()
        cls.results = {one["number"]: one for one in json.loads((root / "results.json").read_text())}
        cls.left = os.listdir(root / "scratch")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_every_attack_has_its_verdict_and_what_was_seen(self):
        seen = {number: (one["verdict"], one["seen"]) for number, one in self.results.items()}
        self.assertEqual(seen["1.1"], ("pass", "all is well"))
        self.assertEqual(seen["1.3"], ("poor", "less"))
        self.assertEqual(seen["2.1"], ("skipped", "no such machine"))

    def test_an_attack_that_does_not_end_fails_with_what_was_seen_until_then(self):
        self.assertEqual(self.results["1.2"]["verdict"], "FAIL")
        self.assertIn("seen before", self.results["1.2"]["seen"])
        self.assertIn("not at its end after 1 s, at hang", self.results["1.2"]["seen"])

    def test_a_mistake_of_the_script_is_not_taken_for_one_of_the_program(self):
        self.assertEqual(self.results["2.2"]["verdict"], "broken")
        self.assertIn("unheard_of", self.results["2.2"]["seen"])

    def test_nothing_that_an_attack_started_or_wrote_is_left(self):
        end = time.monotonic() + 10
        while running("sleep 4321") and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(running("sleep 4321"), [])
        self.assertEqual(self.left, [])

    def test_the_table_counts_by_group(self):
        self.assertRegex(self.output, r"(?m)^ 1 nothing lost +3 +1 +1 +1 +0 +0$")
        self.assertRegex(self.output, r"(?m)^ +all +5 +1 +1 +1 +1 +1$")

    def test_a_failure_is_exit_code_1(self):
        self.assertEqual(self.code, 1)
        self.assertEqual(program.exit_code([{"verdict": "pass"}, {"verdict": "poor"}, {"verdict": "skipped"}]), 0)
        self.assertEqual(program.exit_code([{"verdict": "pass"}, {"verdict": "broken"}]), 2)


class Choosing(unittest.TestCase):

    def setUp(self):
        self.attacks = [
            named(number, sentence) for number, sentence in (("1.1", "A cache is cleared"), ("1.12", "A run is killed"),
                                                             ("2.1", "A folder is unreadable"))
        ]

    def numbers(self, pattern):
        return [one.number for one in registry.chosen(self.attacks, pattern)]

    def test_by_number_by_pattern_and_by_words(self):
        self.assertEqual(self.numbers(None), ["1.1", "1.12", "2.1"])
        self.assertEqual(self.numbers("1.1"), ["1.1"])
        self.assertEqual(self.numbers("1.*"), ["1.1", "1.12"])
        self.assertEqual(self.numbers("UNREADABLE, 1.12"), ["1.12", "2.1"])
        self.assertEqual(self.numbers("nothing of it"), [])


def named(number, sentence):

    def function(lab):
        pass

    function.__doc__ = sentence
    return registry.Attack(number, 1, function)


class Attacks(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.attacks = registry.load_all()

    def test_each_is_a_sentence_in_a_group_that_has_a_name(self):
        for one in self.attacks:
            self.assertIn(one.key[0], registry.GROUPS)
            self.assertRegex(one.sentence, r"^\S.{20,}[^.]$", one.number)
            self.assertLessEqual(one.seconds, 400, one.number)

    def test_numbers_of_a_group_have_no_gaps(self):
        for group in registry.GROUPS:
            numbers = [one.key[1] for one in self.attacks if one.key[0] == group]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)), group)

    def test_a_number_is_given_once(self):
        with self.assertRaises(ValueError):
            registry.attack("1.1")(lambda lab: None)


class Judging(unittest.TestCase):

    def test_the_worst_counts_and_every_fault_is_told_once(self):
        findings = verdict.Findings()
        findings.note("seen")
        self.assertEqual(findings.result(), {"verdict": "pass", "seen": "seen"})
        for _ in range(2):
            findings.should(False, "less")
        self.assertEqual(findings.result(), {"verdict": "poor", "seen": "less"})
        findings.must(False, "lost")
        findings.should(True, "not told")
        self.assertEqual(findings.result(), {"verdict": "FAIL", "seen": "less; lost"})

    def judged(self, *ended, signals=()):
        findings = verdict.Findings()
        findings.sound(Ended(*ended), signals=signals)
        return findings.worst

    def test_hangs_crashes_and_unexplained_ends_are_faults_of_any_program(self):
        self.assertEqual(self.judged(0, "", "", 1), "pass")
        self.assertEqual(self.judged(1, "", "error: x\n  → do y\n", 1), "pass")
        self.assertEqual(self.judged(-9, "", "", 60, True), "FAIL")
        self.assertEqual(self.judged(-11, "", "", 1), "FAIL")
        self.assertEqual(self.judged(-2, "", "", 1, signals=(2, )), "pass")
        self.assertEqual(self.judged(1, "", "error: x\n  → this should not happen: please report it\n", 1), "poor")

    def test_controls_do_not_reach_the_table(self):
        self.assertEqual(verdict.shortened("a\x1b[31m\nb\udcff"), "a\\x1b[31m ⏎ b\\udcff")
        self.assertEqual(len(verdict.shortened("x" * 1000)), 400)


class Files(unittest.TestCase):

    def test_a_drawn_photograph_is_a_whole_png_of_its_size(self):
        data = pictures.drawn(40, 30, seed=1)
        self.assertTrue(pictures.is_whole_png(data))
        self.assertEqual(pictures.size_of(data), (40, 30))
        self.assertEqual(data, pictures.drawn(40, 30, seed=1))
        self.assertNotEqual(data, pictures.drawn(40, 30, seed=2))
        self.assertTrue(pictures.is_whole_png(pictures.flat(70, 9)))

    def test_what_is_cut_changed_or_followed_by_more_is_not_whole(self):
        data = pictures.drawn(40, 30)
        for harmed in (data[:-1], data[:50] + b"x" + data[51:], data + b"x", b""):
            self.assertFalse(pictures.is_whole_png(harmed))

    def test_a_jpeg_has_its_size_and_orientation(self):
        data = pictures.jpeg(96, 80, extra=pictures.exif(6))
        self.assertTrue(data.startswith(b"\xff\xd8\xff\xe1") and data.endswith(b"\xff\xd9"))
        self.assertIn(b"\xff\xc0\x00\x0b\x08\x00\x50\x00\x60\x01", data)
        self.assertIn(b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06", data)

    def test_weights_are_compared_without_their_metadata_and_order(self):

        def file(header, body):
            text = json.dumps(header).encode()
            return len(text).to_bytes(8, "little") + text + body

        def digest(data):
            with tempfile.NamedTemporaryFile() as one:
                one.write(data)
                one.flush()
                return weights(one.name)

        first, second = {"data_offsets": [0, 1]}, {"data_offsets": [1, 2]}
        plain = digest(file({"a": first, "b": second}, b"xy"))
        self.assertEqual(plain, digest(file({"__metadata__": {"time": "now"}, "b": first, "a": second}, b"yx")))
        self.assertNotEqual(plain, digest(file({"a": first, "b": second}, b"xz")))


if __name__ == "__main__":
    unittest.main()
