#!/usr/bin/env python3
"""wring diagnose looks into programs that the agent cannot enter, by what PyTorch's own profiler says to a daemon.

Usage: kineto_test.py WRING, with WRING_TEST_PYTHON naming a Python that has torch. Exits with 77 (skipped) without one, or
where that torch has no daemon mode.
"""
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

from agent_server import LIMIT_SECONDS, SKIPPED, torch_python

WRING = None

# Steps until it is ended, or its file is there.
LOOP = """
import os, sys, time
import torch
from torch.utils.data import DataLoader, Dataset
class Slow(Dataset):
    def __len__(self):
        return 10**6
    def __getitem__(self, index):
        time.sleep(0.001)
        return torch.randn(16), 0
model = torch.nn.Linear(16, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
print("begin", flush=True)
for images, labels in DataLoader(Slow(), batch_size=4):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
    if os.path.exists(sys.argv[1]):
        break
print("end", flush=True)
sys.exit(7)
"""


def daemon_library(python):
    """The library of that torch, where it can ask a daemon; else None."""
    where = "import importlib.util, os; print(os.path.dirname(importlib.util.find_spec('torch').origin))"
    folder = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip()
    library = Path(folder) / "lib" / "libtorch_cpu.so"
    return library if library.is_file() and b"KINETO_IPC_SOCKET_DIR" in library.read_bytes() else None


class WithoutTheAgent(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "run").mkdir()
        (self.folder / "loop.py").write_text(textwrap.dedent(LOOP), encoding="utf-8")
        self.stop = self.folder / "stop"

    def tearDown(self):
        self.assertEqual(list((self.folder / "run").iterdir()), [], "wring's own folder")

    def diagnose(self, options, command, **more):
        variables = dict(os.environ, XDG_RUNTIME_DIR=str(self.folder / "run"), LC_ALL="C.UTF-8")
        return subprocess.run([WRING, "diagnose", *options, "--", *command], cwd=self.folder, env=variables, check=False,
                              capture_output=True, text=True, timeout=LIMIT_SECONDS, **more)  # fmt: skip

    def seen(self, options, command):
        ended = self.diagnose(["--json", *options], command)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return json.loads(ended.stdout), ended.stderr

    def test_an_isolated_python_is_seen_by_its_profiler(self):
        seen, err = self.seen(["--keep-trace", "kept"], [torch_python(), "-I", "loop.py", str(self.stop)])
        self.assertEqual((seen["ended"], seen["reason"], len(seen["ranks"])), ("observed", None, 1))
        rank = seen["ranks"][0]
        self.assertTrue(rank["without_agent"])
        self.assertEqual(rank["argv"], ["loop.py", str(self.stop)])
        self.assertEqual(rank["device"], "cpu")
        self.assertGreaterEqual(rank["steps"]["n"], 50)  # the profiler stops in a thread of its own, a step later at times
        self.assertGreaterEqual(rank["steps"]["loader_wait_ms"], 4, "four samples of a millisecond each")
        self.assertLess(rank["steps"]["loader_wait_ms"], rank["steps"]["mean_ms"])
        self.assertGreaterEqual(rank["trace"]["steps"], 5)
        self.assertTrue((self.folder / "kept" / Path(rank["trace"]["path"]).name).is_file())
        self.assertEqual([(one["type"], one["file"], one["line"]) for one in rank["optimizers"]], [("SGD", None, None)])
        for unknown in ("precision", "layout", "loaders", "cudnn_benchmark", "python", "memory"):
            self.assertIsNone(rank[unknown], unknown)
        self.assertIn("looks in by torch's profiler alone", err)

    def test_the_profiler_says_nothing_and_the_exit_code_is_the_programs(self):
        # Its reader asks for the end once wring has told what it saw.
        variables = dict(os.environ, XDG_RUNTIME_DIR=str(self.folder / "run"), LC_ALL="C.UTF-8")
        command = [WRING, "diagnose", "--to-the-end", "--", torch_python(), "-I", "loop.py", str(self.stop)]
        with subprocess.Popen(command, cwd=self.folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as running:  # fmt: skip
            told = []
            for line in running.stderr:
                told.append(line)
                if "no verdict" in line:
                    self.stop.touch()
            self.assertEqual(running.stdout.read(), "begin\nend\n")
            self.assertEqual(running.wait(LIMIT_SECONDS), 7)
        text = "".join(told)
        self.assertIn("seen without the agent", text)
        self.assertIn("DataLoader without workers", text)
        for words in ("INFO:", "WARNING:", "ERROR:", "Traceback"):
            self.assertNotIn(words, text)

    def test_each_rank_sends_its_own(self):
        launch = [torch_python(), "-m", "torch.distributed.run", "--nproc-per-node", "2", "loop.py", str(self.stop)]
        seen, _ = self.seen(["--without-agent"], launch)
        self.assertEqual([(rank["rank"], rank["world_size"]) for rank in seen["ranks"]], [(0, 2), (1, 2)])
        self.assertTrue(all(rank["steps"]["n"] >= 50 for rank in seen["ranks"]))
        self.assertEqual(len({rank["pid"] for rank in seen["ranks"]}), 2)

    def test_one_that_imports_torch_and_never_steps_is_told_as_such(self):
        ended = self.diagnose(["--timeout", "20"], [torch_python(), "-I", "-c", "import time, torch; time.sleep(1000)"])
        self.assertEqual(ended.returncode, 1)
        self.assertIn("1 of its processes imported PyTorch, and none stepped an optimiser for long enough", ended.stderr)

    def test_one_without_torch_is_told_as_such(self):
        ended = self.diagnose(["--without-agent"], ["sh", "-c", "exit 0"])
        self.assertEqual(ended.returncode, 1)
        self.assertIn("no process of it imported a PyTorch whose profiler asks a daemon", ended.stderr)


if __name__ == "__main__":
    WRING = sys.argv.pop(1)
    if torch_python() is None:
        print("skipped: no Python with torch (WRING_TEST_PYTHON names one)")
        sys.exit(SKIPPED)
    if daemon_library(torch_python()) is None:
        print("skipped: the profiler of this torch has no daemon mode")
        sys.exit(SKIPPED)
    unittest.main()
