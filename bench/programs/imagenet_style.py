#!/usr/bin/env python3
"""A script in the manner of the ImageNet examples: functions train() and main(), meters, progress. What holds it back is
planted:

    bench/programs/imagenet_style.py [none|pageable|nchw|item|loader] [--cured] [--steps N] [--device cpu]
"""
import math
import time

import torch
import torch.nn as nn
import torchvision.models as models
from torch.utils.data import DataLoader, Dataset

from planted import loader_workers, planted


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
        images = images.to(args.device, non_blocking=args.ill != "pageable")
        target = target.to(args.device, non_blocking=args.ill != "pageable")
        if args.ill != "nchw":
            images = images.to(memory_format=torch.channels_last)
        with torch.autocast(args.device, torch.bfloat16):
            output = model(images)
            loss = criterion(output, target)
        if args.ill == "item" or i % 100 == 0:
            losses.update(loss.item(), images.size(0))
            correct.update(accuracy(output, target).item(), images.size(0))
        optimizer.zero_grad()
        loss.backward()
        if args.plant == "item" and (not args.cured or i % 100 == 0):
            for parameter in model.parameters():
                gradient = parameter.grad
                watched = [gradient.norm().item(), gradient.abs().max().item(), gradient.mean().item(), gradient.std().item()]
                if not all(map(math.isfinite, watched)):
                    raise RuntimeError("the gradient is not finite")
        optimizer.step()
        batch_time.update(time.time() - end)
        end = time.time()
        if i % 100 == 0:
            print(f"[{i}] loss {losses.sum / losses.count:.3f} time {batch_time.sum / batch_time.count:.3f}", flush=True)
        steps -= 1
        if steps == 0:
            break
    return steps


def sizes(args):
    """Network, batch and size of an image. Beside workers the host launches a kernel in some 40 µs: without a plant the GPU
    needs more than twice as long, and beside .item() for every parameter too, in few and long kernels."""
    if not args.cuda:
        return models.resnet18, 4, 32
    return {"none": (models.wide_resnet50_2, 192, 288), "nchw": (models.resnet50, 256, 224),
            "item": (models.vgg16_bn, 64, 224), "loader": (models.resnet18, 64, 224)}.get(
                args.plant, (models.resnet18, 256, 224))  # fmt: skip


def main():
    args = planted(__doc__, "pageable", "nchw", "item", "loader")
    cuda = args.cuda
    torch.backends.cudnn.benchmark = True
    network, batch, size = sizes(args)
    workers = loader_workers(args, 14)
    loader = DataLoader(Images(256 if cuda else 64, size), batch_size=batch, num_workers=workers, drop_last=True,
                        collate_fn=slow_collate if args.plant == "loader" else None,
                        pin_memory=cuda and args.ill != "pageable", persistent_workers=workers > 0)  # fmt: skip
    layout = torch.contiguous_format if args.ill == "nchw" else torch.channels_last
    model = network().to(args.device, memory_format=layout)
    criterion = nn.CrossEntropyLoss().to(args.device)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4, fused=cuda)
    steps = args.steps
    while steps > 0:
        steps = train(loader, model, criterion, optimizer, args, steps)


if __name__ == "__main__":
    main()
