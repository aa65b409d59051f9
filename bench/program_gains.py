#!/usr/bin/env python3
"""Whether the change that `wring diagnose` names gives what its share promised, on a machine with a GPU:

    bench/program_gains.py --promised FILE.json --wring build/release/bin/wring --out GAINS.json [--only plain:item,gpt] [--limit 560]

Programs of bench/programs, each with its plant and with that cured, are alive at the same time and step in turns, A B A B,
without wring; ms a step (a sample, where the cure is another batch) is the median of the turns. The promise is the share in
FILE.json of bench/program_check.py; what is not there is diagnosed first. The gain, 1 − cured / planted, is right where it is
within a third of the promise. None is begun that would end later than --limit seconds after the first. The JSON grows pair by
pair. Exits with 1 where fewer than five are right.
"""
import argparse
import datetime
import json
import os
import re
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from program_check import CASES, ONE_LOOK, absent, case_of, command_of, diagnose, gpu_names, script_of  # noqa: E402
from turns import Failed, Stepper, in_turns, spread  # noqa: E402
from vs_pytorch import record  # noqa: E402

ROUNDS = 3
WARM_UP = 12  # steps: compiles, tunes convolutions
TURN_S = 1.5  # of the slower program, roughly
WITHIN = 1 / 3


class Cure:
    """what: is changed by hand. batch: how many times as many samples a step."""

    def __init__(self, what, batch=1):
        self.what, self.batch = what, batch


WORKERS = Cure("num_workers and persistent_workers as named")
LAST = Cure("read every 100th step")
COMPILED = Cure("torch.compile(model)")
PAIRS = {
    ("plain", "item"): LAST,
    ("plain", "optimizer"): Cure("fused=True"),
    ("gpt", "fp32"): Cure("bf16 autocast"),
    ("plain", "loader"): WORKERS,
    ("imagenet_style", "pageable"): Cure("pin_memory=True, non_blocking=True"),
    ("gpt", "launches"): Cure("16 times the batch", batch=16),
    ("photographs", "nchw"): Cure("channels-last network and images"),
    ("plain", "batch"): COMPILED,
    ("plain", "pageable"): Cure("pin_memory=True, non_blocking=True"),
    ("imagenet_style", "item"): LAST,
    ("imagenet_style", "nchw"): Cure("channels-last network and images"),
    ("hf_trainer", "fp32"): Cure("bf16=True"),
    ("lightning_fit", "fp32"): Cure("bf16 autocast"),
    ("photographs", "fp32"): Cure("bf16 autocast"),
    ("lightning_fit", "loader"): WORKERS,
    ("imagenet_style", "loader"): WORKERS,
    ("photographs", "loader"): WORKERS,
    ("hf_trainer", "loader"): WORKERS,
    ("lightning_fit", "launches"): COMPILED,
    ("hf_trainer", "batch"): COMPILED,
}  # fmt: skip


def promise_of(case, key):
    """(share in per cent, the changes named) of the finding with this key; (None, []) where it was not found."""
    finding = next((one for one in case["findings"] if one["key"] == key), None)
    return (finding["share_percent"], finding["changes"]) if finding else (None, [])


def named_workers(changes):
    counts = [re.search(r"num_workers=(\d+)", change["then"] or "") for change in changes]
    return next((int(count.group(1)) for count in counts if count), None)


def gain_of(planted_ms, cured_ms, batch):
    """Per cent of the time of a sample."""
    return 100 * (1 - cured_ms / batch / planted_ms)


def is_right(gain_percent, promised_percent):
    return abs(gain_percent - promised_percent) <= WITHIN * promised_percent


def steps_of_a_turn(ms):
    return max(8, min(200, round(1000 * TURN_S / ms)))


def promised(program, plant, args, found):
    """The case of program_check's record, or of a look now."""
    for case in found:
        if (case["program"], case["plant"]) == (program, plant):
            return case
    report, _, _ = diagnose(args.wring, command_of(program, plant, args.device), ONE_LOOK)
    return case_of(program, plant, report)


def measured(program, plant, device, cure, workers):
    cured = [plant, "--cured", *(["--workers", str(workers)] if workers else [])]
    with Stepper([script_of(program), plant, "--device", device]) as ill, Stepper(
        [script_of(program), *cured, "--device", device]
    ) as well:
        started = [ill.started(), well.started()]
        longer = max(stepper.turn(WARM_UP, 8)["ms"] for stepper in (ill, well))
        planted_ms, cured_ms = in_turns([ill, well], 2, steps_of_a_turn(longer), ROUNDS)
    return {"planted_ms": spread(planted_ms), "cured_ms": spread(cured_ms), "start_s": started,
            "rounds": {"planted_ms": planted_ms, "cured_ms": cured_ms},
            "gain_percent": gain_of(spread(planted_ms)["median"], spread(cured_ms)["median"], cure.batch)}  # fmt: skip


def pair_of(program, plant, args, known):
    key, cure = CASES[program][plant], PAIRS[program, plant]
    share, changes = promise_of(promised(program, plant, args, known), key)
    pair = {"program": program, "plant": plant, "cause": key, "cure": cure.what, "named": changes, "batch_factor": cure.batch,
            "promised_percent": share}  # fmt: skip
    if share is None:
        return {**pair, "right": False, "reason": "the cause was not named"}
    workers = named_workers(changes) if plant == "loader" else None
    try:
        pair |= measured(program, plant, args.device, cure, workers)
    except Failed as failed:
        return {**pair, "right": False, "reason": str(failed)}
    return {**pair, "right": is_right(pair["gain_percent"], share)}


def chosen(text):
    if not text:
        return list(PAIRS)
    words = [word.partition(":")[::2] for word in text.split(",")]
    return [pair for program, plant in words for pair in PAIRS if pair[0] == program and plant in ("", pair[1])]


def line_of(pair):
    name = f"{pair['program']}:{pair['plant']}"
    if "gain_percent" not in pair:
        return f"{name:26} {'not measured':8} {pair.get('reason') or pair.get('skipped')}"
    return (f"{name:26} {'right' if pair['right'] else 'WRONG':8} promised {pair['promised_percent']:.0f} %, gave "
            f"{pair['gain_percent']:.0f} %: {pair['planted_ms']['median']:.2f} → {pair['cured_ms']['median']:.2f} ms a step"
            f"{' of ' + str(pair['batch_factor']) + ' × the samples' if pair['batch_factor'] > 1 else ''}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wring", type=Path, help="for pairs that are not in --promised")
    parser.add_argument("--promised", type=Path, help="of bench/program_check.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", help="PROGRAM or PROGRAM:PLANT, separated by commas")
    parser.add_argument("--limit", type=float, default=1e9, help="seconds for all")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    args = parser.parse_args()
    if not args.wring and not args.promised:
        parser.error("either --promised or --wring")
    known = json.loads(args.promised.read_text(encoding="utf-8"))["cases"] if args.promised else []
    began, longest = time.perf_counter(), 0
    found = {"date": datetime.date.today().isoformat(), "command": "bench/program_gains.py", "pairs": []}
    if args.device == "cuda":
        found["machine"] = f"{gpu_names()}, {os.cpu_count()} cores"
    for program, plant in chosen(args.only):
        if time.perf_counter() - began + longest > args.limit:
            print(f"{program}:{plant}: not begun, --limit is near", file=sys.stderr)
            break
        start = time.perf_counter()
        lacks = absent(program)
        pair = {"program": program, "plant": plant, "skipped": lacks} if lacks else pair_of(program, plant, args, known)
        longest = max(longest, time.perf_counter() - start)
        found["pairs"].append(record.without_paths(pair, {str(HERE.parent): ".", sys.executable: "python"}))
        args.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(line_of(pair), f" {time.perf_counter() - start:.0f} s", flush=True)
    good = sum(pair.get("right", False) for pair in found["pairs"])
    print(f"{good} of {len(found['pairs'])} within a third")
    return 0 if good >= 5 else 1


if __name__ == "__main__":
    sys.exit(main())
