"""What a GPU did while something else ran: GPU-Util, and SM, tensor and DRAM activity where the card counts them (GPM).

Reads libnvidia-ml.so.1 through ctypes, with the declarations of nvml.h that are needed here, so that both sides are
measured from outside, by the same reader. GPU-Util is the share of time in which any kernel ran; the GPM figures say how
busy the units were. A figure that the card or the driver does not give is None.
"""

import contextlib
import ctypes
import os
import threading
import time

INTERVAL_S = 0.1
GPM_INTERVAL_S = 0.5  # the two samples must be more than 100 ms apart
GPM_IDS = {"sm_activity": 2, "tensor_activity": 5, "dram_activity": 10}
GPM_ENTRIES = 333  # nvml.h 13.2; older ones are shorter, and the driver reads num_metrics only


class Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class GpmMetric(ctypes.Structure):
    _fields_ = [
        ("id", ctypes.c_uint), ("result", ctypes.c_int), ("value", ctypes.c_double),
        ("short_name", ctypes.c_char_p), ("long_name", ctypes.c_char_p), ("unit", ctypes.c_char_p),
    ]  # fmt: skip


class GpmMetrics(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint), ("count", ctypes.c_uint), ("first", ctypes.c_void_p), ("second", ctypes.c_void_p),
        ("metrics", GpmMetric * GPM_ENTRIES),
    ]  # fmt: skip


class GpmSupport(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint), ("supported", ctypes.c_uint)]


class NoReading(Exception):
    """Why the card cannot be asked."""


class Card:
    """One GPU through NVML. Throws NoReading where there is no driver or no GPU."""

    def __init__(self):
        try:
            self.nvml = ctypes.CDLL("libnvidia-ml.so.1")
        except OSError as error:
            raise NoReading(f"no NVML: {error}") from None
        self.check("nvmlInit_v2")
        self.device = ctypes.c_void_p()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
        if visible.startswith("GPU-"):
            self.check("nvmlDeviceGetHandleByUUID", visible.encode(), ctypes.byref(self.device))
        else:
            index = int(visible) if visible.isdigit() else 0
            self.check("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(self.device))
        self.gpm_samples = None
        self.gpm_reason = self._start_gpm()

    def call(self, name, *arguments):
        try:
            return getattr(self.nvml, name)(*arguments)
        except AttributeError:
            return 13  # NVML_ERROR_FUNCTION_NOT_FOUND

    def check(self, name, *arguments):
        code = self.call(name, *arguments)
        if code != 0:
            raise NoReading(f"{name}: NVML error {code}")

    def _start_gpm(self):
        support = GpmSupport(version=1)
        code = self.call("nvmlGpmQueryDeviceSupport", self.device, ctypes.byref(support))
        if code != 0 or not support.supported:
            return f"no GPM counters on this card (NVML {code})"
        samples = [ctypes.c_void_p(), ctypes.c_void_p()]
        for sample in samples:
            code = self.call("nvmlGpmSampleAlloc", ctypes.byref(sample))
            if code != 0:
                return f"nvmlGpmSampleAlloc: NVML error {code}"
        code = self.call("nvmlGpmSampleGet", self.device, samples[0])
        if code != 0:
            return f"nvmlGpmSampleGet: NVML error {code}"
        self.gpm_samples = samples
        return None

    def gpu_util(self):
        """In percent, or None."""
        reading = Utilization()
        code = self.call("nvmlDeviceGetUtilizationRates", self.device, ctypes.byref(reading))
        return float(reading.gpu) if code == 0 and reading.gpu <= 100 else None

    def gpm(self):
        """{name: percent or None} since the last call; None where there are no counters."""
        if not self.gpm_samples:
            return None
        before, now = self.gpm_samples
        if self.call("nvmlGpmSampleGet", self.device, now) != 0:
            return None
        request = GpmMetrics(version=1, count=len(GPM_IDS), first=before, second=now)
        for entry, metric in zip(request.metrics, GPM_IDS.values()):
            entry.id = metric
        self.gpm_samples = [now, before]
        if self.call("nvmlGpmMetricsGet", ctypes.byref(request)) != 0:
            return None
        return {
            name: entry.value if entry.result == 0 and 0 <= entry.value <= 100 else None
            for name, entry in zip(GPM_IDS, request.metrics)
        }

    def close(self):
        for sample in self.gpm_samples or []:
            self.call("nvmlGpmSampleFree", sample)
        self.call("nvmlShutdown")


def time_weighted(samples, begin, end, longest_s):
    """The mean over [begin, end] of [(time, value or None)], each value held back to the sample before it, as it
    describes the window that ended there, but for `longest_s` at most. None where nothing was read."""
    weight = total = 0.0
    for (before, _), (at, value) in zip(samples, samples[1:]):
        start = max(before, begin, at - longest_s)
        length = min(at, end) - start
        if value is not None and length > 0:
            weight += length
            total += length * value
    return total / weight if weight else None


class Sampler:
    """Reads the card in a thread of its own. `reason` says why there is nothing to read."""

    def __init__(self, on_gpu):
        self.util, self.counters = [], {name: [] for name in GPM_IDS}
        self.reason = None
        self.stopping = threading.Event()
        try:
            if not on_gpu:
                raise NoReading("no GPU in this run")
            self.card = Card()
            self.reason = self.card.gpm_reason
        except NoReading as reason:
            self.card, self.reason = None, str(reason)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        next_gpm = time.monotonic() + GPM_INTERVAL_S
        while self.card and not self.stopping.wait(INTERVAL_S):
            self.util.append((time.monotonic(), self.card.gpu_util()))
            if time.monotonic() >= next_gpm:
                values = self.card.gpm() or {}
                at = time.monotonic()
                for name, series in self.counters.items():
                    series.append((at, values.get(name)))
                next_gpm = at + GPM_INTERVAL_S

    def over(self, begin, end):
        """The figures of a window on time.monotonic()'s clock, in percent; None for what was not read."""
        found = {"gpu_util": time_weighted(list(self.util), begin, end, 3 * INTERVAL_S)}
        for name, series in self.counters.items():
            found[name] = time_weighted(list(series), begin, end, 3 * GPM_INTERVAL_S)
        return found

    def close(self):
        self.stopping.set()
        self.thread.join(timeout=5)
        if self.card and not self.thread.is_alive():
            self.card.close()


@contextlib.contextmanager
def sampling(on_gpu):
    sampler = Sampler(on_gpu)
    try:
        yield sampler
    finally:
        sampler.close()
