"""Several ranks: they meet or say for whom they wait, agree or say on what they differ, and blame nobody falsely."""

import os
import random
import signal
import socket
import struct
import time

from lab import wait_until
from registry import attack


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def rank(lab, number, port, *more, size=2, env=None, **started):
    variables = {
        "RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port), **(env or {})
    }
    return lab.training(*more, env=variables, **started)


def ends(lab, runs, seconds=60, what="", signals=()):
    return [lab.sound(run.wait(seconds), what, signals) for run in runs]


def ports_of(pid):
    """Ports on which a process listens."""
    inodes = set()
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{entry}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return ports


def connected(port, data=b"", seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            one = socket.create_connection(("127.0.0.1", port), timeout=2)
            one.sendall(data)
            return one
        except OSError:
            time.sleep(0.05)
    return None


@attack("3.1", 225)
def _(lab):
    """A stranger's connection, held while the ranks meet, to MASTER_PORT (silent, or one zero byte) or to rank 0's own port,
    is dropped"""
    lab.data(total_iters=10)
    for what in ("one byte to MASTER_PORT", "nothing to MASTER_PORT", "nothing to rank 0's port"):
        port = free_port()
        first = rank(lab, 0, port, "--set", f"experiment_name={what[:3]}{len(what)}")
        if "MASTER" in what:
            held = [connected(port, b"\0" if "one" in what else b"")]
        else:
            wait_until(lambda: len(ports_of(first.pid) - {port}) > 0 or not first.alive(), 15)
            held = [connected(one) for one in (ports_of(first.pid) - {port} if first.alive() else ())]
        second = rank(lab, 1, port, "--set", f"experiment_name={what[:3]}{len(what)}")
        done = wait_until(lambda: not first.alive() and not second.alive(), 35)
        lab.must(done, f"{what}: no end after 35 s, said {first.said()[-80:]!r}")
        for ended in ends(lab, (first, second), 1) if done else ():
            lab.must(ended.code == 0, f"{what}: {ended}")
        for run in (first, second):
            if run.alive():
                run.send("KILL")
                run.wait(5)
        for one in held:
            if one:
                one.close()
    lab.note("dropped, both ranks done")


@attack("3.2")
def _(lab):
    """Rank 0's fsync of a state takes 8 s, with a limit of 3 s for hanging ranks: the others wait"""
    lab.data(total_iters=25, checkpoint_freq=20)
    env = lab.shim(FAULT_SLEEP=8, FAULT_NAME="checkpoints", WRING_RANK_TIMEOUT=3)
    ended = lab.sound(lab.train("--nproc", "2", env=env, timeout=160))
    lab.must(ended.code == 0, str(ended))
    lab.note(str(ended))


@attack("3.3")
def _(lab):
    """Ranks with another val_freq, or another validation folder, are refused by name"""
    lab.data(total_iters=60)
    lab.photographs("other", 5)
    for name, more in (("val_freq", ["--set", "val_freq=20"]), ("val", ["--val-hr", "other"])):
        port = free_port()
        for ended in ends(lab, (rank(lab, 0, port), rank(lab, 1, port, *more)), 60):
            lab.must(ended.code in (1, 2), f"{name}: {ended}")
            lab.must("should not happen" not in ended.text and name in ended.text, f"{name} is not named: {ended.words()}")
    lab.note(ended.words())


@attack("3.4", 300)
def _(lab):
    """Ranks with another lr, total_iters, ema_decay or checkpoint_freq are refused by name, and no hardware is blamed"""
    lab.data(total_iters=40)
    for change in ("lr=0.5", "total_iters=30", "ema_decay=0.5", "checkpoint_freq=7"):
        port = free_port()
        for ended in ends(lab, (rank(lab, 0, port), rank(lab, 1, port, "--set", change)), 60, change):
            lab.must("ECC" not in ended.text and "computes wrongly" not in ended.text,
                     f"{change}: the hardware is blamed: {ended.words()}")
            lab.must(ended.code in (1, 2), f"{change}: {ended}")
            lab.must(change.split("=")[0] in ended.text, f"{change} is not named: {ended.words()}")
    lab.note(ended.words())


@attack("3.5", 360)
def _(lab):
    """Ranks with another seed, batch_size, loss, images, flips, grad_clip or accumulation are refused by name"""
    lab.data(total_iters=20)
    lab.photographs("other", 7)
    changes = [["--set", "seed=5"], ["--set", "batch_size=3"], ["--set", "loss=mse"], ["--train-hr", "other"],
               ["--set", "use_hflip=false"], ["--set", "grad_clip=0.1"], ["--set", "gradient_accumulation_steps=2"]]
    for change in changes:
        port = free_port()
        for ended in ends(lab, (rank(lab, 0, port), rank(lab, 1, port, *change)), 60, change[-1]):
            name = "image" if "hr" in change[0] else change[-1].split("=")[0]
            lab.should(ended.code in (1, 2), f"{change[-1]} is taken without a word")
            lab.should(ended.code == 0 or name in ended.text, f"{change[-1]} is not named: {ended.words()}")
    lab.note(ended.words())


def silence(lab, runs, seconds):
    """Whether all still wait, and what they said of it."""
    time.sleep(seconds)
    said = [run.said() for run in runs]
    for run in runs:
        run.send("TERM")
    for run in runs:
        lab.must(not run.wait(15).hung, "TERM does not end it")
    return said


@attack("3.6")
def _(lab):
    """WORLD_SIZE 2 on one rank and 3 on the other: named, or at least told for whom they wait after ten seconds"""
    lab.data(total_iters=10)
    port = free_port()
    runs = [rank(lab, 0, port, size=2), rank(lab, 1, port, size=3)]
    wait_until(lambda: all(not run.alive() for run in runs), 16)
    said = [run.said() for run in runs]
    named = any("WORLD_SIZE" in text or "rank" in text.lower() for text in said)
    lab.should(named, f"nothing is said in 16 s: {said[0][-80:]!r}")
    for run in runs:
        run.send("TERM")
        lab.must(not run.wait(15).hung, "TERM does not end it")
    lab.note(next((text.strip().splitlines()[-1] for text in said if text.strip()), ""))


@attack("3.7")
def _(lab):
    """One rank of several alone, under torchrun, Slurm or Open MPI, says after ten seconds for whom it waits"""
    lab.data(total_iters=10)
    for what, env in (("first of torchrun", {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}),
                      ("second of torchrun", {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2",
                                              "MASTER_ADDR": "127.0.0.1"}), ("Open MPI", {
                                                  "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "3",
                                                  "OMPI_COMM_WORLD_LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"
                                              })):
        run = lab.training(env={**env, "MASTER_PORT": str(free_port())})
        said = silence(lab, [run], 15)[0]
        lab.should("rank" in said.lower() or "wait" in said.lower().replace("data wait", ""),
                   f"{what}: nothing is said in 15 s: {said[-80:]!r}")
        lab.note(f"{what}: {said.strip().splitlines()[-1] if said.strip() else ''}")


@attack("3.8", 225)
def _(lab):
    """A port that is taken; RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT absurd or missing: named"""
    lab.data(total_iters=4)
    base = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    bad = [("RANK", "5"), ("RANK", "-1"), ("RANK", "x"), ("RANK", ""), ("RANK", "1e0"), ("RANK", "99999999999999999999"),
           ("WORLD_SIZE", "0"), ("WORLD_SIZE", "-2"), ("WORLD_SIZE", "nan"), ("WORLD_SIZE", "1000000"), ("MASTER_PORT", "0"),
           ("MASTER_PORT", "70000"), ("MASTER_PORT", "x"), ("MASTER_PORT", "-1"), ("LOCAL_RANK", "-1"), ("LOCAL_RANK", "x"),
           ("WORLD_SIZE", None), ("RANK", None)]
    for name, value in bad:
        size = {"WORLD_SIZE": "2"} if name.startswith(("MASTER", "LOCAL")) else {}
        ended = lab.train(env={**base, **size, name: value}, timeout=12)
        ok = not ended.hung and ended.code in (1, 2) and name in ended.text
        if value is None or (name, value) in (("LOCAL_RANK", "-1"), ("RANK", ""), ("WORLD_SIZE", "1000000")):
            ok = ok or (not ended.hung and ended.code in (0, 1, 2)) or (name == "WORLD_SIZE" and value == "1000000")
        lab.must(ok, f"{name}={value}: {ended}" if not ended.hung else f"{name}={value}: waits: {ended.words()}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = lab.sound(lab.train(env={**base, "WORLD_SIZE": "2", "MASTER_PORT": str(taken.getsockname()[1])}, timeout=30),
                          "port taken")
        lab.must(ended.code == 1 and "use" in ended.text, f"port taken: {ended}")
    lab.note(f"{len(bad) + 1} refused by name")


@attack("3.9")
def _(lab):
    """Stray variables of torchrun, Slurm and elastic, for one process: it trains alone or names them"""
    lab.data(total_iters=4)
    cases = [{"LOCAL_RANK": "0"}, {"MASTER_ADDR": "10.0.0.1"}, {"MASTER_PORT": "1"}, {"SLURM_JOB_ID": "7"},
             {"SLURM_JOB_ID": "7",
              "SLURM_NTASKS": "4"}, {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_PROCID": "0",
                                     "SLURM_LOCALID": "0"}, {"TORCHELASTIC_RUN_ID": "x"}, {"PET_NNODES": "2"}, {"RANK": "0"},
             {"WORLD_SIZE": "2"}, {"RANK": "0", "WORLD_SIZE": "1"}]
    for env in cases:
        ended = lab.sound(lab.train(env=env, timeout=20), str(env))
        lab.must(ended.code == 0 or (ended.code == 2 and any(name in ended.text for name in env)), f"{env}: {ended}")
    lab.note("trains, or names the variable")


@attack("3.10", 225)
def _(lab):
    """--resume with other numbers of ranks works, and --nproc of nine odd kinds is refused"""
    lab.data(total_iters=60)
    for steps, count in ((15, 2), (30, 1), (45, 3), (60, 2)):
        more = ["--resume"] if lab.run_folder().exists() else []
        ended = lab.sound(lab.train("--nproc", str(count), "--set", f"total_iters={steps}", *more), f"{count} ranks")
        lab.must(ended.code == 0 and steps in lab.states(), f"{count} ranks: {ended}")
    for value in ("0", "-1", "x", "1.5", "nan", "1e3", "99999999999", "2x", "1 2"):
        ended = lab.sound(lab.train("--nproc", value, timeout=20), f"--nproc {value}")
        lab.must(ended.code == 2, f"--nproc {value}: {ended}")
    lab.note("works; exit code 2")


@attack("3.11")
def _(lab):
    """One rank is stopped, or gets SIGTERM: named, or all save and end with 130"""
    lab.data(total_iters=3000)
    port = free_port()
    runs = [rank(lab, number, port, env={"WRING_RANK_TIMEOUT": "5"}) for number in (0, 1)]
    wait_until(lab.measured, 40)
    os.kill(runs[1].pid, signal.SIGSTOP)
    ended = runs[0].wait(40)
    lab.must(ended.code == 1 and "rank 1" in ended.text, f"stopped: {ended}")
    os.kill(runs[1].pid, signal.SIGKILL)
    runs[1].wait(5)
    port = free_port()
    runs = [rank(lab, number, port, "--resume") for number in (0, 1)]
    lines = len(lab.metrics())
    wait_until(lambda: len(lab.metrics()) > lines, 40)
    runs[1].send("TERM")
    for ended in ends(lab, runs, 30):
        lab.must(ended.code == 130, f"SIGTERM: {ended}")
    lab.note("named; 130")


@attack("3.12")
def _(lab):
    """The whole job is stopped for longer than a rank may be silent, and continued: it goes on"""
    lab.data(total_iters=300)
    run = lab.training("--nproc", "2", env={"WRING_RANK_TIMEOUT": "5"})
    wait_until(lab.measured, 40)
    os.killpg(run.pid, signal.SIGSTOP)
    pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(12)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    ended = lab.sound(run.wait(70))
    lab.must(ended.code == 0, str(ended))
    lab.note("goes on")


@attack("3.13", 225)
def _(lab):
    """A validation of one large image on one of two ranks takes longer than a rank may hang: the other waits"""
    import pictures
    lab.data(total_iters=4, val_freq=2, base_channels=48, num_blocks=8, validation=0)
    lab.write("data/val/HR/large.png", pictures.flat(1500, 1100))
    ended = lab.sound(lab.train("--nproc", "2", env={"WRING_RANK_TIMEOUT": "4"}, timeout=140))
    lab.must(ended.code == 0, str(ended))
    lab.note("exit code 0")


@attack("3.14", 270)
def _(lab):
    """Eight zero bytes, noise, TLS, 150 connections opened and closed, before and while the ranks meet, change nothing"""
    lab.data(total_iters=20)
    port = free_port()
    for ended in ends(
            lab, (rank(lab, 0, port, "--set", "experiment_name=whole"), rank(lab, 1, port, "--set", "experiment_name=whole"))):
        lab.must(ended.code == 0, str(ended))
    noise = random.Random(3)
    kinds = {
        "zeros": [bytes(8)], "noise": [noise.randbytes(5000)],
        "TLS": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise.randbytes(100)],
        "HTTP": [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], "many": [b""] * 150
    }
    for what, sent in kinds.items():
        port = free_port()
        first = rank(lab, 0, port, "--set", f"experiment_name={what}")
        for data in sent:
            one = connected(port, data)
            if one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.close()
        for ended in ends(lab, (first, rank(lab, 1, port, "--set", f"experiment_name={what}")), 40, what):
            lab.must(ended.code == 0, f"{what}: {ended}")
        lab.must(lab.best(what) == lab.best("whole"), f"{what}: other weights")
    lab.note("bit-equal")
