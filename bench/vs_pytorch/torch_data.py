"""Image files as PyTorch's DataLoader reads them.

Pillow decodes the HR and the LR file, both are cropped at the same random place, flipped and turned. Patches travel as
uint8 and become floats on the GPU: a quarter of the memory traffic of ToTensor, in PyTorch's favour.
"""

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from .image_files import pillow


class Patches(Dataset):
    def __init__(self, pairs, patch, scale):
        self.pairs, self.patch, self.scale = pairs, patch, scale
        self.image_module, self.numpy = pillow()

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        hr_path, lr_path = self.pairs[index]
        side = self.patch // self.scale
        with self.image_module.open(lr_path) as lr, self.image_module.open(hr_path) as hr:
            x = int(torch.randint(lr.width - side + 1, ()))
            y = int(torch.randint(lr.height - side + 1, ()))
            small = lr.convert("RGB").crop((x, y, x + side, y + side))
            x, y = x * self.scale, y * self.scale
            large = hr.convert("RGB").crop((x, y, x + self.patch, y + self.patch))
        hflip, vflip, turn = torch.randint(2, (3,)).tolist()
        return tuple(self.turned(self.numpy.asarray(image), hflip, vflip, turn) for image in (small, large))

    def turned(self, pixels, hflip, vflip, turn):
        if hflip:
            pixels = pixels[:, ::-1]
        if vflip:
            pixels = pixels[::-1]
        if turn:
            pixels = pixels.swapaxes(0, 1)
        return torch.from_numpy(self.numpy.ascontiguousarray(pixels))


class Endless(Sampler):
    """Epoch after epoch in a new order, without the pause in which workers start anew."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        while True:
            yield from torch.randperm(self.count).tolist()


def loader(pairs, settings, workers, on_gpu):
    """Batches (lr, hr) of uint8 NHWC, for ever."""
    extra = {"persistent_workers": True, "prefetch_factor": 4} if workers else {}
    return DataLoader(
        Patches(pairs, settings["patch_size"], settings["scale_factor"]),
        batch_size=settings["batch_size"],
        sampler=Endless(len(pairs)),
        num_workers=workers,
        pin_memory=on_gpu,
        drop_last=True,
        **extra,
    )
