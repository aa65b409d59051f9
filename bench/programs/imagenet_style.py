#!/usr/bin/env python3
"""A script in the manner of the ImageNet examples: functions train() and main(), meters, progress. What holds it back is
planted:

    bench/programs/imagenet_style.py [none|pageable|nchw|item|loader] [--steps N] [--device cpu]
"""
import argparse
import time

import torch
import torch.nn as nn
import torchvision.models as models
from torch.utils.data import DataLoader, Dataset


class Images(Dataset):
    """A few images, again and again."""

    def __init__(self, count, size):
        self.images, self.labels = torch.randn(count, 3, size, size), torch.randint(0, 1000, (count,))

    def __len__(self):
        return 10_000_000

    def __getitem__(self, index):
        return self.images[index % len(self.images)], self.labels[index % len(self.labels)]


class AverageMeter:
    def __init__(self):
        self.sum = self.count = 0

    def update(self, value, n=1):
        self.sum += value * n
        self.count += n


def accuracy(output, target):
    with torch.no_grad():
        return (output.argmax(1) == target).float().mean()


def slow_collate(samples):
    images = torch.stack([image for image, _ in samples])
    for _ in range(4):
        images = images.flip(3) * 0.999
    return images, torch.stack([label for _, label in samples])


def train(loader, model, criterion, optimizer, args, steps):
    losses, correct, batch_time = AverageMeter(), AverageMeter(), AverageMeter()
    model.train()
    end = time.time()
    for i, (images, target) in enumerate(loader):
        images = images.to(args.device, non_blocking=args.plant != "pageable")
        target = target.to(args.device, non_blocking=args.plant != "pageable")
        if args.plant != "nchw":
            images = images.to(memory_format=torch.channels_last)
        with torch.autocast(args.device, torch.bfloat16):
            output = model(images)
            loss = criterion(output, target)
        if args.plant == "item" or i % 50 == 0:
            losses.update(loss.item(), images.size(0))
            correct.update(accuracy(output, target).item(), images.size(0))
        optimizer.zero_grad()
        loss.backward()
        if args.plant == "item":
            for parameter in model.parameters():
                if torch.isnan(parameter.grad).any():
                    raise RuntimeError("the gradient is not finite")
        optimizer.step()
        batch_time.update(time.time() - end)
        end = time.time()
        if i % 50 == 0:
            print(f"[{i}] loss {losses.sum / losses.count:.3f} time {batch_time.sum / batch_time.count:.3f}", flush=True)
        steps -= 1
        if steps == 0:
            break
    return steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("plant", nargs="?", default="none")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    cuda = args.device == "cuda"
    torch.backends.cudnn.benchmark = True
    size, batch = (224, {"item": 128}.get(args.plant, 256)) if cuda else (32, 4)
    workers = 0 if args.plant == "loader" or not cuda else 14
    loader = DataLoader(Images(512 if cuda else 64, size), batch_size=batch, num_workers=workers, drop_last=True,
                        collate_fn=slow_collate if args.plant == "loader" else None,
                        pin_memory=cuda and args.plant != "pageable", persistent_workers=workers > 0)  # fmt: skip
    layout = torch.contiguous_format if args.plant == "nchw" else torch.channels_last
    small = args.plant in ("pageable", "loader") or not cuda
    model = (models.resnet18() if small else models.resnet50()).to(args.device, memory_format=layout)
    criterion = nn.CrossEntropyLoss().to(args.device)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4, fused=cuda)
    steps = args.steps
    while steps > 0:
        steps = train(loader, model, criterion, optimizer, args, steps)


if __name__ == "__main__":
    main()
