#!/usr/bin/env python3
"""Trains one EDSR in wring-train and in PyTorch eager: the same weights, batches, threads and precision, in one run.

    bench/vs_pytorch.py --config configs/demo.yaml --set batch_size=8 --device cpu --steps 50 --check

Each side runs as a process of its own, in turns, and speaks one protocol (also src/wring_train/run/steps_command.cpp):
SIDE CONFIG --weights W --batches B --steps N --warmup K --device D --out R. W holds the initial parameters, B holds
"hr" uint8 (M, B, H, W, 3) and "lr" uint8 (M, B, h, w, 3), which lie in (pinned) host memory; step i uses batch i mod M.
First N steps with the loss of each, then K steps unmeasured, then N steps in groups of 5, each group timed up to a
synchronised device. R is JSON: engine, loss, samples_per_s and step_ms {median, mad, n} over the groups, and
peak_memory_mib (allocated on the GPU in the measured steps; of the whole process on the CPU).

The PyTorch side is what an expert writes without torch.compile: channels-last, autocast, fused AdamW, foreach clipping
and EMA, gradients set to None, no waiting for the device within a group. Needs torch, numpy and safetensors.
"""

import argparse
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from basicsr_edsr import Edsr  # noqa: E402

# Of the keys that matter here; the others are wring's own affair.
DEFAULTS = {
    "base_channels": 64, "num_blocks": 16, "scale_factor": 4, "batch_size": 16, "patch_size": 128,
    "use_mixed_precision": False, "amp_dtype": "bf16", "channels_last": True, "loss": "l1", "optimizer": "adamw",
    "lr": 2e-4, "weight_decay": 0.0, "grad_clip": 0.0, "ema_decay": 0.999, "seed": 0,
}  # fmt: skip
# What runs without --config: EDSR-baseline on a GPU, something a CPU finishes in a minute.
WITHOUT_CONFIG = {
    "cuda": {"patch_size": "192", "use_mixed_precision": "true", "grad_clip": "1.0"},
    "cpu": {"base_channels": "32", "num_blocks": "4", "batch_size": "4", "patch_size": "96", "grad_clip": "1.0"},
}
# Switched off on both sides: they differ in detail, or are not a step's work.
FORCED = {"use_perceptual": "false", "scheduler": "constant", "warmup_iters": "0", "gradient_accumulation_steps": "1"}
GROUP = 5  # steps between two looks at the clock
COMPARED_LOSSES = 50
SLOWEST_RATIO = 0.95
LARGEST_LOSS_DIFFERENCE = 1e-3


class Failure(Exception):
    """Ends the program with one line."""


# ---------------------------------------------------------------------------------------------------- configuration


def read_flat_yaml(path):
    """`key: value` lines as strings; wring's configs are flat."""
    values = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.split(" #")[0].strip()
        if not line or line.startswith("#") or line == "---":
            continue
        key, colon, value = line.partition(":")
        if not colon or not key.isidentifier():
            raise Failure(f"{path}:{number}: not a `key: value` line; this script reads flat configs only.")
        values[key] = value.strip()
    return values


def typed(values):
    """DEFAULTS with the config's values, each in its default's type."""
    settings = dict(DEFAULTS)
    for key, default in DEFAULTS.items():
        if key in values:
            text = values[key].strip("\"'")
            settings[key] = text.lower() in ("true", "yes", "on") if isinstance(default, bool) else type(default)(text)
    return settings


# --------------------------------------------------------------------------------------------------------- the data


def smooth_images(count, size, generator):
    """Noise at three resolutions, enlarged and summed: smooth areas with some detail, uint8 (count, 3, size, size)."""
    images = torch.zeros(count, 3, size, size)
    for divisor, strength in ((16, 0.6), (4, 0.3), (1, 0.1)):
        noise = torch.rand(count, 3, max(size // divisor, 1), max(size // divisor, 1), generator=generator)
        images += strength * F.interpolate(noise, (size, size), mode="bicubic", align_corners=False)
    return (images * 255).round().clamp(0, 255).byte()


def photograph_crops(folder, count, size, generator):
    """Random crops of the images below `folder`."""
    try:
        import numpy
        from PIL import Image
    except ImportError as error:
        raise Failure(f"--data reads photographs with Pillow: {error}.") from error
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    crops = []
    for path in paths:
        with Image.open(path) as image:
            pixels = torch.from_numpy(numpy.array(image.convert("RGB"))).permute(2, 0, 1)
        height, width = pixels.shape[1:]
        for _ in range(math.ceil(count / len(paths)) if min(height, width) >= size else 0):
            y = int(torch.randint(height - size + 1, (), generator=generator))
            x = int(torch.randint(width - size + 1, (), generator=generator))
            crops.append(pixels[:, y : y + size, x : x + size])
    if len(crops) < count:
        raise Failure(f"{folder} gives {len(crops)} crops of {size} pixels; {count} are needed.")
    return torch.stack([crops[i] for i in torch.randperm(len(crops), generator=generator)[:count]])


def write_inputs(folder, settings, data, batches):
    generator = torch.Generator().manual_seed(settings["seed"])
    size, scale = settings["patch_size"], settings["scale_factor"]
    if size % scale:
        raise Failure(f"patch_size {size} is no multiple of scale_factor {scale}.")
    count = batches * settings["batch_size"]
    hr = photograph_crops(data, count, size, generator) if data else smooth_images(count, size, generator)
    small = F.interpolate(hr.float(), scale_factor=1 / scale, mode="bicubic", align_corners=False, antialias=True)
    lr = small.round().clamp(0, 255).byte()
    stored = {
        name: images.unflatten(0, (batches, -1)).permute(0, 1, 3, 4, 2).contiguous()
        for name, images in (("hr", hr), ("lr", lr))
    }
    save_file(stored, folder / "batches.safetensors")
    torch.manual_seed(settings["seed"])
    net = Edsr(settings["base_channels"], settings["num_blocks"], scale)
    save_file(net.state_dict(), folder / "weights.safetensors")


# ------------------------------------------------------------------------------------------------- the PyTorch side


class Trainer:
    def __init__(self, settings, weights, device):
        self.settings, self.device = settings, device
        self.format = torch.channels_last if settings["channels_last"] else torch.contiguous_format
        self.net = Edsr(settings["base_channels"], settings["num_blocks"], settings["scale_factor"])
        self.net.load_state_dict(weights)
        self.net.to(device, memory_format=self.format)
        self.parameters = list(self.net.parameters())
        optimizers = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
        if settings["optimizer"] not in optimizers:
            raise Failure(f"PyTorch has no fused {settings['optimizer']}: use --set optimizer=adamw.")
        self.optimizer = optimizers[settings["optimizer"]](
            self.parameters, lr=settings["lr"], weight_decay=settings["weight_decay"], fused=True
        )
        self.average = [p.detach().clone() for p in self.parameters]
        self.criterion = {
            "l1": F.l1_loss,
            "mse": F.mse_loss,
            "charbonnier": lambda sr, hr: torch.sqrt((sr - hr) ** 2 + 1e-12).mean(),
        }[settings["loss"]]
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[settings["amp_dtype"]]
        self.autocast = torch.autocast(device, dtype, enabled=settings["use_mixed_precision"])
        scaled = settings["use_mixed_precision"] and dtype == torch.float16
        self.scaler = torch.amp.GradScaler(device, enabled=scaled)

    def upload(self, images):
        """uint8 NHWC in host memory to floats in [0, 1], NCHW."""
        images = images.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        return images.float().div_(255).contiguous(memory_format=self.format)

    def step(self, lr_images, hr_images):
        lr, hr = self.upload(lr_images), self.upload(hr_images)
        with self.autocast:
            loss = self.criterion(self.net(lr), hr)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        if self.settings["grad_clip"] > 0:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.parameters, self.settings["grad_clip"], foreach=True)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.settings["ema_decay"] > 0:
            with torch.no_grad():
                torch._foreach_lerp_(self.average, self.parameters, 1 - self.settings["ema_decay"])
        return loss.detach()


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


def find_wring_train(given):
    if given:
        # Beside wring, which is what most people have on their path.
        path = given.with_name("wring-train") if given.name == "wring" else given
    else:
        built = sorted(ROOT.glob("build/*/bin/wring-train"), key=lambda p: p.stat().st_mtime)
        path = built[-1] if built else Path(shutil.which("wring-train") or "wring-train")
    if not path.is_file():
        raise Failure(f"{path} was not found. Build it, or give --wring-train PATH.")
    return path.resolve()


def run_side(command, name, folder, arguments, environment):
    out = folder / "record.json"
    out.unlink(missing_ok=True)
    command = [*map(str, command), str(folder / "config.yaml"), "--weights", str(folder / "weights.safetensors")]
    command += ["--batches", str(folder / "batches.safetensors"), "--steps", str(arguments.steps)]
    command += ["--warmup", str(arguments.warmup), "--device", arguments.device, "--out", str(out)]
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
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
    for assignment in arguments.set:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise Failure(f"--set {assignment}: write --set key=value.")
        values[key] = value
    values.update(FORCED)
    if arguments.device == "cpu":
        # wring-train leaves 16 bits off on CPUs that only emulate them; in fp32 both sides do the same everywhere.
        values["use_mixed_precision"] = "false"
    settings = typed(values)
    environment = dict(os.environ, OMP_NUM_THREADS=str(arguments.threads), MKL_NUM_THREADS=str(arguments.threads))
    if arguments.fp32_exact:
        environment["NVIDIA_TF32_OVERRIDE"] = "0"  # read by cuDNN and cuBLAS, so it holds for both sides
    sides = {
        "wring": [find_wring_train(arguments.wring_train), "steps"],
        "pytorch": [sys.executable, __file__, "--side", "pytorch"],
    }
    records = {name: [] for name in sides}
    with tempfile.TemporaryDirectory(prefix="wring_vs_pytorch_") as temporary:
        folder = Path(temporary)
        (folder / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in values.items()))
        write_inputs(folder, settings, arguments.data, arguments.batch_count)
        for number in range(arguments.rounds):
            for name, command in sides.items():
                print(f"round {number + 1} of {arguments.rounds}: {name} …", file=sys.stderr)
                records[name].append(run_side(command, name, folder, arguments, environment))
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
        "losses_compared": len(differences),
        "rounds": records,
    }


def print_table(result):
    s = result["settings"]
    precision = s["amp_dtype"] if s["use_mixed_precision"] else "fp32" if result["fp32_exact"] else "fp32 (TF32 allowed)"
    print(
        f"EDSR ×{s['scale_factor']}, {s['base_channels']} channels, {s['num_blocks']} blocks, batch {s['batch_size']}, "
        f"patch {s['patch_size']}, {precision if result['device'] == 'cuda' else 'fp32'}; "
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
    print(f"largest relative loss difference in {result['losses_compared']} steps: {result['loss_difference']:.1e}")


def complaints(result):
    """Why --check fails."""
    if result["ratio"]["median"] < SLOWEST_RATIO:
        yield f"wring-train is slower than {SLOWEST_RATIO} × PyTorch: ratio {result['ratio']['median']:.3f}."
    # In 16 bits two right programs differ by more than this.
    if not result["settings"]["use_mixed_precision"] and result["loss_difference"] > LARGEST_LOSS_DIFFERENCE:
        yield f"the losses differ by {result['loss_difference']:.1e}, more than {LARGEST_LOSS_DIFFERENCE:.0e}."


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, help="a flat YAML config; without it a fixed one for the device")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replaces a key of the config")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=COMPARED_LOSSES, help="recorded steps, then as many timed ones")
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="CPU threads of each side")
    parser.add_argument("--batch-count", type=int, default=4, help="different batches")
    parser.add_argument("--data", type=Path, help="crops of the photographs below this folder, not smooth noise")
    parser.add_argument("--fp32-exact", action="store_true", help="no TF32 on either side")
    parser.add_argument("--wring-train", "--wring", type=Path, help="path of wring-train, or of the wring beside it")
    parser.add_argument("--json", action="store_true", help="print everything as JSON, not a table")
    parser.add_argument("--check", action="store_true", help="exit 1 when slower than PyTorch or of other losses")
    return parser.parse_args()


def parse_side():
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=("pytorch",), required=True)
    parser.add_argument("config", type=Path)
    for name in ("weights", "batches", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("steps", "warmup"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--device", required=True)
    return parser.parse_args()


def main():
    if "--side" in sys.argv:
        pytorch_side(parse_side())
        return 0
    arguments = parse_arguments()
    result = compare(arguments)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)
    failed = list(complaints(result)) if arguments.check else []
    for line in failed:
        print(f"vs_pytorch: {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"vs_pytorch: {failure}")
