"""Adds detail to small images of masses by a convolutional network.

It works at a quarter and at half of the size and writes the four phases of each half-size pixel, noise included:
nothing is enlarged at the end, so there is no checkerboard, and the widest maps are never made.

Sources: Denton et al. 2015, arXiv:1506.05751 (adversarial detail on a smaller image); Shi et al. 2016,
arXiv:1609.05158 (phases); Karras et al. 2019, arXiv:1812.04948 (learned noise).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.labels import CLASS_NAMES

_QUARTER_BLOCKS, _HALF_BLOCKS = 4, 4
_DETAIL_GAIN = 0.2  # initial size of the detail, about that of real masses


class DetailNetwork(nn.Module):
    """From a small image to its detail.

    Args:
        side_px: Of the full image.
        width: Channels at half size; twice as many at a quarter.
    """

    def __init__(self, side_px: int, width: int) -> None:
        super().__init__()
        quarter, half = side_px // 4, side_px // 2
        self.noise_sizes_px = [quarter] * _QUARTER_BLOCKS + [half] * _HALF_BLOCKS + [side_px]
        wide = 2 * width
        self.quarter_blocks = nn.ModuleList(
            _GrainyBlock(wide if index else 1, wide) for index in range(_QUARTER_BLOCKS)
        )
        self.narrow = _convolution(wide, width)
        self.half_blocks = nn.ModuleList(_GrainyBlock(width, width) for _ in range(_HALF_BLOCKS))
        self.phases_in = _convolution(width + 4, width)
        self.phases_out = _convolution(width, 4)

    def forward(self, small: Tensor, labels: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Adds detail that leaves the means of small pixels about as they were.

        Args:
            small: (N, 1, H / 4, W / 4).
            labels: (N,).
            noise: One (N, 1, P, P) standard normal per entry of `noise_sizes_px`.

        Returns:
            (N, 1, H, W), not clamped.
        """
        grains = iter(noise)
        maps = small.contiguous(memory_format=torch.channels_last)
        for block in self.quarter_blocks:
            maps = block(maps, labels, next(grains))
        maps = functional.interpolate(
            self.narrow(maps), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        for block in self.half_blocks:
            maps = block(maps, labels, next(grains))
        grain = functional.pixel_unshuffle(next(grains), 2).to(maps.dtype)
        maps = functional.leaky_relu(self.phases_in(torch.cat([maps, grain], dim=1)), 0.2)
        detail = _DETAIL_GAIN * functional.pixel_shuffle(self.phases_out(maps).float(), 2)
        return enlarge(small) + detail - enlarge(functional.avg_pool2d(detail, 4))


def enlarge(small: Tensor) -> Tensor:
    """Enlarges small images fourfold, smoothly."""
    return functional.interpolate(small, scale_factor=4.0, mode="bicubic", align_corners=False)


class _GrainyBlock(nn.Module):
    """Convolves, adds the class and learned grain; residual where the channels allow it."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = _convolution(channels_in, channels_out)
        self.grain = nn.Parameter(torch.full((1, channels_out, 1, 1), 0.1))
        self.embedding = nn.Embedding(len(CLASS_NAMES), channels_out)
        nn.init.zeros_(self.embedding.weight)
        self.is_residual = channels_in == channels_out

    def forward(self, maps: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        changed = self.convolution(maps)
        kind = (
            changed.dtype
        )  # under mixed precision stay in bfloat16: memory is what these maps cost
        changed = changed + self.embedding(labels)[:, :, None, None].to(kind)
        changed = torch.addcmul(changed, self.grain.to(kind), noise.to(kind))
        changed = functional.leaky_relu(changed, 0.2)
        return maps + changed if self.is_residual else changed


def _convolution(channels_in: int, channels_out: int) -> nn.Conv2d:
    # zeros beyond the border would leave a frame
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, padding_mode="replicate")
