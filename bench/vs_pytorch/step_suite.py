"""Training steps on resident data: wring-train beside every PyTorch variant, in interleaved rounds.

All processes of all configurations start and compile side by side, except for what compares kernels by their speed
(max-autotune, cuDNN's choice of algorithms), which has the card to itself. Then each configuration is measured in rounds, one
side at a time.
"""

import json
import math
import statistics
import subprocess
import sys

from .inputs import with_perceptual_weights, write_inputs
from .processes import Deadline, Worker, environment, find_wring_steps, reason_of
from .settings import Failure, Unavailable, describe, guide_configs, typed, with_assignments, write_flat_yaml
from .step_worker import CANDIDATES, EXPERTS, VARIANTS

COMPARED_LOSSES = 20
PREPARE_S = 240  # longest that a variant may compile
STEPS_LIMIT = 4000


def say(text):
    print(text, file=sys.stderr, flush=True)


class OneConfig:
    """The sides of one configuration."""

    def __init__(self, name, values, folder, arguments, env):
        self.name, self.folder, self.arguments, self.env = name, folder, arguments, env
        folder.mkdir()
        values = with_perceptual_weights(values, typed(values), folder)
        self.settings = typed(values)
        write_flat_yaml(folder / "config.yaml", values)
        write_inputs(folder, self.settings, arguments.data, arguments.batch_count)
        self.rows = {}  # side: {"label", "samples_per_s": [per round], …} or {"label", "reason"}
        self.workers = {}
        self.resident = arguments.device == "cuda"

    def start(self, variants):
        for variant in variants:
            options = {
                "variant": variant, "settings": self.settings, "device": self.arguments.device,
                "weights": str(self.folder / "weights.safetensors"),
                "batches": str(self.folder / "batches.safetensors"), "turn": str(self.folder.parent / "turn"),
            }  # fmt: skip
            self.rows[variant] = {"label": VARIANTS[variant]}
            self.workers[variant] = Worker("step", options, self.env, self.folder / f"{variant}.log")

    def drop(self, side, reason):
        say(f"  {self.name}, {side}: {reason}")
        self.rows[side]["reason"] = str(reason)
        if side in self.workers:
            self.workers.pop(side).close()

    def attempt(self, side, action):
        """The action's result, or None and a row with the reason."""
        try:
            return action()
        except (Failure, Unavailable) as reason:
            self.drop(side, reason)
            return None

    def request(self, variants):
        """Starts compiling; await_ready() waits for it."""
        for variant in variants:
            if variant in self.workers:
                candidate = {"candidate": self.arguments.expert[0]} if variant in EXPERTS else {}
                self.workers[variant].send(do="prepare", **candidate)

    def await_ready(self, deadline):
        for variant in list(self.workers):
            timeout_s = max(1, min(PREPARE_S, deadline.left_s()))
            ready = self.attempt(variant, lambda w=self.workers[variant], t=timeout_s: w.receive(t)[1])
            if ready:
                self.rows[variant]["compile_s"] = ready["compile_s"]

    def prepare_experts(self, deadline):
        for variant in EXPERTS:
            if variant in self.workers:
                self.prepare_expert(variant, deadline)

    def prepare_expert(self, variant, deadline):
        """The candidates that want the card to themselves, and the choice among them."""
        for candidate in self.arguments.expert[1:]:
            if variant not in self.workers:
                return
            say(f"  {self.name}: the {variant}'s {candidate} …")
            try:
                deadline.check(60)
                ready = self.workers[variant].ask(min(PREPARE_S, deadline.left_s()), do="prepare", candidate=candidate)
                self.rows[variant]["compile_s"] = ready["compile_s"]
            except Unavailable as reason:  # the other candidates stay
                self.rows[variant].setdefault("notes", []).append(f"{candidate}: {reason}")
                if str(reason).startswith("no answer"):
                    self.drop(variant, reason)
            except Failure as reason:
                self.drop(variant, reason)
        if variant in self.workers:
            worker = self.workers[variant]
            chosen = self.attempt(variant, lambda: worker.ask(60, do="choose", seconds=self.arguments.seconds / 2))
            if chosen:
                self.rows[variant].update(candidate=chosen["candidate"], candidate_rates=chosen["rates"])

    def losses(self):
        for variant, worker in list(self.workers.items()):
            answer = self.attempt(variant, lambda w=worker: w.ask(120, do="losses", steps=COMPARED_LOSSES))
            if answer:
                self.rows[variant]["loss"] = answer["loss"]

    def measure(self):
        for variant, worker in list(self.workers.items()):
            record = self.attempt(
                variant, lambda w=worker: w.ask(60 + self.arguments.seconds, do="measure", seconds=self.arguments.seconds)
            )
            if record:
                self.add(variant, record)
        self.rows.setdefault("wring", {"label": "wring-train"})
        if "reason" not in self.rows["wring"]:
            record = self.attempt("wring", self.run_wring)
            if record:
                self.add("wring", record)
                self.rows["wring"].update(engine=record["engine"], loss=record["loss"][:COMPARED_LOSSES])
                self.rows["wring"]["first_step_s"] = record.get("first_step_s")

    def add(self, side, record):
        row = self.rows[side]
        row.setdefault("rounds", []).append(
            {key: record[key] for key in ("samples_per_s", "step_ms", "peak_memory_mib")}
        )

    def steps_for_wring(self):
        """About as long as the others measured; a multiple of the steps between two looks at the clock."""
        rates = [r["samples_per_s"] for row in self.rows.values() for r in row.get("rounds", [])]
        if not rates:
            return 50
        steps = 1.5 * max(rates) * self.arguments.seconds / self.settings["batch_size"]
        return min(STEPS_LIMIT, max(20, 5 * math.ceil(steps / 5)))

    def run_wring(self):
        out, kernels = self.folder / "record.json", self.folder / "kernels.txt"
        out.unlink(missing_ok=True)
        command = [str(find_wring_steps(self.arguments.wring_train)), str(self.folder / "config.yaml")]
        command += ["--weights", str(self.folder / "weights.safetensors"), "--out", str(out)]
        command += ["--batches", str(self.folder / "batches.safetensors"), "--device", self.arguments.device]
        command += ["--steps", str(self.steps_for_wring()), "--warmup", "20"]
        if self.resident:
            command += ["--data", "resident", "--kernel-times", str(kernels)]
        try:
            finished = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired:
            raise Unavailable("wring_steps took more than 120 s") from None
        if finished.returncode == 2 and self.resident:
            self.resident = False
            note = f"each batch copied from host memory: {reason_of(finished.stderr)}"
            self.rows["wring"].setdefault("notes", []).append(note)
            return self.run_wring()
        if finished.returncode != 0 or not out.exists():
            raise Unavailable(f"exit code {finished.returncode}: {reason_of(finished.stderr)}")
        if kernels.exists():
            self.rows["wring"]["kernels"] = kernels.read_text(encoding="utf-8").splitlines()
        return json.loads(out.read_text())

    def result(self):
        for side, row in self.rows.items():
            rounds = row.get("rounds", [])
            if rounds and "reason" not in row:
                row["samples_per_s"] = statistics.median(r["samples_per_s"] for r in rounds)
                row["step_ms"] = statistics.median(r["step_ms"]["median"] for r in rounds)
                peaks = [r["peak_memory_mib"] for r in rounds if r["peak_memory_mib"] is not None]
                row["peak_memory_mib"] = max(peaks) if peaks else None
        wring = self.rows.get("wring", {})
        for side, row in self.rows.items():
            if side != "wring" and row.get("samples_per_s") and wring.get("samples_per_s"):
                row.update(compared(wring, row))
        return {"settings": self.settings, "what": describe(self.settings), "rows": self.rows}

    def close(self):
        for worker in self.workers.values():
            worker.close()
        self.workers = {}


def compared(wring, row):
    """wring over a PyTorch row: the ratio of each round, their median and extremes, memory, losses."""
    ratios = [a["samples_per_s"] / b["samples_per_s"] for a, b in zip(wring["rounds"], row["rounds"])]
    result = {"ratio": {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}}
    if wring.get("peak_memory_mib") and row.get("peak_memory_mib"):
        result["memory_ratio"] = wring["peak_memory_mib"] / row["peak_memory_mib"]
    pairs = list(zip(wring.get("loss", []), row.get("loss", [])))
    if pairs:
        differences = [abs(a - b) / abs(b) for a, b in pairs]
        # Not max() alone: it would pass over a NaN.
        result["loss_difference"] = max(differences) if all(map(math.isfinite, differences)) else None
    return result


def run(arguments, folder, budget_s):
    deadline = Deadline(budget_s)
    cache = folder / "cache"
    env = environment(arguments.threads, cache)
    # Many compile at once; each with all cores would only get in the others' way.
    env.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "4")
    configs = []
    try:
        for name, values in guide_configs(arguments.configs, arguments.device, arguments.tiny).items():
            configs.append(
                OneConfig(name, with_assignments(values, arguments.set), folder / name, arguments, env)
            )
        return measured(configs, arguments, deadline)
    finally:
        for config in configs:
            config.close()


def measured(configs, arguments, deadline):
    say("step: starting and compiling …")
    for config in configs:
        config.start(arguments.variants)
        config.request(arguments.variants)
    for config in configs:
        config.await_ready(deadline)
    results = {}
    for config in configs:
        # Rounds come first; an expert's candidate that no longer fits is left out with its reason.
        config.prepare_experts(Deadline(deadline.left_s() - 20 * len(configs)))
        say(f"step: {config.name}, {arguments.rounds} rounds …")
        config.losses()
        for number in range(arguments.rounds):
            if number > 0 and deadline.left_s() < 15:
                say(f"  {config.name}: {number} of {arguments.rounds} rounds, for the time is used up")
                break
            config.measure()
        results[config.name] = config.result()
        config.close()
    return results


def check_candidates(names):
    unknown = [name for name in names if name not in CANDIDATES]
    if unknown:
        raise Failure(f"--expert knows {', '.join(CANDIDATES)}; not {', '.join(unknown)}.")
