#!/usr/bin/env python3
"""A LightningModule under LightningCLI. What holds it back is planted by --model.plant none|loader|fp32|launches:

    bench/programs/lightning_cli.py fit --model.plant loader [--trainer.max_steps N] [--trainer.accelerator cpu]
"""
import lightning
import torch
import torchvision
from lightning.pytorch.cli import LightningCLI
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
    def __init__(self, plant: str = "none"):
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


if __name__ == "__main__":
    LightningCLI(Classifier, save_config_callback=None, trainer_defaults={
        "logger": False, "enable_checkpointing": False, "enable_model_summary": False, "devices": 1,
    })  # fmt: skip
