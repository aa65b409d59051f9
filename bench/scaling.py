#!/usr/bin/env python3
"""Samples/s of one GPU and of several, the same batch on each: wring-train beside PyTorch's DDP (compiled), in one run.

    bench/scaling.py --gpus 2 --json OUT.json --markdown OUT.md

For each of the four configurations of docs/performance.md, with data that is resident on every GPU: in rounds, wring-train
on one GPU and on all, then PyTorch on one GPU (compiled) and on all (compiled, DistributedDataParallel, torchrun). Checks:
all ranks end with the same parameters; two ranks of batch B and one of 2B have the same loss curve (fp32).
--device cpu --tiny checks this program without a GPU; it measures nothing.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from vs_pytorch import ddp_worker
from vs_pytorch.inputs import with_perceptual_weights, write_inputs
from vs_pytorch.machine import describe_machine
from vs_pytorch.markdown import machine_line, number, table
from vs_pytorch.processes import environment, find_wring_steps, find_wring_train, reason_of
from vs_pytorch.settings import Failure, Unavailable, describe, guide_configs, typed, with_assignments, write_flat_yaml

SIDES = ("wring", "pytorch")
WANTED = {"high_performance": 1.9, "seed_optimized": 1.8, "lightweight_optimized": 1.6, "seed_original": 1.6}
LARGEST_LOSS_DIFFERENCE = 1e-4  # relative, over CURVE_STEPS in fp32
CURVE_STEPS = 100
LONGEST_S = 240  # of one side of one configuration


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_ranks(command, ranks, env):
    """One process per rank, with the variables that torchrun sets. Raises Unavailable with what the first failure said."""
    meeting = {"WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1",
               "MASTER_PORT": str(free_port())}  # fmt: skip
    processes = []
    for rank in range(ranks):
        own = {**env, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        processes.append(subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    end = time.monotonic() + LONGEST_S
    try:
        texts = [process.communicate(timeout=max(1, end - time.monotonic()))[0] for process in processes]
    except subprocess.TimeoutExpired:
        raise Unavailable(f"took more than {LONGEST_S} s") from None
    finally:
        for process in processes:
            process.kill()
    for rank, (process, text) in enumerate(zip(processes, texts)):
        if process.returncode != 0:
            raise Unavailable(f"rank {rank}, exit code {process.returncode}: {reason_of(text)}")
    return texts


class Config:
    def __init__(self, name, values, folder, arguments, env):
        self.name, self.folder, self.arguments, self.env = name, folder, arguments, env
        folder.mkdir()
        values = with_perceptual_weights(values, typed(values), folder)
        self.settings = typed(values)
        self.values = values
        write_flat_yaml(folder / "config.yaml", values)
        write_inputs(folder, self.settings, arguments.data, 2 * arguments.gpus)
        self.rounds = {}  # (side, ranks): records
        self.reasons = {}
        self.steps = 50

    def inputs(self):
        return {name: str(self.folder / f"{name}.safetensors") for name in ("weights", "batches")}

    def wring(self, ranks, steps=None, config=None, data=None, inputs=None, env=None):
        out = self.folder / "record.json"
        out.unlink(missing_ok=True)
        inputs = inputs or self.inputs()
        command = [str(find_wring_steps(self.arguments.wring_train)), str(config or self.folder / "config.yaml")]
        command += ["--weights", inputs["weights"], "--batches", inputs["batches"], "--out", str(out)]
        command += ["--device", self.arguments.device, "--steps", str(steps or self.steps), "--warmup", "20"]
        command += ["--data", data or ("resident" if self.arguments.device == "cuda" else "host")]
        run_ranks(command, ranks, env or self.env)
        return json.loads(out.read_text(encoding="utf-8"))

    def pytorch(self, ranks):
        out = self.folder / "record.json"
        out.unlink(missing_ok=True)
        options = {**self.inputs(), "settings": self.settings, "device": self.arguments.device, "out": str(out),
                   "seconds": self.arguments.seconds}  # fmt: skip
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(ranks)]
        command += ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
        command += [__file__, "--worker", json.dumps(options)]
        try:
            finished = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"took more than {LONGEST_S} s") from None
        if finished.returncode != 0 or not out.exists():
            raise Unavailable(f"exit code {finished.returncode}: {reason_of(finished.stderr)}")
        return json.loads(out.read_text(encoding="utf-8"))

    def measure(self, side, ranks):
        if (side, ranks) in self.reasons:
            return
        try:
            record = self.wring(ranks) if side == "wring" else self.pytorch(ranks)
        except Unavailable as reason:
            say(f"  {self.name}, {side} on {ranks}: {reason}")
            self.reasons[side, ranks] = str(reason)
            return
        self.rounds.setdefault((side, ranks), []).append(record)
        say(f"  {self.name}, {side} on {ranks}: {record['samples_per_s']:.0f} samples/s")
        if side == "wring" and ranks == 1:  # as long as --seconds from now on
            steps = 1000 * self.arguments.seconds / record["step_ms"]["median"]
            self.steps = max(50, min(4000, 5 * round(steps / 5)))

    def curve_difference(self):
        """Of the loss curves of --gpus ranks with batch B and one rank with all their samples, fp32; relative. And, as a
        measure of what rounding alone does in so many steps, of one rank with those samples and with the same in another
        order."""
        whole = self.folder / "whole"
        whole.mkdir(exist_ok=True)
        ranks, batch = self.arguments.gpus, int(self.settings["batch_size"])
        exact = {**self.values, "use_mixed_precision": "false"}
        write_flat_yaml(self.folder / "exact.yaml", exact)
        write_flat_yaml(whole / "exact.yaml", {**exact, "batch_size": batch * ranks})
        from safetensors.torch import load_file, save_file

        stored = load_file(self.folder / "batches.safetensors")
        joined = {name: t.reshape(t.shape[0] // ranks, t.shape[1] * ranks, *t.shape[2:]) for name, t in stored.items()}
        env = {**self.env, "NVIDIA_TF32_OVERRIDE": "0"}

        def of_one(tensors, name):
            save_file({key: t.contiguous() for key, t in tensors.items()}, whole / name)
            inputs = {"weights": self.inputs()["weights"], "batches": str(whole / name)}
            return self.wring(1, CURVE_STEPS, whole / "exact.yaml", "host", inputs, env=env)["loss"]

        def difference(curve):
            return max(abs(a - b) / abs(b) for a, b in zip(curve, one))

        many = self.wring(ranks, CURVE_STEPS, self.folder / "exact.yaml", "host", env=env)["loss"]
        one = of_one(joined, "batches.safetensors")
        reordered = of_one({key: t.roll(batch, 1) for key, t in joined.items()}, "reordered.safetensors")
        return difference(many), difference(reordered)

    def result(self):
        gpus = self.arguments.gpus
        result = {"settings": self.settings, "what": describe(self.settings), "sides": {}}
        for side in self.arguments.sides:
            rows = {}
            for ranks in (1, gpus):
                records = self.rounds.get((side, ranks), [])
                rows[str(ranks)] = (
                    {"samples_per_s": statistics.median(r["samples_per_s"] for r in records), "rounds": records}
                    if records else {"reason": self.reasons.get((side, ranks), "not measured")}
                )  # fmt: skip
            rates = [rows[str(ranks)].get("samples_per_s") for ranks in (1, gpus)]
            if all(rates):
                rows["speedup"] = rates[1] / rates[0]
            result["sides"][side] = rows
        return result


def checked(results, gpus):
    """What falls short of what docs/scaling.md promises, as lines."""
    short = []
    for name, result in results.items():
        speedup = result["sides"].get("wring", {}).get("speedup")
        if gpus == 2 and name in WANTED and "wring" in result["sides"] and (speedup or 0) < WANTED[name]:
            short.append(f"{name}: {speedup or 0:.2f} × on two GPUs; {WANTED[name]} × is promised")
        difference = result.get("curve_difference")
        # Where rounding alone does more, more is no fault.
        allowed = max(LARGEST_LOSS_DIFFERENCE, 2 * result.get("curve_rounding", 0))
        if difference is not None and not difference < allowed:
            short.append(f"{name}: the loss curves of {gpus} ranks and of one differ by {difference:.1e}")
    return short


def markdown(record):
    gpus = record["gpus"]
    rows = []
    for name, result in record["configs"].items():
        row = [f"{name} ({result['what']})"]
        for side in SIDES:
            sides = result["sides"].get(side, {})
            row += [number(sides.get(str(ranks), {}).get("samples_per_s")) for ranks in (1, gpus)]
            row.append("–" if sides.get("speedup") is None else f"{sides['speedup']:.2f} ×")
        rows.append(row)
    header = ["configuration, per GPU"]
    for side in ("wring", "DDP"):
        header += [f"{side}, 1 GPU", f"{gpus} GPUs", "speed-up"]
    return machine_line(record["machine"]) + "\n\n" + table(header, rows) + "\n"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpus", type=int, default=torch.cuda.device_count() or 2, help="ranks (default: all GPUs)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--configs", type=lambda t: t.split(","), default=[], help="of the four; all without it")
    parser.add_argument("--sides", type=lambda t: t.split(","), default=list(SIDES), help="wring,pytorch")
    parser.add_argument("--rounds", type=int, default=3, help="turns of wring-train; PyTorch, which compiles, has one")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured in each turn")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replaces a key of the configs")
    parser.add_argument("--data", type=Path, help="photographs below this folder, not smooth noise")
    parser.add_argument("--wring-train", type=Path, help="path of wring-train")
    parser.add_argument("--tiny", action="store_true", help="a tiny network: checks the program, measures nothing")
    parser.add_argument("--no-curves", action="store_true", help="leaves the comparison of loss curves out")
    parser.add_argument("--check", action="store_true", help="exit 1 where a check fails")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    return parser.parse_args()


def main():
    if sys.argv[1:2] == ["--worker"]:
        ddp_worker.main(json.loads(sys.argv[2]))
        return 0
    arguments = parse_arguments()
    if arguments.device == "cuda" and torch.cuda.device_count() < arguments.gpus:
        raise Failure(f"--gpus {arguments.gpus}: this machine has {torch.cuda.device_count()}.")
    results = {}
    with tempfile.TemporaryDirectory(prefix="wring-scaling-") as temporary:
        folder = Path(temporary)
        env = environment(max(1, len(os.sched_getaffinity(0)) // arguments.gpus), folder / "cache")
        for name, values in guide_configs(arguments.configs, arguments.device, arguments.tiny).items():
            config = Config(name, with_assignments(values, arguments.set), folder / name, arguments, env)
            for number_of_round in range(arguments.rounds):
                for side in arguments.sides:
                    for ranks in (1, arguments.gpus):
                        if side == "wring" or number_of_round == 0:
                            config.measure(side, ranks)
            results[name] = config.result()
            if "wring" in arguments.sides and not arguments.no_curves:
                try:
                    difference, rounding = config.curve_difference()
                    results[name].update(curve_difference=difference, curve_rounding=rounding)
                    say(f"  {name}: loss curves differ by {difference:.1e}, by rounding alone {rounding:.1e}")
                except Unavailable as reason:
                    results[name]["curve_reason"] = str(reason)
                    say(f"  {name}, loss curves: {reason}")
    record = {"machine": describe_machine(find_wring_train(arguments.wring_train)), "gpus": arguments.gpus,
              "configs": results}  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(record), encoding="utf-8")
    print(markdown(record))
    short = checked(results, arguments.gpus)
    for line in short:
        say(f"check: {line}")
    return 1 if short and arguments.check else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"scaling: {failure}")
