"""What is kept of a run for bench/results: medians, rounds, memory and losses, and the tables that documents show of them.

Needs no torch: a test compares documents with records wherever Python runs.
"""

from .markdown import machine_line, number, table
from .settings import DEFAULTS

LOSSES = 20  # of each side, beside each other
KERNELS = 15  # the longest of a step
SIDES = ("wring", "expert", "folded_expert")


def told(settings):
    """The settings that are not the defaults."""
    return {key: value for key, value in settings.items() if value != DEFAULTS[key] and key != "perceptual_weights_file"}


def step_side(row):
    kept = ("label", "engine", "candidate", "samples_per_s", "step_ms", "peak_memory_mib", "compile_s", "first_step_s",
            "ratio", "memory_ratio", "loss_difference", "notes", "reason")  # fmt: skip
    side = {key: row[key] for key in kept if row.get(key) is not None}
    side["rounds"] = [measured["samples_per_s"] for measured in row.get("rounds", [])]
    if row.get("loss"):
        side["loss"] = [round(loss, 6) for loss in row["loss"][:LOSSES]]
    if row.get("kernels"):
        side["kernels"] = row["kernels"][: KERNELS + 1]
    return side


def condensed_step(suite):
    return {
        name: {"what": result["what"], "settings": told(result["settings"]),
               "rows": {side: step_side(row) for side, row in result["rows"].items()}}
        for name, result in suite.items()
    }  # fmt: skip


def condensed_files(suite):
    configs = {}
    for name, result in suite["configs"].items():
        rows = {side: dict(row) for side, row in result["rows"].items()}
        resident = rows.get("wring resident", {}).get("samples_per_s")
        pytorch = [row["samples_per_s"] for side, row in rows.items() if side.startswith("pytorch") and "samples_per_s" in row]
        for side, row in rows.items():
            if side.startswith("wring") and "samples_per_s" in row:
                if resident:
                    row["percent_of_resident"] = 100 * row["samples_per_s"] / resident
                if pytorch:
                    row["times_pytorch"] = row["samples_per_s"] / max(pytorch)
        configs[name] = {"what": result["what"], "images": result["images"], "rows": rows}
    return configs


def condensed(part, suite):
    """Of a suite's results. A suite that could not be measured keeps its reason."""
    if "reason" in suite:
        return {"reason": suite["reason"]}
    if part == "psnr":
        return {"config": suite["config"], "target": suite["target"], "rows": suite["rows"]}
    return {"configs": condensed_files(suite) if part == "files" else condensed_step(suite)}


def of_search(found, seconds):
    """Of the JSON of `wring benchmark`: before, after, and what was changed. Rates are the medians, whose quotient speed_up
    is; the rest is of the trials next to them."""

    def side(index, medians):
        if index is None:
            return None
        measured = found["trials"][index]
        kept = {key: measured.get(key) for key in ("batch_size", "set", "samples_per_s", "step_ms", "utilisation", "memory")}
        return {**kept, "samples_per_s": medians["samples_per_s"]} if medians else kept

    return {
        "before": side(found["before_trial"], found.get("before")), "after": side(found["chosen_trial"], found.get("chosen")),
        "speed_up": found["speed_up"],
        "reason_text": found["reason"], "trials": len(found["trials"]), "seconds": round(seconds, 1), "machine": found["machine"],
    }  # fmt: skip


def without_paths(value, names):
    """A JSON value in whose strings each path of `names` stands as its name there: a record is of a card, not of the folders of
    the machine that it was in."""
    if isinstance(value, dict):
        return {key: without_paths(part, names) for key, part in value.items()}
    if isinstance(value, list):
        return [without_paths(part, names) for part in value]
    if isinstance(value, str):
        for path in sorted(map(str, names), key=len, reverse=True):  # the longest first: one may stand in another
            value = value.replace(path, names[path])
    return value


def times(row):
    ratio = row.get("ratio")
    return "–" if ratio is None else f"{ratio['median']:.2f}"


def step_table(part):
    header = ["configuration", "Wring, samples/s", "ms", "the expert", "folded expert", "Wring is × the expert", "× the folded",
              "peak MiB, Wring", "the expert", "losses differ by"]  # fmt: skip
    lines = []
    for name, config in part["configs"].items():
        wring, expert, folded = (config["rows"].get(side, {}) for side in SIDES)
        difference = expert.get("loss_difference")
        lines.append([
            f"{name}: {config['what']}", number(wring.get("samples_per_s")), number(wring.get("step_ms"), 2),
            number(expert.get("samples_per_s")), number(folded.get("samples_per_s")), times(expert), times(folded),
            number(wring.get("peak_memory_mib")), number(expert.get("peak_memory_mib")),
            "–" if difference is None else f"{100 * difference:.2f} %",
        ])  # fmt: skip
    return table(header, lines)


def files_table(part):
    header = ["configuration", "`gpu`", "`host`", "`none`", "resident batches", "GPU-Util, `gpu`", "waiting for data, `gpu`",
              "`none` is × PyTorch"]  # fmt: skip
    lines = []
    for name, config in part["configs"].items():
        rows = {tier: config["rows"].get(f"wring {tier}", {}) for tier in ("gpu", "host", "none", "resident")}
        gpu, ratio = rows["gpu"], rows["none"].get("times_pytorch")
        util, wait = gpu.get("gpu_util"), gpu.get("wait_share")
        lines.append([
            f"{name}: {config['what']}", *(number(row.get("samples_per_s")) for row in rows.values()),
            "–" if util is None else f"{util:.0f} %", "–" if wait is None else f"{100 * wait:.1f} %",
            "–" if ratio is None else f"{ratio:.1f}",
        ])  # fmt: skip
    return table(header, lines)


def psnr_table(part):
    header = ["", f"s to {part['target']} dB", "steps", "best dB", "at s", "first validation, s"]
    lines = []
    for row in part["rows"].values():
        cells = [number(row.get("seconds_to_target"), 1), number(row.get("steps_to_target")), number(row.get("best_psnr_y"), 2),
                 number(row.get("best_at_s"), 1), number(row.get("first_validation_s"), 1)]  # fmt: skip
        lines.append([row["label"], *cells])
    return table(header, lines)


def search_table(part):
    header = ["", "batch", "samples/s", "batch after", "samples/s after", "× the rate", "seconds"]
    lines = []
    for name, run in part["runs"].items():
        before, after = run.get("before") or {}, run.get("after") or {}
        lines.append([
            name, number(before.get("batch_size")), number(before.get("samples_per_s")), number(after.get("batch_size")),
            number(after.get("samples_per_s")), number(run.get("speed_up"), 2), number(run.get("seconds")),
        ])  # fmt: skip
    return table(header, lines)


TABLES = {"step": step_table, "shipped": step_table, "files": files_table, "psnr": psnr_table, "benchmark": search_table}


def part_table(found, part):
    """The table of one part of a record, or why there is none."""
    return TABLES[part](found[part]) if "reason" not in found[part] else f"{part}: {found[part]['reason']}"


def tables(found):
    parts = [machine_line(found["machine"])] if found.get("machine") else []
    return "\n\n".join(parts + [part_table(found, part) for part in TABLES if part in found])
