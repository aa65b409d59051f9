"""A training set as files that both sides read: HR images, and their LR versions made once by MATLAB's bicubic."""

import os
from concurrent.futures import ThreadPoolExecutor

import torch

from .bicubic import bicubic_shrink, crop_to_multiple
from .inputs import smooth_images
from .settings import Failure

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def pillow():
    try:
        import numpy
        from PIL import Image
    except ImportError as error:
        raise Failure(f"image files are read with Pillow and numpy: {error}.") from error
    return Image, numpy


def image_paths(folder):
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise Failure(f"there is no image in {folder}.")
    return paths


def image_size(path):
    """(width, height), from the file's header."""
    image_module, _ = pillow()
    with image_module.open(path) as image:
        return image.size


def read_rgb(path):
    """uint8 (H, W, 3)."""
    image_module, numpy = pillow()
    with image_module.open(path) as image:
        return torch.from_numpy(numpy.array(image.convert("RGB")))


def write_rgb(path, pixels):
    image_module, _ = pillow()
    image_module.fromarray(pixels.numpy()).save(path)


def draw_set(folder, count=48, height=320, width=480):
    """Where no photographs are given: smooth noise, half PNG, half JPEG."""
    folder.mkdir(parents=True)
    images = smooth_images(count, height, width, torch.Generator().manual_seed(1))
    for i, pixels in enumerate(images.permute(0, 2, 3, 1).contiguous()):
        write_rgb(folder / f"{i:03}.{'png' if i % 2 else 'jpg'}", pixels)


class FileSet:
    """`hr` and `lr` below one folder, same stems. HR files are links to the originals, numbered: a set may have one name in
    two folders, or with two endings."""

    def __init__(self, source, folder, scale):
        self.hr, self.lr, self.sizes, self.scale = folder / "HR", folder / "LR", {}, scale
        if source is None:
            draw_set(folder / "drawn")
            source = folder / "drawn"
        self.hr.mkdir(parents=True)
        self.lr.mkdir()
        named = [(f"{i:06}_{path.stem}", path) for i, path in enumerate(image_paths(source))]

        def prepare(entry):
            stem, path = entry
            pixels = crop_to_multiple(read_rgb(path), scale)
            write_rgb(self.lr / f"{stem}.png", bicubic_shrink(pixels, scale))
            os.symlink(path.resolve(), self.hr / (stem + path.suffix))
            self.sizes[stem + path.suffix] = tuple(pixels.shape[:2])

        with ThreadPoolExecutor() as pool:
            list(pool.map(prepare, named))

    def pairs(self, patch):
        """[(HR path, LR path)] of the images that a patch fits into: those that wring uses too."""
        names = sorted(name for name, (height, width) in self.sizes.items() if min(height, width) >= patch)
        if not names:
            raise Failure(f"no image of the set has {patch} pixels on both sides.")
        return [(self.hr / name, self.lr / f"{name.rpartition('.')[0]}.png") for name in names]
