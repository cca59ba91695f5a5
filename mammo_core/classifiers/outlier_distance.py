"""Measures how far a mass lies from the masses that a projection was learned from, in feature space.

A projection keeps its directions, and by their lengths how much synthetic masses vary along each. That is all
a Gaussian model of masses needs; no real mass is used.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mammo_core.classifiers.projection import Projection
from mammo_core.errors import InvalidRequestError


def outlier_distance(projection: Projection, whitening: float, features: Tensor) -> Tensor:
    """Computes the mean squared standardised deviation of masses from synthetic ones: (N, V, D) -> (N,).

    Along the K directions kept, deviations count in their own standard deviations; outside of them in that of
    the last, smallest one. Divided by the number of features, masses like the synthetic ones have about 1.

    Args:
        whitening: Of the recipe that made the projection, above 0.

    Raises:
        InvalidRequestError: If the projection keeps no lengths of its directions.

    Source: the Mahalanobis distance of probabilistic principal component analysis, Tipping and Bishop 1999,
    doi:10.1111/1467-9868.00196.
    """
    if projection.mean is None or projection.matrix is None or not whitening > 0:
        raise InvalidRequestError(
            "Expected a projection that whitens; got one that does not know how much masses vary. Use the "
            "recipe of a strategy with synthetic masses."
        )
    lengths = projection.matrix.norm(dim=0)  # (K,), 1 / standard deviation ** whitening
    variances = lengths ** (-2 / whitening)
    centred = features.float() - projection.mean  # (N, V, D)
    along = centred @ (projection.matrix / lengths)  # (N, V, K)
    inside = (along.square() / variances).sum(dim=-1)
    outside = (centred.square().sum(dim=-1) - along.square().sum(dim=-1)).clamp(min=0)
    deviation = (inside + outside / variances[-1]) / features.shape[-1]  # (N, V)
    return torch.mean(deviation, dim=1)
