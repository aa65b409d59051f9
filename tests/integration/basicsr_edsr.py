"""EDSR in plain PyTorch under BasicSR's names, for exchanging checkpoints with the C++ network.

basicsr_edsr.py read FOLDER     For every FOLDER/X.weights.safetensors: checks strictly that it fits the network, and
                                adds "sr" to the "lr" in FOLDER/X.io.safetensors.
basicsr_edsr.py write FOLDER CHANNELS BLOCKS SEED SCALE…
                                Writes freshly initialised networks, FOLDER/xSCALE.weights.safetensors, and "lr" and
                                "sr" into FOLDER/xSCALE.io.safetensors.
basicsr_edsr.py pth FOLDER      Saves a network as BasicSR does, FOLDER/net.pth, with params_ema beside other params, and
                                with a res_scale of 0.5 FOLDER/half.pth; "lr" and "sr" of both into FOLDER/NAME.io.safetensors.
Exit code 77: a package is missing.
"""

import math
import sys
from pathlib import Path

try:
    import numpy  # noqa: F401, used by safetensors.torch
    import torch
    from safetensors.torch import load_file, save_file
    from torch import nn
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)


class Block(nn.Module):
    def __init__(self, channels, res_scale=1.0):
        super().__init__()
        self.res_scale = res_scale
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.res_scale * self.conv2(torch.relu(self.conv1(x)))


class Edsr(nn.Module):
    def __init__(self, channels, blocks, scale):
        super().__init__()
        self.conv_first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*[Block(channels) for _ in range(blocks)])
        self.conv_after_body = nn.Conv2d(channels, channels, 3, padding=1)
        factors = [3] if scale == 3 else [2] * int(math.log2(scale))
        stages = []
        for factor in factors:
            stages += [nn.Conv2d(channels, channels * factor**2, 3, padding=1), nn.PixelShuffle(factor)]
        self.upsample = nn.Sequential(*stages)
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)
        self.register_buffer("mean", torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1), persistent=False)

    def forward(self, lr):
        first = self.conv_first((lr - self.mean) * 255)
        features = self.conv_after_body(self.body(first)) + first
        return self.conv_last(self.upsample(features)) / 255 + self.mean


def shape_of(weights):
    """Channels, blocks and scale of a state_dict."""
    channels = weights["conv_first.weight"].shape[0]
    blocks = sum(name.endswith("conv1.weight") for name in weights)
    stages = [tensor for name, tensor in weights.items() if name.startswith("upsample.") and name.endswith(".weight")]
    scale = 3 if stages and stages[0].shape[0] == 9 * channels else 2 ** len(stages)
    return channels, blocks, scale


def answer(net, lr, path):
    with torch.no_grad():
        save_file({"lr": lr, "sr": net(lr)}, path)


def read(folder):
    for path in sorted(folder.glob("*.weights.safetensors")):
        weights = load_file(path)
        net = Edsr(*shape_of(weights))
        net.load_state_dict(weights, strict=True)
        io = folder / path.name.replace(".weights.", ".io.")
        answer(net, load_file(io)["lr"], io)


def write(folder, channels, blocks, seed, *scales):
    for scale in scales:
        torch.manual_seed(seed)
        net = Edsr(channels, blocks, scale)
        save_file(net.state_dict(), folder / f"x{scale}.weights.safetensors")
        answer(net, torch.rand(2, 3, 7, 9), folder / f"x{scale}.io.safetensors")


def pth(folder):
    for name, res_scale in (("net", 1.0), ("half", 0.5)):
        net = Edsr(8, 2, 4)
        for block in net.body:
            block.res_scale = res_scale
        others = {key: torch.zeros_like(value) for key, value in net.state_dict().items()}
        prefixed = {f"module.{key}": value for key, value in net.state_dict().items()}
        torch.save({"params": others, "params_ema": prefixed}, folder / f"{name}.pth")
        answer(net, torch.rand(1, 3, 9, 7), folder / f"{name}.io.safetensors")
    torch.save({"params": {"features.0.weight": torch.zeros(1)}}, folder / "other.pth")


if __name__ == "__main__":
    {"read": read, "write": write, "pth": pth}[sys.argv[1]](Path(sys.argv[2]), *map(int, sys.argv[3:]))
