"""--resume, states, metrics and the cache: what was damaged, changed or swapped is noticed, and the rest goes on."""

import os
import random
import shutil

from lab import wait_until
from registry import attack


def newest(lab, name="tiny"):
    return lab.run_folder(name) / "checkpoints" / f"state_{lab.states(lab.run_folder(name))[-1]}.safetensors"


def half_done(lab, **keys):
    """A whole run to compare with, and one that ended in its middle, kept as `kept`."""
    lab.data(**keys)
    lab.train("--set", "experiment_name=whole")
    lab.interrupted()
    shutil.copytree(lab.run_folder(), lab.path("kept"))


def again(lab):
    shutil.rmtree(lab.run_folder())
    shutil.copytree(lab.path("kept"), lab.run_folder())


def cache_file(lab, folder="cache"):
    files = [one for one in lab.path(folder).rglob("*") if one.is_file() and one.stat().st_size > 20000]
    return max(files, key=lambda one: one.stat().st_size) if files else None


@attack("1.12")
def _(lab):
    """Killed between two lines and resumed, `loss` in metrics.jsonl is what it is without"""
    lab.data(checkpoint_freq=7, log_freq=10, total_iters=60)
    lab.train("--set", "experiment_name=whole")
    lab.interrupted(lines=2, signal_name="KILL")
    lab.sound(lab.train("--resume"))
    losses = [{line["step"]: line["loss"] for line in lab.metrics(name) if "loss" in line} for name in ("whole", "tiny")]
    lab.must(losses[0].keys() == losses[1].keys(), f"lines {sorted(losses[1])}")
    differing = [step for step in losses[0] if losses[0][step] != losses[1].get(step)]
    lab.should(not differing,
               f"step {differing[:1]}: " + ", ".join(str(one.get(differing[0])) for one in losses) if differing else "")
    lab.note("the same in every line")


@attack("1.17")
def _(lab):
    """The newest state cannot be read (another user's): --resume fails, since it may be whole, and puts nothing aside"""
    half_done(lab)
    user = lab.second_user()
    state = newest(lab)
    os.chown(state, 0, 0)
    os.chmod(state, 0o600)
    ended = lab.sound(lab.train("--resume", user=user))
    lab.should(ended.code == 1, str(ended))
    lab.should(state.exists() and not list(state.parent.glob("*.damaged*")), "the state was put aside")
    lab.note(ended.words())


@attack("1.18")
def _(lab):
    """A state, metrics.jsonl, train.log or config.yaml of the run is a FIFO: named, and no start hangs"""
    half_done(lab)
    for name in (newest(lab).relative_to(lab.run_folder()), "metrics.jsonl", "train.log", "config.yaml",
                 "checkpoints/last.safetensors"):
        again(lab)
        (lab.run_folder() / name).unlink(missing_ok=True)
        os.mkfifo(lab.run_folder() / name)
        ended = lab.train("--resume", timeout=25)
        lab.should(not ended.hung, f"{name}: hangs")
        lab.should(ended.hung or ended.code == 0 or str(name).rsplit("/")[-1] in ended.text, f"{name}: not named: {ended}")
    lab.note("named or replaced")


@attack("1.19")
def _(lab):
    """--resume with another network or optimiser is refused, with another seed, loss or patch_size it is told"""
    half_done(lab)
    for change in ("base_channels=16", "num_blocks=2", "optimizer=adan", "optimizer=adam"):
        again(lab)
        ended = lab.sound(lab.train("--resume", "--set", change), change)
        lab.should(ended.code in (1, 2), f"{change} is taken: {ended}")
    for change in ("seed=9", "loss=mse", "patch_size=40", "use_hflip=false"):
        again(lab)
        ended = lab.sound(lab.train("--resume", "--set", change), change)
        lab.should(ended.code != 0 or change.split("=")[0] in ended.text, f"{change} is taken without a word")
    lab.note("refused, told")


@attack("1.20")
def _(lab):
    """Photographs are removed, added or replaced between two runs: --resume tells"""
    half_done(lab)
    kept = lab.path("data/train/HR")
    shutil.copytree(kept, lab.path("images"))

    def removed():
        (kept / "photo_000.png").unlink()

    def added():
        shutil.copy(kept / "photo_001.png", kept / "photo_999.png")

    def replaced():
        shutil.copy(kept / "photo_001.png", kept / "photo_000.png")

    for change in (removed, added, replaced):
        again(lab)
        shutil.rmtree(kept)
        shutil.copytree(lab.path("images"), kept)
        change()
        ended = lab.sound(lab.train("--resume"), change.__name__)
        lab.should(ended.code != 0 or "image" in ended.text.split("first step")[0].lower().replace("12 images", ""),
                   f"{change.__name__}: not a word: {ended}")
    lab.note("told")


@attack("1.21")
def _(lab):
    """A file of the cache is cut short, or emptied, while a training has it mapped: a message, never a signal, and the same
    bits"""
    lab.data(total_iters=200)
    lab.train("--set", "experiment_name=whole")
    for size in (4096, 0):
        run = lab.training()
        wait_until(lambda: lab.measured(lines=2) or not run.alive(), 40)
        path = cache_file(lab)
        if not lab.must(path is not None, "there is no cache file"):
            return
        os.truncate(path, size)
        ended = run.wait(60)
        lab.should(ended.code >= 0, f"cut to {size} bytes: ended by signal {-ended.code}")
        lab.should(ended.code != 0 or lab.best() == lab.best("whole"), f"cut to {size} bytes: other weights")
        lab.sound(lab.train("--set", "total_iters=5", "--set", "experiment_name=next"), "the next run")
        lab.note(ended.words())


@attack("1.22")
def _(lab):
    """Half of the pixels in a cache file are overwritten between runs: noticed, and the same bits"""
    lab.data(total_iters=40)
    lab.train("--set", "experiment_name=whole")
    path = cache_file(lab)
    if not lab.must(path is not None, "there is no cache file"):
        return
    status = path.stat()
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half:] = random.Random(22).randbytes(len(data) - half)
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    ended = lab.sound(lab.train())
    lab.should(lab.best() == lab.best("whole"), "other weights")
    lab.should("anew" in ended.text, "not noticed")
    lab.note(next((line.strip() for line in ended.text.splitlines() if "anew" in line), ""))


@attack("1.42", 360)
def _(lab):
    """The newest state with flipped bits, cut, a folder, a device, a dangling or circular link, sparse, or with an odd
    number in its name: an earlier one is used, with the same bits at the end"""
    half_done(lab)
    chance = random.Random(42)

    def flipped(path):
        data = bytearray(path.read_bytes())
        at = chance.choice([chance.randrange(16), chance.randrange(300), chance.randrange(len(data))])
        data[at] ^= 1 << chance.randrange(8)
        path.write_bytes(data)

    def cut(path):
        os.truncate(path, chance.choice([0, 7, 100, path.stat().st_size // 2, path.stat().st_size - 1]))

    def folder(path):
        path.unlink()
        path.mkdir()

    def device(path):
        path.unlink()
        os.symlink("/dev/zero", path)

    def dangling(path):
        path.unlink()
        os.symlink("gone", path)

    def circular(path):
        path.unlink()
        os.symlink(path.name, path)

    def sparse(path):
        os.truncate(path, 200 << 30)

    def longer(path):
        path.write_bytes(path.read_bytes() + b"x")

    for harm in [flipped] * 6 + [cut] * 4 + [folder, device, dangling, circular, sparse, longer]:
        again(lab)
        harm(newest(lab))
        ended = lab.sound(lab.train("--resume"), harm.__name__)
        lab.must(ended.code in (0, 1), f"{harm.__name__}: {ended}")
        if ended.code == 0:
            lab.must(lab.best() == lab.best("whole"), f"{harm.__name__}: other weights")
        elif harm.__name__ in ("flipped", "cut", "longer", "sparse"):
            lab.must(False, f"{harm.__name__}: no earlier state is used: {ended}")
    again(lab)
    for name in ("state_-1", "state_99999999999999999999", "state_1e9", "state_", "state_0x10"):
        (lab.run_folder() / "checkpoints" / f"{name}.safetensors").write_bytes(b"x")
    ended = lab.sound(lab.train("--resume"), "odd names")
    lab.must(ended.code == 0 and lab.best() == lab.best("whole"), f"odd names: {ended}")
    lab.note("an earlier state, bit-equal")


@attack("1.43")
def _(lab):
    """metrics.jsonl with half a line, binary, NUL, a line of 5 MB, or missing: --resume goes on and the file is sound"""
    half_done(lab)
    damages = {
        "half a line": lambda data: data + b'{"step": 1', "binary": lambda data: data + os.urandom(500) + b"\n",
        "NUL": lambda data: data + b"\0" * 5000, "a long line": lambda data: data + b"x" * 5_000_000 + b"\n",
        "empty": lambda data: b""
    }
    for what, harm in damages.items():
        again(lab)
        path = lab.run_folder() / "metrics.jsonl"
        path.write_bytes(harm(path.read_bytes()))
        ended = lab.sound(lab.train("--resume"), what)
        lab.must(ended.code == 0 and lab.best() == lab.best("whole"), f"{what}: {ended}")
        try:
            lab.metrics()
        except ValueError:
            lab.must(False, f"{what}: the file is no JSON lines")
    again(lab)
    (lab.run_folder() / "metrics.jsonl").unlink()
    ended = lab.sound(lab.train("--resume"), "missing")
    lab.must(ended.code == 0, f"missing: {ended}")
    lab.note("goes on, file sound")


@attack("1.44", 270)
def _(lab):
    """A cache file zeroed, filled with noise or removed while mapped, and damaged headers: the run ends, and sets are made
    anew"""
    lab.data(total_iters=60)
    lab.train("--set", "experiment_name=whole")
    for what in ("zeroed", "noise", "removed"):
        run = lab.training("--set", "experiment_name=mapped")
        wait_until(lambda: lab.measured("mapped") or not run.alive(), 40)
        path = cache_file(lab)
        if not lab.must(path is not None, "there is no cache file"):
            return
        if what == "removed":
            path.unlink()
        else:
            with open(path, "r+b") as file:
                file.write(bytes(path.stat().st_size) if what == "zeroed" else os.urandom(path.stat().st_size))
        lab.must(lab.sound(run.wait(60), what).code == 0, f"{what}: the run fails")
        lab.sound(lab.train("--set", "experiment_name=next"), f"after {what}")
        lab.must(lab.best("next") == lab.best("whole"), f"after {what}: other weights")
    chance = random.Random(44)
    for _ in range(8):
        path = cache_file(lab)
        data = bytearray(path.read_bytes())
        for _ in range(3):
            data[chance.randrange(min(400, len(data)))] = chance.randrange(256)
        path.write_bytes(data)
        ended = lab.sound(lab.train("--set", "experiment_name=next"), "header")
        lab.must(ended.code == 0 and lab.best("next") == lab.best("whole"), f"damaged header: {ended}")
    lab.note("goes on, made anew")
