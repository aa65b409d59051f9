"""The same initial weights and the same batches for both sides, as safetensors files."""

import math
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from .settings import ROOT, Failure
from .vgg19 import write_random_vgg19

sys.path.insert(0, str(ROOT / "tests" / "integration"))
from basicsr_edsr import Edsr  # noqa: E402, F401


def smooth_images(count, height, width, generator):
    """Noise at three resolutions, enlarged and summed: smooth areas with some detail, uint8 (count, 3, height, width)."""
    images = torch.zeros(count, 3, height, width)
    for divisor, strength in ((16, 0.6), (4, 0.3), (1, 0.1)):
        small = max(height // divisor, 1), max(width // divisor, 1)
        noise = torch.rand(count, 3, *small, generator=generator)
        images += strength * F.interpolate(noise, (height, width), mode="bicubic", align_corners=False)
    return (images * 255).round().clamp(0, 255).byte()


def photograph_crops(folder, count, size, generator):
    """Random crops of the images below `folder` that are large enough: equally many of each, up to one."""
    from .image_files import image_paths, image_size, read_rgb

    paths = [path for path in image_paths(folder) if min(image_size(path)) >= size]
    if not paths:
        raise Failure(f"no image in {folder} has {size} pixels on both sides.")
    crops = []
    for path in paths[:count]:
        pixels = read_rgb(path).permute(2, 0, 1)
        height, width = pixels.shape[1:]
        for _ in range(math.ceil(count / len(paths))):
            y = int(torch.randint(height - size + 1, (), generator=generator))
            x = int(torch.randint(width - size + 1, (), generator=generator))
            crops.append(pixels[:, y : y + size, x : x + size])
    # The first crop of every image, then the second: what is left over comes from different ones.
    rounds = math.ceil(count / len(paths))
    order = [image * rounds + turn for turn in range(rounds) for image in range(len(crops) // rounds)][:count]
    return torch.stack([crops[order[i]] for i in torch.randperm(count, generator=generator)])


def with_perceptual_weights(values, settings, folder):
    """The values with a file of VGG-19 weights where the perceptual loss is on and none is named, or "random" is asked for:
    random ones, the same for both sides. What a step costs does not depend on them."""
    if not settings["use_perceptual"] or settings["perceptual_weights_file"] not in ("", "random"):
        return values
    path = folder / "vgg19.safetensors"
    if not path.exists():
        write_random_vgg19(path, settings["seed"])
    return {**values, "perceptual_weights_file": str(path)}


def write_weights(folder, settings):
    torch.manual_seed(settings["seed"])
    net = Edsr(settings["base_channels"], settings["num_blocks"], settings["scale_factor"])
    save_file(net.state_dict(), folder / "weights.safetensors")


def write_inputs(folder, settings, data, batches):
    """weights.safetensors, and batches.safetensors: uint8 "hr" (M, B, H, W, 3) and "lr" (M, B, h, w, 3)."""
    generator = torch.Generator().manual_seed(settings["seed"])
    size, scale = settings["patch_size"], settings["scale_factor"]
    if size % scale:
        raise Failure(f"patch_size {size} is no multiple of scale_factor {scale}.")
    count = batches * settings["batch_size"]
    hr = photograph_crops(data, count, size, generator) if data else smooth_images(count, size, size, generator)
    small = F.interpolate(hr.float(), scale_factor=1 / scale, mode="bicubic", align_corners=False, antialias=True)
    lr = small.round().clamp(0, 255).byte()
    stored = {
        name: images.unflatten(0, (batches, -1)).permute(0, 1, 3, 4, 2).contiguous()
        for name, images in (("hr", hr), ("lr", lr))
    }
    save_file(stored, folder / "batches.safetensors")
    write_weights(folder, settings)
