"""Neighbours of waiting without a word and without a deadline: FIFOs, locks, strangers, helpers that hang."""

import os
import shutil
import socket
import sys
import time

from lab import wait_until
from ranks import connected, free_port, ports_of, rank
from registry import attack
from server import Served

HOLDS = """import fcntl, os, sys, time
held = [os.open(path, os.O_RDONLY) for path in sys.argv[1:]]
for one in held:
    fcntl.flock(one, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(40)
"""


@attack("10.1")
def _(lab):
    """An output, log, summary or saved image that is a FIFO without a reader: named, and nothing hangs"""
    network = lab.checkpoint()
    lab.data(4, 2, total_iters=4)
    lab.path("S").mkdir()
    for name in ("fifo", "fifo.yaml", "fifo.png", "fifo.json", "fifo.csv", "S/photo_000.png", "S/photo_000_x4.png"):
        os.mkfifo(lab.path(name))
    for command in (["optimize", "tiny.yaml", "-o",
                     "fifo.yaml"], ["upscale", network, "data/val/HR/photo_000.png", "-o", "fifo.png", "--device",
                                    "cpu"], ["upscale", network, "data/val/HR", "-o", "S", "--device",
                                             "cpu"], ["evaluate", network, "data/val/HR", "--save", "S", "--device", "cpu"],
                    ["evaluate", network, "data/val/HR", "--compare", "fifo.png", "--device",
                     "cpu"], ["monitor", "1", "--log", "fifo"], ["monitor", "1", "--log", "fifo.csv", "--format",
                                                                 "csv"], ["monitor", "1", "--summary", "fifo.json"],
                    ["benchmark", "tiny.yaml", "-o", "fifo.yaml", "--budget", "3s", "--knobs", "none", "--device", "cpu"]):
        ended = lab.run(*command, timeout=20)
        what = " ".join(command[:2] + command[-3:])
        if lab.must(not ended.hung, f"{what}: hangs"):
            lab.sound(ended, what)
            lab.must(ended.code in (0, 1, 2), f"{what}: {ended}")
    lab.note("named")


@attack("10.2", 400)
def _(lab):
    """Every single file of a finished run is a FIFO in turn: neither --resume nor a new start hangs"""
    lab.data(4, 2, total_iters=20)
    lab.train()
    shutil.copytree(lab.run_folder(), lab.path("kept"))
    names = [one.relative_to(lab.run_folder()) for one in lab.run_folder().rglob("*") if one.is_file()]
    for name in names:
        shutil.rmtree(lab.run_folder())
        shutil.copytree(lab.path("kept"), lab.run_folder())
        path = lab.run_folder() / name
        path.unlink()
        os.mkfifo(path)
        ended = lab.train("--resume", "--set", "total_iters=22", timeout=30)
        lab.must(not ended.hung, f"{name}: --resume hangs")
    shutil.rmtree(lab.run_folder())
    shutil.copytree(lab.path("kept"), lab.run_folder())
    path = lab.run_folder() / "metrics.jsonl"
    path.unlink()
    os.mkfifo(path)
    ended = lab.train(timeout=20)
    lab.must(not ended.hung and ended.code == 0, f"a new start: {ended}")
    lab.note(f"{len(names)} files, no start hangs")


@attack("10.3")
def _(lab):
    """An nvidia-smi that hangs or never closes its output: optimize, doctor, benchmark and diagnose are bounded and say so"""
    lab.data(4, 0)
    for script in ("sleep 600\n", "echo '0, NVIDIA'\nsleep 600 &\nexit 0\n"):
        path = lab.script("smi", script)
        for command in (["optimize", "tiny.yaml", "--dry-run"], ["doctor"], ["monitor", "1"],
                        ["benchmark", "tiny.yaml", "--budget", "3s", "--knobs", "none", "--device", "cpu"]):
            ended = lab.sound(lab.run(*command, env={"WRING_NVIDIA_SMI": str(path)}, timeout=25), command[0])
            lab.must(ended.code in (0, 1, 3), f"{command[0]}: {ended}")
        # The second one ends by itself and leaves a process of its own behind, which nobody need end.
        lab.must("exit 0" in script or lab.none_left("sleep 600", 6), f"left: {lab.others('sleep 600')[:2]}")
    lab.note("bounded")


@attack("10.4")
def _(lab):
    """Strangers that send one byte a second, half of a greeting, or the right length in noise, to both ports of rank 0"""
    lab.data(4, 0, total_iters=10)
    port = free_port()
    first = rank(lab, 0, port)
    wait_until(lambda: len(ports_of(first.pid)) > 1 or not first.alive(), 15)
    held = []
    for one in ports_of(first.pid) if first.alive() else ():
        held += [
            connected(one, data) for data in (b"\x01", bytes(103), os.urandom(104), b"\xff" * 4, b"\0\0\0\0\xff\xff\xff\x7f")
        ]
    second = rank(lab, 1, port)
    end = time.monotonic() + 35
    while time.monotonic() < end and (first.alive() or second.alive()):
        for one in held:
            try:
                one.sendall(b"\0")
            except (OSError, AttributeError):
                pass
        time.sleep(1)
    for run in (first, second):
        ended = lab.sound(run.wait(1))
        lab.must(ended.code == 0, str(ended))
    lab.note("both ranks done")


@attack("10.5")
def _(lab):
    """MASTER_ADDR that does not resolve, refuses, or swallows packets: named within half a minute, or told while it waits"""
    lab.data(4, 0, total_iters=4)
    for address in ("no-such-host.invalid", "127.0.0.1", "192.0.2.1", "", "256.1.1.1", "::1"):
        run = rank(lab, 1, free_port(), env={"MASTER_ADDR": address})
        wait_until(lambda run=run: not run.alive(), 13)
        said = run.said().lower().replace("data wait", "")
        lab.must(not run.alive() or "rank" in said or "wait" in said, f"{address!r}: nothing is said in 13 s")
        run.send("TERM")
        ended = run.wait(15)
        lab.must(not ended.hung, f"{address!r}: TERM does not end it")
        lab.should("should not happen" not in ended.text, f"{address!r}: this should not happen")
    lab.note("named or told")


@attack("10.6")
def _(lab):
    """Somebody holds a lock on every file of the cache: a training waits with a word or goes on without"""
    lab.data(4, 0, total_iters=10)
    lab.train()
    files = [str(one) for one in lab.path("cache").rglob("*")] + [str(lab.path("cache"))]
    holder = lab.start("-Bc", HOLDS, *files, program=sys.executable)
    lab.must(holder.until_said("held", 10), "the script holds no lock")
    for what, keys in (("the same set", []), ("another set", ["--set", "scale_factor=2"])):
        run = lab.training("--set", "experiment_name=second", *keys)
        wait_until(lambda run=run: not run.alive(), 14)
        said = run.said().lower().replace("data wait", "")
        lab.must(not run.alive() or "wait" in said or "lock" in said, f"{what}: nothing is said in 14 s")
        run.send("TERM")
        lab.must(not run.wait(15).hung, f"{what}: TERM does not end it")
    holder.send("KILL")
    holder.wait(5)
    lab.note("goes on, or says that it waits")


@attack("10.7")
def _(lab):
    """A command of `benchmark --command` that never prints, and one that prints no rate: what is awaited is told before the
    budget ends"""
    lab.tiny()
    for what, script in (("silent", "sleep 300\n"), ("no rate", "while :; do echo hello; sleep 0.2; done\n")):
        lab.script("run.sh", script)
        ended = lab.sound(
            lab.run("benchmark", "tiny.yaml", "--command", "./run.sh {config}", "--rate-regex", "([0-9.]+) samples/s",
                    "--budget", "14s", "--knobs", "none", "--device", "cpu", timeout=30), what)
        lab.must(ended.seconds < 24, f"{what}: {ended.seconds:.0f} s with a budget of 14 s")
        lab.should("waiting" in ended.text or "no rate" in ended.text or "rate" in ended.text, f"{what}: {ended.words()}")
        lab.must(ended.code == 1, f"{what}: exit code {ended.code}")
    lab.note(ended.words())


@attack("10.8")
def _(lab):
    """The server's log or summary lies on a disk that stands still (a FIFO swapped in): others are served all the same"""
    served = Served(lab, "--log", "log.csv", "--summary", "sum.json", seconds="30")
    time.sleep(1)
    for name in ("log.csv", "sum.json"):
        lab.path(name).unlink(missing_ok=True)
        os.mkfifo(lab.path(name))
    served.run.send("HUP")  # opens the log anew
    time.sleep(11)
    lab.must(served.lives(), "does not answer any more")
    ended = served.run
    ended.send("TERM")
    lab.must(not ended.wait(15).hung, "TERM does not end it")
    lab.note("answers; ends")


@attack("10.9")
def _(lab):
    """Standard input that never ends, a terminal that does not read: train, evaluate and upscale neither read it nor stop"""
    network = lab.checkpoint()
    lab.data(4, 2, total_iters=10)
    read, write = os.pipe()
    for command in (["train", "tiny.yaml", "--device",
                     "cpu"], ["evaluate", network, "data/val/HR", "--device",
                              "cpu"], ["upscale", network, "data/val/HR", "-o", "O", "--device",
                                       "cpu"], ["optimize", "tiny.yaml", "--dry-run"], ["doctor", "--device",
                                                                                        "cpu"], ["monitor", "1"]):
        ended = lab.sound(lab.run(*command, stdin=read, timeout=40), command[0])
        lab.must(ended.code == 0, f"{command[0]}: {ended}")
    os.close(read)
    os.close(write)
    lab.note("exit code 0")


@attack("10.10")
def _(lab):
    """The port of --serve is taken by one that accepts and says nothing: exit code 1 at once, the command after -- is not
    started"""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = lab.sound(
            lab.run("monitor", "--serve", f"127.0.0.1:{taken.getsockname()[1]}", "--", "touch", "started", timeout=15))
    lab.must(ended.code == 1 and "in use" in ended.text, str(ended))
    lab.must(not lab.path("started").exists(), "the command was started")
    lab.note(ended.words())
