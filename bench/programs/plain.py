#!/usr/bin/env python3
"""A plain loop over a convolutional network, as people write one. What holds it back is planted:

    bench/programs/plain.py [none|loader|item|pageable|optimizer|batch] [--steps N] [--device cpu]
"""
import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Drawn(Dataset):
    """Images that are drawn; `work`: so many passes over each, as decoding would take."""

    def __init__(self, size, work):
        self.image, self.work = torch.rand(3, size, size), work

    def __len__(self):
        return 1_000_000

    def __getitem__(self, index):
        image = self.image
        for _ in range(self.work):
            image = image.roll(1, 2) * 0.999
        return image, index % 100


class Blocks(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.first = nn.Conv2d(3, width, 7, stride=4, padding=3)
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth))
        self.last = nn.Linear(width, 100)

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = x + F.relu(block(x))
        return self.last(x.mean((2, 3)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("plant", nargs="?", default="none")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    plant, cuda = args.plant, args.device == "cuda"
    torch.backends.cudnn.benchmark = True
    batch = {"batch": 1, "optimizer": 4, "pageable": 512, "item": 64}.get(plant, 128)
    width = {"batch": 32, "optimizer": 32, "pageable": 32}.get(plant, 256)
    size = {"pageable": 256}.get(plant, 224) if cuda else 32
    depth = 24 if plant == "optimizer" else 12
    if not cuda:
        batch, width = 2, 8
    workers = 0 if plant == "loader" or not cuda else 12
    loader = DataLoader(Drawn(size, 8 if plant == "loader" else 0), batch_size=batch, num_workers=workers,
                        pin_memory=cuda and plant != "pageable", persistent_workers=workers > 0)  # fmt: skip
    net = Blocks(width, depth).to(args.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, **({"foreach": False} if plant == "optimizer" else
                                                               {"fused": True} if cuda else {}))  # fmt: skip
    for step, (images, labels) in enumerate(loader):
        images = images.to(args.device, non_blocking=plant != "pageable", memory_format=torch.channels_last)
        labels = labels.to(args.device, non_blocking=plant != "pageable")
        with torch.autocast(args.device, torch.bfloat16):
            loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        if plant == "item":
            for parameter in net.parameters():
                gradient = parameter.grad
                watched = [gradient.abs().max().item(), gradient.mean().item(), gradient.norm().item(), gradient.std().item()]
                assert all(value == value for value in watched)
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.3f}", flush=True)
        if step + 1 >= args.steps:
            break


if __name__ == "__main__":
    main()
