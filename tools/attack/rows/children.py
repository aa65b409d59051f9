"""What a program starts: it is gone when it should be, ends as it did, and is bounded."""

import json
import os
import pty
import random
import shutil
import signal
import struct
import termios
import time
from fcntl import ioctl

from lab import wait_until
from registry import attack

RATES = 'while :; do echo "100 samples/s"; sleep 0.1; done\n'


def search(lab, script, budget="8s", seconds="1s", regex="([0-9.]+) samples/s", **more):
    """`wring benchmark --command` on a script, started."""
    if not lab.path("tiny.yaml").exists():
        lab.tiny()
    lab.script("run.sh", script)
    rate = ["--rate-regex", regex, "--trial-seconds", seconds] if regex else []
    return lab.start("benchmark", "tiny.yaml", "--command", "./run.sh {config}", *rate, "--budget", budget, "--knobs", "none",
                     "--device", "cpu", "--no-cache", **more)


@attack("2.1")
def _(lab):
    """A command of `benchmark --command` starts background processes with setsid and double forks: gone after the search"""
    ended = lab.sound(
        search(lab, "setsid sleep 992 &\n(setsid sh -c 'sleep 993 & exit' &)\nnohup sleep 994 >/dev/null 2>&1 &\ndisown\n" +
               RATES).wait(40))
    lab.none_left("sleep 99")
    left = lab.others("sleep 99")
    lab.must(not left, f"{len(left)} left: {sorted(set(left))[:3]}")
    lab.note(f"none left, exit code {ended.code}")


@attack("2.2")
def _(lab):
    """SIGHUP, SIGQUIT, SIGABRT, SIGTERM and SIGKILL of `wring benchmark --command`: nothing that the command started is
    left, nor its temporary folder"""
    for name in ("HUP", "TERM", "INT", "QUIT", "ABRT", "KILL"):
        run = search(lab, "(while :; do sleep 1234.5; done) &\nsetsid sleep 1234.6 &\n" + RATES, "30s")
        wait_until(lambda: lab.others("1234.5") and lab.others("1234.6"), 20)
        time.sleep(0.5)
        run.send(name)
        ended = run.wait(20)
        lab.must(not ended.hung, f"SIG{name}: hangs")
        lab.none_left("1234", 6)
        left = lab.others("1234") + lab.others("run.sh")
        lab.must(not left, f"SIG{name}: {len(left)} left")
        if name in ("HUP", "TERM", "INT"):
            folders = os.listdir(lab.path("tmp"))
            lab.should(not folders, f"SIG{name}: {folders[:2]} stays in TMPDIR")
        shutil.rmtree(lab.path("tmp"))
        lab.path("tmp").mkdir()
        if name in ("HUP", "TERM", "INT"):
            lab.should(ended.code == 130, f"SIG{name}: exit code {ended.code}")
        for pid in [entry for entry in os.listdir("/proc") if entry.isdigit()]:
            if int(pid) not in (1, os.getpid()):
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
    lab.note("nothing left")


@attack("2.3")
def _(lab):
    """A protocol message with escape sequences is escaped on the terminal and in a file"""
    event = {"v": 1, "id": 0, "event": "done", "outcome": "error", "message": "red \x1b[31m \x1b]0;title\x07 \x9b31m \u202e"}
    lab.write("event.json", json.dumps(event) + "\n")
    ended = lab.sound(search(lab, "cat event.json\nprintf 'words \\033[31m\\n' >&2\nexit 1\n", regex=None).wait(30))
    raw = [name for name, char in (("ESC", "\x1b"), ("BEL", "\x07"), ("C1", "\x9b"), ("bidi", "\u202e")) if char in ended.text]
    lab.should(not raw, f"raw {raw} in the output")
    lab.note(f"escaped, {ended.words(80)}")


@attack("2.4")
def _(lab):
    """A search whose command takes 5 s to end uses its budget of 12 s, and a steady command one of 5 s"""
    for script, budget in (("trap 'sleep 5; exit' TERM\n" + RATES, 12), (RATES.replace("100", "20"), 5)):
        ended = lab.sound(search(lab, script, f"{budget}s").wait(60))
        lab.should(ended.code == 0 or ended.seconds > 0.55 * budget,
                   f"{budget} s: ends after {ended.seconds:.1f} s: {ended.words()}")
        lab.must(ended.seconds < budget + 12, f"{budget} s: ends after {ended.seconds:.1f} s only")
        lab.note(f"budget {budget} s: {ended.seconds:.1f} s")


@attack("2.5")
def _(lab):
    """A command that dies of SIGSEGV is told as that, and not as memory that ended"""
    ended = lab.sound(search(lab, "echo start\nkill -SEGV $$\n").wait(30))
    lab.should("SIGSEGV" in ended.text and "host memory" not in ended.text, ended.words())
    lab.note(next((line.strip() for line in ended.text.splitlines() if "SIGSEGV" in line), ""))


@attack("2.6")
def _(lab):
    """`--rate-regex '^(a+)+$'` and a line of 4000 a: bounded, and one Ctrl-C ends it"""
    run = search(lab, f"echo {'a' * 4000}b\n" + RATES, "5s", regex="^(a+)+$")
    wait_until(lambda: not run.alive(), 12)
    if run.alive():
        lab.should(False, "runs 12 s with a budget of 5 s")
        run.send("INT")
        wait_until(lambda: not run.alive(), 5)
        lab.should(not run.alive(), "one Ctrl-C does nothing")
        run.send("INT")
        lab.must(wait_until(lambda: not run.alive(), 5), "two Ctrl-C do nothing")
    lab.note(str(lab.sound(run.wait(5), signals=(2, ))))


@attack("2.7")
def _(lab):
    """`monitor -- COMMAND` where the command ignores Ctrl-C: a second Ctrl-C ends at once"""
    run = lab.start("monitor", "--", "sh", "-c", 'trap "" INT; sleep 15; sleep 1')
    time.sleep(1.5)
    for _ in range(3):
        run.send("INT")
        time.sleep(0.3)
    ended = run.wait(10)
    lab.should(not ended.hung and ended.seconds < 5, f"ends after {ended.seconds:.1f} s")
    lab.note(f"ends after {ended.seconds:.1f} s, exit code {ended.code}")


@attack("2.8", 360)
def _(lab):
    """SIGKILL, SIGTERM, Ctrl-C and SIGHUP of `train --nproc 2`, of its group, of a rank: no orphan, and the same bits"""
    lab.data(total_iters=60)
    lab.sound(lab.train("--nproc", "2", "--set", "experiment_name=whole"))
    chance, kills = random.Random(28), 0
    for name, target in (("KILL", "parent"), ("TERM", "parent"), ("INT", "group"), ("HUP", "parent"), ("KILL", "rank"),
                         ("TERM", "rank")):
        more = ["--resume"] if lab.run_folder().exists() else []
        run = lab.training("--nproc", "2", *more, env={"WRING_RANK_TIMEOUT": "8"})
        wait_until(lambda: lab.measured() or not run.alive(), 40)
        time.sleep(chance.random())
        if target == "rank":
            ranks = [
                int(pid) for pid in os.listdir("/proc")
                if pid.isdigit() and int(pid) not in (1, run.pid, os.getpid()) and "wring-train" in cmdline(pid)
            ]
            if ranks and run.alive():
                os.kill(ranks[-1], getattr(signal, "SIG" + name))
        elif run.alive():
            (os.killpg if target == "group" else os.kill)(run.pid, getattr(signal, "SIG" + name))
        kills += 1
        ended = lab.sound(run.wait(60), f"SIG{name} of {target}", signals=(9, ))
        lab.must(lab.none_left("wring", 25), f"SIG{name} of {target}: left {lab.others('wring')[:2]}")
        lab.must(ended.code in (0, 1, 130, -9), f"SIG{name} of {target}: {ended}")
    ended = lab.sound(lab.train("--nproc", "2", "--resume"))
    lab.must(ended.code == 0 and lab.best() == lab.best("whole"), f"other weights: {ended}")
    lab.note(f"no orphan after {kills}, bit-equal")


def cmdline(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


@attack("2.9", 360)
def _(lab):
    """A rank is killed in the first 0.6 s of `train --nproc 2`: it ends with 1 and its name, and tells of no checkpoint that
    is not there"""
    lab.data(total_iters=400)
    chance = random.Random(29)
    for _ in range(8):
        run = lab.training("--nproc", "2", env={"WRING_RANK_TIMEOUT": "8"})
        ranks = []

        def seen():
            ranks[:] = [
                int(pid) for pid in os.listdir("/proc")
                if pid.isdigit() and int(pid) not in (1, run.pid, os.getpid()) and "wring" in cmdline(pid)
            ]
            return len(ranks) >= 2

        wait_until(lambda: seen() or not run.alive(), 20, 0.002)
        time.sleep(chance.random() * 0.6)
        if ranks:
            try:
                os.kill(chance.choice(ranks), signal.SIGKILL)
            except ProcessLookupError:
                continue
        ended = lab.sound(run.wait(60))
        lab.must(ended.code == 1, str(ended))
        lab.should("rank" in ended.text, f"not named: {ended.words()}")
        lab.should(bool(lab.states()) or "checkpoint is whole" not in ended.text, "tells of a checkpoint that is not there")
        lab.should(ended.seconds < 20, f"ends after {ended.seconds:.0f} s")
        lab.must(lab.none_left("wring", 10), "a rank is left")
    lab.note("exit code 1, named")


@attack("2.10", 300)
def _(lab):
    """A command that forks, ignores SIGTERM, stops itself, is silent, closes its outputs, reads its input, removes its
    folder or signals its group: the trial ends, and no process is left"""
    scripts = {
        "forks": "for i in 1 2 3 4 5; do sleep 555 & done\n" + RATES, "ignores TERM": "trap '' TERM\n" + RATES,
        "stops itself": "echo '1 samples/s'\nkill -STOP $$\n", "is silent": "sleep 555\n",
        "closes its outputs": "exec >&- 2>&-\nsleep 555\n", "reads its input": "cat\nsleep 555\n",
        "removes its folder": 'rm -rf "$TMPDIR" "$(dirname "$1")"\n' + RATES,
        "signals its group": "echo '1 samples/s'\nkill 0\n" + RATES
    }
    for what, script in scripts.items():
        ended = lab.sound(search(lab, script, "5s").wait(25), what)
        lab.must(ended.code in (0, 1), f"{what}: {ended}")
        lab.must(lab.none_left("555") and lab.none_left("run.sh"), f"{what}: left {lab.others('555')[:2]}")
    lab.must(lab.path("tiny.yaml").exists(), "the configuration was removed")
    lab.note("ended, none left")


@attack("2.11")
def _(lab):
    """A command prints noise, gigabytes or one endless line: bounded in memory and time"""
    for what, script in (("noise", "head -c 300000000 /dev/urandom\n" + RATES), ("gigabytes",
                                                                                 "yes | head -c 2000000000\n" + RATES),
                         ("one line", "tr '\\0' a < /dev/zero | head -c 1000000000\n" + RATES)):
        run = search(lab, script, "6s")
        peak = 0
        while run.alive() and time.monotonic() - run.begin < 30:
            peak = max(peak, memory_kib(run.pid))
            time.sleep(0.2)
        lab.sound(run.wait(5), what)
        lab.must(peak < 200_000, f"{what}: {peak // 1024} MiB")
        lab.note(f"{what}: {peak // 1024} MiB")


def memory_kib(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("VmRSS")), 0)
    except OSError:
        return 0


@attack("2.12", 300)
def _(lab):
    """Rates of nan, inf, below 0, 0, 1e400, in hexadecimal or Arabic digits, and protocol lines of the wrong type or depth
    are never chosen"""
    for rate in ("nan", "inf", "-100", "0", "1e400", "0x64", "٣"):
        ended = lab.sound(
            search(lab, f'while :; do echo "{rate} samples/s"; sleep 0.1; done\n', "3s", "0.3s", "(\\S+) samples/s").wait(25),
            f"rate {rate}")
        lab.must(ended.code != 0 and not lab.path("tiny_optimized.yaml").exists(), f"rate {rate} is chosen: {ended}")
    lines = [
        '{"v":1,"id":0,"event":"done","outcome":"ok","samples_per_s":"fast"}',
        '{"v":1,"id":0,"event":"done","outcome":"ok","samples_per_s":-1}',
        '{"v":1,"id":0,"event":"done","outcome":"ok","samples_per_s":1e300}', '{"v":1,"id":0,"event":"done","outcome":"ok"}',
        '{"v":2,"id":0,"event":"done","outcome":"ok","samples_per_s":5}', '{"v":1,"id":0,"event":5}',
        '{"v":1,"event":' + "[" * 3000, '{"v":1,"id":0,"event":"done","outcome":"great","samples_per_s":5}'
    ]
    for line in lines:
        lab.write("line.txt", line + "\n")
        ended = lab.sound(search(lab, "cat line.txt\n", "3s", regex=None).wait(25), line[:60])
        lab.must(ended.code != 0 and not lab.path("tiny_optimized.yaml").exists(), f"{line[:60]} is chosen: {ended}")
    lab.note("refused")


@attack("2.13")
def _(lab):
    """`monitor -- COMMAND` keeps the command's exit code, 128 + its signal, 127 where it is not found, 126 where it cannot
    be executed"""
    lab.write("plain", "not executable")
    cases = [(["sh", "-c", "exit 0"], 0), (["sh", "-c", "exit 3"], 3), (["sh", "-c", "exit 255"], 255),
             (["sh", "-c", "kill -KILL $$"], 137), (["sh", "-c", "kill -SEGV $$"], 139), (["sh", "-c", "kill -TERM $$"], 143),
             (["nonexistent-command"], 127), (["./nowhere/at/all"], 127), (["./plain"], 126), (["/"], 126)]
    for command, code in cases:
        ended = lab.sound(lab.run("monitor", "--", *command), " ".join(command))
        lab.must(ended.code == code, f"{' '.join(command)}: {ended.code} in place of {code}")
    ended = lab.run("monitor", "--strict", "--", "touch", "started")
    lab.must(ended.code == 3 and not lab.path("started").exists(),
             f"--strict without a GPU: {ended.code}, command {'started' if lab.path('started').exists() else 'not started'}")
    ended = lab.run("monitor", "--log", "nowhere/log", "--", "touch", "begun")
    lab.must(ended.code in (1, 2) and not lab.path("begun").exists(), f"a bad --log: {ended.code}")
    lab.note("as documented")


@attack("2.14")
def _(lab):
    """`monitor -- COMMAND` passes signals on, ends with the command although a child of it lives, and lets gigabytes through"""
    for name in ("USR1", "USR2", "HUP", "QUIT", "TERM", "INT"):
        lab.script("catch.sh", f"trap 'echo got {name}; exit 5' {name}\ntouch ready\nfor i in $(seq 100); do sleep 0.1; done\n")
        run = lab.start("monitor", "--", "./catch.sh")
        wait_until(lab.path("ready").exists, 10)
        lab.path("ready").unlink(missing_ok=True)
        run.send(name)
        ended = lab.sound(run.wait(15), name)
        lab.must(f"got {name}" in ended.out and ended.code == 5, f"SIG{name}: {ended}")
    ended = lab.sound(lab.run("monitor", "--", "sh", "-c", "sleep 40 & exit 4", timeout=15), "a child in the background")
    lab.must(ended.code == 4, f"a child in the background: {ended}")
    ended = lab.bash("$WRING monitor -- head -c 1000000000 /dev/zero | wc -c", 60)
    lab.must(ended.out.strip().startswith("1000000000"), f"{ended.out[:40]} of 1000000000 bytes")
    ended = lab.bash("$WRING monitor -- yes | head -1; echo ${PIPESTATUS[0]}", 30)
    lab.must("141" in ended.out, f"yes to head: {ended.out[-10:]}")
    lab.note("passed on, ends with it")


@attack("2.15")
def _(lab):
    """The live view gets random keys, sizes from 0×0 to 500×1000, a dumb or unknown TERM and a terminal that closes: a sane
    end"""
    chance = random.Random(215)
    for terminal in ("xterm-256color", "dumb", "unknown-terminal", ""):
        for closes in (False, True):
            master, slave = pty.openpty()
            ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            run = lab.start("monitor", "6", "--interval", "0.2", out=slave, err=slave, stdin=slave, env={"TERM": terminal})
            os.close(slave)
            os.set_blocking(master, False)
            for turn in range(30):
                keys = bytes(chance.choice(b"jk+-? p\x1b[ABCD\t\rxyz\x0c") for _ in range(8))
                try:
                    os.write(master, keys)
                    os.read(master, 1 << 16)
                    ioctl(master, termios.TIOCSWINSZ,
                          struct.pack("HHHH", chance.choice((0, 1, 5, 40, 500)), chance.choice((0, 1, 20, 120, 1000)), 0, 0))
                    os.kill(run.pid, signal.SIGWINCH)
                except (OSError, ProcessLookupError):
                    pass
                time.sleep(0.03)
            if closes:
                os.close(master)
            else:
                drained(master, run)
            ended = run.wait(20)
            lab.must(not ended.hung, f"TERM={terminal}: does not end")
            lab.must(ended.code in (0, 129, 130, -1), f"TERM={terminal}, {'closed' if closes else 'open'}: {ended.code}")
            if not closes:
                os.close(master)
    lab.note("exit code 0, ended")


def drained(master, run):
    while run.alive() and time.monotonic() - run.begin < 20:
        try:
            os.read(master, 1 << 16)
        except OSError:
            pass
        time.sleep(0.05)


@attack("14.1")
def _(lab):
    """SIGKILL of a search with Wring's own worker: the worker ends too, and the next search runs"""
    lab.data()
    common = ["benchmark", "tiny.yaml", "--device", "cpu", "--knobs", "none", "--no-cache"]
    run = lab.start(*common, "--budget", "30s")
    wait_until(lambda: lab.others("trial") or not run.alive(), 20)
    time.sleep(0.5)
    run.send("KILL")
    run.wait(10)
    lab.must(lab.none_left("wring", 10), f"left: {lab.others('wring')[:2]}")
    ended = lab.sound(lab.run(*common, "--budget", "6s"))
    lab.must(ended.code in (0, 1), str(ended))
    lab.note(f"none left; next search {ended.code}")


@attack("14.2")
def _(lab):
    """A trial's command leaves a process with another name, in another folder, with all descriptors closed: gone with the
    trial"""
    script = (
        "(cd /; setsid bash -c 'exec </dev/null >/dev/null 2>&1; trap \"\" TERM HUP INT; exec -a kworker-777 sleep 777' &)\n"
        "(cd /; setsid bash -c '(trap \"\" TERM HUP; sleep 777 & exec sleep 777) & exit' </dev/null >/dev/null 2>&1 &)\n")
    ended = lab.sound(search(lab, script + RATES, "6s").wait(40))
    lab.must(lab.none_left("777"), f"{len(lab.others('777'))} left: {lab.others('777')[:3]}")
    lab.note(f"none left, exit code {ended.code}")


@attack("14.3")
def _(lab):
    """A second Ctrl-C during a search ends at once, and leaves neither a worker nor a command that ignores signals"""
    for own in (True, False):
        if own:
            lab.data()
            run = lab.start("benchmark", "tiny.yaml", "--device", "cpu", "--knobs", "none", "--no-cache", "--budget", "40s")
        else:
            run = search(lab, "trap '' TERM INT HUP\nsetsid sleep 888 &\n" + RATES, "40s")
        wait_until(lambda: (lab.others("trial") if own else lab.others("888")) or not run.alive(), 20)
        time.sleep(1)
        run.send("INT")
        time.sleep(0.4)
        run.send("INT")
        begin = time.monotonic()
        ended = lab.sound(run.wait(20), signals=(2, ))
        what = "own worker" if own else "command"
        lab.must(time.monotonic() - begin < 4, f"{what}: ends {time.monotonic() - begin:.1f} s after the second Ctrl-C")
        lab.must(ended.code in (130, -2), f"{what}: exit code {ended.code}")
        lab.must(
            lab.none_left("wring", 6) and lab.none_left("888", 6) and lab.none_left("run.sh", 6),
            f"{what}: left {(lab.others('wring') + lab.others('888'))[:2]}")
    lab.note("at once, none left")


@attack("14.4")
def _(lab):
    """`wring diagnose` is killed, hung up and interrupted while it measures: no worker is left"""
    lab.data()
    for name in ("KILL", "HUP", "TERM", "INT"):
        run = lab.start("diagnose", "tiny.yaml", "--device", "cpu", "--no-cache")
        wait_until(lambda: lab.others("trial") or not run.alive(), 20)
        time.sleep(0.5)
        run.send(name)
        ended = lab.sound(run.wait(20), name, signals=(9, ) if name == "KILL" else (1, ))
        lab.should(name == "KILL" or ended.code == 130, f"SIG{name}: exit code {ended.code}")
        lab.must(lab.none_left("wring", 8), f"SIG{name}: left {lab.others('wring')[:2]}")
    lab.note("none left")


@attack("14.5")
def _(lab):
    """`monitor SECONDS -- COMMAND` is killed with SIGKILL: the command is not stopped or left on a broken pipe, and its end
    is its own"""
    lab.script("work.sh", "for i in $(seq 30); do echo line $i || exit 9; sleep 0.1; done\ntouch finished\n")
    run = lab.start("monitor", "--", "./work.sh")
    time.sleep(1)
    run.send("KILL")
    run.wait(10)
    lab.should(wait_until(lab.path("finished").exists, 10) or not lab.others("work.sh"), "the command hangs")
    lab.note("finished" if lab.path("finished").exists() else "ended with it")
