"""Learns the coarse structure of masses with differential privacy: noisy class means and variances.

Every coefficient is divided by what natural images would give it, a public guess (amplitude falls with
frequency), so that one clipping norm fits all. One unit of privacy gives the mean over its masses of
(count, value, square) for each class.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mammo_core.labels import CLASS_NAMES
from mammo_core.privacy.noise.noisy_sum import noisy_sum, unit_means
from mammo_core.privacy.noise.sources import NoiseSource
from mammo_core.synthesis.structure import NormalStructure

# of natural images in [-1, 1]: deviation of the grey level, and the power law of finer ones
_AMPLITUDE, _FALL = 0.35, 1.5
_VALUE_BOUND = 3.0
_BOUND = 0.5  # of one unit's contribution, which is 1 for coefficients as guessed
_MIN_COUNT_SHARE = 0.05  # of the units; below, a class mean would be noise
_LEAST_VARIANCE, _MOST_VARIANCE = 0.01, 9.0


def expected_deviation(num_coefficients: int, image_size_px: int) -> Tensor:
    """Returns the public guess at each coefficient's deviation: (K,), lowest frequency first."""
    # k coefficients lie within a quarter disc of radius r: k = pi r^2 / 4
    radius = (torch.arange(num_coefficients) * 4 / torch.pi).sqrt()
    return _AMPLITUDE * image_size_px / (1 + radius) ** _FALL


def fit_private_structure(
    structure: NormalStructure,
    coefficients: Tensor,
    labels: Tensor,
    unit_rows: Tensor,
    *,
    image_size_px: int,
    noise_multiplier: float,
    noise: NoiseSource,
) -> None:
    """Sets means and deviations from one noisy sum.

    Args:
        coefficients: (N, K) of real masses.
        labels: (N,).
        unit_rows: (U, B) rows of each unit's masses, padded with -1.
        noise_multiplier: The result is 1 / noise_multiplier-GDP.
        noise: Secret where the structure is released.
    """
    guess = expected_deviation(coefficients.shape[1], image_size_px).to(coefficients)
    values = (coefficients / guess).clamp(-_VALUE_BOUND, _VALUE_BOUND)  # (N, K)
    ones = values.new_ones(len(values), 1)
    described = torch.cat([ones, values, values.square()], dim=1) / _typical_norm(values.shape[1])
    shape = len(CLASS_NAMES), described.shape[1]
    of_class = torch.zeros(len(values), *shape).to(values)
    of_class[torch.arange(len(values)), labels] = described
    released = noisy_sum(
        unit_means(of_class.flatten(1), unit_rows), _BOUND, noise_multiplier, noise
    ).unflatten(0, shape)  # (classes, 1 + 2 K)
    count = released[:, :1].clamp(
        min=_MIN_COUNT_SHARE * len(unit_rows) / _typical_norm(values.shape[1])
    )
    mean, square = (released[:, 1:] / count).chunk(2, dim=1)  # (classes, K) each
    variance = (square - mean.square()).clamp(_LEAST_VARIANCE, _MOST_VARIANCE)
    structure.mean.copy_(mean * guess)
    structure.deviation.copy_(variance.sqrt() * guess)


def _typical_norm(num_coefficients: int) -> float:
    """Returns the length of (1, values, squares) of a standard normal vector: the root of 1 + K + 3 K."""
    return (1 + 4 * num_coefficients) ** 0.5
