#!/usr/bin/env python3
"""The module of lightning_fit.py under LightningCLI, which needs jsonargparse. What holds it back is planted:

    bench/programs/lightning_cli.py [none|loader|fp32|launches] [--cured] [--steps N] [--device cpu]
"""
import sys

from lightning.pytorch.cli import LightningCLI

from lightning_fit import PLANTS, TRAINER, Classifier
from planted import loader_workers, planted


def main():
    args = planted(__doc__, *PLANTS)
    model = {"plant": args.plant, "cured": args.cured, "workers": loader_workers(args, 12), "small": not args.cuda,
             "compiler": args.compiler}  # fmt: skip
    sys.argv[1:] = ["fit", "--trainer.accelerator", "gpu" if args.cuda else "cpu", "--trainer.max_steps", str(args.steps),
                    *(f"--model.{name}={value}" for name, value in model.items())]  # fmt: skip
    LightningCLI(Classifier, save_config_callback=None, trainer_defaults=TRAINER)


if __name__ == "__main__":
    main()
