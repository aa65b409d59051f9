"""The perceptual loss in PyTorch: VGG-19's features at conv5_4, before the ReLU, with weights of torchvision's names."""

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

# Number in torchvision's `features`, output channels, whether a max-pool follows.
LAYERS = [(0, 64, 0), (2, 64, 1), (5, 128, 0), (7, 128, 1), (10, 256, 0), (12, 256, 0), (14, 256, 0), (16, 256, 1),
          (19, 512, 0), (21, 512, 0), (23, 512, 0), (25, 512, 1), (28, 512, 0), (30, 512, 0), (32, 512, 0),
          (34, 512, 0)]  # fmt: skip
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def write_random_vgg19(path, seed):
    """He-normal weights and small biases, for machines without the trained ones."""
    generator = torch.Generator().manual_seed(seed)
    tensors, inputs = {}, 3
    for number, channels, _ in LAYERS:
        deviation = (2 / (9 * inputs)) ** 0.5
        tensors[f"features.{number}.weight"] = torch.randn(channels, inputs, 3, 3, generator=generator) * deviation
        tensors[f"features.{number}.bias"] = torch.randn(channels, generator=generator) * 0.01
        inputs = channels
    save_file(tensors, path)


class Perceptual:
    """|conv5_4(sr) − conv5_4(hr)|, its mean, of RGB images in [0, 1]. `dtype`: what the weights are kept in; a 16-bit type
    spares autocast the conversion of each step."""

    def __init__(self, path, device, memory_format, dtype=torch.float32):
        stored = load_file(path)
        self.weights = []
        for number, _, _ in LAYERS:
            weight = stored[f"features.{number}.weight"].to(device, dtype, memory_format=memory_format)
            self.weights.append((weight, stored[f"features.{number}.bias"].to(device, dtype)))
        self.mean, self.deviation = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))

    def features(self, images):
        x = (images - self.mean) / self.deviation
        for (weight, bias), (number, _, pool) in zip(self.weights, LAYERS):
            x = F.conv2d(x, weight, bias, padding=1)
            x = F.relu(x) if number != LAYERS[-1][0] else x
            x = F.max_pool2d(x, 2) if pool else x
        return x

    def __call__(self, sr, hr):
        with torch.no_grad():
            wanted = self.features(hr).float()
        return F.l1_loss(self.features(sr).float(), wanted)
