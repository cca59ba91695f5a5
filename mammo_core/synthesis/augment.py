"""Augments masses at random: flips and quarter turns of the data, and what the discriminator sees.

Source: Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training, arXiv:2006.10738.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

NUM_TURNS = 8
_SHIFT = 1 / 8  # of the side
_CUTOUT = 3 / 8  # of the side
_BRIGHTNESS, _CONTRAST = 0.15, 0.2


def all_turns(images: Tensor) -> Tensor:
    """Returns the eight flips and quarter turns of each image: (N, 1, H, W) -> (N, 8, 1, H, W)."""
    mirrored = images.flip(-1)
    return torch.stack(
        [torch.rot90(view, turns, (-2, -1)) for view in (images, mirrored) for turns in range(4)],
        dim=1,
    )


def turn_at_random(images: Tensor, rng: torch.Generator) -> Tensor:
    """Flips and turns each image at random, one of eight ways: (N, 1, H, W)."""
    choice = torch.randint(0, NUM_TURNS, (len(images),), generator=rng).to(images.device)
    return all_turns(images)[torch.arange(len(images), device=images.device), choice]


def augment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Brightens, stretches, shifts and cuts out, each image at random, differentiably.

    Args:
        images: (N, 1, H, W) in [-1, 1], H = W.
        rng: On the CPU.
    """
    images = images + _uniform(images, rng, -_BRIGHTNESS, _BRIGHTNESS)
    mean = images.mean(dim=(2, 3), keepdim=True)
    images = (images - mean) * _uniform(images, rng, 1 - _CONTRAST, 1 + _CONTRAST) + mean
    return _cut_out(_shift(images, rng), rng)


def _uniform(images: Tensor, rng: torch.Generator, low: float, high: float) -> Tensor:
    """Samples one number per image: (N, 1, 1, 1)."""
    return (low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=rng)).to(images.device)


def _shift(images: Tensor, rng: torch.Generator) -> Tensor:
    side = images.shape[-1]
    reach = int(side * _SHIFT)
    padded = functional.pad(images, (reach,) * 4)
    offsets = torch.randint(0, 2 * reach + 1, (len(images), 2), generator=rng).tolist()
    return torch.stack(
        [
            image[:, row : row + side, column : column + side]
            for image, (row, column) in zip(padded, offsets, strict=True)
        ]
    )


def _cut_out(images: Tensor, rng: torch.Generator) -> Tensor:
    side = images.shape[-1]
    half = int(side * _CUTOUT) // 2
    middles = torch.randint(0, side, (2, len(images), 1, 1), generator=rng).to(images.device)
    steps = torch.arange(side, device=images.device)
    hidden = ((steps[None, :, None] - middles[0]).abs() < half) & (
        (steps[None, None, :] - middles[1]).abs() < half
    )
    return images * ~hidden[:, None]
