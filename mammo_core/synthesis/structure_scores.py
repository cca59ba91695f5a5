"""Scores how expected the coarse structure of real masses is to a generator whose weights are known.

A generator that fitted its training masses too closely is less surprised by them than by others. Whoever has
the weights, as of every generator that is shipped, can ask for this.

Source: attacks by the loss, Yeom et al. 2018, arXiv:1709.01604; for diffusion models, which flow matching is
close to, Matsumoto, Miura and Yanai 2023, arXiv:2302.03262.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mammo_core.synthesis.augment import NUM_TURNS, all_turns
from mammo_core.synthesis.cascade import CascadeGenerator
from mammo_core.synthesis.flow_gan.generator import FlowGanGenerator
from mammo_core.synthesis.sampling import from_uint8

_AT_ONCE = 128
HasStructure = CascadeGenerator | FlowGanGenerator


def structure_scores(
    generator: HasStructure,
    images: np.ndarray,
    labels: np.ndarray,
    is_reference: np.ndarray,
) -> np.ndarray:
    """Minus the logarithm of the generator's surprise, less what masses as rich in contrast usually cause.

    Args:
        images: (N, H, W) uint8 of the size that the generator makes.
        labels: (N,) int64.
        is_reference: (N,) bool, masses that the generator never saw; what is usual is learned from them.

    Returns:
        (N,) float64, higher for likelier members.
    """
    parts = zip(
        torch.from_numpy(images).split(_AT_ONCE),
        torch.from_numpy(labels).split(_AT_ONCE),
        strict=True,
    )
    with torch.inference_mode():
        described = [_described(generator, *part) for part in parts]
        surprise, squares = (torch.cat(column) for column in zip(*described, strict=True))
        size = squares[torch.from_numpy(is_reference)].mean(dim=0)  # (K,)
        contrast = (squares / size).mean(dim=1).clamp(min=1e-12).log().numpy()
    usual = np.stack([np.ones_like(contrast), contrast, contrast**2], axis=1)  # (N, 3)
    found = surprise.log().numpy()
    fitted, *_ = np.linalg.lstsq(usual[is_reference], found[is_reference], rcond=None)
    return usual @ fitted - found


def _described(generator: HasStructure, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Computes means over all turns: the surprise (n,), and each coefficient's square (n, K)."""
    turns = all_turns(from_uint8(images)).flatten(0, 1)
    coefficients = generator.analyse(turns)
    surprise = generator.structure.surprise(coefficients, labels.repeat_interleave(NUM_TURNS))
    shape = len(images), NUM_TURNS
    return (
        surprise.double().unflatten(0, shape).mean(dim=1),
        coefficients.double().square().unflatten(0, shape).mean(dim=1),
    )
