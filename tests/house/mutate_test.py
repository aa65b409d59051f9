#!/usr/bin/env python3
"""What tools/mutate.py changes, draws, and puts back, without building anything.

Usage: mutate_test.py SOURCE_DIR
"""
import json
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import mutants  # noqa: E402
import mutate  # noqa: E402


def changes(code, kind=None):
    """The lines that the first line of a source may become."""
    found = mutants.mutants_of("a.cpp", code).get(1, [])
    return {mutant.after.strip() for mutant in found if kind in (None, mutant.kind)}


class Mutants(unittest.TestCase):
    def test_operators_are_exchanged(self):
        self.assertEqual(changes("if (a < b) f();", "comparison"), {"if (a <= b) f();"})
        self.assertEqual(changes("x = a == b;", "comparison"), {"x = a != b;"})
        self.assertEqual(changes("x = a * b;", "arithmetic"), {"x = a / b;"})
        self.assertEqual(changes("x = a && !b;", "logic"), {"x = a || !b;", "x = a && b;"})
        self.assertEqual(changes("x = std::min(a, b);", "twin"), {"x = std::max(a, b);"})

    def test_a_condition_is_turned_round_as_a_whole(self):
        self.assertIn("if (!(a && f(b))) {", changes("if (a && f(b)) {", "condition"))
        self.assertIn("} else if (!(a)) {", changes("} else if (a) {", "condition"))
        self.assertEqual(changes("if (const int a = f(); a > 0) g();", "condition"),
                         {"if (const int a = f(); !(a > 0)) g();"})
        self.assertEqual(changes("if (const auto a = f()) g();", "condition"), set())
        self.assertEqual(changes("if (any_of(a, [](int x) { x += 1; return x; })) {", "condition"),
                         {"if (!(any_of(a, [](int x) { x += 1; return x; }))) {"})

    def test_constants_move_by_one_or_double(self):
        self.assertEqual(changes("const int a = 8;", "constant"), {"const int a = 9;", "const int a = 7;", "const int a = 16;"})
        self.assertEqual(changes("const double a = 0.5;", "constant"),
                         {"const double a = 1.5;", "const double a = -0.5;", "const double a = 1.0;"})
        self.assertEqual(changes("char16_t v2[sizes];", "constant"), set())

    def test_a_statement_is_left_out_or_ends_the_function(self):
        self.assertEqual(changes("log(a);", "statement"), {";"})
        self.assertEqual(changes("log(a);", "early return"), {"return;"})
        self.assertEqual(changes("int a = 0;", "statement"), set())
        self.assertEqual(changes("Thing thing(a);", "statement"), set())

    def test_a_result_becomes_none(self):
        self.assertEqual(changes("return f(a);", "result"), {"return {};"})
        self.assertEqual(changes("return std::nullopt;", "result"), set())

    def test_an_argument_of_what_gathers_is_left_out(self):
        self.assertEqual(changes("hash_of(a, b);", "argument"), {"hash_of( b);", "hash_of(a);"})
        self.assertEqual(changes("f(a, b);", "argument"), set())
        self.assertEqual(changes('x = {"a", b};', "argument"), {'x = {"a"};'})

    def test_comments_texts_and_includes_are_left_alone(self):
        for line in ("// a < b && c", 'say("a < 1 && b");', "#include <a/b.h>", "f(R\"(a < 1)\");", "/* 1 + 2 */"):
            self.assertFalse(changes(line) - {";", "return;"}, line)
        self.assertEqual(mutants.mutants_of("a.cpp", "x = R\"(\nif (a < b) f();\n)\";").get(2), None)
        self.assertEqual(changes("std::filesystem::remove_all(folder);"), set())

    def test_digits_between_quotes_are_one_number(self):
        self.assertEqual(changes("x = 10'000;", "constant"), set())

    def test_a_seed_draws_the_same_without_repetition(self):
        sources = {"a.cpp": "if (a < 1) f();\nreturn b + 2;\n", "b.cpp": "x = a == b;\n"}
        first, again = list(mutants.draw(sources, 7)), list(mutants.draw(dict(reversed(sources.items())), 7))
        self.assertEqual(first, again)
        self.assertEqual(len(first), len(set(first)))
        self.assertNotEqual(first, list(mutants.draw(sources, 8)))


class Sources(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.note = self.root / "mutated.json"
        self.text = "int f() {\n  return 1;\n}\n"
        (self.root / "a.cpp").write_text(self.text)
        self.mutant = mutants.Mutant("a.cpp", 2, "constant", "  return 1;", "  return 2;")

    def tearDown(self):
        self.folder.cleanup()

    def source(self):
        return (self.root / "a.cpp").read_text()

    def test_a_source_is_put_back_also_when_something_fails(self):
        with self.assertRaises(KeyboardInterrupt):
            with mutate.Changed(self.root, self.note, self.mutant):
                self.assertEqual(self.source(), self.text.replace("1", "2"))
                raise KeyboardInterrupt
        self.assertEqual(self.source(), self.text)
        self.assertFalse(self.note.exists())

    def test_what_a_run_that_was_cut_off_left_is_put_back_by_the_next(self):
        mutate.Changed(self.root, self.note, self.mutant).__enter__()
        mutate.undo_left_over(self.root, self.note)
        self.assertEqual(self.source(), self.text)
        self.assertFalse(self.note.exists())

    def test_a_source_that_was_edited_meanwhile_is_not_touched(self):
        (self.root / "a.cpp").write_text("edited\n\n")
        with self.assertRaises(mutate.Unusable):
            mutate.Changed(self.root, self.note, self.mutant).__enter__()
        self.assertEqual(self.source(), "edited\n\n")


class Verdicts(unittest.TestCase):
    def test_the_test_that_failed_is_named(self):
        output = "[ RUN      ] A.b\n[       OK ] A.b (0 ms)\n[ RUN      ] A.c\nx\n[  FAILED  ] A.c (1 ms)\n"
        self.assertEqual(mutate.gtest_failed(1, output), "A.c")

    def test_of_a_program_that_crashed_or_hangs_it_is_the_one_that_ran(self):
        output = "[ RUN      ] A.b\n[       OK ] A.b (0 ms)\n[ RUN      ] A.c\n"
        self.assertEqual(mutate.gtest_failed(-11, output), "A.c")
        self.assertEqual(mutate.gtest_failed(None, output), "A.c")
        self.assertIsNone(mutate.gtest_failed(0, output.replace("[ RUN      ] A.c\n", "")))

    def test_the_table_counts_what_was_judged_and_shows_survivors(self):
        def one(result):
            return {"file": "src/wring/gpu/a.cpp", "line": 3, "kind": "constant", "before": " a = 1;", "after": " a = 2;",
                    "result": result, "by": ""}

        text = mutate.table([one("killed"), one("killed"), one("survived"), one("did not compile"), one("equivalent")])
        self.assertIn("2 of 3 killed; drawn again: 1 did not compile, 1 equivalent", text)
        self.assertIn("src/wring/gpu/a.cpp:3  constant\n    - a = 1;\n    + a = 2;", text)

    def test_what_is_said_to_have_no_effect_has_a_reason(self):
        for one in json.loads((ROOT / "tools/equivalent_mutants.json").read_text()):
            self.assertTrue(one["file"] and one["before"] != one["after"] and one["reason"], one)


if __name__ == "__main__":
    unittest.main()
