"""Holds the training data of a linear head: masses grouped into units of privacy, and public data."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.config.runs import Unit
from mammo_core.errors import PrivacyError
from mammo_core.privacy.noise.clipping import l2_norm
from mammo_core.privacy.noise.kinds import CLIP_MARGIN
from mammo_core.privacy.noise.unit_check import TRIED_UNITS, require_right_gradients

MIN_UNITS = 10
_LONG_WEIGHTS = 200.0  # longer than training is expected to make them


@dataclass(frozen=True)
class RoomForRounding:
    """The length of weights up to which the clipping margin holds the rounding of sums."""

    longest_weights: float

    def require(self, weights: Tensor) -> None:
        """Raises PrivacyError if any of these weights, (R, K), are longer."""
        longest = float(l2_norm(weights, dim=1).max())
        if longest > self.longest_weights:
            raise PrivacyError(
                f"Expected weights of length up to {self.longest_weights:.3g}; noise and steps made them {longest:.3g} long, "
                "and the rounding of sums could then exceed what clipping allows. Use a larger ε, a larger clipping norm "
                "or a smaller learning rate."
            )


@dataclass(frozen=True)
class HeadTrainingData:
    """The training data of a linear head with logistic loss.

    Attributes:
        vectors: (N, K), one per private mass, which depends on that mass alone.
        labels: (N,) float, 0 or 1.
        unit_rows: (U, B) int64, the rows of each unit's masses, padded with -1. Clipping is per unit.
        public_vectors: (M, K) whose gradient is added without noise; None for none.
        public_labels: (M,).
        public_weight: Weight of the mean public gradient against the mean private one.
        initial_weights: (K,) where training starts; depends on no private data.

    Raises:
        PrivacyError: If a vector is not finite.
    """

    vectors: Tensor
    labels: Tensor
    unit_rows: Tensor
    initial_weights: Tensor
    public_vectors: Tensor | None = None
    public_labels: Tensor | None = None
    public_weight: float = 0.0

    def __post_init__(self) -> None:
        largest = cast(  # copies no vectors
            "Tensor", torch.linalg.vector_norm(self.vectors, ord=math.inf, dim=1)
        )
        broken = int((~largest.isfinite()).sum())
        if broken:
            raise PrivacyError(
                f"Expected finite features; got {broken} mass(es) with others, which would spread to every "
                "weight and tell who took part. Use another backbone or leave these masses out."
            )

    @property
    def num_units(self) -> int:
        """Number of units of privacy."""
        return len(self.unit_rows)

    @property
    def unit_of_row(self) -> Tensor:
        """The unit of each mass: (N,) int64."""
        mask = self.unit_rows >= 0
        unit_of_row = torch.empty(len(self.labels), dtype=torch.int64)
        unit_of_row[self.unit_rows[mask]] = torch.arange(len(self.unit_rows)).repeat_interleave(
            mask.sum(1)
        )
        return unit_of_row

    def in_float64(self) -> HeadTrainingData:
        """Copies what is trained on, in double precision."""
        return HeadTrainingData(
            vectors=self.vectors.double(),
            labels=self.labels.double(),
            unit_rows=self.unit_rows,
            initial_weights=self.initial_weights.double(),
            public_vectors=None if self.public_vectors is None else self.public_vectors.double(),
            public_labels=None if self.public_labels is None else self.public_labels.double(),
            public_weight=self.public_weight,
        )

    def room_for_rounding(self, max_grad_norm: float) -> RoomForRounding:
        """Finds for which weights rounding moves a sum of clipped gradients by no more than the clipping margin.

        One emptied unit can change every rounding in the sum of N masses, and in their logits. In float64 that moves
        the sum by at most 2^-52 N (N + K L / 2) times the longest vector, for K weights of length L.

        Raises:
            PrivacyError: If there is no room for weights of length 200.
        """
        num_masses, num_weights = self.vectors.shape
        unit = 2.0**-52 * num_masses * float(l2_norm(self.vectors.double(), dim=1).max())
        least = unit * (num_masses + num_weights * _LONG_WEIGHTS / 2) / CLIP_MARGIN
        if max_grad_norm < least:
            raise PrivacyError(
                f"Expected max_grad_norm >= {least:.1g} for {num_masses} masses; got {max_grad_norm:g}. Below, the rounding "
                "of sums would move them by more than clipping allows. Use a larger clipping norm."
            )
        return RoomForRounding(
            (CLIP_MARGIN * max_grad_norm / unit - num_masses) * 2 / num_weights
            if unit
            else math.inf
        )

    def require_right_gradients(
        self, clipped_sum: Callable[[HeadTrainingData, float], Tensor]
    ) -> None:
        """Raises PrivacyError unless an engine clips right, on made-up units with as many masses and features.

        Args:
            clipped_sum: Given float64 data and a bound, the sum of units' clipped gradients at the initial weights, (K,).
        """
        rng = torch.Generator().manual_seed(0)
        num_masses, num_weights = self.unit_rows.shape[1], len(self.initial_weights)
        shape = TRIED_UNITS, num_masses, num_weights
        vectors = torch.randn(shape, generator=rng, dtype=torch.float64)
        labels = torch.arange(TRIED_UNITS * num_masses).view(shape[:2]) % 2.0
        weights = nn.Parameter(
            torch.randn(num_weights, generator=rng, dtype=torch.float64) / num_weights**0.5
        )

        def losses_of(units: slice) -> Tensor:
            logits, wanted = vectors[units] @ weights, labels[units].double()
            losses = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
            return losses.sum(dim=1)

        def clipped_sums(units: slice, bound: float) -> list[Tensor]:
            chosen = labels[units]
            made_up = HeadTrainingData(
                vectors=vectors[units].flatten(0, 1),
                labels=chosen.flatten().double(),
                unit_rows=torch.arange(chosen.numel()).view(chosen.shape),
                initial_weights=weights.detach(),
            )
            return [clipped_sum(made_up, bound)]

        require_right_gradients({"weights": weights}, losses_of, clipped_sums)

    def public_gradient(self, weights: Tensor) -> Tensor:
        """Computes the weighted mean gradient of the public data at each weight vector: (R, K) -> (R, K)."""
        if self.public_vectors is None or self.public_labels is None:
            return torch.zeros_like(weights)
        residuals = torch.sigmoid(weights @ self.public_vectors.T) - self.public_labels  # (R, M)
        return self.public_weight * residuals @ self.public_vectors / len(self.public_labels)


def rows_of_units(patient_ids: np.ndarray, unit: Unit) -> Tensor:
    """Groups rows into units: one per patient, or per mass ("image").

    Returns:
        (U, B) int64 row numbers, padded with -1; B is the most masses of one unit.

    Raises:
        PrivacyError: If there are fewer than ten units.

    Example:
        >>> rows_of_units(np.array(["a", "b", "a"] + list("cdefghij")), "patient")[:2].tolist()
        [[0, 2], [1, -1]]
    """
    rows = np.arange(len(patient_ids))
    _, unit_of_row = (
        np.unique(patient_ids, return_inverse=True) if unit == "patient" else (None, rows)
    )
    order = np.argsort(unit_of_row, kind="stable")
    counts = np.bincount(unit_of_row)
    if len(counts) < MIN_UNITS:
        raise PrivacyError(
            f"Expected at least {MIN_UNITS} {unit}s to hide one among; got {len(counts)}. "
            "Use a larger training cohort."
        )
    unit_rows = np.full((len(counts), counts.max()), -1)
    position = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    unit_rows[unit_of_row[order], position] = order
    return torch.from_numpy(unit_rows)
