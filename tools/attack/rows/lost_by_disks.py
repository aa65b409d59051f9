"""Full disks, failing system calls, clocks and limits: the reason is told, and no part of a file is left."""

import os
import resource
import time

from lab import wait_until
from registry import attack


def limited(kind, value):
    return lambda: resource.setrlimit(kind, (value, value))


@attack("1.24")
def _(lab):
    """`wring completion bash` to a full device names the reason"""
    with open("/dev/full", "wb") as full:
        ended = lab.sound(lab.run("completion", "bash", out=full))
    lab.must(ended.code == 1, f"exit code {ended.code}")
    lab.should("No space left" in ended.text, ended.words())
    lab.note(ended.words())


@attack("1.26")
def _(lab):
    """A TMPDIR that is missing, a file or unwritable is named by `benchmark --command`, and by every other command that uses
    it"""
    lab.data()
    lab.script("run.sh", 'while :; do echo "100 samples/s"; sleep 0.1; done\n')
    for place in (str(lab.path("gone")), str(lab.path("tiny.yaml")), "/proc"):
        ended = lab.sound(
            lab.run("benchmark", "tiny.yaml", "--command", "./run.sh {config}", "--rate-regex", "([0-9.]+) samples/s",
                    "--trial-seconds", "0.5s", "--budget", "6s", "--knobs", "none", "--device", "cpu", env={"TMPDIR": place}),
            place.split("/")[-1])
        lab.should(ended.code == 0 or "TMPDIR" in ended.text or place in ended.text, ended.words())
    lab.note(ended.words())


@attack("1.32", 225)
def _(lab):
    """--experiments on a disk of 8, 40 and 120 KiB ends with 1 and names; enlarged, --resume ends with the same bits"""
    lab.data()
    lab.train("--set", "experiment_name=whole")
    lines = len(lab.metrics("whole"))
    for size in (8, 40, 120):
        lab.tmpfs(f"disk{size}", size)
        ended = lab.sound(lab.train("--experiments", f"disk{size}"), f"{size} KiB")
        lab.must(ended.code == 1 and "No space" in ended.text, f"{size} KiB: {ended}")
        lab.resize(f"disk{size}", 20000)
        more = ["--resume"] if (lab.path(f"disk{size}") / "tiny").exists() else []
        ended = lab.sound(lab.train("--experiments", f"disk{size}", *more), f"{size} KiB, enlarged")
        lab.must(ended.code == 0, f"{size} KiB, enlarged: {ended}")
        os.symlink(lab.path(f"disk{size}/tiny"), lab.run_folder(f"d{size}"))
        lab.must(lab.best(f"d{size}") == lab.best("whole"), f"{size} KiB: other weights")
        got = len(lab.metrics(f"d{size}"))
        lab.should(got == lines, f"{size} KiB: {got} of {lines} lines of metrics")
    lab.note(f"exit code 1 with the reason, then bit-equal, {lines} of {lines} lines")


@attack("1.33")
def _(lab):
    """A disk that fills up in the middle of a run and is freed two seconds later loses nothing"""
    lab.data(total_iters=200)
    lab.tmpfs("disk", 3000)
    run = lab.training("--experiments", "disk")
    wait_until(lambda: len(list(lab.path("disk/tiny/checkpoints").glob("state*"))) > 1 or not run.alive(), 40)
    with open(lab.path("disk/filler"), "wb") as file:
        try:
            while True:
                file.write(bytes(4096))
                file.flush()
        except OSError:
            pass
        finally:
            try:
                file.close()
            except OSError:
                pass
    time.sleep(2)
    lab.path("disk/filler").unlink()
    ended = lab.sound(run.wait(80))
    os.makedirs(lab.path("experiments"), exist_ok=True)
    os.symlink(lab.path("disk/tiny"), lab.run_folder())
    lab.must(ended.code == 0, str(ended))
    lab.must(len([one for one in lab.metrics() if "loss" in one]) >= 40, f"{len(lab.metrics())} lines of metrics")
    lab.note(f"exit code 0, {len(lab.metrics())} lines, {ended.text.count('No space')} notices")


@attack("1.34")
def _(lab):
    """A cache that does not fit on its disk, and one whose limit is lifted too high: a notice, and the images stay in memory"""
    lab.data(30, 0, total_iters=10)
    for size in (12, 100, 400):
        lab.tmpfs(f"cache{size}", size)
        ended = lab.sound(lab.train(env={"WRING_CACHE_DIR": str(lab.path(f"cache{size}")), "WRING_CACHE_LIMIT_GIB": "100"}),
                          f"{size} KiB")
        lab.must(ended.code == 0, f"{size} KiB: {ended}")
        lab.should("not kept" in ended.text or "No space" in ended.text, f"{size} KiB: no notice")
        left = [one for one in lab.path(f"cache{size}").rglob("*") if one.is_file()]
        lab.should(not left, f"{size} KiB: a part is left: {left[:1]}")
    lab.note("a notice, exit code 0")


@attack("1.35", 225)
def _(lab):
    """optimize, benchmark, upscale of a file and a folder, evaluate, monitor and doctor on a full disk: exit code 1, no part
    of a file"""
    network = lab.checkpoint()
    lab.data()
    disk = lab.tmpfs("disk", 16)
    for kept in disk.iterdir():
        kept.unlink()
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            pass
    commands = {
        "optimize": ["optimize", "tiny.yaml", "-o", "disk/plan.yaml"],
        "benchmark": ["benchmark", "tiny.yaml", "-o", "disk/best.yaml", "--device", "cpu", "--knobs", "none", "--budget", "4s"],
        "upscale": ["upscale", network, "data/val/HR/photo_000.png", "-o", "disk/a.png", "--device",
                    "cpu"], "upscale of a folder": ["upscale", network, "data/val/HR", "-o", "disk/out", "--device", "cpu"],
        "evaluate": ["evaluate", network, "data/val/HR", "--save", "disk/save", "--device", "cpu"],
        "evaluate --compare": ["evaluate", network, "data/val/HR", "--compare", "disk/c.png", "--device",
                               "cpu"], "monitor": ["monitor", "2", "--log", "disk/log.csv", "--summary", "disk/sum.json"],
        "doctor": ["doctor", "--device", "cpu", "--experiments", "disk"]
    }
    for what, command in commands.items():
        ended = lab.sound(lab.run(*command, timeout=60), what)
        lab.must(ended.code == 1, f"{what}: {ended}")
        parts = [
            str(one.relative_to(disk)) for one in disk.rglob("*")
            if one.is_file() and one.name != "filler" and one.stat().st_size > 0
        ]
        lab.must(not parts, f"{what}: a part is left: {parts[:2]}")
    lab.note("exit code 1, no part")


@attack("1.36", 360)
def _(lab):
    """ENOSPC, EDQUOT, EIO, EACCES, EINTR, EAGAIN and short writes in write, fsync, rename, link and close: the run goes on
    or names the reason, and --resume ends with the same bits"""
    lab.data(total_iters=40)
    lab.train("--set", "experiment_name=whole")
    faults = [("write", 28, 3), ("write", 122, 2), ("fsync", 5, 2), ("link,rename", 13, 2), ("write", 4, 3), ("write", 11, 5),
              ("close", 5, 4)]
    for index, (calls, number, every) in enumerate(faults):
        name = f"f{index}"
        env = lab.shim(FAULT_NAME="experiments", FAULT_CALLS=calls, FAULT_ERRNO=number, FAULT_EVERY=every)
        ended = lab.sound(lab.train("--set", f"experiment_name={name}", env=env), f"{calls} {os.strerror(number)}")
        lab.must(ended.code in (0, 1), f"{calls} {os.strerror(number)}: {ended}")
        if ended.code == 1:
            more = ["--resume"] if lab.states(lab.run_folder(name)) else []
            ended = lab.sound(lab.train(*more, "--set", f"experiment_name={name}"))
        lab.must(lab.best(name) == lab.best("whole"), f"{calls} {os.strerror(number)}: other weights, {ended}")
    ended = lab.sound(lab.train("--set", "experiment_name=short", env=lab.shim(FAULT_SHORT=1, FAULT_NAME="experiments")),
                      "short writes")
    lab.must(ended.code == 0 and lab.best("short") == lab.best("whole"), f"short writes: {ended}")
    lab.note(f"{len(faults) + 1} faults, bit-equal after --resume")


@attack("1.37", 225)
def _(lab):
    """The clock ten years back and ahead, in 2153, before 1970 and jumping by two days matters for nothing"""
    lab.data(total_iters=30)
    lab.train("--set", "experiment_name=whole")
    year = 365 * 86400
    for what in (-10 * year, 10 * year, 127 * year, -60 * year, "flip"):
        for more in (["--set", "total_iters=10"], []):
            ended = lab.sound(lab.train(*more, env=lab.shim(FAULT_CLOCK=what)), f"clock {what}")
            lab.must(ended.code == 0, f"clock {what}: {ended}")
        lab.must(lab.best() == lab.best("whole"), f"clock {what}: other weights")
    archived = [one.name for one in lab.path("experiments").iterdir() if "archived" in one.name]
    lab.must(len(archived) == 9, f"{len(archived)} of 9 earlier runs are archived")
    lab.note("bit-equal, archives unique")


@attack("1.47")
def _(lab):
    """Thirteen commands whose output goes to a full device: exit code 1 with the reason"""
    network = lab.checkpoint()
    lab.data()
    commands = [["--help"], ["--version"], ["optimize", "tiny.yaml", "--dry-run"],
                ["optimize", "tiny.yaml", "--json", "--dry-run"], ["evaluate", network, "data/val/HR", "--device", "cpu"],
                ["evaluate", network, "data/val/HR", "--json", "--device", "cpu"],
                ["evaluate", "--bicubic", "--scale", "4", "data/val/HR"], ["monitor", "2"],
                ["monitor", "2", "--format", "jsonl"], ["monitor", "2", "--format", "csv"], ["doctor", "--device", "cpu"],
                ["doctor", "--json", "--device", "cpu"], ["completion", "fish"], ["cache"]]
    for command in commands:
        with open("/dev/full", "wb") as full:
            ended = lab.sound(lab.run(*command, out=full), " ".join(command[:3]))
        lab.must(ended.code == 1, f"{' '.join(command[:3])}: exit code {ended.code}")
        lab.should("No space" in ended.err or "could not be written" in ended.err, f"{' '.join(command[:3])}: {ended.words()}")
    lab.note(f"{len(commands)} commands, exit code 1 with the reason")


@attack("1.48", 225)
def _(lab):
    """Few descriptors, small files and little stack: the reason, and no signal"""
    lab.data(total_iters=10)
    for count in (4, 8, 16, 32):
        ended = lab.run("optimize", "tiny.yaml", "-o", "plan.yaml", before=limited(resource.RLIMIT_NOFILE, count))
        lab.sound(ended, f"optimize, {count} descriptors")
        ended = lab.sound(lab.train("--set", f"experiment_name=n{count}", before=limited(resource.RLIMIT_NOFILE, count)),
                          f"train, {count} descriptors")
        lab.must(ended.code in (0, 1, 127), f"train, {count} descriptors: {ended}")
    for size in (1, 1024, 8192):
        for what, ended in (("train", lab.train("--set", f"experiment_name=f{size}",
                                                before=limited(resource.RLIMIT_FSIZE,
                                                               size))), ("optimize",
                                                                         lab.run("optimize", "tiny.yaml", "-o", "o.yaml",
                                                                                 before=limited(resource.RLIMIT_FSIZE, size)))):
            lab.sound(ended, f"{what}, files of {size} bytes")
            lab.must(ended.code in (0, 1), f"{what}, files of {size} bytes: {ended}")
    lab.note("reasons, no signal")
