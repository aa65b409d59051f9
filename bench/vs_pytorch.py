#!/usr/bin/env python3
"""Trains one EDSR in wring-train and in PyTorch: the same weights, batches, threads and precision, in one run.

One configuration against PyTorch eager, with the losses compared:

    bench/vs_pytorch.py --config configs/demo.yaml --set batch_size=8 --device cpu --steps 50 --check

Suites, as JSON and as the Markdown tables of docs/performance.md:

    bench/vs_pytorch.py --suite step,files,psnr --data TRAIN_PHOTOS --val SET5 --json OUT.json --markdown OUT.md

step   configurations on resident data: every PyTorch variant, up to an expert who compiles model and loss and records the
       whole step, optimiser included, as one CUDA graph, and one who folds EDSR's linear tail as well
files  end to end from image files: PyTorch's DataLoader with several numbers of workers, wring-train's data tiers;
       samples/s, waiting share, GPU-Util, SM and tensor activity; and the loaders alone
psnr   seconds from process start to --target dB on --val

The configurations are four tuned ones without the perceptual loss, or files as they are, whatever loss and engine they ask for:

    bench/vs_pytorch.py --suite step --configs shipped --variants expert,folded_expert,amp --json OUT.json --markdown OUT.md
    bench/vs_pytorch.py --suite step --configs configs/balanced.yaml,mine.yaml

Each side runs as a process of its own, in turns. wring-train's part is the program wring_steps beside it, whose protocol is at
the top of bench/steps.cpp, and `wring-train train`. A variant that cannot run becomes a row with the reason.
Needs torch, numpy and safetensors; Pillow where image files are read. WRING_BUILD_DIR names a build that was made elsewhere and
carried here. vs_pytorch/__init__.py says what is where.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import torch
from vs_pytorch import files_worker, one_config, psnr_worker, step_worker, suites
from vs_pytorch.psnr_suite import PYTORCH
from vs_pytorch.settings import ROOT, Failure

WORKERS = {"step": step_worker, "files": files_worker, "psnr": psnr_worker}
# --quick: a look at whether all is well, in about two minutes on a GPU.
QUICK = {"budget": 150, "rounds": 1, "seconds": 0.5, "variants": "expert,amp", "expert": "default",
         "configs": "seed_original,seed_optimized"}  # fmt: skip


def names(text):
    return [name for name in text.split(",") if name]


def suite_names(text):
    unknown = set(names(text)) - set(suites.SUITES)
    if unknown or not names(text):
        raise argparse.ArgumentTypeError(f"choose from {','.join(suites.SUITES)}")
    return names(text)


def variant_names(text):
    unknown = set(names(text)) - set(step_worker.VARIANTS)
    if unknown:
        raise argparse.ArgumentTypeError(f"choose from {','.join(step_worker.VARIANTS)}")
    return names(text)


def pytorch_names(text):
    known = [key.split()[1] for key in PYTORCH]
    if set(names(text)) - set(known):
        raise argparse.ArgumentTypeError(f"choose from {','.join(known)}")
    return names(text)


def worker_counts(text):
    """[] for "none": PyTorch's side is left out."""
    return [] if text == "none" else [int(count) for count in names(text)]


def parse_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replaces a key of the config")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="CPU threads of each side")
    parser.add_argument("--batch-count", type=int, default=4, help="different batches")
    parser.add_argument("--data", type=Path, help="photographs below this folder, not smooth noise")
    parser.add_argument("--wring-train", "--wring", type=Path, help="path of wring-train, or of the wring beside it")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="everything as JSON, printed or to a file")

    one = parser.add_argument_group("one configuration")
    one.add_argument("--config", type=Path, help="a flat YAML config; without it a fixed one for the device")
    one.add_argument("--steps", type=int, default=one_config.COMPARED_LOSSES, help="recorded steps, then as many timed ones")
    one.add_argument("--warmup", type=int, default=10)
    one.add_argument("--fp32-exact", action="store_true", help="no TF32 on either side")
    one.add_argument("--check", action="store_true", help="exit 1 when slower than PyTorch or of other losses")

    many = parser.add_argument_group("suites")
    many.add_argument("--suite", type=suite_names, metavar="step,files,psnr", help="which suites to run")
    many.add_argument("--markdown", nargs="?", const="-", metavar="FILE", help="tables, printed or to a file")
    many.add_argument("--budget", type=float, default=480, help="seconds for all suites; what does not fit is left out")
    many.add_argument("--quick", action="store_true", help="fewer variants, configurations and rounds: two minutes")
    many.add_argument("--seconds", type=float, default=1.0, help="length of a round (step) or window (files: three times)")
    many.add_argument("--configs", type=names, default=[],
                      help="of the four tuned ones; \"shipped\": the guide's files as they are; config files; the four without it")  # fmt: skip
    many.add_argument("--tiny", action="store_true", help="a tiny network instead: checks the program, measures nothing")
    many.add_argument("--variants", type=variant_names, default=list(step_worker.VARIANTS), help="PyTorch's (step)")
    many.add_argument("--expert", type=names, default=["default", "max-autotune"],
                      help="what an expert tries, keeping the fastest: default, max-autotune, autocast")  # fmt: skip
    many.add_argument("--tiers", type=names, default=["gpu", "host", "none"], help="of wring-train's data tiers (files)")
    many.add_argument("--workers", type=worker_counts, help="DataLoader's, or none; 0,8,all cores without it (files)")
    many.add_argument("--loader-rate", type=Path, help="path of the program loader_rate (files)")
    many.add_argument("--val", type=Path, help="HR images to validate on, Set5 (psnr)")
    many.add_argument("--target", type=float, default=31.35, help="dB (psnr)")
    many.add_argument("--psnr-config", type=Path, default=ROOT / "configs" / "fast_x4_gpu.yaml", help="both sides train it")
    many.add_argument("--psnr-try", action="append", default=[], metavar='"KEY=VALUE …"', help="wring-train with changes, too")
    many.add_argument("--psnr-pytorch", type=pytorch_names, default=["compiled"], help="compiled,captured or nothing")
    many.add_argument("--psnr-seconds", type=float, default=200, help="longest run of a side")
    many.add_argument("--psnr-full", action="store_true", help="goes on after the target: the best PSNR in --psnr-seconds")

    arguments = parser.parse_args(words)
    if arguments.quick:
        # A second reading lets what is given by hand stand.
        quick = {**QUICK, "variants": variant_names(QUICK["variants"]), "expert": names(QUICK["expert"]),
                 "configs": [] if arguments.tiny else names(QUICK["configs"])}  # fmt: skip
        parser.set_defaults(**quick)
        arguments = parser.parse_args(words)
    if arguments.suite and "psnr" in arguments.suite and arguments.data and not arguments.val:
        parser.error("--suite psnr with --data needs --val, a folder of HR images such as Set5")
    return arguments


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
        one_config.pytorch_side(parse_side())
        return 0
    if sys.argv[1:2] == ["--worker"]:
        WORKERS[sys.argv[2]].main(json.loads(sys.argv[3]))
        return 0
    arguments = parse_arguments(sys.argv[1:])
    return suites.run(arguments) if arguments.suite else one_config.run(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"vs_pytorch: {failure}")
