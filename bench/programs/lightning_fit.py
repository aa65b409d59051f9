#!/usr/bin/env python3
"""A LightningModule under Lightning's Trainer. What holds it back is planted:

    bench/programs/lightning_fit.py [none|loader|fp32|launches] [--cured] [--steps N] [--device cpu]
"""
import lightning
import torch
import torchvision
from torch.utils.data import DataLoader, Dataset

from planted import loader_workers, planted

PLANTS = ("loader", "fp32", "launches")
TRAINER = {"devices": 1, "logger": False, "enable_checkpointing": False, "enable_model_summary": False}


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
    """workers: of its loader. small: as the CPU runs it."""

    def __init__(self, plant="none", cured=False, workers=0, small=False, compiler="inductor"):
        super().__init__()
        self.plant, self.ill = plant, None if cured else plant
        self.workers, self.small = workers, small
        torch.backends.cudnn.allow_tf32 = plant != "fp32"
        torch.backends.cudnn.benchmark = True
        # Without a plant the GPU needs more than twice as long for its step as the host for launching it.
        name = "resnet18" if small else {"none": "wide_resnet50_2", "fp32": "resnet50"}.get(plant, "resnet18")
        self.net = getattr(torchvision.models, name)(num_classes=100)
        if self.ill != "fp32":
            self.net = self.net.to(memory_format=torch.channels_last)
        if plant == "launches" and cured:
            self.net = torch.compile(self.net, backend=compiler)

    def training_step(self, batch, _):
        images, labels = batch
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.ill != "fp32"):
            return torch.nn.functional.cross_entropy(self.net(images), labels)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9, fused=not self.small)

    def train_dataloader(self):
        batch, size = {"none": (192, 288), "launches": (2, 64)}.get(self.plant, (128, 224))
        if self.small:
            batch, size = 2, 32
        return DataLoader(Drawn(size, 6 if self.plant == "loader" else 0), batch_size=batch, num_workers=self.workers,
                          pin_memory=not self.small, persistent_workers=self.workers > 0)  # fmt: skip


def main():
    args = planted(__doc__, *PLANTS)
    trainer = lightning.Trainer(accelerator="gpu" if args.cuda else "cpu", max_steps=args.steps, **TRAINER)
    trainer.fit(Classifier(args.plant, args.cured, loader_workers(args, 12), not args.cuda, args.compiler))


if __name__ == "__main__":
    main()
