"""Scores who took part in training, for every head and unit; higher means "took part".

All attackers know every unit's masses and labels and how heads are trained, but not whose data were used. A
likelihood ratio for one head is fitted on the other heads.

Sources: Yeom et al. 2018, arXiv:1709.01604 (loss threshold); Carlini et al. 2022, arXiv:2112.03570 (likelihood
ratio, "LiRA"). Joining it with the released weights themselves is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mammo_core.auditing.shadow_models import Trainer, train_batched, train_shadows
from mammo_core.config.runs import HeadRecipe
from mammo_core.privacy.heads.problem import HeadTrainingData
from mammo_core.privacy.heads.vectorised import HeadSettings

_RIDGE = 1e-3  # of the number of models: keeps the regression solvable with fewer models than units
_LEAST_VARIANCE = 1e-9
_LEAST_NOISE_SHARE = 1e-4


def mass_margins(problem: HeadTrainingData, weights: Tensor) -> Tensor:
    """Computes the logit of each mass's own class: (R, K) -> (R, N)."""
    return (weights @ problem.vectors.T) * (2 * problem.labels - 1)


def unit_mean(values: Tensor, unit_rows: Tensor) -> Tensor:
    """Computes the mean over each unit's masses: (R, N), (U, B) -> (R, U)."""
    mask = unit_rows >= 0
    return (values[:, unit_rows.clamp(min=0)] * mask).sum(dim=2) / mask.sum(dim=1)


def loss_scores(margins: Tensor) -> Tensor:
    """Scores by the loss: minus the logistic loss of each mass, (R, N) -> (R, N)."""
    return -torch.nn.functional.softplus(-margins)


def likelihood_ratio(observed: Tensor, took_part: Tensor) -> Tensor:
    """Computes the log-likelihood ratio of one number per head and unit, "took part" against "did not".

    Both are normal with means of their own and a common variance, each unit's own, fitted on the other heads.

    Args:
        observed: (R, U).
        took_part: (R, U) bool, of which each column has both.

    Returns:
        (R, U).
    """
    return joint_likelihood_ratio([observed], took_part)


def joint_likelihood_ratio(observed: Sequence[Tensor], took_part: Tensor) -> Tensor:
    """Computes `likelihood_ratio` for S numbers per head and unit together, each (R, U), jointly normal."""
    values = torch.stack([each.double() for each in observed], dim=2)  # (R, U, S)
    values = (values - values.mean(dim=0)) / values.std(dim=0).clamp(min=_LEAST_VARIANCE)
    inside, inside_spread = _moments_without_self(values, took_part.double())
    outside, outside_spread = _moments_without_self(values, 1 - took_part.double())
    eye = torch.eye(values.shape[2], dtype=values.dtype)
    spread = (inside_spread + outside_spread) / 2 + _LEAST_VARIANCE * eye  # (R, U, S, S)
    slope = torch.linalg.solve(spread, (inside - outside)[..., None])[..., 0]
    return (slope * (values - (inside + outside) / 2)).sum(dim=2)


def _moments_without_self(values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Computes mean (R, U, S) and covariance (R, U, S, S) over the heads with weight 1, without the head itself."""
    weight = weight[..., None]  # (R, U, 1)
    outer = values[..., :, None] * values[..., None, :]
    count = weight.sum(dim=0) - weight
    mean = ((weight * values).sum(dim=0) - weight * values) / count
    second = (weight[..., None] * outer).sum(dim=0) - weight[..., None] * outer
    return mean, second / count[..., None] - mean[..., :, None] * mean[..., None, :]


def unit_effects(
    problem: HeadTrainingData,
    recipe: HeadRecipe,
    job: HeadSettings,
    count: int,
    *,
    seed: int,
    train: Trainer = train_batched,
) -> Tensor:
    """Estimates each unit's mean effect on the weights: (U, K).

    From a linear regression on `count` heads trained without noise on random halves, clipped where the job is
    private. Best with twice as many heads as units.
    """
    quiet = HeadSettings(None if job.noise_multiplier is None else 0.0, job.learning_rate, 0)
    shadows = train_shadows(problem, recipe, quiet, count, seed=seed, train=train)
    weights = shadows.weights.double()
    design = shadows.took_part.double() - 0.5  # (R, U)
    normal = design.T @ design + _RIDGE * count * torch.eye(problem.num_units, dtype=torch.float64)
    return torch.linalg.solve(normal, design.T @ (weights - weights.mean(dim=0)))


def weight_projections(weights: Tensor, effects: Tensor) -> Tensor:
    """Projects each head's weights on each unit's effect, discounting the effects of others and noise.

    Args:
        weights: (R, K) of heads to attack.
        effects: (U, K), see `unit_effects`.

    Returns:
        (R, U), the optimal linear statistic for normal weights with covariance effectsᵀ effects / 4 plus white noise.
    """
    centred = weights.double() - weights.double().mean(dim=0)
    total = centred.square().sum() / len(weights)
    explained = effects.square().sum() / 4
    white = torch.maximum(total - explained, _LEAST_NOISE_SHARE * total) / weights.shape[1]
    covariance = effects.T @ effects / 4 + white * torch.eye(weights.shape[1], dtype=torch.float64)
    return torch.linalg.solve(covariance, centred.T).T @ effects.T
