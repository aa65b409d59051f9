"""Starting both sides as processes of their own, and talking to the PyTorch ones in JSON lines."""

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import torch

from .settings import COMMAND, ROOT, Failure, Unavailable


def find_program(name, given=None, folder="bin"):
    """A program of wring's: given, or of WRING_BUILD_DIR (a build that was carried here), or of the newest build, or on the
    path. None when there is none."""
    carried = os.environ.get("WRING_BUILD_DIR")
    if given:
        # Beside wring, which is what most people have on their path.
        path = given.with_name("wring-train") if given.name == "wring" else given
    elif carried:
        path = Path(carried) / folder / name
    else:
        built = sorted(ROOT.glob(f"build/*/{folder}/{name}"), key=lambda p: p.stat().st_mtime)
        path = built[-1] if built else Path(shutil.which(name) or name)
    return path.resolve() if path.is_file() else None


def find_wring_train(given):
    path = find_program("wring-train", given)
    if path is None:
        raise Failure(f"{given or 'wring-train'} was not found. Build it, or give --wring-train PATH.")
    return path


def find_wring_steps(wring_train):
    """The program that measures wring-train's steps: beside the wring-train that was given, or as that is found."""
    path = find_program("wring_steps", wring_train and wring_train.with_name("wring_steps"))
    if path is None:
        raise Failure("wring_steps was not found beside wring-train. Build it: its CMake target is wring_steps.")
    return path


def torch_libraries():
    """Folders of this torch's libraries, which a carried build runs with in the place of those that it was linked with."""
    packages = Path(torch.__file__).resolve().parent.parent
    folders = [packages / "torch" / "lib", *sorted(packages.glob("nvidia/*/lib"))]
    return [str(folder) for folder in folders if folder.is_dir()]


def environment(threads, cache=None, fp32_exact=False):
    """Both sides get the same threads. `cache` receives what either side keeps for
    its next start, so that the first start is measured and nothing stays behind."""
    changed = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), PYTHONUNBUFFERED="1")
    if os.environ.get("WRING_BUILD_DIR"):
        before = [path for path in changed.get("LD_LIBRARY_PATH", "").split(":") if path]
        changed["LD_LIBRARY_PATH"] = ":".join(torch_libraries() + before)
    if fp32_exact:
        changed["NVIDIA_TF32_OVERRIDE"] = "0"  # read by cuDNN and cuBLAS, so it holds for both sides
    if cache:
        changed["TORCHINDUCTOR_CACHE_DIR"] = str(cache / "inductor")
        changed["TRITON_CACHE_DIR"] = str(cache / "triton")
        changed["XDG_CACHE_HOME"] = str(cache)
    return changed


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no message"


def reason_of(text):
    """What a failed wring program said: its line with "error", else the last one."""
    lines = [line.strip() for line in text.splitlines() if "error" in line.lower()]
    return lines[-1][:300] if lines else last_line(text)


class Worker:
    """A PyTorch process that runs `<name>_worker.serve`: it reads commands and answers each with one event or more.

    An event {"event": "unavailable", "reason"} ends up as Unavailable, a process that died as Failure.
    """

    def __init__(self, name, options, env, log):
        self.log = log.open("w+", encoding="utf-8")
        command = [sys.executable, str(COMMAND), "--worker", name, json.dumps(options)]
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=env
        )
        self.events = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a library that prints
            if isinstance(event, dict):
                self.events.put((time.monotonic(), event))
        self.events.put((time.monotonic(), None))

    def send(self, **command):
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it died; receive() says why

    def receive(self, timeout_s):
        """(when it came, the event)."""
        try:
            came, event = self.events.get(timeout=max(0.01, timeout_s))
        except queue.Empty:
            raise Unavailable(f"no answer within {timeout_s:.0f} s") from None
        if event is None:
            self.process.wait()
            self.log.seek(0)
            raise Failure(f"ended with code {self.process.returncode}: {last_line(self.log.read())}")
        if event.get("event") == "unavailable":
            raise Unavailable(event["reason"])
        return came, event

    def ask(self, timeout_s, **command):
        self.send(**command)
        return self.receive(timeout_s)[1]

    def kill(self):
        """For one that is busy and would not see the end of its input."""
        if self.process.poll() is None:
            self.process.kill()
        self.close()

    def close(self):
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def emit(**event):
    print(json.dumps(event), flush=True)


def serve(handlers):
    """The worker's end: handlers {"name": function(**command)} until the standard input ends."""
    for line in sys.stdin:
        command = json.loads(line)
        try:
            handlers[command.pop("do")](**command)
        except Unavailable as reason:
            emit(event="unavailable", reason=str(reason))
        except Exception as error:  # whatever a compiler or a driver throws becomes the variant's row
            traceback.print_exc()
            emit(event="unavailable", reason=f"{type(error).__name__}: {last_line(str(error))}")


class Deadline:
    """How long a suite may go on: it leaves out what no longer fits."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def left_s(self):
        return self.end - time.monotonic()

    def check(self, needed_s):
        if self.left_s() < needed_s:
            raise Unavailable("left out: the time given by --budget was used up")
