#!/usr/bin/env python3
"""Ordinary PyTorch programs with a known cause, for checking what a monitor says of them from outside.

    bench/training_programs.py NAME [SECONDS]

  photographs      a large timm network in bf16 on JPEG files, 14 workers ahead of it: runs well
  gpt              a GPT of transformers, batch 16, bf16, tokens drawn on the card: runs well
  decodes          a small network on large JPEG files with 0 workers: the main thread decodes
  launches         a small GPT, batch 1, 64 tokens: kernels too small for their launches
  fp32             a vision transformer in fp32 without TF32, copies that are not pinned
  validates        a ResNet that validates and saves every few seconds
  decodes_workers  as decodes, with 4 workers: they are what it waits for

Each spends its first 20 s on imports, its files and the like before it touches the card, as real ones do, then trains for
SECONDS (42). Data are drawn by the program. Prints one JSON line: steps and samples. Needs a GPU, torch, timm and transformers;
WRING_PROGRAMS_DEVICE=cpu runs tiny ones on the CPU, to see that they run at all.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

BEGAN = time.perf_counter()
DEVICE = os.environ.get("WRING_PROGRAMS_DEVICE", "cuda")
TINY = DEVICE == "cpu"
IMPORTS_S = 2 if TINY else 20


def fill_up_imports():
    """What is left of the first 20 s goes into compiling Python, as importing does."""
    source = Path(__file__).read_text()
    while time.perf_counter() - BEGAN < IMPORTS_S:
        compile(source, "module", "exec")


def draw_photographs(folder, count, width, height):
    import numpy
    from PIL import Image

    generator = numpy.random.default_rng(0)
    paths = []
    for i in range(count):
        small = generator.integers(0, 255, (height // 8, width // 8, 3), dtype=numpy.uint8)
        path = Path(folder) / f"{i}.jpg"
        Image.fromarray(small).resize((width, height), Image.BICUBIC).save(path, quality=92)
        paths.append(path)
    return paths


class Photographs:
    """A folder of images with the usual augmentation."""

    def __init__(self, paths, length):
        from torchvision import transforms

        self.paths, self.length = paths, length
        self.transform = transforms.Compose([
            transforms.RandomResizedCrop(64 if TINY else 224), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ])  # fmt: skip

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        from PIL import Image

        with Image.open(self.paths[index % len(self.paths)]) as image:
            return self.transform(image.convert("RGB")), index % 1000


class Run:
    """Counts steps for so many seconds, from the third one on: the first ones are the start-up."""

    def __init__(self, seconds, batch):
        self.seconds, self.batch = seconds, batch
        self.steps, self.first = 0, None

    def goes_on(self):
        import torch

        if self.steps == 3:
            if not TINY:
                torch.cuda.synchronize()
            self.first = time.perf_counter()
        return self.first is None or time.perf_counter() - self.first < self.seconds

    def step(self, loss):
        self.steps += 1
        if self.steps % 50 == 0:
            print(f"step {self.steps} loss {loss.item():.3f}", file=sys.stderr)

    def record(self):
        seconds = time.perf_counter() - self.first
        return {"steps": self.steps - 3, "seconds": seconds, "samples_per_s": (self.steps - 3) * self.batch / seconds}


def train_on_images(seconds, model, batch, workers, size, bf16, pinned=True):
    import timm
    import torch
    import torch.nn.functional as F
    import torchvision  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        paths = draw_photographs(folder, 8 if TINY else 96, *size)
        loader = torch.utils.data.DataLoader(
            Photographs(paths, 20_000), batch_size=batch, shuffle=True, num_workers=workers, drop_last=True,
            pin_memory=pinned and not TINY, persistent_workers=workers > 0,
        )  # fmt: skip
        fill_up_imports()
        torch.backends.cudnn.benchmark = True
        options = {"img_size": 64} if TINY and model.startswith("vit") else {}
        net = timm.create_model(model, num_classes=1000, **options).to(DEVICE)
        if bf16:
            net = net.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
        run = Run(seconds, batch)
        while run.goes_on():
            for images, labels in loader:
                images, labels = images.to(DEVICE, non_blocking=pinned), labels.to(DEVICE, non_blocking=pinned)
                with torch.autocast(DEVICE, torch.bfloat16, enabled=bf16):
                    loss = F.cross_entropy(net(images), labels)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                run.step(loss)
                if not run.goes_on():
                    break
        return run.record()


def train_gpt(seconds, layers, width, heads, batch, length, fused):
    import torch
    import transformers

    config = transformers.GPT2Config(n_layer=layers, n_embd=width, n_head=heads, vocab_size=50257)
    net = transformers.GPT2LMHeadModel(config)
    fill_up_imports()
    net = net.to(DEVICE).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=fused and not TINY)
    run = Run(seconds, batch)
    while run.goes_on():
        tokens = torch.randint(0, 50257, (batch, length), device=DEVICE)
        with torch.autocast(DEVICE, torch.bfloat16):
            loss = net(tokens, labels=tokens).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        run.step(loss)
    return run.record()


def train_in_fp32(seconds):
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return train_on_images(
        seconds, "vit_tiny_patch16_224" if TINY else "vit_base_patch16_224", 4 if TINY else 96, 12, SMALL, False, pinned=False
    )


def validate(net, paths, batch):
    import torch

    photographs = Photographs(paths, len(paths))
    net.eval()
    right = 0
    with torch.no_grad(), torch.autocast(DEVICE, torch.bfloat16):
        for begin in range(0, len(paths), batch):
            items = [photographs[i] for i in range(begin, min(begin + batch, len(paths)))]
            images = torch.stack([image for image, _ in items]).to(DEVICE)
            labels = torch.tensor([label for _, label in items], device=DEVICE)
            right += (net(images).argmax(1) == labels).sum().item()
    net.train()
    return right / len(paths)


def save(net, optimizer, folder):
    import torch

    path = Path(folder) / "last.pt"
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, path)
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def train_and_validate(seconds):
    import timm
    import torch
    import torch.nn.functional as F

    batch, every_s = (4, 2.0) if TINY else (256, 7.0)
    with tempfile.TemporaryDirectory() as folder:
        paths = draw_photographs(folder, 8 if TINY else 120, *LARGE)
        fill_up_imports()
        torch.backends.cudnn.benchmark = True
        net = timm.create_model("resnet18" if TINY else "resnet101", num_classes=1000).to(DEVICE)
        net = net.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
        images = torch.randn(batch, 3, 64 if TINY else 224, 64 if TINY else 224, device=DEVICE)
        images = images.contiguous(memory_format=torch.channels_last)
        labels = torch.randint(0, 1000, (batch,), device=DEVICE)
        run, validated, last = Run(seconds + 10, batch), 0, None  # less than two thirds of it is training
        while run.goes_on():
            with torch.autocast(DEVICE, torch.bfloat16):
                loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            run.step(loss)
            last = last or time.perf_counter()
            if run.steps % 10 == 0:
                loss.item()  # or a minute of steps is in the queue before the clock is looked at
            if time.perf_counter() - last >= every_s:
                validate(net, paths, 40)
                save(net, optimizer, folder)
                validated, last = validated + 1, time.perf_counter()
        return {**run.record(), "validated": validated}


SMALL, LARGE = ((96, 96), (320, 240)) if TINY else ((256, 256), (1600, 1200))

PROGRAMS = {
    "photographs": lambda s: train_on_images(
        s, "resnet18" if TINY else "convnext_base", 4 if TINY else 96, 2 if TINY else 14, SMALL, True
    ),
    "gpt": lambda s: train_gpt(s, *((2, 64, 2, 2, 32) if TINY else (24, 1024, 16, 16, 1024)), fused=True),
    "decodes": lambda s: train_on_images(s, "resnet18", 4 if TINY else 64, 0, LARGE, True),
    "launches": lambda s: train_gpt(s, *((2, 64, 2, 1, 8) if TINY else (12, 768, 12, 1, 64)), fused=False),
    "fp32": train_in_fp32,
    "validates": train_and_validate,
    "decodes_workers": lambda s: train_on_images(s, "resnet18", 4 if TINY else 64, 4, LARGE, True),
}


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in PROGRAMS:
        sys.exit(__doc__)
    seconds = float(sys.argv[2]) if len(sys.argv) == 3 else 42
    print(json.dumps({"program": sys.argv[1], **PROGRAMS[sys.argv[1]](seconds)}), flush=True)


if __name__ == "__main__":
    main()
