#!/usr/bin/env python3
"""Configurations with a known cause each, and what `wring diagnose` says of them. Needs a GPU, torch and a C compiler.

    bench/diagnose_check.py --wring build/release/bin/wring --json diagnose.json

  large_pngs    workers: 0, no cache, 8 megapixels a file   data-bound
  slow_disk     every file takes 40 ms to open              data-bound
  tiny_network  4 channels, 1 block, step by step           launch-bound
  fp32          128 channels in exact fp32                  use_mixed_precision is the cure
  batch_1       one sample a step                           too small to fill the card
  well_tuned    128 channels, bf16, one graph, batch 64     compute-bound, and nothing to change
  as_shipped    configs/high_performance.yaml               good only if it reaches 55 % of the attainable rate
  unfused       the same, kernels launched one by one       not good, whatever the utilisation

Prints a line for each, with the share of the attainable rate that its step reaches, and ends with 1 where a cause was not
named or a step was called good below that line. WRING_BUILD_DIR names a build that was carried here.
"""

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent))
from vs_pytorch.processes import environment, find_program  # noqa: E402
from vs_pytorch.settings import ROOT, read_flat_yaml, write_flat_yaml  # noqa: E402

FAST = {"use_mixed_precision": True, "compile_model": True, "channels_last": True, "data_cache": "gpu"}
SLOW = {"use_mixed_precision": False, "compile_model": False, "data_cache": "none", "num_workers": 0}
LARGE = {"base_channels": 128, "num_blocks": 12, "patch_size": 192, "batch_size": 64}
SMALL = {"base_channels": 32, "num_blocks": 4, "patch_size": 128, "batch_size": 16}

# As diagnosis_thresholds::attained has it.
GOOD_PERCENT = 55
SHIPPED = {key: value for key, value in read_flat_yaml(ROOT / "configs" / "high_performance.yaml").items() if key != "data_dir"}

# name: (settings, images, expected first cause, keys that the cure has to change). None: any; by_share: compute_bound where the
# share of the attainable rate allows it, another one else.
CASES = {
    "large_pngs": ({**SMALL, **SLOW}, "large", "data_bound", {"num_workers", "data_cache"}),
    "slow_disk": ({**SMALL, **FAST, "data_cache": "none", "num_workers": 2}, "small", "data_bound", {"data_cache"}),
    "tiny_network": ({**SMALL, **SLOW, "base_channels": 4, "num_blocks": 1, "data_cache": "gpu"}, "small",
                     "launch_bound", {"compile_model"}),
    "fp32": ({**LARGE, **FAST, "use_mixed_precision": False}, "small", None, {"use_mixed_precision"}),
    "batch_1": ({**LARGE, **FAST, "patch_size": 96, "batch_size": 1}, "small", "too_small", {"batch_size"}),
    "well_tuned": ({**LARGE, **FAST}, "small", "compute_bound", set()),
    "as_shipped": (SHIPPED, "small", "by_share", None),
    "unfused": ({**SHIPPED, "compile_model": False}, "small", "not_good", None),
}  # fmt: skip

# Opening an image takes as long as on a busy network file system.
SLOW_OPEN = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
static void wait_for(const char* path) {
  const size_t length = strlen(path);
  if (length < 4 || strcmp(path + length - 4, ".png") != 0) return;
  const struct timespec delay = {0, 40000000};
  nanosleep(&delay, 0);
}
#define FOPEN(name) FILE* name(const char* path, const char* mode) { \
  wait_for(path); \
  return ((FILE * (*)(const char*, const char*)) dlsym(RTLD_NEXT, #name))(path, mode); }
FOPEN(fopen)
FOPEN(fopen64)
#define OPEN(name) int name(const char* path, int flags, ...) { \
  va_list rest; va_start(rest, flags); const int mode = va_arg(rest, int); va_end(rest); \
  wait_for(path); \
  return ((int (*)(const char*, int, ...))dlsym(RTLD_NEXT, #name))(path, flags, mode); }
OPEN(open)
OPEN(open64)
"""


def write_png(path, pixels):
    """uint8 (height, width, 3)"""
    height, width, _ = pixels.shape
    rows = torch.cat([torch.zeros(height, 1, dtype=torch.uint8), pixels.reshape(height, -1)], 1)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.numpy().tobytes(), 1)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def draw_images(folder, count, side):
    """Smooth colours with some grain."""
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(1)
    for index in range(count):
        coarse = torch.rand(1, 3, 12, 12, generator=generator)
        image = F.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)[0]
        image = image * 240 + 15 * torch.rand(1, side, side, generator=generator)
        write_png(folder / f"{index:03d}.png", image.permute(1, 2, 0).to(torch.uint8).contiguous())


def slow_open_library(folder):
    source, library = folder / "slow_open.c", folder / "slow_open.so"
    source.write_text(SLOW_OPEN)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def diagnose(args, folder, name):
    settings, images, cause, cure = CASES[name]
    config = folder / f"{name}.yaml"
    write_flat_yaml(config, {
        "model": "edsr", "scale_factor": 4, "num_workers": 4, "dataset_enlarge_ratio": 100, "total_iters": 100000,
        **settings, "train_hr_dir": folder / images, "experiment_name": name,
    })  # fmt: skip
    variables = environment(len(os.sched_getaffinity(0)))
    if name == "slow_disk":
        variables["LD_PRELOAD"] = str(slow_open_library(folder))
    began = time.monotonic()
    done = subprocess.run([args.wring, "diagnose", config, "--no-cache", "--json"], cwd=folder, env=variables,
                          capture_output=True, text=True)  # fmt: skip
    seconds = time.monotonic() - began
    if done.returncode != 0:
        return {"case": name, "named": False, "seconds": seconds, "error": done.stderr[-2000:]}
    record = json.loads(done.stdout)
    resident = next((trial for trial in record["trials"] if trial["data"] == "resident"), {})
    found = {key: resident.get(key) for key in ("samples_per_s", "arithmetic", "kernels", "kernel_busy_percent", "utilisation")}
    share = (found["arithmetic"] or {}).get("share_percent")
    named = is_named(record["verdicts"], cause, cure, share)
    return {"case": name, "expected": cause, "cure": sorted(cure or ()), "named": named, "seconds": seconds, "share": share,
            "verdicts": record["verdicts"], "step": found}  # fmt: skip


def is_named(verdicts, cause, cure, share):
    """Whether the verdicts say what was planted; the first one counts. No step below the line may be called good."""
    keys = [verdict["key"] for verdict in verdicts]
    good = bool(keys) and keys[0] == "compute_bound"
    if not keys or (good and share is not None and share < GOOD_PERCENT):
        return False
    if cause == "by_share":
        return share is not None and good == (share >= GOOD_PERCENT)
    if cause == "not_good":
        return not good
    fix = set(verdicts[0]["fix"])
    return (cause is None or keys[0] == cause) and (bool(cure & fix) if cure else not fix)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wring", type=lambda path: Path(path).resolve(), default=find_program("wring"),
                        help="without it the newest build's")  # fmt: skip
    parser.add_argument("--cases", default=",".join(CASES), help="some of them, with commas between")
    parser.add_argument("--json", type=Path, help="everything, as JSON")
    args = parser.parse_args()
    if args.wring is None:
        parser.error("wring was not found: build it, or give --wring PATH")
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw_images(folder / "small", 48, 384)
        draw_images(folder / "large", 12, 2880)
        for name in args.cases.split(","):
            result = diagnose(args, folder, name)
            results.append(result)
            first = (result.get("verdicts") or [{}])[0]
            share = "" if result.get("share") is None else f"{result['share']:.0f} % of the attainable rate; "
            print(f"{name:13} {'named' if result['named'] else 'NOT NAMED':10} {result['seconds']:5.1f} s  {share}"
                  f"{first.get('headline', result.get('error', 'no verdict'))}  {first.get('fix', '')}", flush=True)  # fmt: skip
    if args.json:
        args.json.write_text(json.dumps({"date": time.strftime("%Y-%m-%d"), "results": results}, indent=1) + "\n")
    return 0 if all(result["named"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
