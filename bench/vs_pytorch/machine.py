"""What the results were measured on: card, driver, software, date."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

import torch

from .processes import environment


def cpu_name():
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def card_and_driver():
    """(name, driver version) of the first card, or (None, None)."""
    try:
        finished = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None, None
    name, comma, driver = finished.stdout.partition("\n")[0].partition(", ")
    return (name, driver) if finished.returncode == 0 and comma else (None, None)


def wring_version(wring_train):
    try:
        finished = subprocess.run(
            [str(wring_train), "--version"], capture_output=True, text=True, timeout=60, env=environment(1)
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip().partition("\n")[0] or None


def describe_machine(wring_train):
    card, driver = card_and_driver()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "card": card,
        "driver": driver,
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "python": platform.python_version(),
        "wring": wring_version(wring_train),
    }
