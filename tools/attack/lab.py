"""The folder in which an attack is made, and how it starts the programs there."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pictures
from registry import Skipped
from verdict import Findings, shortened

TINY = {
    "base_channels": 8, "num_blocks": 1, "scale_factor": 4, "batch_size": 2, "patch_size": 32, "num_workers": 1,
    "total_iters": 100, "checkpoint_freq": 10, "val_freq": 25, "log_freq": 5, "lr": 0.001, "data_dir": "data",
    "experiment_name": "tiny"
}
NOBODY = 65534
OUTPUT_LIMIT = 2_000_000  # bytes of an output that are looked at


def wait_until(holds, seconds, every=0.02):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(every)
    return bool(holds())


class Ended:
    """How a program ended. `code` is below 0 for a signal, as in subprocess."""

    def __init__(self, code, out, err, seconds, hung=False):
        self.code, self.out, self.err, self.seconds, self.hung = code, out, err, seconds, hung

    @property
    def text(self):
        return self.out + self.err

    def words(self, most=160):
        """What it said last."""
        lines = [line.strip() for line in (self.err.strip() or self.out.strip()).splitlines() if line.strip()]
        return " ⏎ ".join(lines[-2:])[-most:] or f"nothing, exit code {self.code}"

    def __str__(self):
        return f"exit code {self.code}, {self.words()}"


class Running:

    def __init__(self, process, out, err):
        self.process, self.out_path, self.err_path, self.begin = process, out, err, time.monotonic()
        self.pid = process.pid

    def said(self):
        return read_text(self.out_path) + read_text(self.err_path)

    def until_said(self, text, seconds=60):
        """Whether it has said so before its end."""
        wait_until(lambda: text in self.said() or self.process.poll() is not None, seconds)
        return text in self.said()

    def send(self, name):
        if self.process.poll() is None:
            os.kill(self.pid, getattr(signal, "SIG" + name))

    def alive(self):
        return self.process.poll() is None

    def wait(self, seconds=60):
        """Its end; after `seconds` it is killed and counts as hanging."""
        hung = False
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            hung = True
            kill_session(self.pid)
            self.process.kill()
            self.process.wait()
        return Ended(self.process.returncode, read_text(self.out_path), read_text(self.err_path),
                     time.monotonic() - self.begin, hung)


def kill_session(leader):
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def read_text(path):
    if path is None or not os.path.exists(path):
        return ""
    with open(path, "rb") as file:
        return file.read(OUTPUT_LIMIT).decode(errors="surrogateescape")


def weights(path):
    """A digest of the tensors of a safetensors file, without its metadata."""
    data = Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    described = json.loads(data[8:8 + length])
    described.pop("__metadata__", None)
    body = data[8 + length:]
    digest = hashlib.sha256()
    for name in sorted(described):
        begin, end = described[name]["data_offsets"]
        digest.update(name.encode() + body[begin:end])
    return digest.hexdigest()


class Lab(Findings):

    def __init__(self, folder, options):
        super().__init__()
        self.folder, self.options = Path(folder), options
        self.bin = Path(options["bin"])
        self.wring = str(self.bin / "wring")
        self.count, self.latest = 0, ""
        self.machine_root = options["machine_root"]
        self.patience = options.get("patience", 1)  # factor of all limits of time
        for name in ("", "home", "tmp", "said"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        os.chdir(self.folder)
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.folder / "home"), "LC_ALL": "C.UTF-8",
            "TMPDIR": str(self.folder / "tmp"), "WRING_CACHE_DIR": str(self.folder / "cache"), "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "", "WRING_NVML_LIBRARY": "/nonexistent/nvml", "WRING_NVIDIA_SMI": "/nonexistent/smi",
            "WRING": self.wring, "TERM": "xterm"
        }

    # Files.
    def path(self, name):
        return self.folder / name

    def write(self, name, data):
        path = self.folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def script(self, name, text):
        path = self.write(name, "#!/bin/bash\n" + text)
        path.chmod(0o755)
        return path

    def photographs(self, folder, count=12, size=(96, 80)):
        given = self.options.get("images")
        if given:
            files = sorted(one for one in Path(given).rglob("*.png"))
            for index in range(count):
                self.write(f"{folder}/photo_{index:03}.png", files[index % len(files)].read_bytes())
            return self.path(folder)
        for index in range(count):
            self.write(f"{folder}/photo_{index:03}.png", pictures.drawn(*size, seed=index))
        return self.path(folder)

    def tiny(self, name="tiny.yaml", **keys):
        values = {**TINY, **keys}
        return self.write(name, "".join(f"{key}: {value}\n" for key, value in values.items() if value is not None))

    def data(self, photographs=12, validation=2, **keys):
        """A tiny configuration with its images."""
        self.photographs("data/train/HR", photographs)
        if validation:
            self.photographs("data/val/HR", validation)
        return self.tiny(**keys)

    def checkpoint(self):
        """A trained network, made once for all attacks."""
        kept = Path(self.options["shared"]) / "network.safetensors"
        if not kept.exists():
            shared = Lab(kept.parent / "training", self.options)
            shared.data(total_iters=20)
            ended = shared.train(timeout=120)
            made = shared.path("experiments/tiny/checkpoints/best.safetensors")
            if ended.code != 0 or not made.exists():
                raise RuntimeError(f"no network could be trained: {ended}")
            os.replace(made, kept)
            os.chdir(self.folder)
        shutil.copy(kept, self.path("CK.safetensors"))
        return "CK.safetensors"

    # Programs.
    def start(self, *arguments, program=None, env=None, stdin=subprocess.DEVNULL, out=None, err=None, user=None, cwd=None,
              before=None, **more):
        """`out`, `err`: file descriptors in place of the files that said() reads. `env`: values, None for none."""
        self.count += 1
        self.latest = shortened(" ".join(map(os.fspath, arguments)), 100)
        variables = {**self.environment, **(env or {})}
        variables = {name: value for name, value in variables.items() if value is not None}
        files = [self.folder / "said" / f"{self.count}.{kind}" for kind in ("out", "err")]
        streams = [open(path, "wb") if given is None else given for path, given in zip(files, (out, err))]
        who = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        process = subprocess.Popen([os.fspath(program or self.wring), *map(os.fspath, arguments)], env=variables, stdin=stdin,
                                   stdout=streams[0], stderr=streams[1], cwd=cwd or self.folder, start_new_session=True,
                                   preexec_fn=before, **who, **more)
        for stream, given in zip(streams, (out, err)):
            if given is None:
                stream.close()
        return Running(process, files[0] if out is None else None, files[1] if err is None else None)

    def run(self, *arguments, timeout=60, **more):
        return self.start(*arguments, **more).wait(timeout)

    def bash(self, script, timeout=60, **more):
        """A script in which $WRING is the program."""
        return self.run("-c", script, program="/bin/bash", timeout=timeout, **more)

    def training(self, *more, config="tiny.yaml", **started):
        return self.start("train", config, "--device", "cpu", *more, **started)

    def train(self, *more, config="tiny.yaml", timeout=90, **started):
        return self.training(*more, config=config, **started).wait(timeout)

    # What lies there.
    def run_folder(self, name="tiny"):
        return self.folder / "experiments" / name

    def best(self, name="tiny"):
        path = self.run_folder(name) / "checkpoints" / "best.safetensors"
        return weights(path) if path.exists() else None

    def states(self, folder=None):
        """Steps of the states, the newest last."""
        folder = Path(folder or self.run_folder()) / "checkpoints"
        return sorted(int(one.stem.split("_")[1]) for one in folder.glob("state_*.safetensors"))

    def metrics(self, name="tiny"):
        path = self.run_folder(name) / "metrics.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def measured(self, name="tiny", lines=1):
        path = self.run_folder(name) / "metrics.jsonl"
        return path.exists() and path.read_bytes().count(b"\n") >= lines

    def snapshot(self, folder):
        """Names and digests of all files below a folder."""
        folder = self.folder / folder
        return {
            str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest()
            if one.is_file() else str(one.is_symlink())
            for one in sorted(folder.rglob("*")) if one.is_symlink() or not one.is_dir()
        }

    def is_json(self, name):
        try:
            json.loads(self.path(name).read_text())
            return True
        except (OSError, ValueError):
            return False

    # Runs in a certain state.
    def interrupted(self, *more, name="tiny", lines=4, signal_name="TERM", **started):
        """A run that was ended in its middle, with its state."""
        run = self.training(*more, **started)
        wait_until(lambda: self.measured(name, lines) or not run.alive(), 60)
        run.send(signal_name)
        return run.wait(60)

    def decoding(self, *more, signal_name="STOP", images=10, config="large.yaml"):
        """A training on large images that gets a signal while it decodes them into the cache."""
        if not self.path("large").exists():
            for index in range(images):
                self.write(f"large/train/HR/{index}.png", pictures.flat(3000, 2000, 20 + index))
            self.tiny(config, data_dir="large", total_iters=10, experiment_name="large")
        run = self.training(*more, config=config)
        wait_until(
            lambda: any(self.path("cache").rglob("*")) and any(one.is_file()
                                                               for one in self.path("cache").rglob("*")) or not run.alive(), 60,
            0.005)
        run.send(signal_name)
        return run

    def killed_decoder(self):
        return self.decoding(signal_name="KILL").wait(30).code == -9

    # The machine.
    def others(self, marked=""):
        """Command lines of the processes of this box beside the script and its shell, zombies left out."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) not in (1, os.getpid()):
                try:
                    line = Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                except OSError:
                    continue
                if line and marked in line:
                    found.append(line)
        return found

    def none_left(self, marked="", seconds=4):
        """Whether all processes with this in their command line are gone, at once or soon."""
        return wait_until(lambda: not self.others(marked), seconds, 0.1)

    def tmpfs(self, name, kib):
        path = self.path(name)
        path.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "attack", path], capture_output=True, text=True)
        if done.returncode != 0:
            raise Skipped(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        return path

    def resize(self, name, kib):
        subprocess.run(["mount", "-o", f"remount,size={kib}k", self.path(name)], check=True, capture_output=True)

    def second_user(self):
        """The number of a user without rights, who may use this folder."""
        if not self.machine_root:
            raise Skipped("only root can try what another user may do")
        for path in [self.folder, *self.folder.rglob("*")]:
            os.lchown(path, NOBODY, NOBODY)
        self.environment["HOME"] = str(self.folder / "home")
        return NOBODY

    def shim(self, **variables):
        """Variables that preload faults.c, compiled once for all attacks."""
        compiler = shutil.which("cc") or shutil.which("gcc")
        if not compiler:
            raise Skipped("there is no C compiler for the library of faults")
        library = Path(self.options["shared"]) / "faults.so"
        if not library.exists():
            source = Path(__file__).with_name("faults.c")
            done = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-w", "-o", library, source, "-ldl"],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(done.stderr[-300:])
        return {"LD_PRELOAD": str(library), **{name: str(value) for name, value in variables.items()}}
