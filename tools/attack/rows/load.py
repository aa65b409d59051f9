"""Load: many readers, many images, long times, within bounds."""

import json
import os
import time

import pictures
from children import memory_kib
from hostile_input import peak_mib
from registry import attack
from server import Served


@attack("7.1")
def _(lab):
    """Four monitors with one rotating --log: told, or no more is lost than the limit says"""
    runs = [
        lab.start("monitor", "6", "--interval", "0.1", "--log", "log.jsonl", "--log-max-size", "8K", "--log-files", "9")
        for _ in range(4)
    ]
    ends = [lab.sound(run.wait(30)) for run in runs]
    lines, torn = lines_of(lab, "log.jsonl*")
    told = any(ended.code != 0 or "another" in ended.text or "log.jsonl" in ended.err for ended in ends)
    size = sum(one.stat().st_size for one in lab.path(".").glob("log.jsonl*") if "summary" not in one.name)
    lab.must(not torn, f"{torn} torn lines")
    lab.should(told or lines >= 200 or size > 70_000, f"{lines} of 240 ticks are kept in {size} bytes, not told")
    lab.note(f"{lines} lines in {size} bytes, {'told' if told else 'not told'}")


def lines_of(lab, pattern):
    lines = torn = 0
    for path in lab.path(".").glob(pattern):
        if "summary" in path.name:
            continue
        for line in path.read_text().splitlines():
            try:
                json.loads(line)
                lines += 1
            except ValueError:
                torn += 1
    return lines, torn


@attack("7.2", 225)
def _(lab):
    """20 000 images: a first step within a minute and 2 GB, without the cache, with it and again"""
    picture = lab.write("one.png", pictures.drawn(40, 40, seed=1, shapes=5))
    folder = lab.path("data/train/HR")
    folder.mkdir(parents=True)
    for index in range(20_000):
        os.link(picture, folder / f"{index:05}.png")
    lab.tiny(total_iters=2)
    for what, more in (("no cache", {"WRING_CACHE_DIR": ""}), ("cache", {}), ("again", {})):
        ended, peak = peak_mib(lab, "train", "tiny.yaml", "--device", "cpu", env=more)
        lab.sound(ended, what)
        lab.must(ended.code == 0, f"{what}: {ended}")
        lab.must(peak < 2000, f"{what}: {peak} MiB")
        lab.note(f"{what}: {ended.seconds:.0f} s, {peak} MiB")


@attack("7.3", 225)
def _(lab):
    """A 1600×1600 upscale in tiles has a bounded peak"""
    network = lab.checkpoint()
    lab.write("large.png", pictures.flat(1600, 1600))
    base = peak_mib(lab, "upscale", network, lab.write("one.png", pictures.drawn()), "-o", "b.png", "--device", "cpu")[1]
    ended, peak = peak_mib(lab, "upscale", network, "large.png", "-o", "a.png", "--device", "cpu", seconds=120)
    lab.must(lab.sound(ended).code == 0, str(ended))
    lab.must(peak < base + 1200, f"{peak} MiB; the result alone is 123 MB")
    lab.must(pictures.size_of(lab.path("a.png").read_bytes()) == (6400, 6400), "another size")
    lab.note(f"{ended.seconds:.0f} s, {peak} MiB")


@attack("7.4")
def _(lab):
    """monitor --serve at 100 ms for 25 s stays flat in memory and misses no tick"""
    served = Served(lab, "--interval", "0.1", seconds="30")
    time.sleep(6)
    first = memory_kib(served.run.pid)
    for _ in range(19):
        served.get("/api/v1/latest")
        time.sleep(1)
    grown = memory_kib(served.run.pid) - first
    lab.must(grown < 2000, f"grows by {grown} KiB in 19 s")
    missed = next(
        (line.split()[-1]
         for line in served.get("/metrics")[1].decode().splitlines() if line.startswith("wring_monitor_missed_ticks_total ")),
        "?")
    lab.should(missed.isdigit() and int(missed) <= 3, f"{missed} ticks missed")
    served.close(lab)
    lab.note(f"+{grown} KiB, {missed} ticks missed")


@attack("7.5")
def _(lab):
    """Ten monitors with one --log tear no line"""
    runs = [lab.start("monitor", "5", "--interval", "0.1", "--log", "log.jsonl") for _ in range(10)]
    for run in runs:
        lab.sound(run.wait(30))
    lines, torn = lines_of(lab, "log.jsonl")
    lab.must(torn == 0 and lines > 50, f"{lines} lines, {torn} torn")
    lab.note(f"{lines} lines, 0 torn")


@attack("7.6")
def _(lab):
    """One monitor with a log of 4 KB × 100 loses nothing"""
    lab.sound(lab.run("monitor", "6", "--interval", "0.1", "--log", "log.jsonl", "--log-max-size", "4K", "--log-files", "100"))
    lines, torn = lines_of(lab, "log.jsonl*")
    seconds = 6
    lab.must(torn == 0 and lines >= 10 * seconds - 8, f"{lines} lines, {torn} torn")
    lab.must(len(list(lab.path(".").glob("log.jsonl.*"))) >= 3, "it does not rotate")
    lab.note(f"{lines} lines in {len(list(lab.path('.').glob('log.jsonl*')))} files")
