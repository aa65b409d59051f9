"""Runs the suites one after the other within --budget, and writes what they found."""

import json
import sys
import tempfile
import traceback
from pathlib import Path

from . import files_suite, psnr_suite, step_suite
from .machine import describe_machine
from .markdown import markdown
from .processes import Deadline, find_wring_train
from .settings import Failure, Unavailable

SUITES = {"step": step_suite, "files": files_suite, "psnr": psnr_suite}
# How the budget is shared: the step suite compiles most.
SHARES = {"step": 5, "files": 3, "psnr": 3}


def write(text, target):
    if target == "-":
        print(text)
    else:
        Path(target).write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


def run(arguments):
    step_suite.check_candidates(arguments.expert)
    results = {"machine": describe_machine(find_wring_train(arguments.wring_train)), "suites": {}}
    deadline = Deadline(arguments.budget)
    with tempfile.TemporaryDirectory(prefix="wring_vs_pytorch_") as temporary:
        waiting = list(arguments.suite)
        while waiting:
            share = SHARES[waiting[0]] / sum(SHARES[name] for name in waiting)
            name = waiting.pop(0)
            folder = Path(temporary) / name
            folder.mkdir()
            try:
                results["suites"][name] = SUITES[name].run(arguments, folder, deadline.left_s() * share)
            except (Failure, Unavailable) as reason:
                print(f"vs_pytorch: {name}: {reason}", file=sys.stderr)
                results["suites"][name] = {"reason": str(reason)}
            except Exception as error:  # the other suites' results are worth keeping
                traceback.print_exc()
                results["suites"][name] = {"reason": f"{type(error).__name__}: {error}"}
            # After each suite: a run that is cut off keeps what it has.
            if arguments.json:
                write(json.dumps(results, indent=1), arguments.json) if arguments.json != "-" or not waiting else None
            if arguments.markdown and arguments.markdown != "-":
                write(markdown(results), arguments.markdown)
    if not arguments.json or arguments.markdown == "-":
        write(markdown(results), "-")
    return 1 if any("reason" in found for found in results["suites"].values()) else 0
