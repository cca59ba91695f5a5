"""Trains many linear heads at once by full-batch DP gradient descent: every seed and ε in one batch.

The update is Opacus', step by step (a test compares the weights): per-unit gradients clipped to
max_grad_norm, summed, Gaussian noise from the same generator added, divided by the number of units.
For a linear head a unit's gradient norm follows from the Gram matrix of its masses, so no per-unit
gradient is ever formed and a run of a hundred steps takes milliseconds. All of it is in float64, and the rounding
that remains is bounded: of norms in `_unit_gradient_norms`, of sums in `HeadTrainingData.room_for_rounding`.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mammo_core.config.runs import HeadRecipe
from mammo_core.privacy.heads.problem import HeadTrainingData
from mammo_core.privacy.noise.clipping import clip_factors
from mammo_core.privacy.noise.grid import add_noise
from mammo_core.privacy.noise.sources import noise_from

_UNITS_AT_ONCE = 4096  # whose vectors are copied, padded to the largest unit


@dataclass(frozen=True)
class HeadSettings:
    """One of many heads to train on the same problem.

    Attributes:
        noise_multiplier: Noise standard deviation over max_grad_norm; None trains without DP (no
            clipping, no noise).
        learning_rate: Step along gradient / max_grad_norm, or along the gradient without DP.
        seed: Of reproducible noise; None draws secret noise from the operating system.
    """

    noise_multiplier: float | None
    learning_rate: float
    seed: int | None


@dataclass(frozen=True)
class TakingPart:
    """Which units each of R heads sees: shadow models for attacks are trained on random subsets.

    Attributes:
        units: (R, U) bool.
        expected_units: By which noisy sums are divided, whoever takes part.
    """

    units: Tensor
    expected_units: int


def train_heads(
    problem: HeadTrainingData,
    recipe: HeadRecipe,
    jobs: Sequence[HeadSettings],
    *,
    taking_part: TakingPart | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Trains one head per job.

    Args:
        problem: The data and its units.
        recipe: Steps, clipping norm and averaging; the learning rate is the job's own.
        jobs: R of them.
        taking_part: Leaves units out of single heads; None lets all take part in each.
        on_step: Called after each step with (steps done, weights (R, K) float32).

    Raises:
        PrivacyError: If the clipping norm is too small, or private weights become too long, see
            `HeadTrainingData.room_for_rounding`.

    Returns:
        (R, K) float32, the mean of the last iterates.

    Guarantee:
        Each private head is the result of `recipe.steps` Gaussian mechanisms of sensitivity
        max_grad_norm on the sum over units (empty one unit: the number of units stays), see `accounting.gaussian`. That holds for the sums as
        they are computed, roundings included, and for noise as `noise.grid` adds it. Public data
        and the averaging of iterates cost nothing. With a seed the noise is pseudo-random, and the
        guarantee holds only against those who neither know nor guess the seed.
    """
    clip = recipe.max_grad_norm
    room = problem.room_for_rounding(clip)
    problem = problem.in_float64()
    is_private = torch.tensor([job.noise_multiplier is not None for job in jobs])[:, None]  # (R, 1)
    rate = torch.tensor([job.learning_rate for job in jobs], dtype=torch.float64)[:, None]
    rate = torch.where(is_private, rate / clip, rate)
    sources = [noise_from(job.seed) for job in jobs]
    if is_private.any():
        problem.require_right_gradients(
            lambda made_up, bound: _Units(made_up).clipped_sum(made_up.initial_weights[None], bound)
        )
    units = _Units(problem)

    part = 1.0 if taking_part is None else taking_part.units.double()
    divisor = problem.num_units if taking_part is None else taking_part.expected_units

    weights = problem.initial_weights.repeat(len(jobs), 1)  # (R, K)
    average = torch.zeros_like(weights)
    first_averaged = first_averaged_step(recipe)
    for step in range(1, recipe.steps + 1):
        room.require(weights * is_private)
        summed = units.clipped_sum(weights, clip, is_private, part)  # (R, K)
        for row, (job, source) in enumerate(zip(jobs, sources, strict=True)):
            if job.noise_multiplier is not None:
                summed[row] = add_noise(summed[row], job.noise_multiplier * clip, source)
        weights = weights - rate * (summed / divisor + problem.public_gradient(weights))
        if step >= first_averaged:
            average += weights
        if on_step:
            on_step(step, weights.float())
    return (average / (recipe.steps - first_averaged + 1)).float()


class _Units:
    """The units of a problem in float64, prepared for many steps."""

    def __init__(self, problem: HeadTrainingData) -> None:
        self._problem, self._unit_of_row = problem, problem.unit_of_row
        self._rows, self._mask = problem.unit_rows.clamp(min=0), problem.unit_rows >= 0  # (U, B)
        self._gram = _gram_matrices(problem.vectors, self._rows, self._mask)  # (U, B, B)
        self._lengths = self._gram.diagonal(0, 1, 2).sqrt()  # (U, B)

    def clipped_sum(
        self,
        weights: Tensor,
        clip: float,
        is_clipped: Tensor | bool = True,
        part: Tensor | float = 1.0,
    ) -> Tensor:
        """Sums the units' gradients at weights (R, K), each clipped and times its part: (R, K)."""
        vectors = self._problem.vectors
        residuals = torch.sigmoid(weights @ vectors.T) - self._problem.labels  # (R, N)
        norms = _unit_gradient_norms(
            residuals[:, self._rows] * self._mask, self._gram, self._lengths, weights.shape[1]
        )
        factors = torch.where(torch.as_tensor(is_clipped), clip_factors(norms, clip), 1.0) * part
        return (residuals * factors[:, self._unit_of_row]) @ vectors


def _gram_matrices(vectors: Tensor, rows: Tensor, mask: Tensor) -> Tensor:
    """Computes inner products of each unit's vectors, some units at a time: (U, B, B)."""
    parts: list[Tensor] = []
    for start in range(0, len(rows), _UNITS_AT_ONCE):
        chosen = slice(start, start + _UNITS_AT_ONCE)
        unit_rows = vectors[rows[chosen]] * mask[chosen, :, None]  # (P, B, K)
        parts.append(unit_rows @ unit_rows.transpose(1, 2))
    return torch.cat(parts)


def _unit_gradient_norms(
    residuals: Tensor, gram: Tensor, lengths: Tensor, num_weights: int
) -> Tensor:
    """Bounds the L2 norm of each unit's gradient, the sum of residual times vector: (R, U, B) -> (R, U).

    Args:
        gram: (U, B, B) inner products of its vectors, and `lengths` (U, B) theirs.

    Masses that are alike but labelled apart all but cancel in ‖Σ r x‖² = Σ Σ r r' (x·x'), and a norm that is too small
    would be clipped too little. The most that rounding can have taken from the sum is added: that of inner products of K
    numbers and of B² terms, relative to (Σ |r| ‖x‖)².

    Source: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1.
    """
    by_unit = residuals.transpose(0, 1)  # (U, R, B)
    squared = (by_unit @ gram * by_unit).sum(dim=2)  # (U, R)
    largest = (by_unit.abs() * lengths[:, None]).sum(dim=2).square()  # (U, R)
    roundings = num_weights + 4 * gram.shape[2] + 16
    squared = squared.clamp(min=0) + roundings * torch.finfo(squared.dtype).eps * largest
    return squared.T.sqrt()


def first_averaged_step(recipe: HeadRecipe) -> int:
    """Finds the first step, counted from 1, whose weights enter the average."""
    return min(recipe.steps, int(recipe.steps * (1 - recipe.averaged_share)) + 1)
