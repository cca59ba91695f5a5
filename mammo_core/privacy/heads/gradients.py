"""Takes one step of a private training apart: every unit's gradient, what clipping keeps, what noise covers.

For learning and teaching. What these functions return is computed from private data without noise, so no ε
covers it. Do not release it for a real cohort.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mammo_core.config.runs import HeadRecipe
from mammo_core.privacy.heads.problem import HeadTrainingData
from mammo_core.privacy.heads.vectorised import HeadSettings, train_heads
from mammo_core.privacy.noise.clipping import clip_rows, l2_norm


@dataclass(frozen=True)
class ClippedStep:
    """What a clipping norm C does to one step.

    Attributes:
        clipped_share: Of units whose gradient is longer than C.
        signal: Length of the sum of clipped gradients.
        noise_along: Standard deviation of the noise along that sum, or any other one direction: σ C.
        noise_length: Length of the whole noise vector to expect, σ C √K for K weights.
        agreement: Cosine between the sums of clipped and of whole gradients; 1 is the same direction.
    """

    clipped_share: float
    signal: float
    noise_along: float
    noise_length: float
    agreement: float

    @property
    def ratio(self) -> float:
        """Signal over noise along its direction; infinity without noise."""
        return self.signal / self.noise_along if self.noise_along else math.inf


def weights_over_steps(problem: HeadTrainingData, recipe: HeadRecipe, job: HeadSettings) -> Tensor:
    """Records the weights before the first step and after each: (T + 1, K), not averaged."""
    weights = [problem.initial_weights]
    train_heads(problem, recipe, [job], on_step=lambda _, current: weights.append(current[0]))
    return torch.stack(weights)


def unit_gradients(problem: HeadTrainingData, weights: Tensor) -> Tensor:
    """Computes each unit's gradient of its summed logistic loss at the weights (K,): (U, K), not clipped."""
    residuals = torch.sigmoid(problem.vectors @ weights) - problem.labels  # (N,)
    of_masses = residuals[:, None] * problem.vectors  # (N, K)
    is_mass = problem.unit_rows >= 0  # (U, B)
    gradients = of_masses.new_zeros(problem.num_units, of_masses.shape[1])
    unit_of_entry = torch.arange(problem.num_units).repeat_interleave(is_mass.sum(dim=1))
    return gradients.index_add(0, unit_of_entry, of_masses[problem.unit_rows[is_mass]])


def clipped_step(
    gradients: Tensor, max_grad_norm: float, noise_multiplier: float | None
) -> ClippedStep:
    """Measures signal and noise of one step of these gradients (U, K) at a clipping norm.

    Args:
        noise_multiplier: Noise standard deviation over clipping norm; None for no noise.
    """
    lengths = l2_norm(gradients, dim=1)  # (U,)
    clipped = clip_rows(gradients, max_grad_norm).sum(dim=0)  # (K,)
    whole = gradients.sum(dim=0)  # (K,)
    noise = (noise_multiplier or 0.0) * max_grad_norm
    return ClippedStep(
        clipped_share=float((lengths > max_grad_norm).float().mean()),
        signal=float(l2_norm(clipped)),
        noise_along=noise,
        noise_length=noise * math.sqrt(gradients.shape[1]),
        agreement=float(torch.nn.functional.cosine_similarity(clipped, whole, dim=0)),
    )
