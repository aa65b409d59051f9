"""Neighbours of paths by name: links, swapped folders and what looks like Wring's own."""

import os
import shutil
import subprocess

import pictures
from lab import wait_until
from registry import attack


@attack("8.1")
def _(lab):
    """Files of the user in the cache's very own folder, named almost as a set of Wring's, survive --clear and eviction"""
    lab.data()
    lab.train("--set", "total_iters=4")
    own = [one for one in lab.path("cache").rglob("*.wring-set")]
    folder = own[0].parent if own else lab.path("cache")
    kept = [
        "holiday.png", "0123456789abcdef.wring-set", "0123456789ABCDEF0123456789ABCDEF.wring-set",
        "0123456789abcdef0123456789abcdef.wring-set.bak", "x0123456789abcdef0123456789abcdef.wring-set",
        "0123456789abcdef0123456789abcdeg.wring-set", ".hidden.png", "0123456789abcdef0123456789abcdef.png", "README"
    ]
    for name in kept:
        (folder / name).write_bytes(b"mine" * 5000)
    (folder / "album").mkdir()
    (folder / "album" / "0123456789abcdef0123456789abcdef.wring-set").write_bytes(b"mine")
    os.symlink(lab.write("elsewhere/photo.png", pictures.drawn()), folder / "fedcba9876543210fedcba9876543210.wring-set")
    lab.sound(lab.run("cache", "--clear"))
    lab.sound(lab.train("--set", "total_iters=4", env={"WRING_CACHE_LIMIT_GIB": "0.0000001"}))
    gone = [name for name in [*kept, "album/0123456789abcdef0123456789abcdef.wring-set"] if not (folder / name).exists()]
    lab.must(not gone, f"removed: {gone}")
    lab.must(lab.path("elsewhere/photo.png").exists(), "the target of a link was removed")
    lab.note("all are left")


@attack("8.2")
def _(lab):
    """The folder of a run is a link to a disk that is not mounted: --resume fails, a new start neither loses the link nor
    trains elsewhere unsaid"""
    lab.data(total_iters=20)
    lab.train()
    shutil.move(lab.run_folder(), lab.path("disk"))
    os.symlink("../unmounted/tiny", lab.run_folder())
    ended = lab.sound(lab.train("--resume"))
    lab.must(ended.code == 1, f"--resume: {ended}")
    lab.must(os.path.islink(lab.run_folder()), "--resume: the link is gone")
    ended = lab.sound(lab.train())
    links = [one.name for one in lab.path("experiments").iterdir() if one.is_symlink()]
    lab.must(links, f"a new start: the link is gone, {ended}")
    lab.note(f"exit code {ended.code}, links {links}")


@attack("8.3")
def _(lab):
    """`--experiments` is a dangling link, or lies below one: fails with the reason, and makes nothing elsewhere"""
    lab.data(4, 0, total_iters=4)
    os.symlink("unmounted", lab.path("runs"))
    for place in ("runs", "runs/deeper"):
        for more in ([], ["--resume"]):
            ended = lab.sound(lab.train("--experiments", place, *more), place)
            lab.must(ended.code == 1 and "runs" in ended.text, f"{place} {more}: {ended}")
    lab.must(not lab.path("unmounted").exists(), "the link's target was made")
    lab.note(ended.words())


@attack("8.4")
def _(lab):
    """`checkpoints` as a link to a folder that is there (another disk) works: trained, resumed, the link kept, the same bits"""
    lab.data()
    lab.train("--set", "experiment_name=whole")
    lab.interrupted()
    shutil.move(lab.run_folder() / "checkpoints", lab.path("disk"))
    os.symlink(lab.path("disk"), lab.run_folder() / "checkpoints")
    ended = lab.sound(lab.train("--resume"))
    lab.must(ended.code == 0, str(ended))
    lab.must(os.path.islink(lab.run_folder() / "checkpoints"), "the link was replaced")
    lab.must(lab.best() == lab.best("whole"), "other weights")
    lab.note("bit-equal, the link is kept")


@attack("8.5")
def _(lab):
    """`checkpoints` is renamed, and then replaced by a link to a folder of the user, while it trains: the user's files stay
    as they are"""
    lab.data(total_iters=400)
    mine = lab.write("mine/state_5.safetensors", b"mine")
    lab.write("mine/last.safetensors", b"mine")
    lab.write("mine/notes.txt", b"mine")
    run = lab.training()
    wait_until(lambda: lab.measured(lines=3) or not run.alive(), 40)
    os.rename(lab.run_folder() / "checkpoints", lab.path("away"))
    os.symlink(lab.path("mine"), lab.run_folder() / "checkpoints")
    ended = lab.sound(run.wait(60))
    changed = [
        one.name for one in mine.parent.iterdir()
        if one.name in ("state_5.safetensors", "last.safetensors", "notes.txt") and one.read_bytes() != b"mine"
    ]
    lab.must(not changed and mine.exists(), f"changed: {changed or mine.name}")
    networks = [*lab.path("away").glob("best*"), *lab.path("experiments").rglob("best.safetensors")]
    lab.must(networks, f"no network is left, {ended}")
    lab.note(ended.words())


@attack("8.6")
def _(lab):
    """The folder of all experiments is renamed while a run writes, and a second run starts there: both networks are kept"""
    lab.data(total_iters=500)
    run = lab.training()
    wait_until(lambda: lab.measured(lines=3) or not run.alive(), 40)
    os.rename(lab.path("experiments"), lab.path("archive"))
    second = lab.sound(lab.train("--set", "total_iters=40", "--set", "seed=3"))
    first = lab.sound(run.wait(80))
    lab.must(second.code == 0 and 40 in lab.states(), f"the second run: {second}")
    lab.must(first.code != 0 or 500 in lab.states(lab.path("archive/tiny")),
             f"the first run: {first}, states {lab.states(lab.path('archive/tiny'))}")
    lab.note(first.words())


@attack("8.7")
def _(lab):
    """metrics.jsonl and train.log are renamed or emptied by logrotate while it trains: the file system keeps all, and the
    run goes on"""
    lab.data(total_iters=300)
    run = lab.training()
    wait_until(lambda: lab.measured(lines=3) or not run.alive(), 40)
    os.rename(lab.run_folder() / "metrics.jsonl", lab.run_folder() / "metrics.jsonl.1")
    os.truncate(lab.run_folder() / "train.log", 0)
    ended = lab.sound(run.wait(60))
    lab.must(ended.code == 0 and 300 in lab.states(), str(ended))
    text = "".join(one.read_text() for one in sorted(lab.run_folder().glob("metrics.jsonl*"), reverse=True))
    steps = [line for line in text.splitlines() if '"step":300' in line.replace(" ", "")]
    lab.should(steps, "the last line of the metrics is in neither file")
    data = (lab.run_folder() / "train.log").read_bytes()
    lab.should(not data.startswith(b"\0"), "train.log begins with zeros")
    lab.note("goes on")


@attack("8.8")
def _(lab):
    """Another user's link in a shared folder where root upscales, evaluates, logs and trains: the target stays as it was"""
    user = lab.second_user()
    network = lab.checkpoint()
    victim = lab.write("victim", "root's own\n")
    os.chown(victim, 0, 0)
    victim.chmod(0o600)
    lab.data(4, 2, total_iters=4)
    shared = lab.path("shared")
    shared.mkdir()
    shared.chmod(0o1777)
    for name in ("photo_000_x4.png", "c.png", "photo_000.png", "log.txt", "log.jsonl", "tiny_optimized.yaml",
                 "tiny_optimized.json"):
        lab.bash(f"ln -s {victim} {shared / name}", user=user)
    for command in (["upscale", network, "data/val/HR", "-o", shared, "--device",
                     "cpu"], ["evaluate", network, "data/val/HR", "--save", shared, "--device",
                              "cpu"], ["evaluate", network, "data/val/HR", "--compare", shared / "c.png", "--device",
                                       "cpu"], ["monitor", "1", "--log",
                                                shared / "log.txt"], ["monitor", "1", "--log", shared / "log.jsonl"], [
                                                    "benchmark", "tiny.yaml", "-o", shared / "tiny_optimized.yaml", "--device",
                                                    "cpu", "--budget", "3s", "--knobs", "none"
                                                ]):
        lab.sound(lab.run(*command), command[0])
        if not lab.must(victim.read_bytes() == b"root's own\n", f"{command[0]}: the target was written"):
            victim.write_text("root's own\n")
    lab.note("as it was")


@attack("8.9")
def _(lab):
    """Litter that a killed process left is cleaned up, but files of the user that look like it are not"""
    lab.data(total_iters=200)
    run = lab.training()
    wait_until(lambda: lab.measured(lines=2), 40)
    mine = [
        lab.run_folder() / name for name in ("notes.tmp", "x.safetensors.tmp123", ".backup", "checkpoints/mine.tmp",
                                             "checkpoints/.keep", "checkpoints/.wring-mine.txt")
    ]
    for one in mine:
        one.write_text("mine")
    run.send("KILL")
    run.wait(10)
    lab.must(lab.sound(lab.train("--resume")).code == 0, "no resume")
    gone = [one.name for one in mine if not one.exists()]
    lab.must(not gone, f"removed: {gone}")
    lab.note("all are left")


@attack("8.10")
def _(lab):
    """An output folder on a file system without O_TMPFILE or links (overlay, bind mount): files are written whole"""
    network = lab.checkpoint()
    lab.data(4, 2, total_iters=6)
    for name in ("lower", "upper", "work", "merged"):
        lab.path(name).mkdir()
    lab.tmpfs("layers", 60000)
    for name in ("upper", "work"):
        lab.path(f"layers/{name}").mkdir()
    done = subprocess.run([
        "mount", "-t", "overlay", "overlay", "-o",
        f"lowerdir={lab.path('lower')},upperdir={lab.path('layers/upper')},workdir={lab.path('layers/work')}",
        lab.path("merged")
    ], capture_output=True)
    place = "merged" if done.returncode == 0 else "layers"
    ended = lab.sound(lab.train("--experiments", f"{place}/e"))
    lab.must(ended.code == 0, f"train: {ended}")
    for command in (["upscale", network, "data/val/HR", "-o", f"{place}/O", "--device",
                     "cpu"], ["optimize", "tiny.yaml", "-o",
                              f"{place}/plan.yaml"], ["monitor", "1", "--summary", f"{place}/s.json"]):
        ended = lab.sound(lab.run(*command), command[0])
        lab.must(ended.code == 0, f"{command[0]}: {ended}")
    litter = [one.name for one in lab.path(place).rglob(".wring-*")]
    lab.must(not litter, f"litter: {litter}")
    lab.note(f"works on {'an overlay' if place == 'merged' else 'tmpfs'}")
