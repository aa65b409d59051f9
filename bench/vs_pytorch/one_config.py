"""One configuration, wring-train beside PyTorch eager, with the loss of each step compared."""

import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from .inputs import with_perceptual_weights, write_inputs
from .processes import environment, find_wring_steps
from .settings import COMMAND, FORCED, Failure, read_flat_yaml, typed, with_assignments, write_flat_yaml
from .trainers import Trainer

# What runs without --config: EDSR-baseline on a GPU, something a CPU finishes in a minute.
WITHOUT_CONFIG = {
    "cuda": {"patch_size": "192", "use_mixed_precision": "true", "grad_clip": "1.0"},
    "cpu": {"base_channels": "32", "num_blocks": "4", "batch_size": "4", "patch_size": "96", "grad_clip": "1.0"},
}
GROUP = 5  # steps between two looks at the clock
COMPARED_LOSSES = 50
SLOWEST_RATIO = 0.95
LARGEST_LOSS_DIFFERENCE = 1e-3


# ------------------------------------------------------------------------------------------------- the PyTorch side


def pytorch_side(arguments):
    on_gpu = arguments.device == "cuda"
    torch.backends.cudnn.benchmark = True
    batches = load_file(arguments.batches)
    if on_gpu:
        batches = {name: images.pin_memory() for name, images in batches.items()}
    trainer = Trainer(typed(read_flat_yaml(arguments.config)), load_file(arguments.weights), arguments.device)
    done = 0

    def steps(count):
        nonlocal done
        losses = []
        for _ in range(count):
            index = done % len(batches["hr"])
            losses.append(trainer.step(batches["lr"][index], batches["hr"][index]))
            done += 1
        return losses

    def synchronise():
        if on_gpu:
            torch.cuda.synchronize()

    losses = torch.stack(steps(arguments.steps)).tolist()
    steps(arguments.warmup)
    synchronise()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    step_ms = []
    for _ in range(0, arguments.steps, GROUP):
        began = time.perf_counter()
        steps(GROUP)
        synchronise()
        step_ms.append((time.perf_counter() - began) * 1000 / GROUP)
    median = statistics.median(step_ms)
    peak = torch.cuda.max_memory_allocated() >> 20 if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    record = {
        "engine": f"PyTorch {torch.__version__} eager",
        "samples_per_s": 1000 * batches["hr"].shape[1] / median,
        "step_ms": {
            "median": median,
            "mad": statistics.median(abs(ms - median) for ms in step_ms),
            "n": len(step_ms),
        },
        "peak_memory_mib": peak,
        "loss": losses,
    }
    arguments.out.write_text(json.dumps(record))


# --------------------------------------------------------------------------------------------------- the comparison


def run_side(command, name, folder, arguments, env):
    out = folder / "record.json"
    out.unlink(missing_ok=True)
    command = [*map(str, command), str(folder / "config.yaml"), "--weights", str(folder / "weights.safetensors")]
    command += ["--batches", str(folder / "batches.safetensors"), "--steps", str(arguments.steps)]
    command += ["--warmup", str(arguments.warmup), "--device", arguments.device, "--out", str(out)]
    finished = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if finished.returncode != 0 or not out.exists():
        raise Failure(f"{name} failed (exit code {finished.returncode}):\n{finished.stdout}")
    return json.loads(out.read_text())


def summary_of(records):
    """One side over all rounds: the medians."""
    return {
        "engine": records[0]["engine"],
        "samples_per_s": statistics.median(r["samples_per_s"] for r in records),
        "step_ms": statistics.median(r["step_ms"]["median"] for r in records),
        "step_ms_mad": statistics.median(r["step_ms"]["mad"] for r in records),
        "peak_memory_mib": max(r["peak_memory_mib"] for r in records),
    }


def compare(arguments):
    values = read_flat_yaml(arguments.config) if arguments.config else dict(WITHOUT_CONFIG[arguments.device])
    values = with_assignments(values, arguments.set)
    values.update(FORCED)
    if arguments.device == "cpu":
        # wring-train leaves 16 bits off on CPUs that only emulate them; in fp32 both sides do the same everywhere.
        values["use_mixed_precision"] = "false"
    settings = typed(values)
    env = environment(arguments.threads, fp32_exact=arguments.fp32_exact)
    sides = {
        "wring": [find_wring_steps(arguments.wring_train)],
        "pytorch": [sys.executable, COMMAND, "--side", "pytorch"],
    }
    records = {name: [] for name in sides}
    with tempfile.TemporaryDirectory(prefix="wring_vs_pytorch_") as temporary:
        folder = Path(temporary)
        values = with_perceptual_weights(values, settings, folder)
        write_flat_yaml(folder / "config.yaml", values)
        write_inputs(folder, settings, arguments.data, arguments.batch_count)
        for number in range(arguments.rounds):
            for name, command in sides.items():
                print(f"round {number + 1} of {arguments.rounds}: {name} …", file=sys.stderr)
                records[name].append(run_side(command, name, folder, arguments, env))
    ratios = [a["samples_per_s"] / b["samples_per_s"] for a, b in zip(records["wring"], records["pytorch"])]
    ours, theirs = (records[name][0]["loss"] for name in ("wring", "pytorch"))
    if len(ours) != arguments.steps or len(theirs) != arguments.steps:
        raise Failure(f"{len(ours)} and {len(theirs)} losses came back for {arguments.steps} steps.")
    differences = [abs(a - b) / abs(b) for a, b in zip(ours[:COMPARED_LOSSES], theirs)]
    return {
        "settings": settings,
        "device": arguments.device,
        "threads": arguments.threads,
        "steps": arguments.steps,
        "fp32_exact": arguments.fp32_exact,
        "summary": {name: summary_of(side) for name, side in records.items()},
        "ratio": {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)},
        # Not max(): it would pass over a NaN.
        "loss_difference": max(differences) if all(map(math.isfinite, differences)) else math.inf,
        "first_loss_difference": differences[0],
        "losses_compared": len(differences),
        "rounds": records,
    }


def print_table(result):
    s = result["settings"]
    precision = s["amp_dtype"] if s["use_mixed_precision"] else "fp32" if result["fp32_exact"] else "fp32 (TF32 allowed)"
    perceptual = f" + {s['perceptual_weight']} × VGG-19" if s["use_perceptual"] else ""
    print(
        f"EDSR ×{s['scale_factor']}, {s['base_channels']} channels, {s['num_blocks']} blocks, batch {s['batch_size']}, "
        f"patch {s['patch_size']}, {s['loss']}{perceptual}, {precision if result['device'] == 'cuda' else 'fp32'}; "
        f"{result['device']}, {result['threads']} threads; {len(result['rounds']['wring'])} rounds of "
        f"{result['steps']} steps\n"
    )
    print(f"{'':34}{'samples/s':>12}{'step ms':>20}{'peak MiB':>12}")
    for name, side in result["summary"].items():
        label = f"wring-train, {side['engine']}" if name == "wring" else side["engine"]
        step = f"{side['step_ms']:.2f} ± {side['step_ms_mad']:.2f}"
        print(f"{label:34}{side['samples_per_s']:12.2f}{step:>20}{side['peak_memory_mib']:12.0f}")
    ratio = result["ratio"]
    print(f"\nratio {ratio['median']:.3f} ({ratio['min']:.3f} to {ratio['max']:.3f})")
    first = result["first_loss_difference"]
    print(f"relative loss difference: {first:.1e} in the first step, ", end="")
    print(f"at most {result['loss_difference']:.1e} in {result['losses_compared']} steps")


def complaints(result):
    """Why --check fails."""
    if result["ratio"]["median"] < SLOWEST_RATIO:
        yield f"wring-train is slower than {SLOWEST_RATIO} × PyTorch: ratio {result['ratio']['median']:.3f}."
    # In 16 bits two right programs differ by more than this.
    if not result["settings"]["use_mixed_precision"] and result["loss_difference"] > LARGEST_LOSS_DIFFERENCE:
        yield f"the losses differ by {result['loss_difference']:.1e}, more than {LARGEST_LOSS_DIFFERENCE:.0e}."


def run(arguments):
    result = compare(arguments)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)
    failed = list(complaints(result)) if arguments.check else []
    for line in failed:
        print(f"vs_pytorch: {line}", file=sys.stderr)
    return 1 if failed else 0
