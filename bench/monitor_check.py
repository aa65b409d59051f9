#!/usr/bin/env python3
"""Checks `wring monitor` on a machine with a GPU: against nvidia-smi, against what it costs, against planted loads.

    bench/monitor_check.py --wring build/release/bin/wring --out DIR [--only agreement,overhead,verdicts,programs]
                           [--loads input,compute] [--seconds 26] [--programs gpt,fp32] [--limit 560]

  agreement  beside a known load: GPU-Util, memory and power against `nvidia-smi --query-gpu` over the same window; the
             energy counter against NVML's own; tensor activity of an 8192³ matmul loop and of an idle GPU
  overhead   CPU time, resident memory and time to the first line of wring monitor at 1 Hz and 10 Hz, and of nvitop and
             gpustat where they are installed, in one run; NVML alone as the zero
  verdicts   what `wring monitor -- …` says of each load of bench/planted_loads.py
  programs   what it says of the six ordinary programs of bench/training_programs.py, one after the other, each with 20 s of
             imports and some 42 s of training: no wrong verdict, at most two silent. Their ticks go to DIR/ticks.jsonl. None is
             begun that would end later than --limit seconds after the first. Not part of the default: eight minutes

Writes DIR/monitor_check.json, prints a table, and exits 1 when something is out of its bound.
"""

import argparse
import ctypes
import importlib.util
import json
import os
import pty
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
EXPECTED = {
    "input": "input_bound",
    "launch": "launch_bound",
    "compute": "compute_bound",
    "bandwidth": "memory_bandwidth_bound",
    "idle": "idle",
}
# Of each program the verdicts that are right, and whether silence is right too. Its cause is written beside it.
PROGRAMS = {
    "photographs": ({"compute_bound", "memory_bandwidth_bound"}, True, "runs well"),
    "gpt": ({"compute_bound", "memory_bandwidth_bound"}, True, "runs well"),
    "decodes": ({"input_bound"}, False, "0 workers decode"),
    "launches": ({"launch_bound"}, False, "small launches"),
    "fp32": ({"tensor_cores_unused"}, False, "fp32 without TF32"),
    "validates": ({"compute_bound", "memory_bandwidth_bound"}, True, "validates and saves often"),
    "decodes_workers": ({"input_bound"}, False, "4 workers decode"),
}
SIX = ["photographs", "gpt", "decodes", "launches", "fp32", "validates"]
# They stand beside what a program is judged by.
BESIDE = {"power_throttled", "memory_nearly_full", "thermally_throttled"}
LONGEST_PROGRAM_S = 120
failures = []


def expect(holds, what):
    print(("   ok  " if holds else "  FAIL ") + what, flush=True)
    if not holds:
        failures.append(what)


def start_load(name, seconds):
    """A load in the background; returns once its first seconds of set-up are over."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "planted_loads.py"), name, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    time.sleep(9)
    return process


def monitor(arguments, wring, out, name, seconds, interval):
    summary = out / f"{name}.summary.json"
    ticks = out / f"{name}.jsonl"
    command = [wring, "monitor", str(seconds), "--interval", str(interval), "--format", "jsonl", "--summary", summary]
    with open(ticks, "w") as sink:
        subprocess.run([str(part) for part in command + arguments], stdout=sink, check=True)
    return json.loads(summary.read_text()), [json.loads(line) for line in ticks.read_text().splitlines()]


# -------------------------------------------------------------------------------------------------------- agreement


def smi_window(seconds):
    fields = "utilization.gpu,memory.used,power.draw.instant,power.draw"
    process = subprocess.Popen(
        ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits", "-lms", "250", "-i", "0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(seconds)
    process.terminate()
    rows = []
    for line in process.communicate()[0].splitlines():
        parts = line.split(",")
        try:
            rows.append([float(part) if "N/A" not in part else float("nan") for part in parts])
        except ValueError:
            continue
    return [statistics.fmean(column) for column in zip(*rows)]


def agreement(options):
    print("agreement with nvidia-smi", flush=True)
    record = {}
    for name in ("matmul", "launch"):
        load = start_load(name, 26)
        smi = {}
        watcher = threading.Thread(target=lambda: smi.update(mean=smi_window(12)))
        watcher.start()
        summary, _ = monitor([], options.wring, options.out, f"agreement-{name}", 12, 0.5)
        watcher.join()
        done = json.loads(load.communicate()[0])
        metrics = summary["gpus"][0]["metrics"]
        util, memory, instant, average = smi["mean"]
        mine = {key: metrics[key]["mean"] for key in ("gpu_util", "memory_used_mib", "power_w")}
        record[name] = {"nvidia_smi": smi["mean"], "wring": mine, "load": done, "summary": summary["gpus"][0]}
        expect(abs(mine["gpu_util"] - util) <= 1.0, f"{name}: GPU-Util {mine['gpu_util']:.1f} % | nvidia-smi {util:.1f} %")
        expect(
            abs(mine["memory_used_mib"] - memory) <= 1.0,
            f"{name}: memory {mine['memory_used_mib']:.1f} MiB | nvidia-smi {memory:.1f} MiB",
        )
        near = min(abs(mine["power_w"] - average), abs(mine["power_w"] - instant))
        expect(
            near <= max(1.0, 0.01 * average),
            f"{name}: power {mine['power_w']:.1f} W | nvidia-smi average {average:.1f} W, instant {instant:.1f} W",
        )
        energy = summary["gpus"][0]["energy_j"]
        expected = mine["power_w"] * summary["duration_s"]
        expect(abs(energy - expected) <= 0.05 * expected, f"{name}: energy {energy:.0f} J | mean power × time {expected:.0f} J")
        tensor = metrics.get("tensor_activity_percent") or metrics.get("tensor_activity")
        print(f"       {name}: tensor activity {tensor and tensor['mean']} %, {done}", flush=True)
    summary, _ = monitor([], options.wring, options.out, "agreement-nothing", 6, 0.5)
    tensor = next(v for k, v in summary["gpus"][0]["metrics"].items() if k.startswith("tensor_activity"))
    record["nothing"] = summary["gpus"][0]
    expect(tensor["mean"] < 0.5, f"no load: tensor activity {tensor['mean']:.2f} %")
    return record


# --------------------------------------------------------------------------------------------------------- overhead


def cpu_seconds(pid):
    total = 0
    for task in [pid, *children(pid)]:
        try:
            fields = Path(f"/proc/{task}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / TICKS
        except OSError:
            pass
    return total


def children(pid):
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def resident_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def cost(command, seconds):
    """CPU share of one core and resident memory of a command on a terminal of its own, after its start; or the reason why
    it did not last as long."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", LINES="50", COLUMNS="160")
        os.execvp(command[0], command)
    stop = threading.Event()
    shown = bytearray()

    def drain():
        while not stop.is_set():
            try:
                shown[:] = (shown + os.read(terminal, 65536))[-2000:]
            except OSError:
                return

    threading.Thread(target=drain, daemon=True).start()
    time.sleep(3)
    if os.waitpid(pid, os.WNOHANG)[0]:
        stop.set()
        return {"reason": shown.decode(errors="replace")[-600:].strip() or "it ended without a word"}
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    share = 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)
    memory = resident_mib(pid)
    os.kill(pid, signal.SIGINT)
    time.sleep(1)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    stop.set()
    os.waitpid(pid, 0)
    return {"cpu_percent": share, "resident_mib": memory}


BARE = r"""
#include <chrono>
#include <cstdio>
#include <dlfcn.h>
#include <fstream>
#include <string>
int main() {
  auto now = [] { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
  const double began = now();
  void* library = dlopen("libnvidia-ml.so.1", RTLD_LAZY);
  reinterpret_cast<int (*)()>(dlsym(library, "nvmlInit_v2"))();
  void* device = nullptr;
  reinterpret_cast<int (*)(unsigned, void**)>(dlsym(library, "nvmlDeviceGetHandleByIndex_v2"))(0, &device);
  const double took = now() - began;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmRSS", 0) == 0) std::printf("%.2f %s\n", took, line.c_str() + 6);
}
"""


def bare_nvml(out):
    source, program = out / "bare.cpp", out / "bare"
    source.write_text(BARE)
    subprocess.run(["g++", "-O1", "-o", program, source, "-ldl"], check=True)
    rows = []
    for _ in range(7):
        took, kib = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()[:2]
        rows.append((float(took), int(kib) / 1024))
    source.unlink(), program.unlink()
    return {"init_ms": statistics.median(r[0] for r in rows), "resident_mib": statistics.median(r[1] for r in rows)}


def first_line_ms(wring):
    times = []
    for _ in range(7):
        began = time.perf_counter()
        process = subprocess.Popen([wring, "monitor", "1", "--format", "jsonl"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.readline()
        times.append((time.perf_counter() - began) * 1000)
        process.terminate()
        process.wait()
    return statistics.median(times)


def overhead(options):
    print("what it costs", flush=True)
    zero = bare_nvml(options.out)
    record = {"nvml alone": zero, "first line ms": first_line_ms(options.wring)}
    wring = str(options.wring)
    cases = {
        "wring 1 Hz, lines": ([wring, "monitor", "0", "--interval", "1", "--format", "jsonl"], 15),
        "wring 1 Hz, live view": ([wring, "monitor", "0", "--interval", "1"], 15),
        "wring 10 Hz, lines": ([wring, "monitor", "0", "--interval", "0.1", "--format", "jsonl"], 15),
    }
    if importlib.util.find_spec("nvitop"):
        cases["nvitop 1 Hz"] = ([sys.executable, "-m", "nvitop", "--monitor", "full", "--interval", "1"], 12)
    if importlib.util.find_spec("gpustat"):
        cases["gpustat 1 Hz"] = ([sys.executable, "-m", "gpustat", "-i", "1"], 12)
    for name, (command, seconds) in cases.items():
        record[name] = cost(command, seconds)
        if "reason" in record[name]:
            print(f"       {name:24} did not run: {record[name]['reason']}", flush=True)
            continue
        print(f"       {name:24} {record[name]['cpu_percent']:6.2f} % of a core {record[name]['resident_mib']:7.1f} MiB", flush=True)
    start = record["first line ms"] - zero["init_ms"]
    expect(start < 50, f"first line {record['first line ms']:.0f} ms, NVML alone {zero['init_ms']:.0f} ms: {start:.0f} ms beyond it")
    expect(record["wring 1 Hz, lines"]["cpu_percent"] < 0.5, "below 0.5 % of a core at 1 Hz")
    expect(record["wring 10 Hz, lines"]["cpu_percent"] < 3, "below 3 % of a core at 10 Hz")
    beyond = record["wring 10 Hz, lines"]["resident_mib"] - zero["resident_mib"]
    expect(beyond < 20, f"resident {beyond:.1f} MiB beyond NVML alone ({zero['resident_mib']:.1f} MiB)")
    return record


# --------------------------------------------------------------------------------------------------------- verdicts


def verdicts(options):
    print("planted loads", flush=True)
    record = {}
    for name, cause in EXPECTED.items():
        if name not in options.loads.split(","):
            continue
        # Beside the command, whose processes it then knows. Its start-up comes on top of the seconds.
        load = [sys.executable, str(HERE / "planted_loads.py"), name, str(options.seconds + 6)]
        summary, _ = watch(options.wring, options.out, f"verdict-{name}", load)
        gpu = summary["gpus"][0]
        record[name] = {"verdicts": gpu["verdicts"], "metrics": gpu["metrics"], "steady": gpu["steady"]}
        found = [verdict["key"] for verdict in gpu["verdicts"]]
        expect(found[:1] == [cause], f"{name}: {found}")
        for verdict in gpu["verdicts"]:
            print(f"       {verdict}", flush=True)
        means = {key: round(value["mean"], 1) for key, value in gpu["metrics"].items() if value}
        print(f"       {means}", flush=True)
    return record


def watch(wring, out, name, command, interval=1):
    """Runs the command beside `wring monitor`; the summary as JSON, and its words."""
    summary, ticks = out / f"{name}.summary.json", out / f"{name}.jsonl"
    words = [wring, "monitor", "--interval", interval, "--summary", summary, "--log", ticks, "--", *command]
    process = subprocess.Popen(
        [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    # One that hangs is interrupted, the monitor with it, which then still tells what it saw.
    timer = threading.Timer(LONGEST_PROGRAM_S, lambda: os.killpg(process.pid, signal.SIGINT))
    timer.start()
    said, errors = process.communicate(timeout=LONGEST_PROGRAM_S + 60)
    timer.cancel()
    text = errors[errors.rfind("📊"):]
    if process.returncode != 0:
        print(f"       {name} ended with {process.returncode}: {errors[-1500:]}", flush=True)
    record = {"exit": process.returncode, "text": text, "program": (said.strip().splitlines() or [""])[-1]}
    return json.loads(summary.read_text()), record


def judge(name, summary, record):
    """right, silent or wrong, with the verdicts and the guide's last line."""
    right, silence_is_right, truth = PROGRAMS[name]
    gpu = summary["gpus"][0]
    keys = [verdict["key"] for verdict in gpu["verdicts"] if verdict["key"] not in BESIDE]
    lines = [line for line in record["text"].splitlines() if line.startswith(("✅", "💡", "❔"))]
    last_line = lines[0] if lines else ""
    praised_or_not = silence_is_right == last_line.startswith("✅ The GPU is well used!")
    if set(keys) - right:
        result = "wrong"
    elif not keys and not silence_is_right:
        result = "silent"
    else:
        result = "right" if silence_is_right is False or praised_or_not else "wrong"
    phases = {key: value["seconds"] for key, value in (gpu["phases"] or {}).items()}
    return {"truth": truth, "result": result, "verdicts": keys, "last_line": last_line, "no_verdict": gpu["no_verdict"],
            "phases": phases, "steady": gpu["steady"], **record}  # fmt: skip


def programs(options):
    print("six programs", flush=True)
    began, record = time.monotonic(), {}
    subprocess.run([sys.executable, "-c", "import torch, torchvision, timm, transformers"], check=True, timeout=300)
    ticks = (options.out / "ticks.jsonl").open("w")
    for name in options.programs.split(","):
        left = options.limit - (time.monotonic() - began)
        if left < 90:
            print(f"       {name}: not begun, {left:.0f} s are left", flush=True)
            failures.append(f"{name} was not begun")
            continue
        command = [sys.executable, str(HERE / "training_programs.py"), name]
        summary, said = watch(options.wring, options.out, name, command)
        record[name] = judged = judge(name, summary, said)
        log = options.out / f"{name}.jsonl"
        for line in log.read_text().splitlines():
            ticks.write(json.dumps({"program_name": name, **json.loads(line)}) + "\n")
        for file in (log, options.out / f"{name}.summary.json"):
            file.unlink()
        phases = ", ".join(f"{key} {seconds:.0f}" for key, seconds in judged["phases"].items() if seconds)
        print(f"  {judged['result']:6} {name} ({judged['truth']}): {judged['verdicts'] or judged['no_verdict']}", flush=True)
        print(f"         {judged['last_line']}\n         phases: {phases}\n         {judged['program']}", flush=True)
        print("         " + json.dumps({k: v for k, v in judged["steady"].items() if v is not None}), flush=True)
        expect(said["exit"] == 0, f"{name} ended with exit code {said['exit']}")
    ticks.close()
    results = [judged["result"] for judged in record.values()]
    expect("wrong" not in results, f"{results.count('wrong')} wrong of {len(results)}")
    expect(results.count("silent") <= 2, f"{results.count('silent')} silent of {len(results)}")
    return record


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wring", type=Path, default=shutil.which("wring"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="agreement,overhead,verdicts")
    parser.add_argument("--loads", default=",".join(EXPECTED), help="of the planted loads")
    parser.add_argument("--seconds", type=int, default=26, help="of each planted load; the monitor is silent below 20")
    parser.add_argument("--programs", default=",".join(SIX), help="of the programs")
    parser.add_argument("--limit", type=float, default=560, help="seconds for all programs together")
    options = parser.parse_args()
    options.wring = options.wring.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError as error:
        sys.exit(f"monitor_check: there is no NVIDIA driver here: {error}")
    parts = {"agreement": agreement, "overhead": overhead, "verdicts": verdicts, "programs": programs}
    record = {}
    for name in options.only.split(","):
        record[name] = parts[name](options)
        (options.out / "monitor_check.json").write_text(json.dumps(record, indent=1))
    print(f"{len(failures)} out of bounds" if failures else "all within bounds")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
