"""Neighbours of "cannot be read is not missing": what is there and cannot be read is named, never passed over in silence."""

import os
import shutil

import pictures
from lab import wait_until
from registry import attack


def closed_to(lab, *paths):
    """A second user who may use this folder, save these paths."""
    user = lab.second_user()
    for path in paths:
        os.chown(path, 0, 0)
        os.chmod(path, 0o700 if path.is_dir() else 0o600)
    return user


@attack("9.1")
def _(lab):
    """data/val/HR is a dangling link: the run says so, and does not train without validation in silence"""
    lab.data(4, 0, total_iters=20)
    lab.path("data/val").mkdir(parents=True)
    os.symlink("unmounted", lab.path("data/val/HR"))
    ended = lab.sound(lab.train())
    lab.must(ended.code in (1, 2) or "val" in ended.text.replace("val_freq", ""), f"not a word: {ended}")
    lab.should(ended.code in (1, 2), f"trains without validation: {ended}")
    lab.should("there is no folder" not in ended.text, "says that there is no folder, which is not true")
    lab.note(ended.words())


@attack("9.2")
def _(lab):
    """data/val/HR belongs to another user (0700): the run fails or says so"""
    lab.data(4, 2, total_iters=20)
    user = closed_to(lab, lab.path("data/val/HR"))
    ended = lab.sound(lab.train(user=user))
    lab.must(ended.code in (1, 2) and "Permission" in ended.text, f"{ended}")
    lab.note(ended.words())


@attack("9.3")
def _(lab):
    """data/train/LR is a dangling link, or unreadable: it is not replaced by bicubic versions in silence"""
    lab.data(4, 0, total_iters=10)
    os.symlink("unmounted", lab.path("data/train/LR"))
    ended = lab.sound(lab.train())
    lab.must(ended.code in (1, 2) and "LR" in ended.text, f"dangling link: {ended}")
    if lab.machine_root:
        lab.path("data/train/LR").unlink()
        lab.path("data/train/LR").mkdir()
        user = closed_to(lab, lab.path("data/train/LR"))
        ended = lab.sound(lab.train(user=user))
        lab.must(ended.code in (1, 2) and "LR" in ended.text, f"no permission: {ended}")
    lab.note(ended.words())


@attack("9.4")
def _(lab):
    """Weights of VGG-19 that are there and cannot be read are not taken for missing (a random network in their place)"""
    lab.data(4, 0, total_iters=2, patch_size=64, use_perceptual="true")
    weights = lab.write("hub/hub/checkpoints/vgg19-dcbb9e9d.pth", os.urandom(1000))
    user = closed_to(lab, weights)
    ended = lab.sound(lab.train(user=user, env={"TORCH_HOME": str(lab.path("hub"))}))
    lab.must(ended.code in (1, 2) and "vgg19" in ended.text,
             f"{ended}, {[line for line in ended.text.splitlines() if 'random' in line][:1]}")
    lab.note(ended.words())


@attack("9.5")
def _(lab):
    """One image of the training set, or a subfolder, cannot be read by its user: named, as a damaged one is"""
    lab.data(4, 0, total_iters=10)
    user = closed_to(lab, lab.path("data/train/HR/photo_001.png"))
    ended = lab.sound(lab.train(user=user))
    lab.must(ended.code in (0, 1), str(ended))
    lab.must("photo_001.png" in ended.text, "the image is not named")
    lab.photographs("data/train/HR/sub", 2)
    user = closed_to(lab, lab.path("data/train/HR/sub"))
    ended = lab.sound(lab.train(user=user))
    lab.must(ended.code in (0, 1), str(ended))
    lab.must("HR/sub" in ended.text, "the folder is not named")
    lab.note(ended.words())


@attack("9.6")
def _(lab):
    """The network best.safetensors of a run cannot be read: --resume leaves it alone, and evaluate and upscale name it"""
    lab.data(val_freq=10)
    lab.interrupted(lines=5)
    best = lab.run_folder() / "checkpoints" / "best.safetensors"
    if not lab.must(best.exists(), "there is no best network"):
        return
    data = best.read_bytes()
    user = closed_to(lab, best)
    for command in (["evaluate", best, "data/val/HR"], ["upscale", best, "data/val/HR", "-o", "O"]):
        ended = lab.sound(lab.run(*command, "--device", "cpu", user=user), command[0])
        lab.must(ended.code == 1 and "Permission" in ended.text, f"{command[0]}: {ended}")
    ended = lab.sound(lab.train("--resume", user=user))
    lab.must(ended.code == 1 or best.read_bytes() == data or "best" in ended.text, f"--resume: {ended}")
    lab.note(ended.words())


@attack("9.7")
def _(lab):
    """metrics.jsonl of a run cannot be read, or is a folder: --resume names it and cuts nothing"""
    lab.data()
    lab.interrupted()
    metrics = lab.run_folder() / "metrics.jsonl"
    data = metrics.read_bytes()
    user = closed_to(lab, metrics)
    ended = lab.sound(lab.train("--resume", user=user))
    lab.must(ended.code == 1 or "metrics.jsonl" in ended.text, f"no permission: {ended}")
    lab.must(
        any(one.read_bytes()[:len(data)] == data for one in lab.path("experiments").rglob("metrics.jsonl*") if one.is_file()),
        "no permission: lines are lost")
    metrics.unlink()
    metrics.mkdir()
    ended = lab.sound(lab.train("--resume"))
    lab.must("metrics.jsonl" in ended.text, f"a folder: {ended}")
    lab.note(ended.words())


@attack("9.8")
def _(lab):
    """A configuration, a token file and a meta_info that cannot be read are named with the system's reason"""
    network = lab.checkpoint()
    lab.data(4, 2, total_iters=4)
    for name in ("closed.yaml", "token", "meta.txt"):
        lab.write(name, "photo_000.png\n")
    user = closed_to(lab, lab.path("closed.yaml"), lab.path("token"), lab.path("meta.txt"))
    for command in (["optimize", "closed.yaml"], ["train", "closed.yaml"], ["benchmark", "closed.yaml"],
                    ["diagnose", "closed.yaml"], ["monitor", "1", "--serve", "127.0.0.1:0", "--token-file",
                                                  "token"], ["train", "tiny.yaml", "--set", "train_meta_info=meta.txt"]):
        ended = lab.sound(lab.run(*command, user=user), " ".join(command[:2]))
        lab.must(ended.code in (1, 2), f"{' '.join(command)}: {ended}")
        lab.should("Permission denied" in ended.text, f"{' '.join(command)}: {ended.words()}")
    lab.note(f"named, {network}")


@attack("9.9")
def _(lab):
    """experiments/.trials that cannot be read or written: the search runs, and says that it keeps nothing"""
    lab.data()
    lab.path("experiments/.trials").mkdir(parents=True)
    user = closed_to(lab, lab.path("experiments/.trials"))
    ended = lab.sound(lab.run("benchmark", "tiny.yaml", "--device", "cpu", "--knobs", "none", "--budget", "6s", user=user))
    lab.must(ended.code == 0 or "disturbed" in ended.text or "Permission" in ended.text, str(ended))
    lab.should(".trials" in ended.text, "not a word of it")
    lab.note(ended.words())


@attack("9.10")
def _(lab):
    """The last image of a folder vanishes, or becomes unreadable, between the listing and the reading: named, the others are
    done"""
    network = lab.checkpoint()
    for index in range(8):
        lab.write(f"D/{index}.png", pictures.flat(200, 150))
    run = lab.start("upscale", network, "D", "-o", "O", "--device", "cpu")
    wait_until(lambda: lab.path("O").exists() and any(lab.path("O").iterdir()) or not run.alive(), 30, 0.005)
    lab.path("D/7.png").unlink()
    ended = lab.sound(run.wait(40))
    done = len(list(lab.path("O").glob("*.png")))
    lab.must(done >= 7, f"{done} of 7 done: {ended}")
    lab.must(done == 8 or (ended.code == 1 and "7.png" in ended.text), f"the missing one is not named: {ended}")
    lab.note(f"{done} done, exit code {ended.code}")


@attack("9.11")
def _(lab):
    """A run that stands under its name without a state but with metrics (states lost): --resume fails and touches nothing"""
    lab.data()
    lab.interrupted()
    shutil.rmtree(lab.run_folder() / "checkpoints")
    for what in ("no folder", "an empty folder"):
        before = lab.snapshot("experiments")
        ended = lab.sound(lab.train("--resume"), what)
        lab.must(ended.code == 1, f"{what}: {ended}")
        after = lab.snapshot("experiments")
        changed = [name for name in before if after.get(name) != before[name] and not name.endswith(("train.log", ".lock"))]
        lab.must(not changed, f"{what}: changed {changed[:3]}")
        (lab.run_folder() / "checkpoints").mkdir(exist_ok=True)
    lab.note(ended.words())
