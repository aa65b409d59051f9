"""Runs one attack in namespaces of its own: all that it starts ends with it, and what it mounts is gone with it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import registry
from verdict import BROKEN, SKIPPED, shortened

HERE = Path(__file__).resolve().parent
GRACE_S = 20  # between the time limit of an attack, which it notices itself, and its being killed


class Unusable(Exception):
    pass


def sandbox():
    """The words before a command that give it PID and mount namespaces. As root of the machine, else as root of a user
    namespace, where there is no second user."""
    for flags in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *flags, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            # The shell is the namespace's first process: it takes in orphans, and signals do not end it.
            return [*command, "sh", "-c", '"$@"; exit $?', "sh"]
    raise Unusable("unshare (util-linux) cannot make PID and mount namespaces here; attacks are not made without them")


def remove(folder):
    """Removes a folder whatever permissions the attack left in it."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            one = os.path.join(path, name)
            if not os.path.islink(one):
                os.chmod(one, 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def run_boxed(one, words, options):
    """One attack in a process of its own; its result, or what became of it."""
    folder = tempfile.mkdtemp(prefix="attack-", dir=options["scratch"])
    os.chmod(folder, 0o755)
    begin = time.monotonic()
    try:
        answer = Path(folder) / "answer.json"
        command = [
            *words, sys.executable, "-B",
            str(HERE), "--inside", one.number, "--folder", folder, "--options",
            json.dumps(options)
        ]
        with open(Path(folder) / "log", "w+b") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            try:
                process.wait(timeout=one.seconds * options["patience"] + GRACE_S)
            except subprocess.TimeoutExpired:
                pass
            finally:
                end(process)
            log.seek(0)
            last = log.read().decode(errors="replace").strip().splitlines()[-1:]
        if answer.exists():
            result = json.loads(answer.read_text())
        else:
            result = {"verdict": BROKEN, "seen": shortened("the script: " + " ".join(last))}
    finally:
        remove(folder)
    return {"number": one.number, "attack": one.sentence, **result, "seconds": round(time.monotonic() - begin, 1)}


def end(process):
    """The box ends with its first process, which unshare kills when it is killed."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class TimeUp(BaseException):
    pass


def ring(*_):
    raise TimeUp


def inside(one, folder, options):
    """Within the box: makes the attack and leaves its result."""
    from lab import Lab  # only here: the other side needs none of it
    lab = Lab(Path(folder) / "work", options)
    limit = one.seconds * options["patience"]
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        one.function(lab)
        result = lab.result()
    except TimeUp:
        lab.must(False, f"not at its end after {limit:.0f} s, at {lab.latest}")
        result = lab.result()
    except registry.Skipped as reason:
        result = {"verdict": SKIPPED, "seen": str(reason)}
    signal.setitimer(signal.ITIMER_REAL, 0)
    answer = Path(folder) / "answer.json"
    answer.with_suffix(".part").write_text(json.dumps(result, ensure_ascii=False))
    os.replace(answer.with_suffix(".part"), answer)
