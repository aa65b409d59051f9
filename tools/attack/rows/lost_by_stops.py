"""Signals, pipes and closed terminals: an end is quick, is told, and loses nothing."""

import os
import random
import shutil
import signal
import time

import pictures
from lab import wait_until
from registry import attack

INTERRUPTED = 130


def ready_search(lab, **keys):
    lab.data(**keys)
    return ["benchmark", "tiny.yaml", "--device", "cpu", "--knobs", "none"]


@attack("1.5", 300)
def _(lab):
    """SIGTERM in a long validation, with a checkpoint due at the same step: it ends within seconds and the steps are saved"""
    lab.data(total_iters=100, checkpoint_freq=3, val_freq=3, log_freq=1, base_channels=96, num_blocks=8)
    picture = pictures.flat(640, 480)
    for index in range(40):
        lab.write(f"data/val/HR/large_{index}.png", picture)
    run = lab.training()
    wait_until(lambda: lab.measured(lines=3) or not run.alive(), 120)
    time.sleep(1)
    begin = time.monotonic()
    run.send("TERM")
    ended = lab.sound(run.wait(60))
    took = time.monotonic() - begin
    lab.must(3 in lab.states(), f"states {lab.states()}, after {took:.1f} s")
    lab.must(took < 10 * lab.patience, f"ends only after {took:.1f} s")
    lab.should(took < 3.5 * lab.patience, f"ends after {took:.1f} s")
    lab.must(ended.code == INTERRUPTED, str(ended))
    lab.note(f"130 after {took:.1f} s, states {lab.states()}")


@attack("1.6")
def _(lab):
    """Ctrl-C right after the start of a second search leaves the record and the report of the first as they were"""
    search = ready_search(lab)
    first = lab.sound(lab.run(*search, "--budget", "6s", timeout=90))
    names = ("tiny_optimized.yaml", "tiny_optimized.json", "tiny_optimized.html")
    before = {name: lab.path(name).read_bytes() for name in names if lab.path(name).exists()}
    lab.note(f"first search: {first.code}, {len(before)} files")
    for after in (0.05, 0.1, 0.3, 0.8):
        run = lab.start(*search, "--budget", "6s", "--no-cache")
        time.sleep(after)
        run.send("INT")
        ended = lab.sound(run.wait(30))
        lab.should(ended.code == INTERRUPTED, f"{after} s: {ended}")
        for name, data in before.items():
            lab.must(
                lab.path(name).exists() and lab.path(name).read_bytes() == data,
                f"{name} has changed by Ctrl-C after {after} s")


@attack("1.13")
def _(lab):
    """SIGTERM, SIGHUP and Ctrl-C in the first 0.4 s of train and at any time of upscale: exit code 130, as the table says"""
    network = lab.checkpoint()
    lab.data()
    for name in ("TERM", "HUP", "INT"):
        for after in (0.05, 0.1, 0.2, 0.4):
            run = lab.training()
            time.sleep(after)
            run.send(name)
            ended = lab.sound(run.wait(30), f"train, SIG{name} after {after} s", signals=(1, 2, 15))
            # Ctrl-C is not held back while wring-train loads: it ends by the signal, which a shell shows as 130.
            as_said = (INTERRUPTED, -signal.SIGINT) if name == "INT" else (INTERRUPTED,)
            lab.should(ended.code in as_said, f"train, SIG{name} after {after} s: {ended.code}")
    for index in range(20):
        lab.write(f"many/{index}.png", pictures.flat(200, 150))
    for name in ("TERM", "HUP", "INT"):
        run = lab.start("upscale", network, "many", "-o", "out", "--device", "cpu")
        wait_until(lambda: lab.path("out").exists() and any(lab.path("out").iterdir()) or not run.alive(), 30)
        run.send(name)
        ended = lab.sound(run.wait(30), f"upscale, SIG{name}", signals=(1, 2, 15))
        lab.should(ended.code == INTERRUPTED, f"upscale, SIG{name}: {ended.code}")
        shutil.rmtree(lab.path("out"), ignore_errors=True)
    lab.note("130 each time")


@attack("1.15")
def _(lab):
    """A terminal that is closed (SIGHUP) during a search ends it as Ctrl-C does: 130, with its record"""
    run = lab.start(*ready_search(lab), "--budget", "30s")
    wait_until(lambda: any(lab.path("experiments/.trials").rglob("*")) or not run.alive(), 30)
    run.send("HUP")
    ended = lab.sound(run.wait(20), signals=(1, ))
    lab.should(ended.code == INTERRUPTED, f"exit code {ended.code}")
    lab.should(lab.is_json("tiny_optimized.json"), "no record of the search")
    lab.must(lab.none_left("wring"), f"left: {lab.others('wring')[:2]}")
    lab.note("130, with its record")


@attack("1.16")
def _(lab):
    """While another process decodes into the cache and is stopped, a second training says that it waits, and TERM ends it"""
    first = lab.decoding()
    second = lab.training("--set", "experiment_name=second", config="large.yaml")
    time.sleep(14)
    said, waits = second.said(), second.alive()
    if waits:
        lab.should("wait" in said.lower().replace("data wait", ""), f"nothing is said in 14 s: {said[-100:]!r}")
        second.send("TERM")
        ended = lab.sound(second.wait(20), "TERM while it waits", signals=(15, ))
        lab.must(not ended.hung, "TERM does not end it")
    lab.note("does not wait for it" if not waits else f"said {said.strip()[-100:]!r}")
    first.send("CONT")
    lab.must(lab.sound(first.wait(60)).code == 0, "the stopped one fails afterwards")


@attack("1.23")
def _(lab):
    """A search whose output is piped to `head -1` keeps its record"""
    ready_search(lab)
    ended = lab.bash("$WRING benchmark tiny.yaml --device cpu --knobs none --budget 6s | head -1; echo ${PIPESTATUS[0]} > code",
                     80)
    code = lab.path("code").read_text().strip()
    lab.sound(ended)
    lab.should(lab.is_json("tiny_optimized.json"), f"no record, exit code {code}")
    lab.should(code in ("0", "1", "130"), f"exit code {code}")
    lab.note(f"record kept, exit code {code}")


@attack("1.27", 360)
def _(lab):
    """Killed, signalled and doubly signalled at random moments and resumed until done, a run ends with the same bits and all
    lines of its metrics"""
    lab.data(num_workers=1)
    lab.train("--set", "experiment_name=whole")
    steps = [line["step"] for line in lab.metrics("whole") if "loss" in line]
    chance, kills = random.Random(27), 0
    for workers in (0, 2):
        name = f"w{workers}"
        for kind in ("KILL", "TERM", "KILL", "INT", "HUP", "TERM KILL", "INT INT", ""):
            more = [] if not lab.run_folder(name).exists() else ["--resume"]
            run = lab.training(*more, "--set", f"experiment_name={name}", "--set", f"num_workers={workers}")
            if kind:
                wait_until(lambda: lab.run_folder(name).exists() or not run.alive(), 30)
                time.sleep(chance.random() * 2.0)
                for each in kind.split():
                    run.send(each)
                    time.sleep(0.02)
                kills += 1
            lab.sound(run.wait(60), signals=(1, 2, 9, 15))
        lab.must(lab.best(name) == lab.best("whole"), f"{workers} workers: other weights")
        lab.must([line["step"] for line in lab.metrics(name) if "loss" in line] == steps,
                 f"{workers} workers: other lines of metrics")
        litter = [str(one) for one in lab.run_folder(name).rglob("*") if "tmp" in one.name or one.name.startswith(".wring-")]
        lab.should(not litter, f"litter: {litter[:2]}")
    lab.note(f"bit-equal after {kills} kills, no line lost")


@attack("1.28", 225)
def _(lab):
    """Signals in the first 0.6 s of a start beside an earlier run leave that run whole, in place or archived"""
    lab.data(total_iters=20)
    lab.train()
    whole = lab.snapshot("experiments/tiny")
    chance = random.Random(28)
    for name in ("INT", "TERM", "KILL", "HUP") * 3:
        run = lab.training()
        time.sleep(chance.random() * 0.6)
        run.send(name)
        lab.sound(run.wait(30), signals=(1, 2, 9, 15))
        kept = [one for one in lab.path("experiments").iterdir() if one.name.startswith("tiny") and lab.snapshot(one) == whole]
        if not lab.must(len(kept) == 1, f"after SIG{name} the earlier run is not whole"):
            return
    lab.note("always whole")


@attack("1.29")
def _(lab):
    """SIGTERM, Ctrl-C and SIGKILL while images are decoded end it quickly, and the next start is sound"""
    for name in ("TERM", "INT", "KILL"):
        shutil.rmtree(lab.path("cache"), ignore_errors=True)
        run = lab.decoding(signal_name=name)
        begin = time.monotonic()
        ended = lab.sound(run.wait(30), name, signals=(2, 9, 15))
        lab.must(ended.code in (0, INTERRUPTED, -9), f"SIG{name}: {ended}")
        lab.should(time.monotonic() - begin < 4 * lab.patience, f"SIG{name}: ends after {time.monotonic() - begin:.1f} s")
    lab.must(lab.sound(lab.train(config="large.yaml")).code == 0, "the next start fails")
    left = [one.name for one in lab.path("cache").rglob("*") if one.is_file()]
    lab.should(len([name for name in left if "partial" in name or "tmp" in name]) == 0, f"litter: {left}")
    lab.note(f"quick, next start sound; cache: {len(left)} files")


@attack("1.30", 225)
def _(lab):
    """Ctrl-C and SIGTERM at random moments of a search: 130, and no child is left"""
    search = ready_search(lab)
    chance = random.Random(30)
    for name in ("INT", "TERM") * 3:
        run = lab.start(*search, "--budget", "30s", "--no-cache")
        time.sleep(0.3 + chance.random() * 4)
        run.send(name)
        begin = time.monotonic()
        ended = lab.sound(run.wait(30), name)
        lab.must(ended.code == INTERRUPTED, f"SIG{name}: {ended}")
        lab.should(time.monotonic() - begin < 8 * lab.patience, f"ends after {time.monotonic() - begin:.1f} s")
        lab.must(lab.none_left("wring"), f"left: {lab.others('wring')[:2]}")
    lab.note("130, none left")


@attack("1.31", 225)
def _(lab):
    """`wring upscale` of a folder is killed and signalled at random moments: what lies there are whole PNGs"""
    network = lab.checkpoint()
    for index in range(12):
        lab.write(f"many/{index}.png", pictures.flat(160, 120))
    chance, seen = random.Random(31), 0
    for name in ("KILL", "TERM", "INT", "HUP") * 2:
        run = lab.start("upscale", network, "many", "-o", "out", "--device", "cpu")
        wait_until(lambda: lab.path("out").exists() and any(lab.path("out").iterdir()) or not run.alive(), 40)
        time.sleep(chance.random() * 0.5)
        run.send(name)
        lab.sound(run.wait(30), name, signals=(1, 2, 9, 15))
        for path in lab.path("out").iterdir() if lab.path("out").exists() else ():
            seen += 1
            lab.must(pictures.is_whole_png(path.read_bytes()), f"{path.name} is not a whole PNG")
    lab.must(seen, "no image was enlarged")
    lab.note(f"{seen} files, all whole")


@attack("1.45")
def _(lab):
    """Standard input, output, error, and all three closed: files stay sound"""
    lab.data(total_iters=20)
    closed = {"stdin": "<&-", "stdout": ">&-", "stderr": "2>&-", "all": "<&- >&- 2>&-"}
    for what, how in closed.items():
        ended = lab.bash(f"$WRING train tiny.yaml --device cpu --set experiment_name={what} {how}")
        lab.sound(ended, f"train without {what}")
        lab.must(20 in lab.states(lab.run_folder(what)), f"train without {what}: no state of the end, {ended.code}")
        plan = lab.bash(f"$WRING optimize tiny.yaml -o {what}.yaml {how}")
        lab.must(plan.code in (0, 1), f"optimize without {what}: {plan}")
        text = lab.path(f"{what}.yaml").read_text() if lab.path(f"{what}.yaml").exists() else "base_channels"
        lab.must("base_channels" in text and "error" not in text, f"optimize without {what}: messages in the file")
        for one in lab.run_folder(what).glob("*.jsonl"):
            lab.must(all(line.startswith("{") for line in one.read_text().splitlines()),
                     f"train without {what}: messages in {one.name}")
    lab.note("files sound")


@attack("1.46")
def _(lab):
    """train, upscale, evaluate, optimize, monitor and completion piped to `head -1` end quietly, and train goes on"""
    network = lab.checkpoint()
    lab.data(total_iters=30)
    for command in ("train tiny.yaml --device cpu 2>&1", f"upscale {network} data/val/HR -o out --device cpu",
                    f"evaluate {network} data/val/HR --device cpu", "optimize tiny.yaml --dry-run", "monitor 2",
                    "completion bash"):
        ended = lab.bash(f"$WRING {command} | head -1; echo ${{PIPESTATUS[0]}} > code")
        code = lab.path("code").read_text().strip()
        lab.sound(ended, command.split()[0])
        lab.must(code == "0", f"{command.split()[0]}: exit code {code}")
    lab.must(30 in lab.states(), "the run is not whole")
    lab.note("exit code 0, the run is whole")


@attack("1.53")
def _(lab):
    """A run that is stopped for 8 s and continued ends with the same bits"""
    lab.data()
    lab.train("--set", "experiment_name=whole")
    run = lab.training()
    wait_until(lambda: lab.measured(lines=3), 40)
    os.kill(run.pid, signal.SIGSTOP)
    time.sleep(8)
    os.kill(run.pid, signal.SIGCONT)
    ended = lab.sound(run.wait(60))
    lab.must(ended.code == 0 and lab.best() == lab.best("whole"), f"other weights: {ended}")
    lab.note("bit-equal")
