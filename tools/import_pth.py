#!/usr/bin/env python3
"""Turns a PyTorch checkpoint of an EDSR in BasicSR's form (.pth) into one for Wring (.safetensors).

    tools/import_pth.py net_g_latest.pth net.safetensors
    wring evaluate net.safetensors Set5/HR

Takes the moving averages (params_ema) where the file has them, else the parameters (params); --key takes another entry.
A network that was built with a res_scale other than 1 (EDSR-L: 0.1) needs --res-scale: Wring has none, so the factor is
multiplied into the second convolution of every block, which gives the same network. Needs torch and safetensors.

Only tensors are read from the file (torch.load with weights_only=True): a checkpoint can hold programs otherwise.
"""

import argparse
import os
import re
import sys
from pathlib import Path

KEYS = ("params_ema", "params", "state_dict", "model_state_dict", "model")
PREFIXES = ("module.", "netG.")


class Unusable(Exception):
    pass


def is_tensors(value):
    import torch

    return isinstance(value, dict) and bool(value) and all(isinstance(one, torch.Tensor) for one in value.values())


def chosen(checkpoint, key):
    """The entry of the checkpoint that holds the network, and its name."""
    if key:
        if not isinstance(checkpoint, dict) or not is_tensors(checkpoint.get(key)):
            known = ", ".join(map(str, checkpoint)) if isinstance(checkpoint, dict) else "nothing"
            raise Unusable(f"has no tensors under {key}; it has {known}")
        return key, checkpoint[key]
    if is_tensors(checkpoint):
        return "the whole file", checkpoint
    for name in KEYS:
        if isinstance(checkpoint, dict) and is_tensors(checkpoint.get(name)):
            return name, checkpoint[name]
    raise Unusable(f"has none of {', '.join(KEYS)}; name the entry with --key")


def renamed(tensors):
    def bare(name):
        for prefix in PREFIXES:
            name = name.removeprefix(prefix)
        return name

    return {bare(name): tensor for name, tensor in tensors.items()}


def check_edsr(tensors):
    known = re.compile(r"(conv_first|conv_after_body|conv_last|body\.\d+\.conv[12]|upsample\.\d+)\.(weight|bias)$")
    strange = [name for name in tensors if not known.match(name)]
    needed = ("conv_first.weight", "conv_after_body.weight", "conv_last.weight")
    missing = [name for name in needed if name not in tensors]
    if missing or strange:
        what = f"has no {missing[0]}" if missing else f"has {strange[0]}"
        raise Unusable(f"is not BasicSR's EDSR: it {what}")


def convert(source, key, res_scale):
    import torch

    try:
        checkpoint = torch.load(source, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise Unusable("does not exist") from None
    except Exception as error:  # torch raises whatever the damage leads to
        raise Unusable(f"cannot be read as a PyTorch checkpoint: {str(error).splitlines()[0]}") from None
    entry, tensors = chosen(checkpoint, key)
    tensors = renamed(tensors)
    check_edsr(tensors)
    result = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().to(torch.float32)
        if re.match(r"body\.\d+\.conv2\.", name):
            tensor = tensor * res_scale
        if not torch.isfinite(tensor).all():
            raise Unusable(f"holds numbers in {name} that are not finite")
        result[name] = tensor.contiguous().clone()
    return entry, result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="the .pth file")
    parser.add_argument("target", type=Path, help="the .safetensors file to write")
    parser.add_argument("--key", help="the entry that holds the network")
    parser.add_argument("--res-scale", type=float, default=1.0, help="the network's res_scale (default: 1)")
    args = parser.parse_args()
    try:
        entry, tensors = convert(args.source, args.key, args.res_scale)
    except Unusable as error:
        print(f"error: {args.source} {error}", file=sys.stderr)
        return 1
    from safetensors.torch import save_file

    temporary = args.target.with_name(args.target.name + ".part")
    try:
        save_file(tensors, str(temporary), metadata={"format": "pt", "imported_from": args.source.name})
        os.replace(temporary, args.target)
    except Exception as error:
        temporary.unlink(missing_ok=True)
        print(f"error: cannot write {args.target}: {error}", file=sys.stderr)
        return 1
    blocks = sum(name.endswith(".conv1.weight") for name in tensors)
    channels = tensors["conv_first.weight"].shape[0]
    print(f"{args.target}: EDSR with {channels} channels and {blocks} blocks, from {entry}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
