"""Files that a program owns, moves or shares: nothing of the user's is removed, and two runs never write into one another."""

import os
import random
import shutil
import subprocess
import time

import pictures
from lab import wait_until
from registry import attack


@attack("1.1")
def _(lab):
    """`wring cache --clear` where WRING_CACHE_DIR holds a folder `images` with photographs removes its own files only"""
    lab.photographs("cache/images", 20)
    lab.photographs("cache", 5)
    lab.data()
    lab.train("--set", "total_iters=5")
    before = len(list(lab.path("cache").rglob("photo_*.png")))
    lab.sound(lab.run("cache", "--clear"))
    after = len(list(lab.path("cache").rglob("photo_*.png")))
    lab.must(after == before, f"{after} of {before} photographs are left")
    lab.note(f"all {after} photographs are left")


@attack("1.2")
def _(lab):
    """`wring train` with its cache on a small disk full of photographs evicts its own sets only"""
    lab.data()
    lab.tmpfs("cache", 6000)
    for index in range(40):
        lab.write(f"cache/images/{index:02}.png", os.urandom(100_000))
    ended = lab.sound(lab.train("--set", "total_iters=20"))
    left = len(list(lab.path("cache/images").iterdir()))
    lab.must(left == 40, f"{left} of 40 photographs are left, {ended}")
    lab.must(ended.code == 0, f"the run failed: {ended}")
    lab.note("all 40 photographs are left")


@attack("1.3")
def _(lab):
    """--resume of a run whose `checkpoints` is a link to a disk that is not mounted, or a folder without permission, fails
    and touches nothing"""
    lab.data(total_iters=40)
    lab.train()
    shutil.move(lab.run_folder() / "checkpoints", lab.path("disk"))
    os.symlink("gone", lab.run_folder() / "checkpoints")
    before = lab.snapshot("experiments")
    ended = lab.sound(lab.train("--resume"))
    lab.must(ended.code == 1, f"dangling link: {ended}")
    lab.must(lab.snapshot("experiments") == before, "dangling link: files of the run have changed")
    if lab.machine_root:
        shutil.rmtree(lab.path("experiments"))
        lab.train()
        user = lab.second_user()
        os.chown(lab.run_folder() / "checkpoints", 0, 0)
        os.chmod(lab.run_folder() / "checkpoints", 0o700)
        before = lab.snapshot("experiments")
        ended = lab.sound(lab.train("--resume", user=user))
        lab.must(ended.code == 1, f"no permission: {ended}")
        lab.must(lab.snapshot("experiments") == before, "no permission: files of the run have changed")
    lab.note(ended.words())


@attack("1.4", 225)
def _(lab):
    """A run's folder is renamed while it trains, and a second run of the name is started: neither loses its network"""
    lab.data(total_iters=800, log_freq=20)
    first = lab.training()
    wait_until(lambda: lab.measured(lines=2), 40)
    os.rename(lab.run_folder(), lab.run_folder("moved"))
    second = lab.training("--set", "seed=7", "--set", "base_channels=16", "--set", "total_iters=300")
    ends = first.wait(100), second.wait(100)
    for ended in ends:
        lab.sound(ended)
    folders = sorted(one.name for one in lab.path("experiments").iterdir() if (one / "checkpoints/best.safetensors").exists())
    done = sum(ended.code == 0 for ended in ends)
    lab.must(len(folders) >= done, f"{done} runs say that they are done, networks in {folders}")
    for ended, steps in zip(ends, (800, 300)):
        if ended.code == 0:
            lab.must(any(steps in lab.states(lab.run_folder(name)) for name in folders), f"no state of step {steps} is left")
    lab.must("moved" in first.said() or ends[0].code != 0, "the first run does not say where it writes")
    lab.note(f"networks in {folders}; {ends[0].words()}")


@attack("1.11")
def _(lab):
    """A run's folder is removed while it trains: it is told, and the network is not lost without a word"""
    lab.data(total_iters=100000, val_freq=100000)
    run = lab.training()
    wait_until(lambda: lab.measured(lines=2), 40)
    shutil.rmtree(lab.run_folder())
    ended = lab.sound(run.wait(40))
    lab.must(not ended.hung, "goes on without a folder")
    lab.should(ended.code == 1 and "removed" in ended.text, f"not told: {ended}")
    lab.must(any(lab.path("experiments").glob("*/checkpoints/*.safetensors")), "no network is left")
    lab.note(ended.words())


@attack("1.14")
def _(lab):
    """`wring optimize` is killed at random moments, 60 times: its output is the old or the new file, and no litter
    stays"""
    lab.tiny()
    lab.run("optimize", "tiny.yaml", "-o", "new.yaml")
    new = lab.path("new.yaml").read_bytes()
    chance, seen = random.Random(1), {b"old": 0, new: 0}
    begin = time.monotonic()
    lab.run("optimize", "tiny.yaml", "-o", "new.yaml")
    usual = time.monotonic() - begin
    lab.path("out").mkdir()
    for _ in range(60):
        lab.write("out/plan.yaml", b"old")
        run = lab.start("optimize", "tiny.yaml", "-o", "out/plan.yaml")
        time.sleep(chance.random() * usual)
        run.send("KILL")
        run.wait()
        data = lab.path("out/plan.yaml").read_bytes()
        lab.must(data in seen, f"a torn file of {len(data)} bytes")
        seen[data] = seen.get(data, 0) + 1
    lab.run("optimize", "tiny.yaml", "-o", "out/plan.yaml")
    litter = [one.name for one in lab.path("out").iterdir() if one.name != "plan.yaml"]
    lab.should(not litter, f"stays for ever: {litter[:3]}")
    lab.note(f"old {seen[b'old']}, new {seen[new]}, no litter after the next run")


@attack("1.38")
def _(lab):
    """Two and five starts at once on one experiment, new and with --resume: one runs, the others are refused"""
    lab.data()
    for count, more in ((2, ()), (5, ()), (2, ("--resume", )), (5, ("--resume", ))):
        if more:
            lab.train("--set", "total_iters=40")
        ends = [run.wait(60) for run in [lab.training(*more) for _ in range(count)]]
        for ended in ends:
            lab.sound(ended)
            lab.must(ended.code in (0, 1), str(ended))
        refused = [ended for ended in ends if ended.code == 1]
        lab.must(sum(ended.code == 0 for ended in ends) >= 1, f"none of {count} ran: {refused[0] if refused else ''}")
        lab.must(100 in lab.states(), "the run is not whole")
        lab.should(all("another run" in ended.text for ended in refused), f"{refused[0] if refused else ''}")
    lab.note("one ran each time, the others: another run is writing")


@attack("1.39")
def _(lab):
    """Two and four trainings at once on one cache, and a decoder that is killed: one decodes, all weights are equal"""
    lab.data(40, 0, total_iters=60)
    lab.train("--set", "experiment_name=alone")
    for count in (2, 4):
        shutil.rmtree(lab.path("cache"))
        runs = [lab.training("--set", f"experiment_name=r{index}") for index in range(count)]
        for run in runs:
            lab.must(lab.sound(run.wait(60)).code == 0, run.said()[-100:])
        lab.must({lab.best(f"r{index}") for index in range(count)} == {lab.best("alone")}, "the weights differ")
    shutil.rmtree(lab.path("cache"))
    lab.must(lab.killed_decoder() and lab.sound(lab.train("--set", "experiment_name=after")).code == 0, "no run after a kill")
    lab.must(lab.best("after") == lab.best("alone"), "other weights after a decoder was killed")
    lab.note("equal weights")


@attack("1.40")
def _(lab):
    """Two upscales, ten optimizes and two benchmarks at once onto one output leave whole files"""
    network = lab.checkpoint()
    lab.data()
    runs = [lab.start("upscale", network, "data/val/HR", "-o", "out", "--device", "cpu") for _ in range(2)]
    runs += [lab.start("optimize", "tiny.yaml", "-o", "plan.yaml") for _ in range(10)]
    for run in runs:
        lab.must(lab.sound(run.wait(60)).code == 0, run.said()[-160:])
    for path in lab.path("out").iterdir():
        lab.must(pictures.is_whole_png(path.read_bytes()), f"{path.name} is not whole")
    lab.must(len(list(lab.path("out").iterdir())) == 2, "other files in the output folder")
    lab.run("optimize", "tiny.yaml", "-o", "alone.yaml")
    lab.must(lab.path("plan.yaml").read_bytes() == lab.path("alone.yaml").read_bytes(), "the plan is another")
    runs = [lab.start("benchmark", "tiny.yaml", "--budget", "5s", "--device", "cpu", "--knobs", "none") for _ in range(2)]
    for run in runs:
        lab.sound(run.wait(60))
    lab.must(lab.is_json("tiny_optimized.json"), "the record of the search is not whole")
    lab.note("whole")


@attack("1.41")
def _(lab):
    """An experiment that is moved to another folder between runs goes on to the same bits with --resume"""
    lab.data()
    lab.train("--set", "experiment_name=whole")
    lab.interrupted()
    lab.path("elsewhere").mkdir()
    shutil.move(lab.run_folder(), lab.path("elsewhere/tiny"))
    ended = lab.sound(lab.train("--resume", "--experiments", "elsewhere"))
    shutil.move(lab.path("elsewhere/tiny"), lab.run_folder())
    lab.must(ended.code == 0 and lab.best() == lab.best("whole"), f"other weights: {ended}")
    lab.note("bit-equal")


@attack("1.49", 225)
def _(lab):
    """No HOME, a HOME that is unwritable, a device or relative, a cache that is a file, umasks, a read-only mount, another
    user: a run works or says the reason"""
    lab.data(total_iters=10)
    cases = [("no HOME", {"HOME": None, "WRING_CACHE_DIR": None}, None),
             ("HOME a device", {"HOME": "/dev/null", "WRING_CACHE_DIR": None}, None),
             ("relative HOME", {"HOME": "home", "WRING_CACHE_DIR": None}, None),
             ("cache a file", {"WRING_CACHE_DIR": str(lab.path("tiny.yaml"))}, None), ("umask 077", {}, 0o077),
             ("umask 777", {}, 0o777)]
    for index, (what, env, mask) in enumerate(cases):
        before = None if mask is None else lambda mask=mask: os.umask(mask)
        ended = lab.sound(lab.train("--set", f"experiment_name=e{index}", env=env, before=before), what)
        lab.must(ended.code == 0 or (ended.code == 1 and ended.err.strip()), f"{what}: {ended}")
    mounted = lab.tmpfs("readonly", 1000)
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=False)
    ended = lab.sound(lab.train("--experiments", "readonly"), "read-only mount")
    lab.must(ended.code == 1 and "Read-only" in ended.text, f"read-only mount: {ended}")
    if lab.machine_root:
        os.chmod(lab.folder, 0o755)
        ended = lab.sound(lab.train("--set", "experiment_name=other", user=65534), "another user")
        lab.must(ended.code in (0, 1) and (ended.code == 0 or "Permission denied" in ended.text), f"another user: {ended}")
    lab.note("works or says the reason")


@attack("1.51")
def _(lab):
    """Experiment names with ../, absolute, with newlines, very long, or of a YAML type never lead out of the folder"""
    lab.data(4, 0, total_iters=4, experiment_name=None)
    outside = lab.snapshot(".")
    names = [
        "../out", "..", ".", "/tmp/out", "a/../../out", "a/b", "line\nbreak", "x" * 300, "~", "null", "true", "12", "1e3", "-x",
        " ", "tab\there", "a\\b", ".hidden", "NUL", "*", "$(touch pwned)", "`touch pwned`", "ü", "名"
    ]
    for name in names:
        ended = lab.sound(lab.train("--set", f"experiment_name={name}"), repr(name[:20]))
        lab.must(ended.code in (0, 1, 2), f"{name[:20]!r}: {ended}")
    leaked = {one.split("/")[0]
              for one in lab.snapshot(".")} - {one.split("/")[0]
                                               for one in outside} - {"experiments", "said", "cache", "home", "tmp"}
    lab.must(not leaked, f"written outside of the folder: {sorted(leaked)[:3]}")
    lab.must(not lab.folder.parent.joinpath("out").exists(), "../out was made")
    lab.note(f"{len(names)} names, nothing outside")
