#!/usr/bin/env python3
"""Loads with a known cause, for checking what a monitor says of them.

    bench/planted_loads.py input|launch|compute|bandwidth|idle|matmul SECONDS

  input      trains the guide's small EDSR from PNG files with a DataLoader of 0 workers: the GPU waits for data
  launch     trains a tiny EDSR step by step in eager mode on data already there: kernels too small for their launches
  compute    trains EDSR 128×12 on large batches in bf16: the matrix units work
  bandwidth  copies device memory for ever
  idle       holds a CUDA context and does nothing
  matmul     8192³ products in bf16, for a known arithmetic rate; prints TFLOP/s

Prints one JSON line: what was done, and how much of it. Needs a GPU and torch.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "integration"))
from basicsr_edsr import Edsr  # noqa: E402

DEVICE = "cuda"


class Step:
    """Forward, L1 loss, backward and fused AdamW, as plain PyTorch."""

    def __init__(self, channels, blocks, bf16):
        self.net = Edsr(channels, blocks, 4).to(DEVICE, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-4, fused=True)
        self.bf16 = bf16

    def __call__(self, lr, hr):
        with torch.autocast(DEVICE, torch.bfloat16, enabled=self.bf16):
            loss = F.l1_loss(self.net(lr), hr)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()


def resident_batch(batch, patch):
    hr = torch.rand(batch, 3, patch, patch, device=DEVICE).contiguous(memory_format=torch.channels_last)
    lr = F.avg_pool2d(hr, 4).contiguous(memory_format=torch.channels_last)
    return lr, hr


def train_resident(seconds, channels, blocks, batch, patch, bf16):
    torch.backends.cudnn.benchmark = True
    step = Step(channels, blocks, bf16)
    lr, hr = resident_batch(batch, patch)
    return run(seconds, lambda: step(lr, hr), {"samples_per_step": batch})


class PngPatches(torch.utils.data.Dataset):
    """Decodes a whole file for every patch, as many training scripts do."""

    def __init__(self, folder, patch):
        self.paths, self.patch = sorted(Path(folder).glob("*.png")), patch

    def __len__(self):
        return 1_000_000

    def __getitem__(self, index):
        import numpy
        from PIL import Image

        with Image.open(self.paths[index % len(self.paths)]) as image:
            pixels = torch.from_numpy(numpy.array(image)).permute(2, 0, 1)
        x, y = index * 37 % (pixels.shape[2] - self.patch), index * 91 % (pixels.shape[1] - self.patch)
        hr = pixels[:, y : y + self.patch, x : x + self.patch].float().div(255)
        return F.avg_pool2d(hr, 4), hr


def train_from_files(seconds):
    import numpy
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        generator = numpy.random.default_rng(0)
        for i in range(16):
            small = generator.integers(0, 255, (135, 240, 3), dtype=numpy.uint8)
            Image.fromarray(small).resize((1920, 1080), Image.BICUBIC).save(f"{folder}/{i}.png")
        loader = iter(torch.utils.data.DataLoader(PngPatches(folder, 128), batch_size=16, num_workers=0, pin_memory=True))
        step = Step(32, 4, False)

        def once():
            lr, hr = next(loader)
            step(lr.to(DEVICE, non_blocking=True), hr.to(DEVICE, non_blocking=True))

        return run(seconds, once, {"samples_per_step": 16})


def copy_memory(seconds):
    source = torch.rand(1 << 30, device=DEVICE)
    target = torch.empty_like(source)
    return run(seconds, lambda: target.copy_(source), {"bytes_per_step": 2 * source.numel() * 4})


def multiply(seconds):
    a, b = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)
    record = run(seconds, lambda: torch.matmul(a, b, out=out), {"flop_per_step": 2 * 8192**3})
    record["tflop_per_s"] = record["flop_per_step"] * record["steps"] / record["seconds"] / 1e12
    return record


def idle(seconds):
    torch.zeros(1, device=DEVICE)
    time.sleep(seconds)
    return {"seconds": seconds}


def run(seconds, once, facts):
    """Repeats `once` for so long, waiting for the device now and then so that the queue stays short."""
    began = time.perf_counter()
    steps = 0
    while time.perf_counter() - began < seconds:
        for _ in range(8):
            once()
            steps += 1
        torch.cuda.synchronize()
    return {"steps": steps, "seconds": time.perf_counter() - began, **facts}


LOADS = {
    "input": train_from_files,
    "launch": lambda s: train_resident(s, 16, 4, 1, 64, False),
    "compute": lambda s: train_resident(s, 128, 12, 64, 256, True),
    "bandwidth": copy_memory,
    "idle": idle,
    "matmul": multiply,
}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in LOADS:
        sys.exit(__doc__)
    if not torch.cuda.is_available():
        sys.exit("planted_loads: torch sees no GPU.")
    print(json.dumps({"load": sys.argv[1], **LOADS[sys.argv[1]](float(sys.argv[2]))}), flush=True)


if __name__ == "__main__":
    main()
