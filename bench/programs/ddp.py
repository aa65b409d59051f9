#!/usr/bin/env python3
"""A plain loop under DistributedDataParallel, NCCL on GPUs, Gloo on the CPU. What holds it back is planted:

    torchrun --nproc-per-node 2 bench/programs/ddp.py [none|straggler|bucket] [--cured] [--steps N] [--device cpu]

straggler: the last rank draws its images in the process that trains. bucket: much to send for little to compute; its cure is
gradients in 16 bits.
"""
import os

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

from plain import CLASSES, Blocks, Drawn
from planted import planted


def perceptron(inputs, width, depth):
    layers = [nn.Flatten(), nn.Linear(inputs, width), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def made(args):
    """Network, batch and size of an image."""
    if args.plant == "bucket":  # 830 million weights, whose gradients are 3.3 GB, for a batch of 16
        return (perceptron(3 * 32 * 32, 8192, 12), 16, 32) if args.cuda else (perceptron(3 * 32 * 32, 64, 2), 2, 32)
    if args.cuda:
        return Blocks(256, 12, nn.Linear(256, CLASSES)), 128, 224
    return Blocks(8, 4, nn.Linear(8, CLASSES)), 2, 32


def main():
    args = planted(__doc__, "straggler", "bucket")
    if args.cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if args.cuda else "gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    with torch.device(args.device):
        net, batch, size = made(args)
    net = net.to(memory_format=torch.channels_last)
    net = DistributedDataParallel(net, device_ids=[torch.cuda.current_device()] if args.cuda else None)
    if args.plant == "bucket" and args.cured:
        net.register_comm_hook(None, default_hooks.bf16_compress_hook if args.cuda else default_hooks.fp16_compress_hook)
    slow = args.ill == "straggler" and rank == ranks - 1
    workers = 0 if slow or not args.cuda else 12
    data = Drawn(size, 8 if args.plant == "straggler" else 0)
    loader = DataLoader(data, batch_size=batch, num_workers=workers, sampler=DistributedSampler(data, shuffle=False),
                        pin_memory=args.cuda, persistent_workers=workers > 0)  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, fused=args.cuda)
    for step, (images, labels) in enumerate(loader):
        images = images.to(args.device, non_blocking=True, memory_format=torch.channels_last)
        labels = labels.to(args.device, non_blocking=True)
        with torch.autocast(args.device, torch.bfloat16):
            loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step + 1 >= args.steps:
            break
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
