"""PyTorch's side of bench/scaling.py, a rank of torchrun: compiled EDSR under DistributedDataParallel, on resident data.

    torchrun --nproc-per-node N bench/scaling.py --worker '{"weights": …, "batches": …, "settings": …, "out": …, …}'

Rank 0 writes {"samples_per_s" of all ranks, "step_ms", "loss", "compile_s", "equal"}. With one rank there is no DDP: what a
user runs on one GPU.
"""

import json
import os
import statistics
import time
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch.nn.parallel import DistributedDataParallel

from .step_worker import FEWEST_STEPS, group_steps
from .trainers import Trainer

COMPARED_LOSSES = 20
WARM_UP = 12  # compiles, lets DDP rebuild its buckets


class DdpTrainer(Trainer):
    """As Trainer; the network is wrapped before model and loss are compiled together, as PyTorch's manual has it."""

    def __init__(self, settings, weights, device, ranks):
        super().__init__(settings, weights, device)
        if ranks > 1:
            ids = [torch.cuda.current_device()] if device == "cuda" else None
            # The fewest messages and copies; the only buffer is a constant.
            self.net = DistributedDataParallel(
                self.net, device_ids=ids, gradient_as_bucket_view=True, broadcast_buffers=False
            )
        self.loss_of = torch.compile(self.plain_loss)


class Measurement:
    def __init__(self, options):
        self.options = options
        self.device, self.settings = options["device"], options["settings"]
        self.rank, self.ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        if self.device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        torch.backends.cudnn.benchmark = True
        dist.init_process_group("nccl" if self.device == "cuda" else "gloo")
        self.trainer = DdpTrainer(self.settings, load_file(options["weights"]), self.device, self.ranks)
        stored = load_file(options["batches"])
        self.batches = [
            (self.trainer.to_float(stored["lr"][i]), self.trainer.to_float(stored["hr"][i])) for i in range(len(stored["hr"]))
        ]
        self.done = 0

    def step(self):
        """Rank r of W has batch (i · W + r) mod M in step i, as in wring_steps."""
        lr, hr = self.batches[(self.done * self.ranks + self.rank) % len(self.batches)]
        self.done += 1
        return self.trainer.step_on(lr, hr)

    def synchronise(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def timed_ms(self, steps):
        began = time.perf_counter()
        for _ in range(steps):
            self.step()
        self.synchronise()
        return (time.perf_counter() - began) * 1000 / steps

    def of_rank_zero(self, value):
        """Every rank must do as many steps as rank 0."""
        value = torch.tensor(value, device=self.device)
        dist.broadcast(value, 0)
        return value.item()

    def mean(self, losses):
        losses = torch.stack(losses)
        dist.all_reduce(losses)
        return (losses / self.ranks).tolist()

    def equal(self):
        flat = torch.cat([p.detach().flatten() for p in self.trainer.parameters])
        first = flat.clone()
        dist.broadcast(first, 0)
        same = torch.tensor(1 if torch.equal(flat, first) else 0, device=self.device)
        dist.all_reduce(same, dist.ReduceOp.MIN)
        return bool(same.item())

    def run(self):
        began = time.perf_counter()
        losses = [self.step() for _ in range(COMPARED_LOSSES)]
        self.synchronise()
        compile_s = time.perf_counter() - began
        for _ in range(WARM_UP):
            self.step()
        self.synchronise()
        group = group_steps(self.of_rank_zero(self.timed_ms(FEWEST_STEPS)))
        windows = int(self.of_rank_zero(max(10, self.options["seconds"] * 1000 / (group * self.timed_ms(group)))))
        step_ms = [self.timed_ms(group) for _ in range(windows)]
        record = {"loss": self.mean(losses), "equal": self.equal(), "compile_s": compile_s, "ranks": self.ranks}
        median = statistics.median(step_ms)
        mad = statistics.median(abs(ms - median) for ms in step_ms)
        record["step_ms"] = {"median": median, "mad": mad, "n": len(step_ms)}
        record["samples_per_s"] = 1000 * self.settings["batch_size"] * self.ranks / median
        if self.rank == 0:
            Path(self.options["out"]).write_text(json.dumps(record), encoding="utf-8")
        dist.destroy_process_group()


def main(options):
    Measurement(options).run()
