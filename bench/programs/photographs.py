#!/usr/bin/env python3
"""A timm network on a folder of JPEG photographs, which it draws first. What holds it back is planted:

    bench/programs/photographs.py [none|loader|nchw|fp32] [--cured] [--steps N] [--device cpu]
"""
import tempfile
from pathlib import Path

import numpy
import timm
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from planted import loader_workers, planted


def draw(folder, count, width, height):
    generator = numpy.random.default_rng(0)
    for i in range(count):
        small = generator.integers(0, 255, (height // 8, width // 8, 3), dtype=numpy.uint8)
        path = Path(folder) / str(i % 10) / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(small).resize((width, height), Image.BICUBIC).save(path, quality=90)


def sizes(args):
    """Network, batch and size of an image. Beside workers the host launches a kernel in some 40 µs, and a core decodes an
    image in 3 ms: without a plant the GPU needs more than twice as long as either."""
    if not args.cuda:
        return "resnet18", 4, 32
    return {"none": ("wide_resnet50_2", 192, 288), "loader": ("resnet18", 64, 224)}.get(args.plant, ("resnet101", 128, 224))


def main():
    args = planted(__doc__, "loader", "nchw", "fp32")
    cuda = args.cuda
    name, batch, size = sizes(args)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = args.plant != "fp32"
    with tempfile.TemporaryDirectory() as folder:
        draw(folder, 200 if cuda else 20, 400, 300)
        photographs = datasets.ImageFolder(folder, transforms.Compose([
            transforms.RandomResizedCrop(size), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
        ]))  # fmt: skip
        photographs.samples *= 1000
        workers = loader_workers(args, 14)
        loader = DataLoader(photographs, batch_size=batch, shuffle=True, num_workers=workers, pin_memory=cuda,
                            drop_last=True, persistent_workers=workers > 0)  # fmt: skip
        layout = torch.contiguous_format if args.ill == "nchw" else torch.channels_last
        net = timm.create_model(name, num_classes=10).to(args.device, memory_format=layout)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, fused=cuda)
        done = 0
        while done < args.steps:
            for images, labels in loader:
                images = images.to(args.device, non_blocking=True, memory_format=layout)
                labels = labels.to(args.device, non_blocking=True)
                with torch.autocast(args.device, torch.bfloat16, enabled=args.ill != "fp32"):
                    loss = torch.nn.functional.cross_entropy(net(images), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                done += 1
                if done >= args.steps:
                    break


if __name__ == "__main__":
    main()
