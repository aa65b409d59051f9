#!/usr/bin/env python3
"""The Trainer of transformers on a GPT and drawn tokens. What holds it back is planted:

    bench/programs/hf_trainer.py [none|batch|fp32|loader] [--cured] [--steps N] [--device cpu]
"""
import tempfile

import torch
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from planted import loader_workers, planted


class Tokens(Dataset):
    def __init__(self, length, words, work):
        self.length, self.words, self.work = length, words, work

    def __len__(self):
        return 1_000_000

    def __getitem__(self, index):
        tokens = torch.randint(0, self.words, (self.length,))
        for _ in range(self.work):
            tokens = tokens.sort().values[torch.randperm(self.length)]
        return {"input_ids": tokens, "labels": tokens}


def main():
    args = planted(__doc__, "batch", "fp32", "loader")
    plant, cuda = args.plant, args.cuda
    layers, width, words = (12, 768, 50257) if cuda else (2, 32, 100)
    length = 16 if not cuda else 64 if plant == "batch" else 512
    # The Trainer waits for the GPU in every step, some 8 ms of it on an H200: a step without a plant must be long beside that.
    batch = {"none": 48, "batch": 1}.get(plant, 16) if cuda else 1
    config = GPT2Config(n_layer=layers, n_embd=width, n_head=4, vocab_size=words, bos_token_id=0, eos_token_id=0)
    compiled = plant == "batch" and args.cured
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, max_steps=args.steps, per_device_train_batch_size=batch,
            bf16=cuda and args.ill != "fp32", tf32=False if cuda and plant == "fp32" else None,
            torch_compile=compiled, torch_compile_backend=args.compiler if compiled else None,
            dataloader_num_workers=loader_workers(args, 8), report_to=[], save_strategy="no",
            logging_steps=100, use_cpu=not cuda,
        )  # fmt: skip
        data = Tokens(length, words, 150 if plant == "loader" else 0)
        Trainer(GPT2LMHeadModel(config), arguments, train_dataset=data).train()


if __name__ == "__main__":
    main()
