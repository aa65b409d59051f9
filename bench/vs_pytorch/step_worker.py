"""One PyTorch variant of a training step, in a process of its own: prepare, then measure when asked."""

import contextlib
import fcntl
import statistics
import time

import torch
from safetensors.torch import load_file

from .processes import emit, serve
from .settings import Unavailable
from .trainers import CapturedTrainer, Trainer

# Steps between two looks at the clock, as wring_steps has it: few where a step is long, and so many where it is
# short that waiting for the device, which a training loop does not do, no longer shows.
FEWEST_STEPS, MOST_STEPS, GROUP_MS = 5, 50, 30

EAGER_FP32 = {"use_mixed_precision": False, "channels_last": False}
VARIANTS = {
    "expert": "expert: compiled, the whole step one CUDA graph",
    "folded_expert": "expert who folds the linear tail",
    "reduce_overhead": "torch.compile reduce-overhead",
    "compile": "torch.compile",
    "amp": "eager, autocast, channels-last",
    "fp32": "eager fp32",
}
EXPERTS = ("expert", "folded_expert")
# Either expert tries these and keeps the fastest: (name, compile mode, 16-bit working weights).
CANDIDATES = {
    "default": ("default", True),
    "max-autotune": ("max-autotune-no-cudagraphs", True),
    "autocast": ("max-autotune-no-cudagraphs", False),
}


def group_steps(step_ms):
    return max(FEWEST_STEPS, min(MOST_STEPS, round(GROUP_MS / step_ms)))


class Variant:
    def __init__(self, options):
        self.options, self.device = options, options["device"]
        self.on_gpu = self.device == "cuda"
        torch.backends.cudnn.benchmark = True
        self.settings = options["settings"]
        if options["variant"] == "fp32":
            self.settings = {**self.settings, **EAGER_FP32}
        self.weights = load_file(options["weights"])
        self.batches = None
        self.trained = {}  # an expert's candidates by name; one entry otherwise
        self.peak_mib = {}
        self.compile_s = 0.0

    def load_batches(self):
        """Floats that lie on the device: PyTorch is spared the conversion that wring's step contains."""
        stored = load_file(self.options["batches"])
        channels_last = torch.channels_last if self.settings["channels_last"] else torch.contiguous_format
        self.batches = [
            tuple(
                stored[name][i].to(self.device).permute(0, 3, 1, 2).float().div_(255).contiguous(memory_format=channels_last)
                for name in ("lr", "hr")
            )
            for i in range(len(stored["hr"]))
        ]

    def prepare(self, candidate=None):
        variant = self.options["variant"]
        if variant in (*EXPERTS, "reduce_overhead") and not self.on_gpu:
            raise Unavailable("records CUDA graphs, and there is no GPU here")
        if variant == "amp" and not self.settings["use_mixed_precision"]:
            raise Unavailable("this configuration computes in fp32" if self.on_gpu else "16 bits are compared on a GPU only")
        if self.batches is None:
            self.load_batches()
        began, self.waited_s = time.perf_counter(), 0.0
        before = torch.cuda.memory_allocated() >> 20 if self.on_gpu else 0
        if variant in EXPERTS:
            mode, low_precision_weights = CANDIDATES[candidate]
            folded = variant == "folded_expert"
            trainer = CapturedTrainer(
                self.settings, self.weights, self.device, mode, low_precision_weights, folded=folded
            )
            self.peak_mib[candidate] = trainer.capture(*self.batches[0], alone=self.card_alone) - before
        else:
            candidate = variant
            mode = {"compile": "default", "reduce_overhead": "reduce-overhead"}.get(variant)
            trainer = Trainer(self.settings, self.weights, self.device, mode)
            torch.backends.cudnn.benchmark = False
            trainer.step_on(*self.batches[0])  # compiles
            with self.card_alone():
                torch.backends.cudnn.benchmark = True
                for i in range(6 if mode else 3):
                    trainer.step_on(*self.batches[i % len(self.batches)])
                self.synchronise()
        self.trained[candidate] = trainer
        self.compile_s += time.perf_counter() - began - self.waited_s
        emit(event="ready", compile_s=self.compile_s)

    @contextlib.contextmanager
    def card_alone(self):
        """The processes compile side by side, and take turns where cuDNN times its algorithms: the others' work would count."""
        with open(self.options["turn"], "w", encoding="utf-8") as turn:
            asked = time.perf_counter()
            fcntl.flock(turn, fcntl.LOCK_EX)
            self.waited_s += time.perf_counter() - asked
            yield

    def choose(self, seconds):
        """Keeps the fastest of what was prepared; frees the others."""
        if not self.trained:
            raise Unavailable("no candidate could be prepared")
        rates = {name: self.time_steps(trainer, seconds)["samples_per_s"] for name, trainer in self.trained.items()}
        best = max(rates, key=rates.get)
        for name in [n for n in self.trained if n != best]:
            self.trained.pop(name).release()
        emit(event="chosen", candidate=best, rates=rates)

    def losses(self, steps):
        """Of the first steps from the initial weights; only before anything is measured."""
        (trainer,) = self.trained.values()
        if isinstance(trainer, CapturedTrainer):
            trainer.start_over()
        else:
            fresh = load_file(self.options["weights"])
            with torch.no_grad():
                for name, parameter in trainer.net.named_parameters():
                    parameter.copy_(fresh[name])
            for state in trainer.optimizer.state.values():
                for value in state.values():
                    value.zero_()
        found = [trainer.step_on(*self.batches[i % len(self.batches)]) for i in range(steps)]
        emit(event="losses", loss=torch.stack(found).tolist())

    def measure(self, seconds):
        (name,) = self.trained
        if self.on_gpu:
            torch.cuda.reset_peak_memory_stats()
        record = self.time_steps(self.trained[name], seconds)
        record["peak_memory_mib"] = self.peak_mib.get(name) or self.peak_of_steps_mib()
        emit(event="measured", **record)

    def peak_of_steps_mib(self):
        """Of the steps just measured, with one batch: the others lie there only to be different."""
        if not self.on_gpu:
            return None
        spare = sum(images.nbytes for batch in self.batches[1:] for images in batch)
        return (torch.cuda.max_memory_allocated() - spare) >> 20

    def time_steps(self, trainer, seconds):
        captured = isinstance(trainer, CapturedTrainer)
        step_ms, index, group = [], 0, FEWEST_STEPS
        for warm in (True, False):
            end = time.perf_counter() + (min(0.2, seconds / 4) if warm else seconds)
            while not step_ms or time.perf_counter() < end:
                began = time.perf_counter()
                for _ in range(group):
                    if captured:
                        trainer.replay()
                    else:
                        trainer.step_on(*self.batches[index % len(self.batches)])
                    index += 1
                self.synchronise()
                step_ms.append((time.perf_counter() - began) * 1000 / group)
            if warm:
                group, step_ms = group_steps(step_ms[-1]), []
        median = statistics.median(step_ms)
        mad = statistics.median(abs(ms - median) for ms in step_ms)
        return {
            "samples_per_s": 1000 * self.settings["batch_size"] / median,
            "step_ms": {"median": median, "mad": mad, "n": len(step_ms)},
        }

    def synchronise(self):
        if self.on_gpu:
            torch.cuda.synchronize()


def main(options):
    variant = Variant(options)
    serve({"prepare": variant.prepare, "choose": variant.choose, "losses": variant.losses, "measure": variant.measure})
