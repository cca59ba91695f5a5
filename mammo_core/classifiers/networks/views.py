"""Flips and turns masses: at random in training, in fixed ways in scoring. A mass has no upright."""

from __future__ import annotations

import torch
from torch import Tensor

from mammo_core.classifiers.features import FLIP_VIEWS, views_of
from mammo_core.config.network_recipe import Augmentation

NUM_VIEWS = 8
# places among the eight views of `features.views_of`
VIEWS: dict[Augmentation, tuple[int, ...]] = {
    "none": (0,),
    "flips": FLIP_VIEWS,
    "turns": tuple(range(NUM_VIEWS)),
}


def sample_views(
    num_masses: int, views: int, augmentation: Augmentation, draw: torch.Generator
) -> Tensor:
    """Samples which views of each mass to show; all different as long as there are enough.

    Args:
        draw: On any device.

    Returns:
        (num_masses, views) int64 places among the eight views, on the generator's device.
    """
    allowed = torch.tensor(VIEWS[augmentation], device=draw.device)
    rounds = -(-views // len(allowed))
    keys = torch.rand(num_masses, rounds, len(allowed), generator=draw, device=draw.device)
    return allowed[keys.argsort(dim=2).flatten(1)[:, :views]]  # (N, views)


def show_views(images: Tensor, chosen: Tensor) -> Tensor:
    """Returns the chosen views of each mass as neighbours: (N, H, H), (N, K) -> (N * K, H, H)."""
    all_views = torch.stack(views_of(images, NUM_VIEWS), dim=1)  # (N, 8, H, H)
    rows = torch.arange(len(images), device=images.device)[:, None]
    return all_views[rows, chosen.to(images.device)].flatten(0, 1)
