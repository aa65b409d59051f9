#!/usr/bin/env python3
"""What `wring diagnose -- python …` says of the programs of bench/programs, each with a planted cause, on a machine with a GPU:

    bench/program_check.py --wring build/release/bin/wring --out FILE.json [--only plain:item,gpt] [--limit 560] [--device cpu]

A case is right where the first cause is the planted one; one without a plant, where nothing is said to hold it back (a first
cause that gives back 10 % of a step or more). None is begun that would end later than --limit seconds after the first. The JSON
grows case by case. Exits with 1 where fewer than 16 of 18 cases, in this proportion, are right.
"""
import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from vs_pytorch import record  # noqa: E402

# By program and plant: the first finding's key. "" where nothing holds it back.
CASES = {
    "plain": {"none": "", "loader": "input_bound", "item": "synchronisations", "pageable": "transfer_bound",
              "optimizer": "optimizer", "batch": "launch_bound"},
    "photographs": {"none": "", "loader": "input_bound", "nchw": "layout", "fp32": "tensor_cores_unused"},
    "gpt": {"none": "", "launches": "launch_bound", "fp32": "tensor_cores_unused"},
    "lightning_fit": {"none": "", "loader": "input_bound", "fp32": "tensor_cores_unused"},
    "hf_trainer": {"none": "", "batch": "launch_bound", "fp32": "tensor_cores_unused"},
    "imagenet_style": {"none": "", "pageable": "transfer_bound", "nchw": "layout", "item": "synchronisations"},
}  # fmt: skip
LITTLE_PERCENT = 10  # of a step: what gives back less is no cause to name first
LONGEST_S = 60


def command_of(program, plant, device):
    script = [sys.executable, str(HERE / "programs" / f"{program}.py")]
    return [*script, plant, "--device", device]


def diagnose(wring, command, options):
    began = time.perf_counter()
    done = subprocess.run([wring, "diagnose", "--json", *options, "--", *command], capture_output=True, text=True,
                          timeout=LONGEST_S * 3)  # fmt: skip
    seconds = time.perf_counter() - began
    try:
        return json.loads(done.stdout), done, seconds
    except ValueError:
        return None, done, seconds


def judged(report, expected):
    """(right, first key, its share)."""
    processes = (report or {}).get("ranks") or []
    findings = processes[0]["findings"] if processes else []
    first = findings[0] if findings else {"key": None, "share_percent": 0}
    share = first.get("share_percent") or 0
    if expected:
        return first["key"] == expected, first["key"], share
    return bool(processes) and (first["key"] in (None, "compute_bound") or share < LITTLE_PERCENT), first["key"], share


def kept(report):
    process = ((report or {}).get("ranks") or [{}])[0]
    return {
        "steps": process.get("steps"), "shares": process.get("shares"), "no_shares": process.get("no_shares"),
        "work": process.get("work"),
        "findings": [{key: one[key] for key in ("key", "share_percent", "give_back_ms", "confidence", "numbers", "changes")}
                     for one in process.get("findings", [])],
        "reason": (report or {}).get("reason"), "no_finding": process.get("no_finding"),
    }  # fmt: skip


def chosen(text):
    if not text:
        return [(program, plant) for program, plants in CASES.items() for plant in plants]
    cases = []
    for word in text.split(","):
        program, _, plant = word.partition(":")
        cases += [(program, plant)] if plant else [(program, one) for one in CASES[program]]
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wring", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", help="PROGRAM or PROGRAM:PLANT, separated by commas")
    parser.add_argument("--limit", type=float, default=1e9, help="seconds for all")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--options", default="", help="for wring diagnose")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep each report and its trace")
    args = parser.parse_args()
    began, longest = time.perf_counter(), 0
    found = {"date": datetime.date.today().isoformat(), "command": "bench/program_check.py", "cases": []}
    if args.device == "cuda":
        names = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True)
        found["machine"] = f"{names.stdout.strip()}, {os.cpu_count()} cores"
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    for program, plant in chosen(args.only):
        if time.perf_counter() - began + longest > args.limit:
            print(f"{program}:{plant}: not begun, --limit is near", file=sys.stderr)
            break
        keep = ["--keep-trace", str(args.keep)] if args.keep else []
        report, done, seconds = diagnose(args.wring, command_of(program, plant, args.device), args.options.split() + keep)
        if args.keep:
            (args.keep / f"{program}-{plant}.json").write_text(done.stdout)
        longest = max(longest, seconds)
        right, key, share = judged(report, CASES[program][plant])
        case = {"program": program, "plant": plant, "expected": CASES[program][plant] or None, "first": key,
                "share_percent": share, "right": right, "seconds": seconds, "exit_code": done.returncode,
                **kept(report)}  # fmt: skip
        if report is None:
            case["stderr"] = done.stderr[-2000:]
        found["cases"].append(record.without_paths(case, {str(HERE.parent): ".", sys.executable: "python"}))
        args.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        step = (case["steps"] or {}).get("step_ms", {}).get("median", 0)
        print(f"{program:15} {plant:10} {'right' if right else 'WRONG':6} {key} {share:.0f} %  step {step:.2f} ms  "
              f"{seconds:.0f} s", flush=True)  # fmt: skip
        for name, ms in (case["shares"] or {}).items():
            print(f"    {name} {ms:.2f}", end="")
        print(flush=True)
    good = sum(case["right"] for case in found["cases"])
    print(f"{good} of {len(found['cases'])} right")
    return 0 if good * 18 >= 16 * len(found["cases"]) else 1


if __name__ == "__main__":
    sys.exit(main())
