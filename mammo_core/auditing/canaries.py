"""Audits a training by worst-case canaries: made-up units, each in or out by a fair coin.

A canary is one mass with a vector that no patient has, along a direction in which real masses hardly vary.
The gradient of most canaries stays at the clipping norm during the whole training. The last one of each training
is so long that it would outweigh everyone without clipping. The attacker knows all
real units, the canaries, the training and its weights, and sees how far the weights moved along each canary
from where a training without canaries and noise leaves them.

Each canary takes part in one training, so all trainings together are one release with that many canaries, and
the bounds for one run hold for them together; see `audit_bounds`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from mammo_core.auditing.bounds import (
    ErrorCounts,
    Guesses,
    epsilon_from_errors,
    epsilon_from_guesses,
    mu_from_errors,
    mu_from_guesses,
)
from mammo_core.auditing.shadow_models import Trainer, repeated_jobs, train_batched
from mammo_core.config.runs import HeadRecipe
from mammo_core.privacy.accounting.gaussian import spent_epsilon
from mammo_core.privacy.heads.problem import HeadTrainingData
from mammo_core.privacy.heads.vectorised import HeadSettings, TakingPart

CONFIDENCE = 0.95
_LENGTH = 4.6  # of a canary over the clipping norm: maximises how far it pulls before it is learned
_OVERLONG = 1000.0
_SHARES = (
    0.05,
    0.3,
    1.0,
)  # of the canaries that the attacker guesses; the confidence is split among them
_LEAST_MU = 1e-6


@dataclass(frozen=True)
class CanaryScores:
    """What the attacker saw of each canary.

    Attributes:
        scores: (R, M), how far the weights moved along each canary of each training.
        took_part: (R, M) bool.
        thresholds: (M,), half way between each canary's scores in and out of a training without noise.
    """

    scores: np.ndarray
    took_part: np.ndarray
    thresholds: np.ndarray

    def part(self, trainings: slice, canaries: slice) -> CanaryScores:
        """Selects trainings and canaries."""
        return CanaryScores(
            self.scores[trainings, canaries],
            self.took_part[trainings, canaries],
            self.thresholds[canaries],
        )


@dataclass(frozen=True)
class AuditBound:
    """One lower bound.

    Attributes:
        method: "many runs" judges the first and the overlong canary of each training, independent trials; "one
            run" all steady canaries of the first training; "all runs pooled" those of all.
        trials: Canaries behind it.
        mu: None where the method does not assume a Gaussian mechanism.
        epsilon: At δ, with 95 % confidence at least this much is spent.
    """

    method: str
    trials: int
    mu: float | None
    epsilon: float


def insert_canaries(
    problem: HeadTrainingData, count: int, max_grad_norm: float
) -> HeadTrainingData:
    """Appends `count` units of one malignant mass each to the training data.

    Raises:
        ValueError: If there are more canaries than dimensions.
    """
    dims = problem.vectors.shape[1]
    if count > dims:
        raise ValueError(f"Expected at most {dims} canaries, one per dimension; got {count}.")
    _, _, directions = torch.linalg.svd(problem.vectors, full_matrices=True)  # rising variance last
    lengths = torch.full((count, 1), _LENGTH * max_grad_norm)
    lengths[-1] = _OVERLONG * max_grad_norm
    vectors = lengths * directions[-count:]
    first = len(problem.labels)
    unit_rows = torch.full((count, problem.unit_rows.shape[1]), -1)
    unit_rows[:, 0] = torch.arange(first, first + count)
    return dataclasses.replace(
        problem,
        vectors=torch.cat([problem.vectors, vectors]),
        labels=torch.cat([problem.labels, torch.ones(count)]),
        unit_rows=torch.cat([problem.unit_rows, unit_rows]),
    )


def score_canaries(
    problem: HeadTrainingData,
    recipe: HeadRecipe,
    job: HeadSettings,
    *,
    trainings: int,
    canaries: int,
    seed: int,
    train: Trainer = train_batched,
) -> CanaryScores:
    """Trains heads with random canaries and scores each canary.

    Args:
        job: Noise and learning rate; its seed is not used.
        canaries: In each training, in or out by fair coins.
        train: What is audited.
    """
    with_canaries = insert_canaries(problem, canaries, recipe.max_grad_norm)
    coins = np.random.default_rng(seed).random((trainings, canaries)) < 0.5
    units = torch.ones(trainings, with_canaries.num_units, dtype=torch.bool)
    units[:, problem.num_units :] = torch.from_numpy(coins)
    expected = problem.num_units + canaries // 2
    weights = train(
        with_canaries, recipe, repeated_jobs(job, trainings, seed), TakingPart(units, expected)
    )
    quiet = HeadSettings(None if job.noise_multiplier is None else 0.0, job.learning_rate, 0)
    known = torch.ones(3, with_canaries.num_units, dtype=torch.bool)
    known[0, problem.num_units :] = False  # no canary, every other one, and the others
    known[1, problem.num_units :: 2] = False
    known[2, problem.num_units + 1 :: 2] = False
    without, *halves = train_batched(
        with_canaries, recipe, [quiet] * 3, TakingPart(known, expected)
    )
    directions = with_canaries.vectors[len(problem.labels) :]
    directions = directions / directions.norm(dim=1, keepdim=True)
    traces = (
        torch.stack(halves) - without
    ) @ directions.T  # (2, M): in one of them, out of the other
    return CanaryScores(
        scores=((weights - without) @ directions.T).numpy(),
        took_part=coins,
        thresholds=traces.mean(dim=0).numpy(),
    )


def audit_bounds(seen: CanaryScores, delta: float) -> list[AuditBound]:
    """Computes all lower bounds, each at 95 % confidence."""
    everything = slice(None)
    steady = seen.part(everything, slice(-1))
    one = steady.part(slice(1), everything)
    alone = [_errors(seen.part(everything, which)) for which in (slice(1), slice(-1, None))]
    confidence = 1 - (1 - CONFIDENCE) / len(alone)
    epsilon = max(epsilon_from_errors(errors, delta, confidence) for errors in alone)
    mu = max(mu_from_errors(errors, confidence) for errors in alone)
    return [
        AuditBound("many runs, (ε, δ)", len(seen.scores), None, epsilon),
        _gaussian("many runs, Gaussian DP", len(seen.scores), mu, delta),
        _epsilon_of_runs("one run, (ε, δ)", one, delta),
        _mu_of_runs("one run, Gaussian DP", one, delta),
        _epsilon_of_runs("all runs pooled, (ε, δ)", steady, delta),
        _mu_of_runs("all runs pooled, Gaussian DP", steady, delta),
    ]


def _gaussian(method: str, trials: int, mu: float, delta: float) -> AuditBound:
    return AuditBound(method, trials, mu, spent_epsilon(mu, delta) if mu > _LEAST_MU else 0.0)


def _epsilon_of_runs(method: str, seen: CanaryScores, delta: float) -> AuditBound:
    bound = _best_over_shares(
        seen, lambda guesses, confidence: epsilon_from_guesses(guesses, delta, confidence)
    )
    return AuditBound(method, seen.scores.size, None, bound)


def _mu_of_runs(method: str, seen: CanaryScores, delta: float) -> AuditBound:
    return _gaussian(method, seen.scores.size, _best_over_shares(seen, mu_from_guesses), delta)


def _best_over_shares(seen: CanaryScores, bound: Callable[[Guesses, float], float]) -> float:
    confidence = 1 - (1 - CONFIDENCE) / len(_SHARES)
    return max(bound(guess_extremes(seen, share), confidence) for share in _SHARES)


def guess_extremes(seen: CanaryScores, share: float) -> Guesses:
    """Says "in" of the highest scores and "out" of the lowest, as many of each."""
    scores, took_part = seen.scores.ravel(), seen.took_part.ravel()
    side = int(share * scores.size) // 2
    order = np.argsort(scores, kind="stable")
    right = np.count_nonzero(took_part[order[scores.size - side :]])
    right += np.count_nonzero(~took_part[order[:side]])
    return Guesses(canaries=scores.size, made=2 * side, right=int(right))


def _errors(seen: CanaryScores) -> ErrorCounts:
    """Counts errors about one canary of each training, (R, 1): independent trials at a threshold chosen without them."""
    accused, inside = seen.scores > seen.thresholds, seen.took_part
    return ErrorCounts(
        false_positives=int(np.count_nonzero(accused & ~inside)),
        outs=int(np.count_nonzero(~inside)),
        false_negatives=int(np.count_nonzero(~accused & inside)),
        ins=int(np.count_nonzero(inside)),
    )
