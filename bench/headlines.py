#!/usr/bin/env python3
"""Measures the headline figures of README.md and docs/performance.md on one machine in one run, as one small JSON.

    bench/headlines.py step,shipped --data PHOTOS --out bench/results/DATE-CARD-headlines.json
    bench/headlines.py files,psnr,benchmark --data PHOTOS --val SET5 --out bench/results/DATE-CARD-files.json
    bench/headlines.py --tables bench/results/DATE-CARD-headlines.json

step       the four tuned configurations on resident data, beside the expert and the expert who folds the tail
shipped    the guide's files as they are, perceptual loss included, beside the same
files      the four from image files: the data tiers, and PyTorch's DataLoader
psnr       seconds from process start to 31.35 dB on --val
benchmark  `wring benchmark` on the guide's starting configuration, and on the PyTorch script of examples/

The first three and psnr are bench/vs_pytorch.py, whose medians are kept with every round, memory and the first losses of each
side. --tables prints the tables that docs/performance.md shows, from a JSON. WRING_BUILD_DIR names a build that was carried here.
tests/house/results_test.py compares what the documents print with what the JSON says.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from vs_pytorch import record  # noqa: E402
from vs_pytorch.settings import COMMAND, ROOT, Failure  # noqa: E402

EXAMPLE = ROOT / "examples" / "pytorch"
PARTS = ("step", "shipped", "files", "psnr", "benchmark")
# What vs_pytorch.py is asked for. Ratios are of the experts; eager PyTorch is there for orientation.
ASKED = {
    "step": ["--suite", "step", "--variants", "expert,folded_expert,amp"],
    "shipped": ["--suite", "step", "--configs", "shipped", "--variants", "expert,folded_expert,amp"],
    "files": ["--suite", "files", "--tiers", "gpu,host,none"],
    "psnr": ["--suite", "psnr", "--psnr-pytorch", ""],
}


def say(text):
    print(f"headlines: {text}", file=sys.stderr, flush=True)


def measured_by_vs_pytorch(part, args, folder):
    out = folder / f"{part}.json"
    command = [sys.executable, COMMAND, *ASKED[part], "--budget", args.seconds[part], "--rounds", args.rounds]
    command += ["--expert", args.expert, "--json", out, "--markdown", folder / f"{part}.md"]
    for name in ("data", "val", "device", "wring_train"):
        if getattr(args, name):
            command += [f"--{name.replace('_', '-')}", getattr(args, name)]
    if args.tiny:
        command += ["--tiny", "--seconds", "0.1"]
    if part == "shipped" and args.configs:
        command[command.index("shipped")] = args.configs
    if part == "files":
        command += ["--workers", "none" if args.tiny else len(os.sched_getaffinity(0))]
    say(" ".join(map(str, command[1:])))
    subprocess.run(list(map(str, command)), stdout=sys.stderr, check=False)  # a suite that fails says why in its JSON
    if not out.exists():
        raise Failure(f"{part}: vs_pytorch.py wrote nothing")
    results = json.loads(out.read_text(encoding="utf-8"))
    (suite,) = results["suites"].values()
    return results["machine"], record.condensed(part, suite)


def searched(args, folder):
    """`wring benchmark` as the README tells it, in copies."""
    from vs_pytorch.processes import environment, find_program

    wring = find_program("wring")
    if args.wring_train:
        wring = args.wring_train.resolve().with_name("wring")
    if wring is None:
        raise Failure("wring was not found: build it, or give --wring-train beside it")
    env = environment(len(os.sched_getaffinity(0)), folder / "cache")
    names = {sys.executable: "python3", f"{ROOT}/": ""}
    if args.data:
        names[str(args.data.resolve())] = "PHOTOS"
    runs = {}

    def run(name, config, *more):
        work = folder / name
        work.mkdir()
        shutil.copy(config, work / config.name)
        command = [str(wring), "benchmark", str(work / config.name), "--no-cache", "--json", *map(str, more)]
        say(" ".join(command[1:]))
        began = time.monotonic()
        done = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True)
        if done.returncode != 0:
            runs[name] = {"reason": (done.stderr.strip().splitlines() or ["no message"])[-1]}
            return
        found = record.of_search(json.loads(done.stdout), time.monotonic() - began)
        found["command"] = shlex.join(["wring", "benchmark", config.name, *map(str, more)])
        runs[name] = record.without_paths(found, names)

    if args.data:
        run("lightweight_config", ROOT / "configs" / "lightweight_config.yaml", "--budget", f"{args.search_seconds}s",
            "--set", f"train_hr_dir={args.data.resolve()}", "--set", "dataset_enlarge_ratio=200")  # fmt: skip
    script = f"{sys.executable} {EXAMPLE / 'train.py'} --config {{config}}"
    run("pytorch_script", EXAMPLE / "config.yaml", "--command", script, "--rate-regex", "([0-9.]+) samples/s",
        "--trial-seconds", "3", "--budget", f"{args.search_seconds + 20}s", "--knobs", "none", "--set", "num_workers=8")  # fmt: skip
    return {"runs": runs}


def measure(args):
    found = {"date": time.strftime("%Y-%m-%d"), "command": "bench/headlines.py " + ",".join(args.parts), "machine": None}
    with tempfile.TemporaryDirectory(prefix="wring_headlines_") as temporary:
        for part in args.parts:
            began = time.monotonic()
            if part == "benchmark":
                found[part] = searched(args, Path(temporary))
            else:
                found["machine"], found[part] = measured_by_vs_pytorch(part, args, Path(temporary))
            found[part]["seconds"] = round(time.monotonic() - began, 1)
            # After each part: a run that is cut off keeps what it has.
            args.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return found


def failed(part):
    """Whether a part, or a run of it, has a reason in place of figures."""
    return "reason" in part or any("reason" in run for run in part.get("runs", {}).values())


def part_names(text):
    names = [name for name in text.split(",") if name]
    if not names or set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"choose from {','.join(PARTS)}")
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", type=part_names, nargs="?", help=",".join(PARTS))
    parser.add_argument("--out", type=Path, help="the JSON; grows part by part")
    parser.add_argument("--tables", type=Path, metavar="JSON", help="print the tables of a JSON, and measure nothing")
    parser.add_argument("--data", type=Path, help="photographs to train on")
    parser.add_argument("--val", type=Path, help="Set5's HR images (psnr)")
    parser.add_argument("--configs", help="in place of all of the guide's files (shipped)")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--wring-train", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--expert", default="default", help="what the experts try: default, max-autotune, autocast")
    parser.add_argument("--budget", type=float, default=440, help="seconds for all of vs_pytorch's parts")
    parser.add_argument("--search-seconds", type=int, default=60, help="of a search (benchmark)")
    parser.add_argument("--tiny", action="store_true", help="a tiny network: checks the program, measures nothing")
    args = parser.parse_args()
    if args.tables:
        print(record.tables(json.loads(args.tables.read_text(encoding="utf-8"))))
        return 0
    if not args.parts or not args.out:
        parser.error("say what to measure, and --out where to write it")
    if "psnr" in args.parts and not args.val:
        parser.error("psnr needs --val")
    shares = {"step": 4, "shipped": 5, "files": 4, "psnr": 2}
    whole = sum(shares.get(part, 0) for part in args.parts)
    args.seconds = {part: args.budget * shares[part] / whole for part in args.parts if part in shares}
    found = measure(args)
    print(record.tables(found))
    return 1 if any(failed(found[part]) for part in args.parts) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"headlines: {failure}")
