"""The results as Markdown tables for docs/performance.md."""

from .settings import describe


def number(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}".replace(",", " ")


def percent(value, digits=0):
    return "–" if value is None else f"{value:.{digits}f} %"


def table(header, rows):
    """Text first, numbers right-aligned."""
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def reason_row(row, columns):
    text = row["reason"].replace("|", "/").replace("\n", " ")
    return [row["label"], f"not measured: {text}"] + [""] * (columns - 2)


def machine_line(machine):
    card = f"{machine['card']}, driver {machine['driver']}" if machine["card"] else "no GPU"
    software = f"PyTorch {machine['torch']}"
    if machine["cuda"]:
        software += f", CUDA {machine['cuda']}, cuDNN {machine['cudnn']}"
    wring = machine["wring"] or "wring-train"
    return f"{machine['date']}: {card}; {machine['cpu']}, {machine['cores']} cores; {software}; {wring}."


def step_row(row, header):
    if row.get("samples_per_s") is None:
        return reason_row({"reason": "no round", **row}, len(header))
    ratio = row.get("ratio")
    label = row["label"] + (f" ({row['candidate']})" if "candidate" in row else "")
    label += f", {row['engine']}" if "engine" in row else ""
    return [
        label, number(row["samples_per_s"]), number(row["step_ms"], 2), number(row["peak_memory_mib"]),
        f"{ratio['median']:.2f} ({ratio['min']:.2f}–{ratio['max']:.2f})" if ratio else "",
        number(row.get("memory_ratio"), 2) if "memory_ratio" in row else "",
        f"{row['loss_difference']:.1e}" if row.get("loss_difference") is not None else "",
        number(row["compile_s"]) if "compile_s" in row else "",
    ]  # fmt: skip


def step_tables(results):
    header = ["", "samples/s", "step ms", "peak MiB", "Wring is × faster", "Wring's memory ×", "losses differ by", "compiling, s"]
    for name, result in results.items():
        rows = sorted(result["rows"].values(), key=lambda row: -(row.get("samples_per_s") or 0))
        yield f"**{name}** ({result['what']}), step on resident data\n\n" + table(
            header, [step_row(row, header) for row in rows]
        )


def files_row(row, header):
    if "reason" in row:
        return reason_row(row, len(header))
    wait = row.get("wait_share")
    return [
        row["label"], number(row["samples_per_s"]), percent(None if wait is None else 100 * wait, 1),
        *(percent(row.get(key)) for key in ("gpu_util", "sm_activity", "tensor_activity", "dram_activity")),
    ]  # fmt: skip


def files_tables(results):
    header = ["", "samples/s", "waiting for data", "GPU-Util", "SM", "tensor", "DRAM"]
    for name, result in results["configs"].items():
        rows = [files_row(row, header) for row in result["rows"].values()]
        yield f"**{name}** ({result['what']}), from {result['images']} image files\n\n" + table(header, rows)
    if results["gpu_reason"]:
        yield f"GPU figures: {results['gpu_reason']}."


def psnr_row(row, header):
    if "reason" in row:
        return reason_row(row, len(header))
    return [
        row["label"], number(row.get("seconds_to_target"), 1), number(row.get("steps_to_target")),
        number(row["best_psnr_y"], 2), number(row["best_at_s"], 1), number(row["first_validation_s"], 1),
        number(row.get("judged_psnr_y"), 2),
    ]  # fmt: skip


def psnr_tables(results):
    header = ["", f"s to {results['target']} dB", "steps", "best dB", "at s", "first validation, s", "judged dB"]
    rows = [psnr_row(row, header) for row in results["rows"].values()]
    yield f"**{results['config']}** ({describe(results['settings'])}), from process start\n\n" + table(header, rows)


def markdown(results):
    parts = [machine_line(results["machine"])]
    for suite, tables in (("step", step_tables), ("files", files_tables), ("psnr", psnr_tables)):
        found = results["suites"].get(suite)
        if found is None:
            continue
        parts += [f"Suite {suite}: {found['reason']}"] if "reason" in found else list(tables(found))
    return "\n\n".join(parts) + "\n"
