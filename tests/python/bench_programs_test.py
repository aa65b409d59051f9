#!/usr/bin/env python3
"""Every program of bench/programs starts and steps, with each of its plants and with each plant cured: on the CPU, in small.

Usage: bench_programs_test.py, with WRING_TEST_PYTHON naming a Python that has torch. Exits with 77 (skipped) without one; a
program whose packages are not there is skipped, with its reason.
"""
import importlib
import importlib.util
import os
import runpy
import socket
import sys
import tempfile
import time
import traceback
import unittest
from pathlib import Path

from agent_server import SKIPPED

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))
from program_check import CASES, OF_RANKS, PACKAGES, absent, script_of, told_of_ranks  # noqa: E402
from program_gains import PAIRS, gain_of, is_right, named_workers, promise_of  # noqa: E402
from turns import Failed, Stepper, in_turns  # noqa: E402

STEPS = 3
RANKS = 2
LIMIT_SECONDS = 240
# Imported once, before the programs are forked: that takes longer than their steps.
SLOW_IMPORTS = ("torch._dynamo", "transformers.models.gpt2.modeling_gpt2", "transformers.trainer", "lightning.pytorch.cli")


class Forked:
    """A program in a fork of this process."""

    def __init__(self, folder, words, environment):
        self.errors, self.told = folder / "errors", folder / "steps"
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.environ.update(environment)
                code = self.run(words)
            finally:
                os._exit(code)

    def run(self, words):
        from torch.optim.optimizer import register_optimizer_step_post_hook

        target = os.open(self.errors, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(target, 1)
        os.dup2(target, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        steps = []
        register_optimizer_step_post_hook(lambda *_: steps.append(1))
        sys.argv, sys.path[0] = words, str(BENCH / "programs")
        try:
            runpy.run_path(words[0], run_name="__main__")
        except BaseException:
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        self.told.write_text(str(len(steps)))
        return 0

    def wait(self):
        """(exit code, steps, last words)"""
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                os.kill(self.pid, 9)
                os.waitpid(self.pid, 0)
                return "hangs", None, self.errors.read_text()[-2000:]
            time.sleep(0.02)
        steps = int(self.told.read_text()) if self.told.exists() else None
        return os.waitstatus_to_exitcode(status), steps, self.errors.read_text(errors="replace")[-2000:]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


class Programs(unittest.TestCase):
    """Its tests are made from the table of cases."""

    @classmethod
    def setUpClass(cls):
        for name in SLOW_IMPORTS:
            if importlib.util.find_spec(name.partition(".")[0]):
                importlib.import_module(name)

    def check(self, program, *words):
        if lacks := absent(program):
            self.skipTest(lacks)
        alone = program not in OF_RANKS
        variables = {"WORLD_SIZE": str(RANKS), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
        with tempfile.TemporaryDirectory() as folder:
            ranks = []
            for rank in range(1 if alone else RANKS):
                (Path(folder) / str(rank)).mkdir()
                environment = {} if alone else {**variables, "RANK": str(rank), "LOCAL_RANK": str(rank)}
                line = [script_of(program), *words, "--device", "cpu", "--steps", str(STEPS)]
                ranks.append(Forked(Path(folder) / str(rank), line, environment))
            for ended in [rank.wait() for rank in ranks]:
                self.assertEqual(ended[:2], (0, STEPS), ended[2])


def add_test(name, *words):
    setattr(Programs, name, lambda self: self.check(*words))


for _program, _plants in CASES.items():
    for _plant in _plants:
        add_test(f"test_{_program}_steps_with_{_plant}", _program, _plant)
        if _plant != "none":
            add_test(f"test_{_program}_steps_with_{_plant}_cured", _program, _plant, "--cured")
add_test("test_small_step_steps", "small_step")


class Tables(unittest.TestCase):
    def test_every_program_has_its_cases_and_every_cure_its_plant(self):
        others = {"planted", "small_step"}
        self.assertEqual({path.stem for path in (BENCH / "programs").glob("*.py")}, others | set(CASES))
        self.assertLessEqual(set(PACKAGES) | set(OF_RANKS), set(CASES))
        for program, plant in PAIRS:
            self.assertNotEqual(CASES[program][plant], "", f"{program}:{plant}")

    def test_the_cures_cover_all_causes_of_one_process(self):
        causes = {key for program, plants in CASES.items() if program not in OF_RANKS for key in plants.values() if key}
        self.assertEqual({CASES[program][plant] for program, plant in PAIRS}, causes)


def finding(key, share, **fields):
    return {"key": key, "share_percent": share, "give_back_ms": 1, "confidence": 1, "numbers": "", "changes": [], **fields}


def report(straggler, *causes):
    return {"ranks": [{"rank": 0}, {"rank": 1}], "verdict": {"straggler": straggler, "causes": list(causes)}}


class Judging(unittest.TestCase):
    def test_the_straggler_is_right_where_it_is_the_planted_rank(self):
        waits = finding("input_bound", 70)
        self.assertTrue(told_of_ranks(report(finding("straggler", 60, ranks=[1]), waits), "straggler")["right"])
        self.assertFalse(told_of_ranks(report(finding("straggler", 60, ranks=[0]), waits), "straggler")["right"])
        self.assertFalse(told_of_ranks(report(None, waits), "straggler")["right"])

    def test_ranks_without_a_straggler_have_their_first_cause(self):
        self.assertTrue(told_of_ranks(report(None, finding("collective_bound", 40)), "collective_bound")["right"])
        self.assertTrue(told_of_ranks(report(None, finding("compute_bound", 0)), "")["right"])
        self.assertFalse(told_of_ranks(report(finding("straggler", 60, ranks=[1])), "")["right"])

    def test_ranks_without_a_verdict_are_wrong(self):
        for expected in ("", "straggler"):
            told = told_of_ranks({"ranks": [{"rank": 0}], "verdict": None}, expected)
            self.assertEqual((told["right"], told["first"], len(told["ranks"])), (False, None, 1))

    def test_a_gain_is_right_within_a_third_of_the_promise(self):
        self.assertAlmostEqual(gain_of(20.0, 15.0, 1), 25)
        self.assertAlmostEqual(gain_of(20.0, 40.0, 8), 75)
        self.assertTrue(is_right(25, 20) and is_right(20, 30))
        self.assertFalse(is_right(27, 20) or is_right(19, 30) or is_right(-1, 0.5))

    def test_the_promise_is_that_of_the_planted_cause(self):
        changes = [{"now": "DataLoader(…)", "then": "num_workers=5, persistent_workers=True"}]
        case = {"findings": [{"key": "layout", "share_percent": 20, "changes": []},
                             {"key": "input_bound", "share_percent": 12.5, "changes": changes}]}  # fmt: skip
        self.assertEqual(promise_of(case, "input_bound"), (12.5, changes))
        self.assertEqual(promise_of(case, "optimizer"), (None, []))
        self.assertEqual(named_workers(changes), 5)
        self.assertIsNone(named_workers([{"then": "pin_memory=True"}]))


class Turns(unittest.TestCase):
    PROGRAM = [script_of("small_step"), "--device", "cpu"]

    def test_two_programs_step_in_turns_until_they_are_told_to_end(self):
        with Stepper(self.PROGRAM) as one, Stepper(self.PROGRAM) as other:
            self.assertGreater(min(one.started(), other.started()), 0)
            times = in_turns([one, other], 1, 3, 2)
            self.assertEqual([len(ms) for ms in times], [2, 2])
            self.assertGreater(min(map(min, times)), 4, "a step sleeps for 4 ms")
            self.assertIsNone(one.turn(0, 1)["agent"])
        self.assertEqual((one.process.returncode, other.process.returncode), (0, 0))

    def test_a_program_that_fails_is_told_with_its_last_words(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fails.py"
            path.write_text('raise SystemExit("no images there")\n')
            with Stepper([path]) as stepper, self.assertRaisesRegex(Failed, "no images there"):
                stepper.started()


if __name__ == "__main__":
    wanted = os.environ.pop("WRING_TEST_PYTHON", None)
    os.environ.update(OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="", PYTHONDONTWRITEBYTECODE="1", HF_HUB_OFFLINE="1")
    if wanted:
        os.execvp(wanted, [wanted, *sys.argv])
    if absent("plain"):
        sys.exit(SKIPPED)
    unittest.main()
