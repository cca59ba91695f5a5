"""Trains shadow models: heads on random halves of the units, so that it is known who took part in which.

Attacks learn from them what taking part does to a head, and are tested on them.

Source: Carlini et al. 2022, "Membership Inference Attacks From First Principles", arXiv:2112.03570.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mammo_core.config import validate
from mammo_core.config.runs import HeadRecipe
from mammo_core.privacy.heads.problem import HeadTrainingData
from mammo_core.privacy.heads.vectorised import HeadSettings, TakingPart, train_heads

Trainer = Callable[[HeadTrainingData, HeadRecipe, Sequence[HeadSettings], TakingPart], Tensor]
_BATCH = 256
_SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class ShadowModels:
    """Heads and who took part in each.

    Attributes:
        weights: (R, K).
        took_part: (R, U) bool.
    """

    weights: Tensor
    took_part: Tensor


def train_batched(
    problem: HeadTrainingData,
    recipe: HeadRecipe,
    jobs: Sequence[HeadSettings],
    taking_part: TakingPart,
    *,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Runs `train_heads` for a few hundred heads at a time, which saves memory: weights (R, K)."""
    batches = [
        train_heads(
            problem,
            recipe,
            jobs[start : start + _BATCH],
            taking_part=TakingPart(
                taking_part.units[start : start + _BATCH], taking_part.expected_units
            ),
            on_step=on_step,
        )
        for start in range(0, len(jobs), _BATCH)
    ]
    return torch.cat(batches)


def repeated_jobs(job: HeadSettings, count: int, seed: int) -> list[HeadSettings]:
    """Repeats a job `count` times, each with its own reproducible noise."""
    return [
        HeadSettings(job.noise_multiplier, job.learning_rate, number)
        for number in _noise_seeds(count, seed)
    ]


def train_shadows(
    problem: HeadTrainingData,
    recipe: HeadRecipe,
    job: HeadSettings,
    count: int,
    *,
    seed: int,
    train: Trainer = train_batched,
) -> ShadowModels:
    """Trains `count` heads, each on a random half of the units.

    Args:
        job: Noise and learning rate; its seed is not used.
        seed: Of halves and noise. Other seeds give other models.

    Raises:
        ValueError: If count is below 2.
    """
    validate.at_least(2, count=count)
    rng = torch.Generator().manual_seed(seed)
    half = problem.num_units // 2
    took_part = torch.stack(
        [torch.randperm(problem.num_units, generator=rng) < half for _ in range(count)]
    )
    weights = train(problem, recipe, repeated_jobs(job, count, seed), TakingPart(took_part, half))
    return ShadowModels(weights, took_part)


def _noise_seeds(count: int, seed: int) -> Iterator[int]:
    first = seed * _SEED_STRIDE % 2**31
    return iter(range(first, first + count))
