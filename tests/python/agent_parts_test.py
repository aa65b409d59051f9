#!/usr/bin/env python3
"""Parts of the agent that need no torch: how it gets into a process, and what it does to warnings.

Usage: agent_parts_test.py.
"""
import ast
import os
import sys
import threading
import types
import unittest
import warnings

from agent_server import AGENT, PYTHON_FOLDER, Bench

sys.dont_write_bytecode = True
sys.path.insert(0, str(PYTHON_FOLDER))
os.environ.pop("WRING_AGENT_SOCKET", None)
from wring_gpu import agent  # noqa: E402

OURS = "called a synchronizing CUDA operation (Triggered internally at CUDAFunctions.cpp:120.)"


class Entering(unittest.TestCase):
    def setUp(self):
        self.bench = Bench(sys.executable)
        self.addCleanup(self.bench.close)

    def printed(self, text, agent=True, flags=(), **environment):
        result = self.bench.start(list(flags) + ["-c", text], agent, environment)
        return result.returncode, result.stdout, result.stderr

    def other(self, text):
        return str(self.bench.write("other/sitecustomize.py", text).parent)

    def test_the_next_sitecustomize_runs_under_its_name(self):
        other = self.other("mark = 'the other one'\nprint(__name__)")
        self.assertEqual(self.printed("import sitecustomize; print(sitecustomize.mark)", PYTHONPATH=other),
                         (0, b"sitecustomize\nthe other one\n", b""))  # fmt: skip

    def test_where_there_is_none_the_program_finds_none(self):
        text = """
import sys
print("sitecustomize" in sys.modules, hasattr(sys, "_wring_agent"))
import importlib.util
print(importlib.util.find_spec("sitecustomize"))
import sitecustomize
"""
        code, out, err = self.printed(text)
        self.assertEqual((code, out, err), (1, b"False True\nNone\n", self.printed(text, agent=False)[2]))
        self.assertIn(b"ModuleNotFoundError: No module named 'sitecustomize'", err)

    def test_its_errors_are_shown_as_without_the_agent(self):
        other = self.other("raise ValueError('of the other one')")
        code, out, err = self.printed("print('on')", PYTHONPATH=other)
        self.assertEqual((code, out, err), self.printed("print('on')", agent=False, PYTHONPATH=other))
        self.assertIn(b"of the other one", err)

    def test_a_process_without_torch_loads_nothing_for_it(self):
        text = "import sys; print(sorted(sys.modules))"
        found, alone = (eval(self.printed(text, agent=looked_at)[1].decode()) for looked_at in (True, False))
        self.assertEqual(found, alone)

    def test_without_a_socket_it_does_nothing(self):
        text = "import sys; print(sum(type(finder).__name__ == 'Finder' for finder in sys.meta_path))"
        self.assertEqual(self.printed(text, WRING_AGENT_SOCKET=""), (0, b"0\n", b""))
        self.assertEqual(self.printed(text), (0, b"1\n", b""))

    def test_its_folder_is_no_place_to_import_from(self):
        self.assertEqual(self.printed("import sys; print(%r in sys.path)" % str(self.bench.site))[1], b"False\n")

    def test_an_import_hook_that_raises_does_so_as_without_the_agent(self):
        text = """
import sys
class Hook:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("torch"):
            raise RuntimeError("not this one")
sys.meta_path.insert(len(sys.meta_path) - 1, Hook())
try:
    import torch.utils.data.dataloader
except RuntimeError as error:
    print(error)
"""
        self.assertEqual(self.printed(text), (0, b"not this one\n", b""))

    def test_what_does_not_read_pythonpath_is_not_entered(self):
        text = "import sys; print('_wring_agent' in dir(sys))"
        for flag, inside in (("-I", b"False\n"), ("-E", b"False\n"), ("-S", b"False\n"), ("-s", b"True\n")):
            with self.subTest(flag):
                self.assertEqual(self.printed(text, flags=[flag])[1], inside)


class Source(unittest.TestCase):
    def test_older_pythons_can_read_it(self):
        ast.parse(AGENT.read_text(encoding="utf-8"), feature_version=(3, 9))


class Settling(unittest.TestCase):
    def settled(self, durations):
        ends = [0.0]
        for duration in durations:
            ends.append(ends[-1] + duration)
        return agent.Observation.settled(ends)

    def test_steady_steps_have_settled(self):
        self.assertTrue(self.settled([1.0] * 8 + [1.09] * 8))

    def test_one_slow_step_does_not_unsettle_them(self):
        self.assertTrue(self.settled([1.0] * 8 + [1.0] * 7 + [50.0]))

    def test_steps_that_get_faster_have_not(self):
        self.assertFalse(self.settled([1.2] * 8 + [1.0] * 8))

    def test_too_few_steps_have_not(self):
        self.assertFalse(self.settled([1.0] * 15))


class Batches(unittest.TestCase):
    def test_one_that_was_read_ahead_makes_no_fraction(self):
        for batches in (19, 20, 21):
            self.assertEqual(agent._batches_a_step(batches, 20), 1.0)
        self.assertEqual(agent._batches_a_step(39, 20), 2.0)

    def test_more_than_one_does(self):
        self.assertEqual(agent._batches_a_step(30, 20), 1.5)
        self.assertEqual(agent._batches_a_step(5, 20), 0.25)


# A frame in torch's folder.
TORCH = types.SimpleNamespace(__file__="/fake/torch/__init__.py")
frames = {}
exec(compile("def in_torch(call, *arguments): call(*arguments)", "/fake/torch/cuda.py", "exec"), frames)
in_torch = frames["in_torch"]


class FakeCuda:
    """torch.cuda's debug mode, which warns once of itself."""

    def __init__(self):
        self.mode = 0

    def get_sync_debug_mode(self):
        return self.mode

    def set_sync_debug_mode(self, mode):
        self.mode = 1 if mode == "warn" else mode
        if self.mode:
            warnings.warn("Synchronization debug mode is a prototype feature and does not yet detect all", UserWarning)



class Warnings(unittest.TestCase):
    def setUp(self):
        self.shown = []
        show, self.filters = warnings._showwarnmsg, list(warnings.filters)
        warnings._showwarnmsg = self.show = lambda message: self.shown.append(str(message.message))
        self.addCleanup(setattr, warnings, "_showwarnmsg", show)
        self.cuda = FakeCuda()
        self.addCleanup(sys.modules.pop, "torch")
        sys.modules["torch"] = TORCH
        agent._kinds.clear()

    def test_synchronisations_are_counted_at_their_lines_and_not_shown(self):
        watch = agent.SyncWatch(types.SimpleNamespace(cuda=self.cuda))
        line = sys._getframe().f_lineno + 2
        for _ in range(4):
            in_torch(warnings.warn, OURS), in_torch(warnings.warn, OURS)
            watch.step_ended()
        warnings.warn("the program's own", UserWarning)
        watch.stop()
        self.assertEqual(self.shown, ["the program's own"])
        self.assertEqual(watch.told(), [{"file": __file__, "line": line, "per_step": 2.0}])

    def test_everything_is_as_before_afterwards(self):
        watch = agent.SyncWatch(types.SimpleNamespace(cuda=self.cuda))
        watch.stop()
        self.assertEqual((self.cuda.mode, warnings._showwarnmsg), (0, self.show))
        self.assertEqual(warnings.filters, self.filters)

    def test_what_was_shown_once_is_not_shown_again(self):
        warnings.filters.insert(0, ("default", None, UserWarning, None, 0))
        self.addCleanup(warnings.filters.pop, 0)
        for turn in range(3):
            warnings.warn("only once", UserWarning)
            if turn == 0:
                agent.SyncWatch(types.SimpleNamespace(cuda=self.cuda)).stop()
                with agent.Quiet():
                    pass
        self.assertEqual(self.shown, ["only once"])

    def test_a_program_that_looks_for_synchronisations_itself_is_left_alone(self):
        self.cuda.mode = 1
        watch = agent.SyncWatch(types.SimpleNamespace(cuda=self.cuda))
        self.assertFalse(watch.running)
        self.assertIsNone(watch.told())
        self.assertEqual((self.cuda.mode, warnings._showwarnmsg), (1, self.show))

    def test_a_mode_that_cannot_be_set_leaves_nothing_behind(self):
        def refuse(mode):
            if mode:
                raise RuntimeError("no")

        self.cuda.set_sync_debug_mode = refuse
        with self.assertRaises(RuntimeError):
            agent.SyncWatch(types.SimpleNamespace(cuda=self.cuda))
        self.assertEqual((warnings._showwarnmsg, warnings.filters), (self.show, self.filters))

    def test_only_the_agents_own_thread_is_quiet(self):
        with agent.Quiet():
            warnings.warn("of the agent's call", UserWarning)
            other = threading.Thread(target=warnings.warn, args=("of another thread", UserWarning))
            other.start()
            other.join()
        self.assertEqual(self.shown, ["of another thread"])
        self.assertNotIn("KINETO_LOG_LEVEL", os.environ)


if __name__ == "__main__":
    unittest.main()
