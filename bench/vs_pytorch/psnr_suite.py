"""Seconds from process start to a PSNR on the validation set, on the same files and by the same schedule.

The clock is this process's: it starts when the other process is started and contains everything, from loading libraries
and images to compiling and to the validations on the way. When a run is over, `wring-train evaluate` judges the network
of either side.
"""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

from .image_files import FileSet
from .processes import Deadline, Worker, environment, find_wring_train, reason_of
from .settings import Failure, Unavailable, read_flat_yaml, typed, with_assignments
from .wring_run import WringRun

TINY = {"base_channels": 8, "num_blocks": 1, "batch_size": 2, "patch_size": 32, "total_iters": 40, "val_freq": 20,
        "warmup_iters": 5, "use_mixed_precision": "false"}  # fmt: skip
# The PyTorch side, with and without compiling: compiling takes time from the same clock.
PYTORCH = {
    "pytorch compiled": ("PyTorch expert, compiled", "default"),
    "pytorch captured": ("PyTorch expert, not compiled", None),
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def reached(curve, target):
    """Seconds and step of the first validation at or above the target: {} when there was none."""
    for seconds, step, psnr in curve:
        if psnr >= target:
            return {"seconds_to_target": seconds, "steps_to_target": step}
    return {}


def summary(curve, target):
    """Of [(seconds, step, PSNR)]: the curve, when the target was reached, the best and when."""
    if not curve:
        raise Unavailable("no validation came in time")
    best = max(curve, key=lambda point: point[2])
    return {
        "curve": [[round(s, 2), step, round(psnr, 4)] for s, step, psnr in curve],
        "best_psnr_y": best[2],
        "best_at_s": best[0],
        "first_validation_s": curve[0][0],
        **reached(curve, target),
    }


class Bench:
    def __init__(self, arguments, folder, deadline):
        self.arguments, self.folder, self.deadline = arguments, folder, deadline
        self.wring_train = find_wring_train(arguments.wring_train)
        self.files = FileSet(arguments.data, folder / "files", 4)
        self.val = FileSet(arguments.val, folder / "val", 4)
        self.values = read_flat_yaml(arguments.psnr_config)
        if arguments.tiny:
            self.values.update(TINY)
        self.values = with_assignments(self.values, arguments.set)
        self.values.update(data_dir=".", train_lr_dir=str(self.files.lr), train_hr_dir=str(self.files.hr))
        self.values.update(val_hr_dir=str(self.val.hr), val_lr_dir=str(self.val.lr), checkpoint_freq=10**8)

    def env(self, name):
        return environment(self.arguments.threads, self.folder / "cache" / name)

    def limit_s(self):
        """Of one side; the stop at the target usually comes before."""
        if self.deadline.left_s() < 10:
            raise Unavailable("left out: the time given by --budget was used up")
        return min(self.arguments.psnr_seconds, self.deadline.left_s())

    def over(self, curve):
        return not self.arguments.psnr_full and bool(reached(curve, self.arguments.target))

    def row(self, rows, key, label, measure):
        say(f"psnr: {label} …")
        rows[key] = {"label": label}
        try:
            rows[key].update(measure())
        except (Failure, Unavailable) as reason:
            say(f"  {reason}")
            rows[key]["reason"] = str(reason)

    def wring(self, name, assignments):
        values = with_assignments(self.values, assignments)
        run = WringRun(self.wring_train, values, self.folder / name, self.env(name), self.arguments.device)

        def curve(lines):
            return [(at - run.started, m["step"], m["val_psnr_y"]) for at, m in lines if "val_psnr_y" in m]

        try:
            run.wait_for(lambda lines: self.over(curve(lines)), run.started + self.limit_s())
            rates = [m["samples_per_s"] for _, m in run.lines if "samples_per_s" in m]
        finally:
            run.close()
        found = summary(curve(run.lines), self.arguments.target)
        found["samples_per_s"] = sorted(rates)[len(rates) // 2] if rates else None
        found["judged_psnr_y"] = self.judged(run.experiment / "checkpoints" / "best.safetensors")
        return found

    def pytorch(self, mode):
        settings = typed(self.values)
        network = self.folder / "pytorch.safetensors"
        network.unlink(missing_ok=True)
        options = {
            "settings": settings, "device": self.arguments.device, "network": str(network),
            "pairs": [[str(hr), str(lr)] for hr, lr in self.files.pairs(settings["patch_size"])],
            "validation": [[str(hr), str(lr)] for hr, lr in self.val.pairs(1)],
            "stop_at": 1000 if self.arguments.psnr_full else self.arguments.target,
        }  # fmt: skip
        limit_s = self.limit_s()
        name = f"pytorch_{mode}"
        worker = Worker("psnr", options, self.env(name), self.folder / f"{name}.log")
        end, curve, set_up_s = worker.started + limit_s, [], None
        try:
            worker.send(do="race", mode=mode)
            while True:  # it stops by itself at the target, and saves its network
                try:
                    came, event = worker.receive(end - time.monotonic())
                except Unavailable as reason:
                    if "no answer" in str(reason) and curve:
                        break
                    raise
                if event["event"] == "started":
                    set_up_s = event["set_up_s"]
                elif event["event"] == "validation":
                    curve.append((came - worker.started, event["step"], event["psnr_y"]))
                else:
                    break
        finally:
            worker.kill()
        found = {**summary(curve, self.arguments.target), "set_up_s": set_up_s}
        if network.exists():  # not of a run that was cut off
            found["judged_psnr_y"] = self.judged(network)
        return found

    def judged(self, network):
        """PSNR-Y by wring-train evaluate."""
        command = [str(self.wring_train), "evaluate", str(network), str(self.val.hr), "--lr", str(self.val.lr), "--json"]
        command += ["--device", self.arguments.device]
        finished = subprocess.run(command, capture_output=True, text=True)
        if finished.returncode != 0:
            raise Unavailable(f"wring-train evaluate: {reason_of(finished.stderr)}")
        return json.loads(finished.stdout)["mean"]["psnr_y"]


def run(arguments, folder, budget_s):
    folder.mkdir(exist_ok=True)
    bench = Bench(arguments, folder, Deadline(budget_s))
    rows = {}
    bench.row(rows, "wring", "wring-train", lambda: bench.wring("wring", []))
    for number, text in enumerate(arguments.psnr_try, 1):
        bench.row(rows, f"wring {number}", f"wring-train, {text}",
                  lambda n=number, t=text: bench.wring(f"wring_{n}", shlex.split(t)))  # fmt: skip
    for key in arguments.psnr_pytorch:
        label, mode = PYTORCH[f"pytorch {key}"]
        bench.row(rows, f"pytorch {key}", label, lambda m=mode: bench.pytorch(m))
    return {"target": arguments.target, "config": Path(arguments.psnr_config).name, "settings": typed(bench.values),
            "rows": rows}  # fmt: skip
