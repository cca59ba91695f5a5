"""Differentiable augmentation of what the discriminator sees, real and synthetic alike.

Source: Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training, arXiv:2006.10738.
Flips and quarter turns are added: a mass has no upright.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SHIFT = 1 / 8  # of the side
_CUTOUT = 1 / 2  # of the side
_BRIGHTNESS, _CONTRAST = 0.3, 0.5


def augment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Flips, turns, shifts, brightens, stretches and cuts out, each image at random.

    Args:
        images: (N, 1, H, W) in [-1, 1], H = W.
        rng: On the CPU.
    """
    images = _flip_and_turn(images, rng)
    images = images + _uniform(images, rng, -_BRIGHTNESS, _BRIGHTNESS)
    mean = images.mean(dim=(2, 3), keepdim=True)
    images = (images - mean) * _uniform(images, rng, 1 - _CONTRAST, 1 + _CONTRAST) + mean
    return _cut_out(_shift(images, rng), rng)


def _uniform(images: Tensor, rng: torch.Generator, low: float, high: float) -> Tensor:
    """One number per image: (N, 1, 1, 1)."""
    return (low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=rng)).to(images.device)


def _whole(images: Tensor, rng: torch.Generator, low: int, high: int) -> Tensor:
    """One whole number in [low, high) per image: (N, 1, 1)."""
    return torch.randint(low, high, (len(images), 1, 1), generator=rng).to(images.device)


def _flip_and_turn(images: Tensor, rng: torch.Generator) -> Tensor:
    choice = torch.randint(0, 8, (len(images),), generator=rng).tolist()
    turned = [
        torch.rot90(image.flip(-1) if pick >= 4 else image, pick % 4, dims=(-2, -1))
        for image, pick in zip(images, choice, strict=True)
    ]
    return torch.stack(turned)


def _shift(images: Tensor, rng: torch.Generator) -> Tensor:
    side = images.shape[-1]
    reach = int(side * _SHIFT)
    down, right = (_whole(images, rng, -reach, reach + 1) for _ in range(2))
    steps = torch.arange(side, device=images.device)
    rows, columns = (
        steps[None, :, None] - down,
        steps[None, None, :] - right,
    )  # (N, H, 1), (N, 1, W)
    inside = ((rows >= 0) & (rows < side) & (columns >= 0) & (columns < side))[:, None]
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    moved = images[batch, 0, rows.clamp(0, side - 1), columns.clamp(0, side - 1)][:, None]
    return moved * inside


def _cut_out(images: Tensor, rng: torch.Generator) -> Tensor:
    side = images.shape[-1]
    half = int(side * _CUTOUT) // 2
    middle_row, middle_column = (_whole(images, rng, 0, side) for _ in range(2))
    steps = torch.arange(side, device=images.device)
    hidden = ((steps[None, :, None] - middle_row).abs() < half) & (
        (steps[None, None, :] - middle_column).abs() < half
    )
    return images * ~hidden[:, None]
