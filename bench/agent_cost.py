#!/usr/bin/env python3
"""What `wring diagnose -- python …` costs a program outside the windows in which it measures, and at its start:

    bench/agent_cost.py --wring build/release/bin/wring --out FILE.json [--device cpu] [--rounds 20] [--pairs 7]

bench/programs/small_step.py, whose step takes the host about 5 ms, runs three times at once and steps in turns: without
wring, before the windows (--after half a million steps), and after them (--to-the-end). That the agent is where it is to be, it
says itself after every turn. The ratio of a round is its ms a step by that without in the same round.

Start-up: seconds until the first two steps have ended, in pairs without and with wring, one after the other.
"""
import argparse
import datetime
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from program_check import gpu_names, script_of  # noqa: E402
from turns import Failed, Stepper, spread  # noqa: E402

BEFORE, AFTER = "before the windows", "after the windows"
NEVER = 500_000  # steps
PLACES = {None: None, BEFORE: "warmup", AFTER: "off"}  # where the agent is to be
OPTIONS = {BEFORE: ("--after", str(NEVER)), AFTER: ("--to-the-end", "--after", "20", "--steps", "30")}


class Cost:
    def __init__(self, args):
        self.args = args
        self.program = [script_of("small_step"), "--device", args.device]

    def stepper(self, side):
        before = [self.args.wring, "diagnose", *OPTIONS[side], "--"] if side else []
        return Stepper(self.program, before)

    def turn(self, stepper, side):
        found = stepper.turn(self.args.skip, self.args.steps)
        if found["agent"] != PLACES[side]:
            raise Failed(f"{side or 'without wring'}: the agent is {found['agent']}, not {PLACES[side]}")
        return found["ms"]

    def pass_windows(self, stepper):
        for _ in range(100):
            if stepper.turn(0, 50)["agent"] == "off":
                return
        raise Failed("the agent's windows did not end")

    def steady(self):
        rounds = {side: [] for side in PLACES}
        with self.stepper(None) as without, self.stepper(BEFORE) as before, self.stepper(AFTER) as after:
            steppers = {None: without, BEFORE: before, AFTER: after}
            for stepper in steppers.values():
                stepper.started()
            self.pass_windows(after)
            for stepper in (without, before):
                stepper.turn(0, 100)
            for number in range(self.args.rounds):
                # Each goes first as often as the others.
                order = list(steppers)[number % 3 :] + list(steppers)[: number % 3]
                for side in order:
                    rounds[side].append(self.turn(steppers[side], side))
        found = {"rounds_ms": {side or "without": ms for side, ms in rounds.items()},
                 "step_ms": {side or "without": spread(ms) for side, ms in rounds.items()}}  # fmt: skip
        for side in (BEFORE, AFTER):
            ratios = [ms / own for ms, own in zip(rounds[side], rounds[None])]
            found[f"ratio {side}"] = {**spread(ratios), "least": min(ratios), "most": max(ratios)}
        return found

    def start_of(self, side):
        with self.stepper(side) as stepper:
            return stepper.started()

    def start_up(self):
        self.start_of(None)  # the files come into memory
        pairs = []
        for number in range(self.args.pairs):
            sides = (None, BEFORE) if number % 2 == 0 else (BEFORE, None)
            seconds = {side: self.start_of(side) for side in sides}
            pairs.append({"without_s": seconds[None], "with_s": seconds[BEFORE]})
        return {
            "pairs": pairs, "without_s": spread([pair["without_s"] for pair in pairs]),
            "with_s": spread([pair["with_s"] for pair in pairs]),
            "beyond_ms": spread([1000 * (pair["with_s"] - pair["without_s"]) for pair in pairs]),
        }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wring", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--steps", type=int, default=100, help="of a turn")
    parser.add_argument("--skip", type=int, default=10, help="steps at the begin of a turn")
    parser.add_argument("--pairs", type=int, default=7, help="of starts")
    args = parser.parse_args()
    cost = Cost(args)
    found = {"date": datetime.date.today().isoformat(), "command": "bench/agent_cost.py", "device": args.device,
             "machine": f"{gpu_names()}, {os.cpu_count()} cores" if args.device == "cuda" else f"{os.cpu_count()} cores"}
    for part in ("steady", "start_up"):
        found[part] = getattr(cost, part)()
        args.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if part == "steady":
            print(f"a step without wring: {found[part]['step_ms']['without']['median']:.3f} ms")
            for side in (BEFORE, AFTER):
                ratio = found[part][f"ratio {side}"]
                print(f"{side}: × {ratio['median']:.4f} ± {ratio['mad']:.4f} ({ratio['least']:.4f} to {ratio['most']:.4f})",
                      flush=True)  # fmt: skip
        else:
            beyond = found[part]["beyond_ms"]
            print(f"start-up: {found[part]['without_s']['median']:.2f} s without, {beyond['median']:.0f} ± {beyond['mad']:.0f} ms "
                  f"beyond with wring")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
