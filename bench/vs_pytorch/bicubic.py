"""MATLAB's bicubic shrinking on uint8, and PSNR on Y: the evaluation protocol, for the PyTorch side."""

import math

import torch

# Y of BT.601 in studio range, for 0…255.
Y_WEIGHTS = (65.481, 128.553, 24.966)


def cubic(x):
    """Keys' kernel with a = -0.5."""
    x = x.abs()
    return torch.where(
        x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, torch.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, torch.zeros_like(x))
    )


def shrinking_matrix(size, scale):
    """(ceil(size / scale), size), float64: the kernel widened by the scale, rows summing to 1, symmetric borders."""
    out = math.ceil(size / scale)
    centre = torch.arange(1, out + 1, dtype=torch.float64) * scale + 0.5 * (1 - scale)
    first = torch.floor(centre - 2 * scale)
    taps = first[:, None] + torch.arange(4 * scale + 2, dtype=torch.float64)[None, :]
    weights = cubic((centre[:, None] - taps) / scale) / scale
    weights = weights / weights.sum(1, keepdim=True)
    index = (taps.long() - 1) % (2 * size)
    index = torch.where(index < size, index, 2 * size - 1 - index)
    matrix = torch.zeros(out, size, dtype=torch.float64)
    return matrix.scatter_add_(1, index, weights)


def rounded(values):
    """To the nearest of 0…255, halves up."""
    return (values + 0.5).floor().clamp(0, 255)


def bicubic_shrink(image, scale):
    """uint8 (H, W, C) to uint8 (ceil(H / scale), ceil(W / scale), C): rows first, rounded after each dimension."""
    rows = torch.einsum("oh,hwc->owc", shrinking_matrix(image.shape[0], scale), image.double())
    columns = torch.einsum("ow,hwc->hoc", shrinking_matrix(image.shape[1], scale), rounded(rows))
    return rounded(columns).byte()


def crop_to_multiple(image, scale):
    """(H, W, C), from the top left."""
    return image[: image.shape[0] // scale * scale, : image.shape[1] // scale * scale]


def luma(rgb):
    """float64 Y of uint8 (3, H, W); not rounded."""
    weights = torch.tensor(Y_WEIGHTS, dtype=torch.float64, device=rgb.device)
    return 16 + torch.tensordot(weights, rgb.double(), dims=1) / 255


def psnr_y(sr, hr, border):
    """Of uint8 (3, H, W), in dB, `border` pixels cropped on every side."""
    inner = (slice(border, -border), slice(border, -border))
    error = (luma(sr)[inner] - luma(hr)[inner]).pow(2).mean()
    return float(10 * torch.log10(255**2 / error))
