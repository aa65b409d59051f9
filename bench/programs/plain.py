#!/usr/bin/env python3
"""A plain loop over a convolutional network, as people write one. What holds it back is planted:

    bench/programs/plain.py [none|loader|item|pageable|optimizer|batch] [--cured] [--steps N] [--device cpu]
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from planted import loader_workers, planted

CLASSES = 100


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
        return image, index % CLASSES


class Prototypes(nn.Module):
    """Scores by one vector a class, each a parameter of its own."""

    def __init__(self, width, classes):
        super().__init__()
        self.vectors = nn.ParameterList(torch.randn(width) for _ in range(classes))

    def forward(self, x):
        return F.linear(x, torch.stack(tuple(self.vectors)))


class Blocks(nn.Module):
    def __init__(self, width, depth, last):
        super().__init__()
        self.first = nn.Conv2d(3, width, 7, stride=4, padding=3)
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth))
        self.last = last

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = x + F.relu(block(x))
        return self.last(x.mean((2, 3)))


def network(args, width):
    # An update of one tensor takes the host some 85 µs beside an H200, a launch 35 µs: 400 tensors outweigh what little
    # is left of the network.
    if args.plant == "optimizer":
        return Blocks(width, 2, Prototypes(width, 400))
    return Blocks(width, 12, nn.Linear(width, CLASSES))


def main():
    args = planted(__doc__, "loader", "item", "pageable", "optimizer", "batch")
    plant, ill, cuda = args.plant, args.ill, args.cuda
    torch.backends.cudnn.benchmark = True
    batch = {"batch": 1, "optimizer": 8, "pageable": 512, "item": 64}.get(plant, 128) if cuda else 2
    width = {"batch": 32, "optimizer": 32, "pageable": 32}.get(plant, 256) if cuda else 8
    size = {"pageable": 256}.get(plant, 224) if cuda else 32
    workers = loader_workers(args, 12)
    loader = DataLoader(Drawn(size, 8 if plant == "loader" else 0), batch_size=batch, num_workers=workers,
                        pin_memory=cuda and ill != "pageable", persistent_workers=workers > 0)  # fmt: skip
    net = network(args, width).to(args.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, **({"foreach": False} if ill == "optimizer" else
                                                               {"fused": True} if cuda else {}))  # fmt: skip
    if plant == "batch" and args.cured:
        net = torch.compile(net, backend=args.compiler)
    for step, (images, labels) in enumerate(loader):
        images = images.to(args.device, non_blocking=ill != "pageable", memory_format=torch.channels_last)
        labels = labels.to(args.device, non_blocking=ill != "pageable")
        with torch.autocast(args.device, torch.bfloat16):
            loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        if plant == "item" and (not args.cured or step % 100 == 0):
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
