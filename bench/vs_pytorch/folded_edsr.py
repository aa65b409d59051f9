"""EDSR whose linear tail runs as one 5×5 convolution at LR resolution, in PyTorch: what an expert who knows it would write.

Between the tail's convolutions there is no activation, so that upsampling and last convolution are one affine map of the LR
features. Each step composes its kernel from the unchanged parameters, in fp32, and autograd carries the gradient back. Near the
border the plain network pads every stage with zeros, so that paths which leave the image at a resolution above LR's are dropped:
cells of the outermost ring have kernels of their own, nine classes in all, rows and columns alike. Exact for every scale.
"""

import torch
import torch.nn.functional as F

from .inputs import Edsr

TAIL = ("upsample.", "conv_last.")  # names that begin so
FIRST, MIDDLE, LAST = range(3)  # a cell's row or column: in the first, in between, in the last
SMALLEST = 3  # LR pixels: the ring's kernels reach so far


def allowed(place, row, rows):
    """Whether a path of a cell may pass `row`, relative to the cell, which has `rows` of them at this resolution."""
    return not (place == FIRST and row < 0) and not (place == LAST and row >= rows)


def first_places(scale, factor):
    """Of the last convolution and the finest stage, in one dimension: ones at [place, R, W, i, a, k] where output sub-row R
    reaches row W of the stage's input by tap i and, in the stage, sub-row a and tap k. And the least W."""
    rows = range(-1, scale + 1)
    low, high = rows[0] // factor - 1, rows[-1] // factor + 1
    places = torch.zeros(3, scale, high - low + 1, 3, factor, 3)
    for place in (FIRST, MIDDLE, LAST):
        for sub_row in range(scale):
            for i in range(3):
                row = sub_row + i - 1
                if not allowed(place, row, scale):
                    continue
                for k in range(3):
                    reached = row // factor + k - 1
                    if allowed(place, reached, scale // factor):
                        places[place, sub_row, reached - low, i, row % factor, k] = 1
    return places, low


def own_rows(scale, factor):
    """Ones at [place, R, i, a] where tap i of sub-row R stays within the image, at sub-row a of the finest stage."""
    rows = torch.zeros(3, scale, 3, factor)
    for place in (FIRST, MIDDLE, LAST):
        for sub_row in range(scale):
            for i in range(3):
                if allowed(place, sub_row + i - 1, scale):
                    rows[place, sub_row, i, (sub_row + i - 1) % factor] = 1
    return rows


def later_places(low, count, rows):
    """Of a coarser stage of factor 2: ones at [place, W, t, k] where row t of its cells reaches row W of its input by tap k;
    its `count` input rows begin at the even `low`, a cell has `rows` rows of its input. And the least W."""
    first = low // 2
    places = torch.zeros(3, count // 2 + 2, count // 2, 3)
    for place in (FIRST, MIDDLE, LAST):
        for t in range(count // 2):
            for k in range(3):
                if allowed(place, first + t + k - 1, rows):
                    places[place, t + k, t, k] = 1
    return places, first - 1


class FoldedEdsr(Edsr):
    def __init__(self, channels, blocks, scale):
        super().__init__(channels, blocks, scale)
        self.scale, self.factor, self.stages = scale, 3 if scale == 3 else 2, len(self.upsample) // 2
        if self.stages:
            places, low = first_places(scale, self.factor)
            self.register_buffer("first", places, persistent=False)
            self.register_buffer("own", own_rows(scale, self.factor), persistent=False)
            rows = scale // self.factor
            for number in range(1, self.stages):
                rows //= 2
                places, low = later_places(low, places.shape[1] if number > 1 else places.shape[2], rows)
                self.register_buffer(f"later_{number}", places, persistent=False)

    def composed(self):
        """Kernels (3, 3, 3·s², C, 5, 5) and biases (3, 3, 3·s²) by place of row and column."""
        convolutions = [self.upsample[2 * i] for i in reversed(range(self.stages))]  # the finest first
        factor = self.factor
        channels = self.conv_last.weight.shape[1]
        last = self.conv_last.weight.permute(0, 2, 3, 1)  # c, i, j, m
        finest = convolutions[0].weight.view(channels, factor, factor, channels, 3, 3)  # m, a, b, n, k, l
        product = torch.einsum("cijm,mabnkl->ijabklcn", last, finest)
        half = torch.einsum("pRWiak,ijabklcn->pRWjblcn", self.first, product)
        kernel = torch.einsum("qSVjbl,pRWjblcn->pRqScnWV", self.first, half)
        inner = torch.einsum("cijm,mab->iajbc", last, convolutions[0].bias.view(channels, factor, factor))
        bias = torch.einsum("pRia,iajbc->pRjbc", self.own, inner)
        bias = torch.einsum("qSjb,pRjbc->pRqSc", self.own, bias)
        for number, convolution in enumerate(convolutions[1:], 1):
            kernel, more = self.coarser(kernel, convolution, getattr(self, f"later_{number}"))
            bias = bias + more
        bias = (bias + self.conv_last.bias).permute(0, 2, 4, 1, 3).reshape(3, 3, -1)
        # p R q S c n W V → p q (c R S) n W V: the order of channels that a pixel shuffle reads
        kernel = kernel.permute(0, 2, 4, 1, 3, 5, 6, 7).flatten(2, 4)
        return kernel, bias

    @staticmethod
    def coarser(kernel, convolution, places):
        """Through one more stage of factor 2: (kernel of its input, what its bias adds)."""
        p, big_r, q, big_s, c, m, rows, columns = kernel.shape
        channels = convolution.weight.shape[1]
        # p R q S c · t u × a b m: one product sums over channels and sub-rows
        split = kernel.reshape(p, big_r, q, big_s, c, m, rows // 2, 2, columns // 2, 2)
        left = split.permute(0, 1, 2, 3, 4, 6, 8, 7, 9, 5).reshape(-1, 4 * m)
        right = convolution.weight.view(m, 2, 2, channels, 9).permute(1, 2, 0, 3, 4).reshape(4 * m, -1)
        product = (left @ right).view(p, big_r, q, big_s, c, rows // 2, columns // 2, channels, 3, 3)
        half = torch.einsum("pWtk,pRqSctunkl->pRqScunlW", places, product)
        coarse = torch.einsum("qVul,pRqScunlW->pRqScnWV", places, half)
        bias = convolution.bias.view(m, 2, 2).permute(1, 2, 0).reshape(4 * m)
        return coarse, (left @ bias).view(p, big_r, q, big_s, c, -1).sum(-1)

    def tail(self, features):
        """The composed convolution everywhere, then the ring with its own kernels."""
        kernel, bias = self.composed()
        kernel, bias = kernel.to(features.dtype), bias.to(features.dtype)

        def part(image, p, q, rows, columns):
            """Of the cells at place (p, q): the taps that fall into `image`."""
            padding = (2 if p == MIDDLE else 0, 2 if q == MIDDLE else 0)
            return F.conv2d(image, kernel[p, q, :, :, rows, columns], bias[p, q], padding=padding)

        ends = {FIRST: (slice(None, 3), slice(2, None)), MIDDLE: (slice(None), slice(None)), LAST: (slice(-3, None), slice(None, 3))}
        bands = []
        for p, (rows, row_taps) in ends.items():
            parts = [part(features[:, :, rows, columns], p, q, row_taps, taps) for q, (columns, taps) in ends.items()]
            inner = slice(1, -1)
            parts = [image[:, :, inner] if p == MIDDLE else image for image in parts]
            bands.append(torch.cat([parts[FIRST], parts[MIDDLE][..., inner], parts[LAST]], 3))
        return F.pixel_shuffle(torch.cat(bands, 2), self.scale)

    def forward(self, lr):
        if self.stages == 0 or min(lr.shape[2:]) < SMALLEST:
            return super().forward(lr)
        first = self.conv_first((lr - self.mean) * 255)
        features = self.conv_after_body(self.body(first)) + first
        with torch.autocast(lr.device.type, enabled=False):
            return self.tail(features).to(lr.dtype) / 255 + self.mean
