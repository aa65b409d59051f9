#!/usr/bin/env python3
"""A LightningModule under Lightning's Trainer. What holds it back is planted:

    bench/programs/lightning_fit.py [none|loader|fp32|launches] [--steps N] [--device cpu]
"""
import argparse

import lightning
import torch
import torchvision
from torch.utils.data import DataLoader, Dataset


class Drawn(Dataset):
    def __init__(self, size, work):
        self.image, self.work = torch.rand(3, size, size), work

    def __len__(self):
        return 1_000_000

    def __getitem__(self, index):
        image = self.image
        for _ in range(self.work):
            image = image.flip(2) * 0.999
        return image, index % 100


class Classifier(lightning.LightningModule):
    def __init__(self, plant):
        super().__init__()
        self.plant = plant
        torch.backends.cudnn.allow_tf32 = plant != "fp32"
        torch.backends.cudnn.benchmark = True
        wide = plant in ("none", "fp32") and torch.cuda.is_available()
        self.net = torchvision.models.resnet50(num_classes=100) if wide else torchvision.models.resnet18(num_classes=100)
        if plant != "fp32":
            self.net = self.net.to(memory_format=torch.channels_last)

    def training_step(self, batch, _):
        images, labels = batch
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.plant != "fp32"):
            return torch.nn.functional.cross_entropy(self.net(images), labels)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9, fused=torch.cuda.is_available())

    def train_dataloader(self):
        cuda = torch.cuda.is_available()
        workers = 0 if self.plant == "loader" or not cuda else 12
        batch = 2 if not cuda or self.plant == "launches" else 128
        size = (64 if self.plant == "launches" else 224) if cuda else 32
        return DataLoader(Drawn(size, 6 if self.plant == "loader" else 0), batch_size=batch, num_workers=workers,
                          pin_memory=cuda, persistent_workers=workers > 0)  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("plant", nargs="?", default="none")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    trainer = lightning.Trainer(accelerator="cpu" if args.device == "cpu" else "gpu", devices=1, max_steps=args.steps,
                                logger=False, enable_checkpointing=False, enable_model_summary=False)  # fmt: skip
    trainer.fit(Classifier(args.plant))


if __name__ == "__main__":
    main()
