"""From backbone features to the unit-length vectors a head is trained on. Never learned from private data.

With a projection: each view is centred and half-whitened along the principal directions of the features of
*synthetic* masses or computed textures, scaled to length 1, and the views averaged. Without: the same on the raw features.
Unit length bounds every mass' influence before any clipping.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from mammo_core.config.runs import HeadRecipe
from mammo_core.errors import InvalidRequestError

_MASSES_AT_ONCE = 4096  # in float32; a large cohort's features fit into memory as float16 only


@dataclass(frozen=True)
class Projection:
    """A fixed map of features.

    Attributes:
        mean: (D,) subtracted first; None for none.
        matrix: (D, K) applied next; None for none.
        bias: The constant appended last.
    """

    mean: Tensor | None
    matrix: Tensor | None
    bias: float

    def __call__(self, features: Tensor) -> Tensor:
        """Maps features of all views (N, V, D) to one vector per mass: (N, K + 1) float32."""
        return torch.cat([self._vectors(part) for part in features.split(_MASSES_AT_ONCE)])

    def _vectors(self, features: Tensor) -> Tensor:
        views = features.float()
        if self.mean is not None and self.matrix is not None:
            views = (views - self.mean) @ self.matrix  # (N, V, K)
        vectors = _unit_length(_unit_length(views).mean(dim=1))  # (N, K)
        constant = torch.full((len(vectors), 1), self.bias)
        return torch.cat([vectors, constant], dim=1)  # (N, K + 1)


def fit_projection(recipe: HeadRecipe, public_features: Tensor | None) -> Projection:
    """Fits the map of a recipe to public features; without projection it uses no features at all.

    Args:
        recipe: Says how many directions to keep and how much to whiten.
        public_features: (M, V, D) of synthetic masses or of textures, or None.

    Raises:
        InvalidRequestError: If the recipe projects and there are no, or too few, features to learn from.

    Source: principal component analysis by the eigenvectors of the covariance of all views.
    """
    if recipe.projection_dims is None:
        return Projection(mean=None, matrix=None, bias=recipe.bias)
    if public_features is None or len(public_features) < 2:
        raise InvalidRequestError(
            "Expected synthetic masses to learn the projection from; got none. Give a folder with "
            "--synthetic, or choose the strategy real, which needs none."
        )
    num_views = public_features.shape[:2].numel()
    dims = min(recipe.projection_dims, num_views - 1, public_features.shape[2])
    total = reduce(operator.add, (views.sum(dim=0) for views in _parts(public_features)))
    mean = total / num_views  # (D,)
    centred = (views - mean for views in _parts(public_features))
    scatter = reduce(operator.add, (part.T @ part for part in centred))  # (D, D)
    variances, directions = torch.linalg.eigh(scatter / num_views)  # ascending
    variances, directions = variances.flip(0)[:dims], directions.flip(1)[:, :dims]
    floor = variances[0] * 1e-6  # they may not vary at all along the last directions
    scale = variances.clamp(min=floor) ** (recipe.whitening / 2)
    return Projection(mean=mean, matrix=directions / scale, bias=recipe.bias)


def _parts(features: Tensor) -> Iterator[Tensor]:
    """Yields all views (M, V, D) in chunks, each (P, D) float32."""
    for part in features.split(_MASSES_AT_ONCE):
        yield part.float().flatten(0, 1)


def _unit_length(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1)
