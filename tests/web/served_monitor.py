"""`wring monitor --serve` on a machine that the stand-in for NVML plays back, for the tests beside this file."""
import http.client
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

TWO_CARDS = """driver 580.65.06
card
name NVIDIA H200
uuid GPU-busy
bus_id 00000000:19:00.0
compute_capability 9.0
memory_total_mib 143771
memory_reserved_mib 612
memory_used_mib 98304
gpu_util 93
memory_util 40
power_mw 612500
power_limit_mw 700000
temperature 63
sm_clock 1830
energy_mj 1000000
gpm_2 81.5
gpm_5 57.25
gpm_10 41
throttle 4
processes self:5120:80
card
name NVIDIA H200
uuid GPU-second
bus_id 00000000:3B:00.0
compute_capability 9.0
memory_total_mib 143771
memory_used_mib 0
gpu_util 0
"""
SECOND_CARD_LOST = TWO_CARDS + "tick 700\nerror * 15\n"


class ServedMonitor:
    """Runs until close(). `url` is what it printed."""

    wring = library = None  # paths, set by the test's main

    def __init__(self, *arguments, machine=TWO_CARDS, address="127.0.0.1:0", environment=None):
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "machine.txt"
        file.write_text(machine, encoding="utf-8")
        variables = {**os.environ, "LC_ALL": "C.UTF-8", "WRING_NVML_LIBRARY": self.library, "WRING_FAKE_NVML": str(file),
                     "WRING_NVIDIA_SMI": "/nonexistent/nvidia-smi", "XDG_STATE_HOME": self.folder.name}
        variables.pop("WRING_MONITOR_TOKEN", None)
        variables.update(environment or {})
        command = [self.wring, "monitor", "--lang", "en", "--interval", "0.2", "--serve", address, *arguments]
        self.process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        self.said = ""
        self.url = None
        while self.url is None and (line := self.process.stderr.readline()):
            self.said += line
            found = re.search(r"http://\S+", line)
            self.url = found and found.group(0)

    @property
    def address(self):
        parts = urlsplit(self.url)
        return parts.hostname, parts.port

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(timeout=30)
        finally:
            self.process.kill()
            self.process.stderr.close()
            self.folder.cleanup()
        return code

    def ask(self, target, method="GET", headers=None, body=None):
        """(status, headers, body) of one request on a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def json(self, target, **options):
        status, _, body = self.ask(target, **options)
        if status != 200:
            raise AssertionError(f"{target}: {status} {body}")
        return json.loads(body)

    def wait_for(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError("it did not come true")
            time.sleep(0.05)
        return value

    def wait_for_ticks(self, count):
        return self.wait_for(lambda: self.json("/api/v1/latest")["ticks"] >= count)
