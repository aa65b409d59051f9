#!/usr/bin/env python3
"""Programs that train in turns: two or more are alive at the same time, and each steps only when it is told to.

So what differs between them is not what the machine did meanwhile, and each starts once. As a program it is what runs in
between, with a training program of the caller's as it is:

    bench/turns.py SOCKET PROGRAM.py [ARGUMENT …]

It hooks torch's optimisers, steps freely twice, says so at the unix socket SOCKET, and waits after an optimiser step for
"SKIP STEPS" (steps to pass over, steps to time) or "end". Passed over are also as many steps as loaders' workers have batches
ready after a pause. On a GPU the time is that between two synchronisations.
"""
import contextlib
import json
import multiprocessing
import os
import runpy
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STARTED_AFTER = 2  # steps: what a profiler or an agent does after the first one belongs to the start
READY_BATCHES = 2  # of a worker: torch's prefetch_factor
LONGEST_START_S = 240
LONGEST_TURN_S = 300
END_S = 120  # Python with torch takes long to end on a machine that is busy


class Failed(RuntimeError):
    """A program that ended or hung; with its last words."""


def spread(values):
    median = statistics.median(values)
    return {"median": median, "mad": statistics.median(abs(value - median) for value in values), "n": len(values)}


class Stepper:
    """A program in another process. before: what starts it, such as `wring diagnose --`."""

    def __init__(self, program, before=()):
        self.folder = tempfile.TemporaryDirectory(prefix="turns")
        path = str(Path(self.folder.name) / "socket")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(1)
        self.errors = open(Path(self.folder.name) / "errors", "w+b")
        command = [*map(str, before), sys.executable, str(Path(__file__).resolve()), path, *map(str, program)]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors,
                                        start_new_session=True)  # fmt: skip
        self.connection = None

    def last_words(self):
        self.errors.seek(0)
        return self.errors.read()[-2000:].decode(errors="replace")

    def awaited(self, get, seconds):
        """get() once it gives something but None; it is asked again where it waited in vain."""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            try:
                return get()
            except TimeoutError:
                if self.process.poll() is not None:
                    raise Failed(f"the program ended with {self.process.returncode}: {self.last_words()}") from None
        raise Failed(f"nothing was heard of the program in {seconds} s: {self.last_words()}")

    def said(self, seconds):
        def line():
            while b"\n" not in self.heard:
                part = self.connection.recv(4096)
                if not part:
                    raise Failed(f"the program ended: {self.last_words()}")
                self.heard += part
            text, _, self.heard = self.heard.partition(b"\n")
            return json.loads(text)

        return self.awaited(line, seconds)

    def started(self):
        """Seconds until the end of the first steps."""
        self.listener.settimeout(1)
        self.connection, _ = self.awaited(self.listener.accept, LONGEST_START_S)
        self.connection.settimeout(1)
        self.heard = b""
        self.said(LONGEST_START_S)
        return time.perf_counter() - self.began

    def turn(self, skip, steps):
        """{"ms" a step, "agent": what wring's agent in the program does, null where there is none}"""
        self.connection.sendall(f"{skip} {steps}\n".encode())
        return self.said(LONGEST_TURN_S)

    def end(self):
        """As it is told to, else by SIGTERM, else by SIGKILL."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            if self.connection:
                self.connection.sendall(b"end\n")
                self.process.wait(END_S)
        for which in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    os.killpg(self.process.pid, which)
                    self.process.wait(END_S)
        if self.connection:
            self.connection.close()
        self.listener.close()
        self.errors.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def in_turns(steppers, skip, steps, rounds):
    """[[ms a step of each round] of each stepper], A B A B …"""
    found = [[] for _ in steppers]
    for _ in range(rounds):
        for stepper, ms in zip(steppers, found):
            ms.append(stepper.turn(skip, steps)["ms"])
    return found


class Turns:
    """The other side, in the program."""

    def __init__(self, path):
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.link.connect(path)
        self.lines = self.link.makefile("r", encoding="utf-8")
        self.free, self.steps, self.left, self.began = STARTED_AFTER, 0, 0, 0.0

    def say(self, **fields):
        self.link.sendall((json.dumps(fields) + "\n").encode())

    @staticmethod
    def synchronise():
        import torch

        if torch.cuda.is_initialized():
            torch.cuda.synchronize()

    @staticmethod
    def agent():
        # It is no module by the name of sitecustomize where it leaves that to another one.
        module = getattr(sys, "_wring_agent", None)
        if not hasattr(module, "_agent"):
            module = sys.modules.get("sitecustomize")
        if not hasattr(module, "_agent"):
            return None
        if module._agent is None:
            return "off"
        look = module._agent.look
        return "waits" if look is None else look.phase

    def step_ended(self, *_):
        if self.free:
            self.free -= 1
            if not self.free:
                self.synchronise()
                self.say(agent=self.agent())
                self.hear()
            return
        self.left -= 1
        if self.left == self.steps:
            self.synchronise()
            self.began = time.perf_counter()
        if self.left == 0:
            self.synchronise()
            self.say(ms=1000 * (time.perf_counter() - self.began) / self.steps, agent=self.agent())
            self.hear()

    def hear(self):
        order = self.lines.readline().split()
        if not order or order[0] == "end":
            raise SystemExit(0)
        skip, self.steps = map(int, order)
        self.left = skip + READY_BATCHES * len(multiprocessing.active_children()) + self.steps
        self.began = time.perf_counter()


def main():
    path, program = sys.argv[1:3]
    from torch.optim.optimizer import register_optimizer_step_post_hook

    register_optimizer_step_post_hook(Turns(path).step_ended)
    sys.argv = sys.argv[2:]
    sys.path[0] = str(Path(program).resolve().parent)
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
