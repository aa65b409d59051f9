"""Training from image files in PyTorch, or its DataLoader alone, in a process of its own."""

import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from . import torch_data
from .processes import emit, serve
from .trainers import Trainer

REPORT_S = 0.25


class FromFiles:
    def __init__(self, options):
        self.device = options["device"]
        self.on_gpu = self.device == "cuda"
        self.settings = options["settings"]
        self.pairs = [(Path(hr), Path(lr)) for hr, lr in options["pairs"]]
        self.weights = options["weights"]
        self.trainer = None
        torch.backends.cudnn.benchmark = True

    def prepare(self):
        """Compiles the step: with CUDA graphs of PyTorch's own on a GPU, eager on a CPU."""
        mode = "reduce-overhead" if self.on_gpu else None
        self.trainer = Trainer(self.settings, load_file(self.weights), self.device, mode)
        batch, size = self.settings["batch_size"], self.settings["patch_size"]
        hr = torch.randint(256, (batch, size, size, 3), dtype=torch.uint8)
        lr = hr[:, :: self.settings["scale_factor"], :: self.settings["scale_factor"]].contiguous()
        for _ in range(6 if mode else 1):
            self.trainer.step(lr, hr)
        self.synchronise()
        emit(event="ready")

    def run(self, workers, seconds, train):
        """Events "progress" {steps, wait_s} about every REPORT_S seconds, then "ended". The first has steps > 0."""
        loader = torch_data.loader(self.pairs, self.settings, workers, self.on_gpu and train)
        batches = iter(loader)
        steps, wait_s = 0, 0.0
        lr, hr = next(batches)  # the workers' start
        began = reported = time.perf_counter()
        while True:
            if train:
                self.trainer.step(lr, hr)
            steps += 1
            now = time.perf_counter()
            if now - reported >= REPORT_S:
                self.synchronise()
                reported = time.perf_counter()
                emit(event="progress", steps=steps, wait_s=wait_s)
                if reported - began >= seconds:
                    break
            before = time.perf_counter()
            lr, hr = next(batches)
            wait_s += time.perf_counter() - before
        del batches, loader  # ends the worker processes
        emit(event="ended")

    def synchronise(self):
        if self.on_gpu:
            torch.cuda.synchronize()


def main(options):
    side = FromFiles(options)
    serve({"prepare": side.prepare, "run": side.run})
