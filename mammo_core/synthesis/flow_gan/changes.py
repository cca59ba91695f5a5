"""Changes masses at random for training, and says how: turns, stretches, shifts, brightness and contrast.

Flips and quarter turns are not told: a mass is as likely either way round.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_CHANCE = 0.7  # of each change
_TURN, _ZOOM, _STRETCH, _SHIFT, _BRIGHTNESS, _CONTRAST = 0.3, 0.12, 0.1, 0.08, 0.15, 0.15
NUM_CHANGES = 8


def change_at_random(images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Changes each image at random.

    Args:
        images: (N, 1, H, H) in [-1, 1].
        rng: On the CPU.

    Returns:
        The changed images (N, 1, H, H), and what was changed, (N, 8): 0 for what was not.
    """
    count, device = len(images), images.device

    def normal() -> Tensor:
        chosen = torch.rand(count, generator=rng) < _CHANCE
        return torch.randn(count, generator=rng) * chosen

    turn, zoom, stretch, right, down, brightness, contrast = (normal() for _ in range(7))
    axis = torch.pi * torch.rand(count, generator=rng)
    quarter = torch.pi / 2 * torch.randint(4, (count,), generator=rng)
    flip = 1 - 2.0 * torch.randint(2, (count,), generator=rng)
    longer, size = torch.exp(_STRETCH * stretch), torch.exp(-_ZOOM * zoom)
    sizes = torch.diag_embed(torch.stack([size * longer, size / longer], dim=1))
    flips = torch.diag_embed(torch.stack([flip, torch.ones(count)], dim=1))
    matrix = (
        _turned(quarter) @ flips @ _turned(axis) @ sizes @ _turned(-axis) @ _turned(_TURN * turn)
    )
    shift = _SHIFT * torch.stack([right, down], dim=1)
    places = functional.affine_grid(
        torch.cat([matrix, shift[..., None]], dim=2).to(device),
        list(images.shape),
        align_corners=False,
    )
    moved = functional.grid_sample(
        images, places, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    mean = moved.mean(dim=(1, 2, 3), keepdim=True)
    stronger, brighter = (
        value[:, None, None, None].to(device)
        for value in (torch.exp(_CONTRAST * contrast), _BRIGHTNESS * brightness)
    )
    changed = (moved - mean) * stronger + mean + brighter
    told = [turn, zoom, stretch * torch.cos(2 * axis), stretch * torch.sin(2 * axis)]
    told += [right, down, brightness, contrast]
    return changed, torch.stack(told, dim=1).to(device)


def _turned(angle: Tensor) -> Tensor:
    """Returns rotations (N, 2, 2) by angles (N,) in radians."""
    rows = [torch.stack([angle.cos(), -angle.sin()], 1), torch.stack([angle.sin(), angle.cos()], 1)]
    return torch.stack(rows, dim=1)
