#!/usr/bin/env python3
"""Checks the batch size that `wring benchmark` chooses against every other one.

For each configuration: the search as a user runs it; a sweep over the multiples of 8 up to 256, then in wider steps to
the memory's end, with the same worker and settings; the two rates compared; 500 steps with a validation at the size that
was chosen. One command writes the figures as JSON and as a table.

A configuration is one of the four networks of vs_pytorch/settings.py by name, or a file as it is shipped
(configs/balanced.yaml): of a file only the folders of images are replaced. --disturbed N repeats the search N times
while another process works on the card in bursts, and asks each time whether what was written is slower than what was
there, on a quiet card and in turns.
"""

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from vs_pytorch.settings import (  # noqa: E402
    COMMON,
    GUIDE_CONFIGS,
    TINY_CONFIGS,
    read_flat_yaml,
    write_flat_yaml,
)

FINE_END = 256
# Two runs of one size differ by this much on a quiet card.
WITHIN_NOISE = 0.01


class Worker:
    """`wring-train trial`: see docs/trial_protocol.md."""

    def __init__(self, program, config, device):
        command = [program, "trial", config, "--device", device]
        self.command = command
        self.process = None
        self.id = 0

    def run(self, batch_size, **measure):
        """The event `done` of one trial at this batch size."""
        if self.process is None:  # the first trial, or one after a worker that ended
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        self.id += 1
        request = {"v": 1, "id": self.id, "set": {"batch_size": batch_size}, "measure": measure}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "done" and event["id"] == self.id:
                if event["outcome"] != "ok":
                    self.end()  # as the search does: a failed trial may leave anything behind
                return event
        self.end()
        return {"outcome": "killed"}

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.end()


def sizes(largest):
    """Multiples of 8, ordered so that running out of time leaves even gaps, then the wider steps, ascending."""
    fine = [b for step in (64, 32, 16, 8) for b in range(step, min(FINE_END, largest) + 1, step)]
    wide = [b for b in (320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048, 3072, 4096) if b <= largest]
    return list(dict.fromkeys(fine[:4] + wide + fine))


def sweep(worker, chosen, seconds, largest):
    """Rate and peak memory by batch size. A size that does not fit ends the ascent, not the finer sizes below it."""
    began = time.monotonic()
    rows, limit = {}, None
    for batch in [chosen, *sizes(largest)]:
        if time.monotonic() - began > seconds:
            break
        if batch in rows or (limit and batch >= limit):
            continue
        done = worker.run(batch, data="real", min_seconds=0.3, max_seconds=1.0, rel_ci=0.01)
        rows[batch] = done
        if done["outcome"] == "oom":
            limit = batch
    return rows


def search(args, config, folder, may_refuse=False):
    """The record of `wring benchmark`, and the seconds it took; may_refuse: nothing written (1) is an answer as well."""
    command = [args.wring, "benchmark", config, "--no-cache", "--knobs", "none", "--device", args.device,
               "--budget", args.budget, "-o", folder / "written.yaml", "--json", "--quiet"]  # fmt: skip
    began = time.monotonic()
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True)
    seconds = time.monotonic() - began
    if done.returncode != 0 and not (may_refuse and done.returncode == 1 and done.stdout):
        raise SystemExit(f"{config}: wring benchmark ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout), seconds


def write_config(args, name):
    """The configuration as a file in a folder of its own; its batch size beside it."""
    known = {**GUIDE_CONFIGS, **TINY_CONFIGS}
    if name in known:
        values = {**COMMON, **known[name], "num_workers": 4, "dataset_enlarge_ratio": 200}
    else:
        values = read_flat_yaml(Path(name))
        values.pop("data_dir", None)
    values |= {"train_hr_dir": args.data.resolve(), "val_hr_dir": args.val.resolve()}
    folder = args.work / Path(name).stem
    folder.mkdir(parents=True, exist_ok=True)
    write_flat_yaml(folder / "config.yaml", values)
    return folder / "config.yaml", int(values["batch_size"])


def check(args, name):
    config, _ = write_config(args, name)
    folder = config.parent
    record, seconds = search(args, config, folder)
    chosen = record["chosen_batch_size"]
    with Worker(args.wring_train, config, args.device) as worker:
        rows = sweep(worker, chosen, args.sweep_seconds, args.largest)
        # The steps count, and max_seconds would end them.
        soak = worker.run(chosen, data="real", min_seconds=0, max_seconds=600, rel_ci=1, min_steps=args.soak,
                          validate=True)  # fmt: skip
    rates = {batch: row["samples_per_s"] for batch, row in rows.items() if row["outcome"] == "ok"}
    best = max(rates, key=rates.get)
    searching = [trial["seconds"] for trial in record["trials"] if not trial["reused"]]
    return {
        "config": name, "chosen": chosen, "chosen_rate": rates[chosen], "best": best, "best_rate": rates[best],
        "share_of_best": rates[chosen] / rates[best], "seconds": seconds, "trial_seconds": sum(searching),
        "predicted_mib": record["predicted_peak_mib"],
        "measured_mib": soak.get("memory", {}).get("peak_reserved_mib"),
        "soak": {key: soak.get(key) for key in ("outcome", "samples_per_s", "memory")}, "reason": record["reason"],
        "memory_line_mib": record["memory_line_mib"], "step_line_ms": record["step_line_ms"],
        "machine": record["machine"],
        "search": [{key: trial.get(key) for key in ("purpose", "batch_size", "outcome", "samples_per_s", "seconds")}
                   for trial in record["trials"]],
        "sweep": [{"batch_size": batch, "outcome": row["outcome"], "samples_per_s": row.get("samples_per_s"),
                   "peak_mib": row.get("memory", {}).get("peak_allocated_mib")} for batch, row in sorted(rows.items())],
    }  # fmt: skip


def other_process(device):
    """Large products for a random time, then a random pause, for ever: what a neighbour on a shared card does."""
    code = f"""
import random, time, torch
size = 8192 if "{device}" == "cuda" else 512
a = torch.randn(size, size, device="{device}")
while True:
    end = time.monotonic() + random.uniform(0.2, 3)
    while time.monotonic() < end:
        a @ a
        if "{device}" == "cuda":
            torch.cuda.synchronize()
    time.sleep(random.uniform(0.2, 3))
"""
    return subprocess.Popen([sys.executable, "-c", code])


def disturbed_searches(args, name):
    """What each search beside a busy neighbour wrote, and its rate over the configuration's own on a quiet card."""
    config, own = write_config(args, name)
    rows = []
    for attempt in range(args.disturbed):
        (config.parent / "written.yaml").unlink(missing_ok=True)
        neighbour = other_process(args.device)
        try:
            record, seconds = search(args, config, config.parent, may_refuse=True)
        finally:
            neighbour.kill()
            neighbour.wait()
        written = (config.parent / "written.yaml").exists()
        chosen = record["chosen_batch_size"] if written else None
        row = {"config": name, "own": own, "written": written, "chosen": chosen, "ratio": None,
               "seconds": seconds, "disturbed": record["disturbed"], "reason": record["reason"]}  # fmt: skip
        if written and chosen != own:
            row["ratio"] = rate_ratio(args, config, chosen, own)
        rows.append(row)
        print(f"{name}, disturbed {attempt + 1}: own {own}, written {chosen}, × {row['ratio']}; {row['reason']}", flush=True)
    return rows


def rate_ratio(args, config, chosen, own, turns=3):
    """Median over turns of one size's rate over the other's."""
    with Worker(args.wring_train, config, args.device) as worker:
        ratios = []
        for _ in range(turns):
            rates = [worker.run(b, data="real", min_seconds=0.5, max_seconds=2.0, rel_ci=0.01)["samples_per_s"]
                     for b in (chosen, own)]  # fmt: skip
            ratios.append(rates[0] / rates[1])
    return statistics.median(ratios)


def table(results):
    lines = ["| config | chosen | samples/s | best of the sweep | share | command | predicted | measured | 500 steps |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]  # fmt: skip
    for r in results:
        memory = (f"{r['predicted_mib']:.0f} MiB | {r['measured_mib']} MiB"
                  if r["predicted_mib"] and r["measured_mib"] else "– | –")  # fmt: skip
        lines.append(f"| {r['config']} | {r['chosen']} | {r['chosen_rate']:.0f} | {r['best']}: {r['best_rate']:.0f} | "
                     f"{r['share_of_best']:.1%} | {r['seconds']:.0f} s | {memory} | {r['soak']['outcome']} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wring", type=Path, required=True)
    parser.add_argument("--wring-train", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of HR images")
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--configs", default=",".join(GUIDE_CONFIGS))
    parser.add_argument("--budget", default="30s")
    parser.add_argument("--sweep-seconds", type=float, default=600, help="a configuration")
    parser.add_argument("--largest", type=int, default=4096)
    parser.add_argument("--disturbed", type=int, default=0, metavar="N", help="N searches beside another process, no sweep")
    parser.add_argument("--soak", type=int, default=500, help="steps")
    parser.add_argument("--work", type=Path, required=True, help="folder for the configs")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    args.wring, args.wring_train = args.wring.resolve(), args.wring_train.resolve()
    results, disturbed = [], []
    for name in args.configs.split(","):
        if args.disturbed:
            disturbed += disturbed_searches(args, name)
        else:
            results.append(check(args, name))
            print(table(results[-1:]).splitlines()[-1], flush=True)
        record = {"date": datetime.date.today().isoformat(), "results": results, "disturbed": disturbed}
        args.json.write_text(json.dumps(record, indent=1), encoding="utf-8")
    if results:
        print(table(results))
    if any(row["ratio"] is not None and row["ratio"] < 1 - WITHIN_NOISE for row in disturbed):
        raise SystemExit("a slower batch size was written")


if __name__ == "__main__":
    main()
