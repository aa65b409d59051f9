#!/usr/bin/env python3
"""Steps of about 5 ms in which the host is what takes the time, so that what an agent costs the host is not hidden:

    bench/programs/small_step.py [--steps N] [--device cpu]
"""
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from planted import planted

SLEEP_S = 0.004  # on the CPU, beside about a millisecond of work


def main():
    args = planted(__doc__)
    # A launch takes the host some 32 µs beside an H200; this makes 160 a step.
    depth, width, size = (10, 32, 224) if args.cuda else (2, 8, 16)
    data = TensorDataset(torch.rand(256, 3, size, size), torch.randint(0, 100, (256,)))
    layers = [nn.Conv2d(3, width, 7, stride=4, padding=3), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 100)).to(args.device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=args.cuda)
    done = 0
    while done < args.steps:
        for images, labels in DataLoader(data, batch_size=1):
            images, labels = images.to(args.device), labels.to(args.device)
            with torch.autocast(args.device, torch.bfloat16, enabled=args.cuda):
                loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            if not args.cuda:
                time.sleep(SLEEP_S)
            optimizer.step()
            done += 1
            if done >= args.steps:
                break


if __name__ == "__main__":
    main()
