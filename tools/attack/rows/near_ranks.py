"""Neighbours of ranks that disagree: every difference is named, and nobody is blamed falsely."""

import os
import shutil
import time

from lab import wait_until
from ranks import ends, free_port, rank
from registry import attack


@attack("11.1", 360)
def _(lab):
    """Ranks with another network, optimiser, scheduler, warm-up, precision or scale are refused, the key is named with both
    values"""
    lab.data(total_iters=20)
    for change, value in (("base_channels=16", "8"), ("optimizer=adam", "adamw"), ("scheduler=constant", "cosine"),
                          ("warmup_iters=5", "0"), ("use_mixed_precision=true", "false"), ("scale_factor=2", "4"),
                          ("weight_decay=0.1", "0"), ("patch_size=40", "32")):
        port = free_port()
        key, other = change.split("=")
        for ended in ends(lab, (rank(lab, 0, port), rank(lab, 1, port, "--set", change)), 50, change):
            lab.must(ended.code in (1, 2), f"{change}: {ended}")
            lab.must(key in ended.text and "ECC" not in ended.text, f"{change} is not named: {ended.words()}")
            lab.should(value in ended.text and other in ended.text, f"{change}: both values are not named: {ended.words()}")
    lab.note(ended.words())


@attack("11.2")
def _(lab):
    """One rank with --resume and one without: refused by name, or the same run on both"""
    lab.data(total_iters=40)
    lab.train("--set", "total_iters=20")
    for first, second in (([], ["--resume"]), (["--resume"], [])):
        port = free_port()
        both = ends(lab, (rank(lab, 0, port, *first), rank(lab, 1, port, *second)), 50)
        lab.must(len({ended.code for ended in both}) == 1, f"exit codes {[ended.code for ended in both]}")
        lab.must("ECC" not in both[0].text + both[1].text, f"the hardware is blamed: {both[0].words()}")
        lab.must(both[0].code == 0 or "resume" in both[0].text, both[0].words())
    lab.note(both[0].words())


@attack("11.3")
def _(lab):
    """One photograph has other pixels on one rank, its name and size the same: told or refused, or documented as not seen"""
    lab.data(total_iters=20)
    shutil.copytree(lab.path("data"), lab.path("other"))
    shutil.copy(lab.path("other/train/HR/photo_001.png"), lab.path("other/train/HR/photo_000.png"))
    port = free_port()
    for ended in ends(lab, (rank(lab, 0, port), rank(lab, 1, port, "--train-hr", "other/train/HR")), 50):
        lab.should(ended.code != 0 or "image" in ended.text.lower().split("first step")[0].replace("12 images", ""),
                   f"taken without a word: {ended}")
    lab.note(str(ended))


@attack("11.4", 200)
def _(lab):
    """Ranks whose images are the same at other paths with other times, or that differ in keys that change no weight, train"""
    lab.data(total_iters=20)
    shutil.copytree(lab.path("data"), lab.path("elsewhere"))
    for one in lab.path("elsewhere").rglob("*.png"):
        os.utime(one, (1e9, 1e9))
    port = free_port()
    for ended in ends(
            lab, (rank(lab, 0, port), rank(lab, 1, port, "--train-hr", "elsewhere/train/HR", "--val-hr", "elsewhere/val/HR")),
            50):
        lab.must(ended.code == 0, str(ended))
    for change in ("num_workers=0", "data_cache=none", "pin_memory=false", "prefetch_factor=5"):
        port = free_port()
        for ended in ends(lab, (rank(lab, 0, port), rank(lab, 1, port, "--set", change, env={"WRING_CACHE_DIR": ""})), 50):
            lab.must(ended.code == 0, f"{change}, which changes no weight: {ended}")
    port = free_port()
    for ended in ends(lab, (rank(lab, 0, port), rank(lab, 1, port, "--set", "log_freq=7")), 50):
        lab.must("ECC" not in ended.text, f"log_freq: the hardware is blamed: {ended.words()}")
        lab.must(ended.code == 0 or "log_freq" in ended.text, f"log_freq: {ended}")
    lab.note("they train")


@attack("11.5")
def _(lab):
    """Two jobs with one MASTER_PORT: the second is refused by name, the first ends as if alone"""
    lab.data(total_iters=60)
    port = free_port()
    for ended in ends(lab, [rank(lab, number, port, "--set", "experiment_name=whole") for number in (0, 1)], 50):
        lab.must(ended.code == 0, str(ended))
    port = free_port()
    first = [rank(lab, 0, port)]
    time.sleep(2)
    intruder = rank(lab, 0, port, "--set", "experiment_name=second", "--set", "seed=5")
    ended = lab.sound(intruder.wait(40))
    lab.must(ended.code in (1, 2), f"the second: {ended}")
    first.append(rank(lab, 1, port))
    for ended in ends(lab, first, 50):
        lab.must(ended.code == 0, f"the first: {ended}")
    lab.must(lab.best() == lab.best("whole"), "other weights")
    lab.note("refused; the same bits")


@attack("11.6")
def _(lab):
    """Two processes of one rank, and a third of two: refused by name, nothing hangs for minutes without a word"""
    lab.data(total_iters=10)
    port = free_port()
    runs = [rank(lab, 0, port), rank(lab, 1, port), rank(lab, 1, port)]
    wait_until(lambda: not any(run.alive() for run in runs), 35)
    for number, run in enumerate(runs):
        said = run.said()
        lab.must(not run.alive() or "rank" in said.lower(), f"process {number}: nothing is said in 35 s")
        run.send("KILL")
        ended = run.wait(5)
        lab.should("should not happen" not in ended.text and ended.code in (0, 1, 2, -9), f"process {number}: {ended}")
    lab.note("; ".join(run.said().strip().splitlines()[-1][:60] if run.said().strip() else "nothing" for run in runs))


@attack("11.7")
def _(lab):
    """Rank 0 cannot write its experiment (a full disk, no permission): every rank ends with that reason and not with a lost
    neighbour"""
    lab.data(total_iters=20)
    lab.write("blocked", "a file")
    port = free_port()
    both = ends(lab, (rank(lab, 0, port, "--experiments", "blocked"), rank(lab, 1, port, "--experiments", "blocked")), 50)
    for number, ended in enumerate(both):
        lab.must(ended.code in (1, 2), f"rank {number}: {ended}")
        lab.should("blocked" in ended.text, f"rank {number}: {ended.words()}")
    lab.note(both[1].words())


@attack("11.8")
def _(lab):
    """Rank 1 finds no images, or no configuration: rank 0 ends within seconds and names rank 1 and the reason"""
    lab.data(total_iters=20)
    lab.path("empty").mkdir()
    port = free_port()
    both = ends(lab, (rank(lab, 0, port), rank(lab, 1, port, "--train-hr", "empty")), 40)
    lab.must(all(ended.code in (1, 2) for ended in both), f"exit codes {[ended.code for ended in both]}")
    lab.should("rank 1" in both[0].text or "image" in both[0].text, f"rank 0: {both[0].words()}")
    lab.note(both[0].words())
