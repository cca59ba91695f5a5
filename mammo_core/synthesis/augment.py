"""Augments masses at random: flips and quarter turns of the data, and what the discriminator sees.

Private training draws from the operating system (`noise.sources.SecretNoise`): torch's generators keep 32 bits of a
seed, and what an image gets from them depends on how many stand before it. All other training draws from a generator.

Source: Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training, arXiv:2006.10738.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mammo_core.privacy.noise.sources import NoiseSource

Draws = torch.Generator | NoiseSource
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


def turn_at_random(images: Tensor, rng: Draws) -> Tensor:
    """Flips and turns each image at random, one of eight ways: (N, 1, H, W)."""
    choice = _whole(rng, NUM_TURNS, len(images)).to(images.device)
    return all_turns(images)[torch.arange(len(images), device=images.device), choice]


def augment(images: Tensor, rng: Draws) -> Tensor:
    """Brightens, stretches, shifts and cuts out, each image at random, differentiably.

    Args:
        images: (N, 1, H, W) in [-1, 1], H = W.
        rng: Draws on the CPU.
    """
    images = images + _uniform(images, rng, -_BRIGHTNESS, _BRIGHTNESS)
    mean = images.mean(dim=(2, 3), keepdim=True)
    images = (images - mean) * _uniform(images, rng, 1 - _CONTRAST, 1 + _CONTRAST) + mean
    return _cut_out(_shift(images, rng), rng)


def _uniform(images: Tensor, rng: Draws, low: float, high: float) -> Tensor:
    """Samples one number per image: (N, 1, 1, 1)."""
    return (low + (high - low) * _fraction(rng, len(images), 1, 1, 1)).to(images.device)


def _fraction(rng: Draws, *shape: int) -> Tensor:
    """Draws uniform numbers from 0 to 1: float32."""
    if isinstance(rng, torch.Generator):
        return torch.rand(shape, generator=rng)
    return rng.uniform(*shape).float()


def _whole(rng: Draws, count: int, *shape: int) -> Tensor:
    """Draws whole numbers from 0 to count - 1, each as likely: int64."""
    if isinstance(rng, torch.Generator):
        return torch.randint(0, count, shape, generator=rng)
    return (rng.uniform(*shape) * count).long()


def _shift(images: Tensor, rng: Draws) -> Tensor:
    side = images.shape[-1]
    reach = int(side * _SHIFT)
    padded = functional.pad(images, (reach,) * 4)
    offsets = _whole(rng, 2 * reach + 1, len(images), 2).tolist()
    return torch.stack(
        [
            image[:, row : row + side, column : column + side]
            for image, (row, column) in zip(padded, offsets, strict=True)
        ]
    )


def _cut_out(images: Tensor, rng: Draws) -> Tensor:
    side = images.shape[-1]
    half = int(side * _CUTOUT) // 2
    middles = _whole(rng, side, 2, len(images), 1, 1).to(images.device)
    steps = torch.arange(side, device=images.device)
    hidden = ((steps[None, :, None] - middles[0]).abs() < half) & (
        (steps[None, None, :] - middles[1]).abs() < half
    )
    return images * ~hidden[:, None]
