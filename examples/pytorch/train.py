#!/usr/bin/env python3
"""Trains a small EDSR-like network with plain PyTorch: the kind of script that `wring benchmark --command` tunes.

    python train.py --config config.yaml

It reads the keys below from a flat YAML file, draws its own images unless data_dir holds some, and prints its speed:

    step    40  loss 0.0731  812.5 samples/s
"""
import argparse
import math
import random
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

DEFAULTS = {
    "base_channels": 32, "num_blocks": 4, "scale_factor": 2,
    "batch_size": 16, "patch_size": 96,
    "num_workers": 0, "pin_memory": False, "persistent_workers": False, "prefetch_factor": 2,
    "use_mixed_precision": False, "channels_last": False, "compile_model": False,
    "lr": 2e-4, "grad_clip": 0.0, "total_iters": 1000, "log_seconds": 0.5, "seed": 0, "data_dir": "",
}


def flat_yaml(text):
    """`key: value` lines with comments, where PyYAML is not installed."""
    values = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if not colon or key.lstrip().startswith("#"):
            continue
        value = value.split(" #")[0].strip().strip("'\"")
        if value in ("true", "false"):
            values[key.strip()] = value == "true"
            continue
        for number in (int, float):
            try:
                value = number(value)
                break
            except ValueError:
                pass
        values[key.strip()] = value
    return values


def read_config(path):
    text = Path(path).read_text(encoding="utf-8")
    try:
        import yaml
        given = yaml.safe_load(text) or {}
    except ImportError:
        given = flat_yaml(text)
    return argparse.Namespace(**{**DEFAULTS, **given})


def drawn_image(generator, size=256):
    """Waves and discs: smooth areas and sharp edges, uint8 of shape (3, size, size)."""
    y, x = torch.meshgrid(torch.linspace(0, 1, size), torch.linspace(0, 1, size), indexing="ij")
    image = torch.zeros(3, size, size)
    for _ in range(6):
        a, b, phase, *colour = torch.rand(6, generator=generator).tolist()
        wave = torch.sin(2 * math.pi * (40 * a * x + 40 * b * y + phase)) / 2 + 0.5
        image += torch.tensor(colour).view(3, 1, 1) * wave / 6
    for _ in range(12):
        cx, cy, radius, *colour = torch.rand(6, generator=generator).tolist()
        inside = (x - cx) ** 2 + (y - cy) ** 2 < (radius / 6) ** 2
        image = torch.where(inside, torch.tensor(colour).view(3, 1, 1), image)
    return (image.clamp(0, 1) * 255).to(torch.uint8)


class DrawnImages:
    def __init__(self, count=16):
        generator = torch.Generator().manual_seed(1)
        self.images = [drawn_image(generator) for _ in range(count)]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


class ImageFiles:
    """Decodes a file for each patch, as a simple loader does."""

    def __init__(self, folder):
        self.paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"))
        if not self.paths:
            sys.exit(f"data_dir: no images in {folder}")

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        import numpy
        from PIL import Image
        with Image.open(self.paths[index]) as image:
            return torch.from_numpy(numpy.array(image.convert("RGB"))).permute(2, 0, 1)


class Patches(Dataset):
    """Pairs of an LR and an HR patch, float in 0..1. As long as the run: an epoch never ends."""

    def __init__(self, images, config):
        self.images, self.patch, self.scale = images, config.patch_size, config.scale_factor
        self.length = config.total_iters * config.batch_size

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        image = self.images[index % len(self.images)]
        height, width = image.shape[1:]
        if min(height, width) < self.patch:
            raise ValueError(f"patch_size {self.patch}: an image has only {width}x{height} pixels")
        top, left = random.randint(0, height - self.patch), random.randint(0, width - self.patch)
        hr = image[:, top:top + self.patch, left:left + self.patch].float() / 255
        if random.random() < 0.5:
            hr = hr.flip(-1)
        lr = F.interpolate(hr[None], scale_factor=1 / self.scale, mode="bicubic", antialias=True)[0]
        return lr, hr


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(x)))


class SmallEdsr(nn.Module):
    def __init__(self, channels, blocks, scale):
        super().__init__()
        self.first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.last = nn.Conv2d(channels, 3 * scale * scale, 3, padding=1)
        self.scale = scale

    def forward(self, lr):
        x = self.first(lr)
        return F.pixel_shuffle(self.last(x + self.body(x)), self.scale)


def loader_of(config):
    images = ImageFiles(config.data_dir) if config.data_dir else DrawnImages()
    workers = {}
    if config.num_workers > 0:
        workers = {"persistent_workers": config.persistent_workers, "prefetch_factor": config.prefetch_factor}
    return DataLoader(Patches(images, config), config.batch_size, num_workers=config.num_workers,
                      pin_memory=config.pin_memory and torch.cuda.is_available(), drop_last=True, **workers)


def train(config):
    random.seed(config.seed)
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    model = SmallEdsr(config.base_channels, config.num_blocks, config.scale_factor).to(device, memory_format=layout)
    step_model = torch.compile(model) if config.compile_model else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=float(config.lr))

    logged_at, logged_step = time.perf_counter(), 0
    for step, (lr, hr) in enumerate(loader_of(config), start=1):
        lr = lr.to(device, memory_format=layout, non_blocking=True)
        hr = hr.to(device, non_blocking=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.use_mixed_precision):
            loss = F.l1_loss(step_model(lr).float(), hr)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if config.grad_clip > 0:
            nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
        optimizer.step()

        if time.perf_counter() - logged_at >= config.log_seconds or step == config.total_iters:
            value = loss.item()  # waits for the device, so that the time is that of finished steps
            now = time.perf_counter()
            rate = (step - logged_step) * config.batch_size / (now - logged_at)
            print(f"step {step:5d}  loss {value:.4f}  {rate:.1f} samples/s", flush=True)
            logged_at, logged_step = now, step


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True)
    train(read_config(parser.parse_args().config))
