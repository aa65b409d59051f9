"""EDSR trained by a PyTorch expert for the shortest time to a PSNR: uint8 images on the GPU, patches cut there, 16-bit
weights with fp32 masters, the whole step one CUDA graph. Reports each validation; the parent holds the clock.

On a CPU the same data path with the eager step, for checking the program.
"""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from safetensors.torch import save_file

from .bicubic import psnr_y
from .image_files import read_rgb
from .inputs import Edsr
from .processes import emit, serve
from .trainers import CapturedTrainer, Trainer


def learning_rate(settings, step):
    """Wring's schedules, of those that this comparison uses."""
    if step < settings["warmup_iters"]:
        return settings["lr"] * (step + 1) / settings["warmup_iters"]
    if settings["scheduler"] != "cosine":
        return settings["lr"]
    length = max(1, settings["total_iters"] - settings["warmup_iters"])
    done = min(1.0, (step - settings["warmup_iters"]) / length)
    return settings["eta_min"] + 0.5 * (settings["lr"] - settings["eta_min"]) * (1 + math.cos(math.pi * done))


class Images:
    """All images of a kind as one byte buffer on the device, and where each begins."""

    def __init__(self, paths, device):
        with ThreadPoolExecutor() as pool:
            images = list(pool.map(read_rgb, paths))
        pixels = torch.cat([image.reshape(-1, 3) for image in images])
        self.pixels = pixels.to(device)
        sizes = torch.tensor([image.shape[:2] for image in images])
        areas = sizes.prod(1)
        self.offset = (areas.cumsum(0) - areas).to(device)
        self.height, self.width = sizes.to(device).unbind(1)


class Patches:
    """Random crops, flipped and turned: indices computed and gathered on the device."""

    def __init__(self, pairs, settings, device, compiled):
        self.hr = Images([hr for hr, _ in pairs], device)
        self.lr = Images([lr for _, lr in pairs], device)
        self.batch, self.scale = settings["batch_size"], settings["scale_factor"]
        self.side = settings["patch_size"] // self.scale
        self.device, self.count = device, len(pairs)
        self.cut_both = torch.compile(self.gather) if compiled else self.gather

    def next(self):
        return self.cut_both(torch.rand(self.batch, 6, device=self.device))

    def gather(self, random):
        image = (random[:, 0] * self.count).long().clamp(max=self.count - 1)
        x = self.place(random[:, 1], self.lr.width[image])
        y = self.place(random[:, 2], self.lr.height[image])
        turns = (random[:, 3:] < 0.5).view(-1, 3, 1, 1).unbind(1)
        lr = self.cut(self.lr, image, x, y, self.side, turns)
        return lr, self.cut(self.hr, image, x * self.scale, y * self.scale, self.side * self.scale, turns)

    def place(self, random, size):
        places = size - self.side + 1
        return torch.minimum((random * places).long(), places - 1)

    def cut(self, images, image, x, y, side, turns):
        hflip, vflip, transpose = turns
        ramp = torch.arange(side, device=self.device)
        rows, columns = ramp.view(1, side, 1), ramp.view(1, 1, side)
        rows, columns = torch.where(transpose, columns, rows), torch.where(transpose, rows, columns)
        columns = torch.where(hflip, side - 1 - columns, columns) + x.view(-1, 1, 1)
        rows = torch.where(vflip, side - 1 - rows, rows) + y.view(-1, 1, 1)
        at = images.offset[image].view(-1, 1, 1) + rows * images.width[image].view(-1, 1, 1) + columns
        return images.pixels[at].permute(0, 3, 1, 2).float() / 255


class Race:
    def __init__(self, options):
        self.options, self.settings, self.device = options, options["settings"], options["device"]
        torch.backends.cudnn.benchmark = True
        self.scale = self.settings["scale_factor"]

    def validation_set(self):
        return [
            (read_rgb(Path(lr)).permute(2, 0, 1).to(self.device), read_rgb(Path(hr)).permute(2, 0, 1).to(self.device))
            for hr, lr in self.options["validation"]
        ]

    def psnr(self):
        torch._foreach_copy_(list(self.judged.parameters()), self.trainer.average)
        values = []
        for lr, hr in self.validation:
            sr = self.judged((lr.float() / 255)[None])[0]
            sr = (sr * 255 + 0.5).floor().clamp(0, 255).byte()
            hr = hr[:, : sr.shape[1], : sr.shape[2]]
            values.append(psnr_y(sr, hr, self.scale))
        return sum(values) / len(values)

    def validate(self, step):
        # Every image has a size of its own: trying out algorithms for each would cost more than it gains.
        with torch.no_grad(), torch.backends.cudnn.flags(benchmark=False):
            psnr = self.psnr()
        emit(event="validation", step=step, psnr_y=psnr)
        return psnr

    def set_up(self, mode):
        torch.manual_seed(self.settings["seed"])
        settings, device = self.settings, self.device
        net = Edsr(settings["base_channels"], settings["num_blocks"], self.scale)
        self.judged = Edsr(settings["base_channels"], settings["num_blocks"], self.scale).to(device)
        pairs = [(Path(hr), Path(lr)) for hr, lr in self.options["pairs"]]
        self.patches = Patches(pairs, settings, device, bool(mode))
        self.validation = self.validation_set()
        if device != "cuda":
            self.trainer = Trainer(settings, net.state_dict(), device)
            return
        rates = torch.tensor([learning_rate(settings, i) for i in range(settings["total_iters"])], device=device)
        self.trainer = CapturedTrainer(
            settings, net.state_dict(), device, mode, True, fetch=self.patches.next, learning_rates=rates
        )
        self.trainer.capture()

    def step(self, number):
        if self.device == "cuda":
            self.trainer.replay()
            return
        for group in self.trainer.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, number)
        self.trainer.step_on(*self.patches.next())

    def race(self, mode=None):
        began = time.perf_counter()
        self.set_up(mode)
        emit(event="started", set_up_s=time.perf_counter() - began)
        total, freq = self.settings["total_iters"], self.settings["val_freq"]
        for number in range(total):
            self.step(number)
            if (number + 1) % freq == 0 or number + 1 == total:
                if self.validate(number + 1) >= self.options["stop_at"]:
                    break
        names = [name for name, _ in self.judged.named_parameters()]
        network = dict(zip(names, (p.detach().contiguous().cpu() for p in self.trainer.average)))
        save_file(network, self.options["network"])
        emit(event="ended")


def main(options):
    serve({"race": Race(options).race})
