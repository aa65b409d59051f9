#!/usr/bin/env python3
"""What `wring diagnose -- python …` says of the programs of bench/programs, each with a planted cause, on a machine with a GPU:

    bench/program_check.py --wring build/release/bin/wring --out FILE.json [--only plain:item,gpt] [--nproc 2] [--limit 560]

A case is right where the first cause is the planted one; one without a plant, where nothing is said to hold it back (a first
cause that gives back 10 % of a step or more). With --nproc 2 the program of two ranks runs under torchrun, and the verdict on
both must be right. A program whose packages are not there is skipped. None is begun that would end later than --limit seconds
after the first. The JSON grows case by case. Exits with 1 where fewer than 16 of 18 cases, in this proportion, are right.
"""
import argparse
import datetime
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from vs_pytorch import record  # noqa: E402

# By program and plant: the key of what is to come first. "" where nothing holds it back.
CASES = {
    "plain": {"none": "", "loader": "input_bound", "item": "synchronisations", "pageable": "transfer_bound",
              "optimizer": "optimizer", "batch": "launch_bound"},
    "photographs": {"none": "", "loader": "input_bound", "nchw": "layout", "fp32": "tensor_cores_unused"},
    "gpt": {"none": "", "launches": "launch_bound", "fp32": "tensor_cores_unused"},
    "lightning_fit": {"none": "", "loader": "input_bound", "fp32": "tensor_cores_unused", "launches": "launch_bound"},
    "lightning_cli": {"none": "", "loader": "input_bound", "fp32": "tensor_cores_unused"},
    "hf_trainer": {"none": "", "batch": "launch_bound", "fp32": "tensor_cores_unused", "loader": "input_bound"},
    "imagenet_style": {"none": "", "pageable": "transfer_bound", "nchw": "layout", "item": "synchronisations",
                       "loader": "input_bound"},
    "ddp": {"none": "", "straggler": "straggler", "bucket": "collective_bound"},
}  # fmt: skip
OF_RANKS = ("ddp",)
STRAGGLER = 1  # the rank; two are run
PACKAGES = {"photographs": ("timm", "torchvision"), "gpt": ("transformers",), "hf_trainer": ("transformers", "accelerate"),
            "lightning_fit": ("lightning", "torchvision"), "lightning_cli": ("lightning", "jsonargparse", "torchvision"),
            "imagenet_style": ("torchvision",)}  # fmt: skip
LITTLE_PERCENT = 10  # of a step: what gives back less is no cause to name first
LONGEST_S = 60
ONE_LOOK = ["--after", "12", "--steps", "36"]


def absent(program):
    """Why the program cannot run here, or None."""
    missing = [name for name in ("torch", *PACKAGES.get(program, ())) if importlib.util.find_spec(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def gpu_names():
    names = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True)
    return ", ".join(names.stdout.split("\n")[:-1])


def script_of(program):
    return str(HERE / "programs" / f"{program}.py")


def command_of(program, plant, device, nproc=1):
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(nproc)] if program in OF_RANKS else []
    return [sys.executable, *torchrun, script_of(program), plant, "--device", device]


def diagnose(wring, command, options):
    began = time.perf_counter()
    done = subprocess.run([wring, "diagnose", "--json", *options, "--", *command], capture_output=True, text=True,
                          timeout=LONGEST_S * 3)  # fmt: skip
    seconds = time.perf_counter() - began
    try:
        return json.loads(done.stdout), done, seconds
    except ValueError:
        return None, done, seconds


def judged(process, expected):
    """(right, first key, its share) of what was said of a process, None where nothing was."""
    findings = process["findings"] if process else []
    first = findings[0] if findings else {"key": None, "share_percent": 0}
    share = first.get("share_percent") or 0
    if expected:
        return first["key"] == expected, first["key"], share
    return bool(process) and (first["key"] in (None, "compute_bound") or share < LITTLE_PERCENT), first["key"], share


def kept(process):
    return {
        "steps": process.get("steps"), "shares": process.get("shares"), "no_shares": process.get("no_shares"),
        "work": process.get("work"),
        "findings": [{key: one[key] for key in ("key", "share_percent", "give_back_ms", "confidence", "numbers", "changes")}
                     for one in process.get("findings", [])],
        "no_finding": process.get("no_finding"),
    }  # fmt: skip


def told_of(process, expected):
    right, key, share = judged(process, expected)
    return {"expected": expected or None, "first": key, "share_percent": share, "right": right, **kept(process or {})}


def findings_of(verdict):
    """A verdict on several ranks in the form of a process: the straggler comes first."""
    straggler = verdict.get("straggler")
    return {"findings": ([straggler] if straggler else []) + verdict["causes"]}


def told_of_ranks(report, expected):
    verdict, processes = report.get("verdict"), report.get("ranks") or []
    right, key, share = judged(findings_of(verdict) if verdict else None, expected)
    if key == "straggler":
        right = right and verdict["straggler"]["ranks"] == [STRAGGLER]
    return {"expected": expected or None, "first": key, "share_percent": share, "right": right, "verdict": verdict,
            "ranks": [{"rank": process["rank"], **kept(process)} for process in processes]}  # fmt: skip


def case_of(program, plant, report):
    processes, expected = (report or {}).get("ranks") or [], CASES[program][plant]
    if program in OF_RANKS:
        told = told_of_ranks(report or {}, expected)
    else:
        told = told_of(next(iter(processes), None), expected)
    return {"program": program, "plant": plant, **told, "reason": (report or {}).get("reason")}


def chosen(text, nproc):
    if not text:
        return [(program, plant) for program, plants in CASES.items() for plant in plants if (program in OF_RANKS) == (nproc > 1)]
    cases = []
    for word in text.split(","):
        program, _, plant = word.partition(":")
        cases += [(program, plant)] if plant else [(program, one) for one in CASES[program]]
    return cases


def lines_of(case):
    """What is said, and the shares of each process."""
    ranks = case.get("ranks", [case])
    steps = ", ".join(f"{(rank['steps'] or {}).get('step_ms', {}).get('median', 0):.2f}" for rank in ranks)
    yield (f"{case['program']:15} {case['plant']:10} {'right' if case['right'] else 'WRONG':6} {case['first']} "
           f"{case['share_percent']:.0f} %  step {steps} ms  {case['seconds']:.0f} s")  # fmt: skip
    for rank in ranks:
        yield "".join(f"    {name} {ms:.2f}" for name, ms in (rank["shares"] or {}).items())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wring", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", help="PROGRAM or PROGRAM:PLANT, separated by commas")
    parser.add_argument("--limit", type=float, default=1e9, help="seconds for all")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--nproc", type=int, default=1, help="ranks: of the programs that have some")
    parser.add_argument("--options", default=" ".join(ONE_LOOK), help="for wring diagnose")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep each report and its trace")
    args = parser.parse_args()
    began, longest = time.perf_counter(), 0
    found = {"date": datetime.date.today().isoformat(), "command": "bench/program_check.py", "cases": []}
    if args.device == "cuda":
        found["machine"] = f"{gpu_names()}, {os.cpu_count()} cores"
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    for program, plant in chosen(args.only, args.nproc):
        if lacks := absent(program):
            found.setdefault("skipped", []).append({"program": program, "plant": plant, "reason": lacks})
            print(f"{program}:{plant}: skipped, {lacks}", file=sys.stderr)
            continue
        if time.perf_counter() - began + longest > args.limit:
            print(f"{program}:{plant}: not begun, --limit is near", file=sys.stderr)
            break
        keep = ["--keep-trace", str(args.keep)] if args.keep else []
        command = command_of(program, plant, args.device, args.nproc)
        report, done, seconds = diagnose(args.wring, command, args.options.split() + keep)
        if args.keep:
            (args.keep / f"{program}-{plant}.json").write_text(done.stdout)
        longest = max(longest, seconds)
        case = {**case_of(program, plant, report), "seconds": seconds, "exit_code": done.returncode}
        if report is None:
            case["stderr"] = done.stderr[-2000:]
        found["cases"].append(record.without_paths(case, {str(HERE.parent): ".", sys.executable: "python"}))
        args.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print("\n".join(lines_of(case)), flush=True)
    good = sum(case["right"] for case in found["cases"])
    print(f"{good} of {len(found['cases'])} right")
    return 0 if good * 18 >= 16 * len(found["cases"]) else 1


if __name__ == "__main__":
    sys.exit(main())
