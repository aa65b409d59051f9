#!/usr/bin/env python3
"""A GPT of transformers on random tokens, in a loop of its own. What holds it back is planted:

    bench/programs/gpt.py [none|launches|fp32] [--cured] [--steps N] [--device cpu]

The cure of its launches is a larger batch, LARGER times as large.
"""
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from planted import planted

LARGER = 16


def main():
    args = planted(__doc__, "launches", "fp32")
    plant, cuda = args.plant, args.cuda
    batch, length = (1, 64) if plant == "launches" or not cuda else (16, 512)
    if plant == "launches" and args.cured:
        batch *= LARGER
    layers, width = (2, 32) if not cuda else (12, 768)
    words = 50257 if cuda else 100
    config = GPT2Config(n_layer=layers, n_embd=width, n_head=4, vocab_size=words, bos_token_id=0, eos_token_id=0)
    net = GPT2LMHeadModel(config).to(args.device).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=cuda)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 100))
    for step in range(args.steps):
        tokens = torch.randint(0, words, (batch, length), device=args.device)
        with torch.autocast(args.device, torch.bfloat16, enabled=args.ill != "fp32"):
            loss = net(tokens, labels=tokens).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 100 == 0:
            print(f"{step}: {loss.item():.3f}", flush=True)


if __name__ == "__main__":
    main()
