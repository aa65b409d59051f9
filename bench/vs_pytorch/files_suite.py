"""End to end from the same image files: PyTorch's DataLoader with several numbers of workers, wring-train's data tiers.

Both sides read the same HR files and the same LR files made before. Rates come from step counts and this process's
clock, GPU figures from one sampler outside both; nothing a side says about its own speed is used but the time that it
waited for data.
"""

import json
import os
import subprocess
import sys
import time

from .gpu_sampler import sampling
from .image_files import FileSet
from .inputs import with_perceptual_weights, write_inputs, write_weights
from .processes import Deadline, Worker, environment, find_program, find_wring_steps, find_wring_train, reason_of
from .settings import Failure, Unavailable, describe, guide_configs, typed, with_assignments, write_flat_yaml
from .wring_run import WringRun

START_S = 120  # longest until a side trains steadily
WINDOW_ROUNDS = 3  # a window is this many times --seconds: GPU-Util alone looks back up to a second
SETTLE_S = 1.0  # left out at the start of each window


def say(text):
    print(text, file=sys.stderr, flush=True)


def rate_over(marks, batch):
    """From [(time, steps, waited_s)] of a window: samples/s and the share of the time spent waiting for data."""
    (begin, first, waited), (end, last, waited_at_end) = marks[0], marks[-1]
    if len(marks) < 2 or end <= begin or last <= first:
        raise Unavailable("too few steps in the window to tell a rate")
    return {
        "samples_per_s": (last - first) * batch / (end - begin),
        "wait_share": (waited_at_end - waited) / (end - begin),
        "window_s": end - begin,
    }


def settled(marks):
    """Without the first second, if enough remains."""
    late = [mark for mark in marks if mark[0] >= marks[0][0] + SETTLE_S] if marks else []
    return late if len(late) >= 3 else marks


class Bench:
    def __init__(self, arguments, folder, sampler):
        self.arguments, self.folder, self.sampler = arguments, folder, sampler
        self.window_s = WINDOW_ROUNDS * arguments.seconds
        self.env = environment(arguments.threads, folder / "cache")
        self.on_gpu = arguments.device == "cuda"
        self.wring_train = find_wring_train(arguments.wring_train)
        self.files = FileSet(arguments.data, folder / "files", 4)
        cores = len(os.sched_getaffinity(0))
        counts = (0, 8, cores) if arguments.workers is None else arguments.workers
        self.workers = sorted({count for count in counts if count <= max(cores, 8)})

    def config(self, name, values):
        folder = self.folder / name
        folder.mkdir()
        values = with_perceptual_weights(values, typed(values), folder)
        settings = typed(values)
        write_weights(folder, settings)
        self.pairs = self.files.pairs(settings["patch_size"])
        say(f"files: {name}, {len(self.pairs)} images …")
        rows = {}
        for tier in self.arguments.tiers:
            self.row(rows, f"wring {tier}", f"wring-train, data_cache: {tier}", lambda t=tier: self.tier(t, settings, values))
        self.row(rows, "wring resident", "wring-train, one resident batch (no data at all)",
                 lambda: self.resident(settings, folder, values))  # fmt: skip
        if self.workers:
            self.pytorch(rows, settings, folder)
            self.loaders(rows, settings, folder)
        return {"settings": settings, "what": describe(settings), "images": len(self.pairs), "rows": rows}

    def row(self, rows, key, label, measure):
        rows[key] = {"label": label}
        try:
            self.deadline.check(self.window_s + 5)
            rows[key].update(measure())
        except (Failure, Unavailable) as reason:
            say(f"  {label}: {reason}")
            rows[key]["reason"] = str(reason)

    # ------------------------------------------------------------------------------------------- PyTorch, training

    def pytorch(self, rows, settings, folder):
        worker = self.start_worker(settings, folder)
        try:
            ready, reason = worker, None
            try:
                worker.ask(START_S, do="prepare")
            except (Failure, Unavailable) as error:
                ready, reason = None, str(error)
            for count in self.workers:
                label = f"PyTorch DataLoader, {count} workers"
                if ready:
                    self.row(rows, f"pytorch {count}", label, lambda c=count: self.pytorch_run(worker, c, settings, True))
                else:
                    rows[f"pytorch {count}"] = {"label": label, "reason": reason}
        finally:
            worker.close()

    def start_worker(self, settings, folder):
        options = {
            "settings": settings, "device": self.arguments.device, "weights": str(folder / "weights.safetensors"),
            "pairs": [[str(hr), str(lr)] for hr, lr in self.pairs],
        }  # fmt: skip
        return Worker("files", options, self.env, folder / "pytorch.log")

    def pytorch_run(self, worker, count, settings, train):
        worker.send(do="run", workers=count, seconds=self.window_s + SETTLE_S, train=train)
        marks = []
        while True:
            came, event = worker.receive(START_S)
            if event["event"] == "ended":
                break
            marks.append((came, event["steps"], event["wait_s"]))
        return self.figures(settled(marks), settings, train)

    def figures(self, marks, settings, with_gpu):
        figures = rate_over(marks, settings["batch_size"])
        if with_gpu and self.on_gpu:
            figures.update(self.sampler.over(marks[0][0], marks[-1][0]))
        return figures

    # --------------------------------------------------------------------------------------------------- wring-train

    def tier(self, tier, settings, values):
        run_values = {
            **values, "data_cache": tier, "num_workers": len(os.sched_getaffinity(0)), "total_iters": 10**8,
            "val_freq": 10**8, "checkpoint_freq": 10**8, "log_freq": self.log_freq(settings), "prefetch_factor": 4,
            "train_hr_dir": str(self.hr_folder(settings)), "train_lr_dir": str(self.files.lr), "data_dir": ".",
            "dataset_enlarge_ratio": 100,
        }  # fmt: skip
        run = WringRun(self.wring_train, run_values, self.folder / "wring", self.env, self.arguments.device)
        try:
            if not run.wait_for(lambda lines: len(lines) >= 2, time.monotonic() + START_S):
                raise Unavailable(f"two log lines did not come within {START_S} s")
            end = time.monotonic() + self.window_s + SETTLE_S
            run.wait_for(lambda lines: False, end)
            # After some lines are left out, so few may remain on a slow machine that more time is needed.
            run.wait_for(lambda lines: len(lines) >= 5, time.monotonic() + 30)
            lines = run.lines[1:]
            notes = [line.strip() for line in run.text().splitlines() if "data_cache" in line or "engine:" in line]
        finally:
            run.close()
        marks, waited, before = [], 0.0, None
        for came, line in lines:
            if before is not None:
                waited += line["data_wait_share"] * (came - before)
            marks.append((came, line["step"], waited))
            before = came
        return {**self.figures(settled(marks), settings, True), "notes": notes}

    def log_freq(self, settings):
        """Steps between two looks: often enough for a window of seconds, too seldom to cost anything."""
        return 100 if self.on_gpu and settings["patch_size"] < 192 else 20 if self.on_gpu else 2

    def hr_folder(self, settings):
        """The images that both sides use, for wring: those too small for a patch are left out on both."""
        folder = self.folder / f"HR_{settings['patch_size']}"
        if not folder.exists():
            folder.mkdir()
            for hr, _ in self.pairs:
                os.symlink(hr.resolve(), folder / hr.name)
        return folder

    def resident(self, settings, folder, values):
        if not self.on_gpu:
            raise Unavailable("data stays on the device on a GPU only")
        write_flat_yaml(folder / "config.yaml", values)
        write_inputs(folder, settings, None, 2)
        out = folder / "record.json"
        steps = 400 if self.on_gpu else 10
        program = find_wring_steps(self.arguments.wring_train)
        command = [str(program), str(folder / "config.yaml"), "--out", str(out), "--data", "resident"]
        command += ["--weights", str(folder / "weights.safetensors"), "--steps", str(steps)]
        command += ["--batches", str(folder / "batches.safetensors"), "--device", self.arguments.device]
        finished = subprocess.run(command, env=self.env, capture_output=True, text=True)
        if finished.returncode != 0:
            raise Unavailable(f"exit code {finished.returncode}: {reason_of(finished.stderr)}")
        return {"samples_per_s": json.loads(out.read_text())["samples_per_s"]}

    # ------------------------------------------------------------------------------------------- the loaders alone

    def loaders(self, rows, settings, folder):
        worker = self.start_worker(settings, folder)
        try:
            for count in self.workers:
                self.row(rows, f"loader pytorch {count}", f"PyTorch DataLoader alone, {count} workers",
                         lambda c=count: self.pytorch_run(worker, c, settings, False))  # fmt: skip
        finally:
            worker.close()
        for cache in ("none", "host"):
            for count in self.workers if cache == "none" else self.workers[-1:]:
                self.row(rows, f"loader wring {cache} {count}", f"Wring's loader alone, {cache}, {count} workers",
                         lambda c=cache, w=count: self.wring_loader(c, w, settings))  # fmt: skip

    def wring_loader(self, cache, count, settings):
        program = find_program("loader_rate", self.arguments.loader_rate, "bench")
        if program is None:
            raise Unavailable("the program loader_rate was not found: build it with -DWRING_BENCH=ON, or give --loader-rate")
        command = [program, "--hr", self.hr_folder(settings), "--lr", self.files.lr, "--cache", cache, "--workers", count]
        command += ["--patch", settings["patch_size"], "--batch", settings["batch_size"]]
        command += ["--scale", settings["scale_factor"], "--seconds", self.window_s]
        finished = subprocess.run(list(map(str, command)), env=self.env, capture_output=True, text=True)
        if finished.returncode != 0:
            raise Unavailable(f"loader_rate: {reason_of(finished.stderr)}")
        return {"samples_per_s": json.loads(finished.stdout)["samples_per_s"]}


def run(arguments, folder, budget_s):
    folder.mkdir(exist_ok=True)
    results = {}
    with sampling(arguments.device == "cuda") as sampler:
        bench = Bench(arguments, folder, sampler)
        end = Deadline(budget_s)
        configs = guide_configs(arguments.configs, arguments.device, arguments.tiny)
        for done, (name, values) in enumerate(configs.items()):
            bench.deadline = Deadline(end.left_s() / (len(configs) - done))
            results[name] = bench.config(name, with_assignments(values, arguments.set))
        return {"gpu_reason": sampler.reason, "configs": results}
