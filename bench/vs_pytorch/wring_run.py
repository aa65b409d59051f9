"""`wring-train train` as a process that is watched from outside: each line of its metrics, and when it came."""

import json
import shutil
import signal
import subprocess
import time

from .processes import reason_of
from .settings import Unavailable, write_flat_yaml

POLL_S = 0.02


class WringRun:
    """Trains `values` in a folder of its own; `lines` grows to [(time.monotonic(), metrics)]."""

    def __init__(self, wring_train, values, folder, env, device):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_flat_yaml(folder / "run.yaml", {**values, "experiment_name": "run"})
        self.folder = folder
        self.experiment = folder / "experiments" / "run"
        self.log = (folder / "log").open("w+", encoding="utf-8")
        self.lines, self.at, self.rest = [], 0, ""
        command = [str(wring_train), "train", str(folder / "run.yaml"), "--device", device]
        command += ["--experiments", str(folder / "experiments")]
        self.started = time.monotonic()
        # In its own folder, so that no data/val/HR of the caller's is found.
        self.process = subprocess.Popen(command, env=env, cwd=folder, stdout=self.log, stderr=self.log)

    def read(self):
        """Takes in what is new in the metrics, and returns it."""
        try:
            with (self.experiment / "metrics.jsonl").open(encoding="utf-8") as file:
                file.seek(self.at)
                text = file.read()
        except FileNotFoundError:
            return []
        self.at += len(text.encode())
        now = time.monotonic()
        *whole, self.rest = (self.rest + text).split("\n")
        new = [(now, json.loads(line)) for line in whole if line]
        self.lines += new
        return new

    def wait_for(self, enough, end):
        """Until enough(lines) is true (True), the run is over (False), or the time is `end` (False)."""
        while True:
            running = self.process.poll() is None
            if self.read() and enough(self.lines):
                return True
            if not running:
                if self.process.returncode != 0:
                    raise Unavailable(f"exit code {self.process.returncode}: {self.reason()}")
                return False
            if time.monotonic() >= end:
                return False
            time.sleep(POLL_S)

    def text(self):
        self.log.flush()
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def reason(self):
        return reason_of(self.text())

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
