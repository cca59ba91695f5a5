"""Finds the synthetic masses nearest to one mass, among those whose features ship with the heads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mammo_core.cohorts.sampled import alternating_labels
from mammo_core.reading.shipped_heads import ShippedHeads

_TURNS = 4


@dataclass(frozen=True)
class NearSynthetic:
    """A synthetic mass near another one.

    Attributes:
        view: In which flip or turn, of those of `features.views_of`, it is nearest.
        distance: In feature space.
    """

    seed: int
    label: int
    view: int
    distance: float


def nearest_synthetic(shipped: ShippedHeads, features: Tensor, count: int) -> list[NearSynthetic]:
    """Finds the `count` nearest ones to a mass, nearest first.

    Args:
        features: (1, 8, D) of the mass in all flips and turns, by the network of the heads.
    """
    labels = alternating_labels(shipped.card.drawn.count)
    distances = torch.cdist(features[0].float(), shipped.synthetic_features.float())  # (V, M)
    best, view = distances.min(dim=0)  # (M,)
    found = best.topk(min(count, len(best)), largest=False)
    return [
        NearSynthetic(seed, labels[seed], _undone(int(view[seed])), float(distance))
        for seed, distance in zip(found.indices.tolist(), found.values, strict=True)
    ]


def _undone(view: int) -> int:
    """The view that brings a view back upright: quarter turns the other way, reflections by themselves."""
    return (_TURNS - view) % _TURNS if view < _TURNS else view
