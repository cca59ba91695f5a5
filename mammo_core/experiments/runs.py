"""Runs: a configuration in, a measured result out. Many runs of one strategy and unit train at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mammo_core.config import RunConfig
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.experiments.workbench import Workbench
from mammo_core.privacy import accounting
from mammo_core.privacy.problem import HeadProblem
from mammo_core.privacy.vectorised_training import HeadJob, train_heads

Engine = Literal["opacus", "vectorised"]


@dataclass(frozen=True)
class RunResult:
    """One trained and evaluated configuration.

    Attributes:
        epsilon: Spent, at the configuration's δ; infinity without DP.
        mu: The same as Gaussian DP.
        noise_multiplier: 0 without DP.
        num_units: Patients or masses protected.
        weights: (K,) of the head.
        scores: By test set, (N,) P(malignant).
        estimates: By test set and measure.
        seconds: From vectors to measured result; runs trained together share the time alike.
    """

    config: RunConfig
    epsilon: float
    mu: float
    noise_multiplier: float
    num_units: int
    weights: Tensor
    scores: dict[str, np.ndarray]
    estimates: dict[str, dict[str, Estimate]]
    seconds: float


def run_many(
    bench: Workbench, configs: Sequence[RunConfig], *, engine: Engine = "vectorised"
) -> Iterator[RunResult]:
    """Trains runs that differ in ε, δ and seed only, then evaluates one after the other.

    Args:
        configs: All of one strategy, unit, recipe and backbone.
        engine: "opacus" trains one run after the other with Opacus; "vectorised" trains all at once.
            The results are the same up to rounding. Runs without DP always take the second.

    Yields:
        One result per configuration, in order, as soon as it is evaluated.

    Raises:
        InvalidRequestError: If there are none, or the configurations differ in more, or in the backbone loaded.
        PrivacyError: If a budget cannot be reached, δ is too large or there are too few units.
    """
    if not configs:
        raise InvalidRequestError(
            "Expected one run or more; got none. Name at least one ε and seed."
        )
    first = configs[0]
    if any(_shared_part(config) != _shared_part(first) for config in configs):
        raise InvalidRequestError(
            "Expected runs of one strategy, unit, recipe and backbone; got several. "
            "Group them first."
        )
    if first.backbone != bench.backbone:
        raise InvalidRequestError(
            f"Expected runs on the loaded backbone {bench.backbone}; got {first.backbone}."
        )
    start = time.perf_counter()
    prepared = bench.prepare(first.strategy, first.recipe)
    problem = prepared.problem(first.privacy.unit)
    for config in configs:
        if config.privacy.is_private:
            accounting.require_meaningful_delta(config.privacy.target_delta, problem.num_units)
    jobs = [_job(config) for config in configs]
    weights = _train(problem, first, jobs, engine)
    scores = prepared.scores(weights)
    seconds_each = (time.perf_counter() - start) / len(configs)
    for row, (config, job) in enumerate(zip(configs, jobs, strict=True)):
        own_scores = {name: values[row] for name, values in scores.items()}
        yield _result(bench, problem, config, job, weights[row], own_scores, seconds_each)


def _shared_part(config: RunConfig) -> tuple[object, ...]:
    return (config.strategy, config.privacy.unit, config.recipe, config.backbone)


def _job(config: RunConfig) -> HeadJob:
    privacy, recipe = config.privacy, config.recipe
    noise = (
        accounting.calibrate_noise(privacy.target_epsilon, privacy.target_delta, recipe.steps)
        if privacy.is_private
        else None
    )
    rate = recipe.learning_rate_at(privacy.target_epsilon)
    return HeadJob(noise_multiplier=noise, learning_rate=rate, seed=config.noise_seed)


def _train(
    problem: HeadProblem, config: RunConfig, jobs: Sequence[HeadJob], engine: Engine
) -> Tensor:
    """Weights (R, K)."""
    if engine == "vectorised":
        return train_heads(problem, config.recipe, jobs)
    from mammo_core.privacy.opacus_training import train_head

    return torch.stack(
        [
            train_heads(problem, config.recipe, [job])[0]
            if job.noise_multiplier is None
            else train_head(problem, config.recipe, job)[0]
            for job in jobs
        ]
    )


def _result(
    bench: Workbench,
    problem: HeadProblem,
    config: RunConfig,
    job: HeadJob,
    weights: Tensor,
    scores: dict[str, np.ndarray],
    training_seconds: float,
) -> RunResult:
    start = time.perf_counter()
    estimates = {
        name: bench.test_sets[name].bootstrap.evaluate(values) for name, values in scores.items()
    }
    mu = accounting.composed_mu(job.noise_multiplier or 0.0, config.recipe.steps)
    return RunResult(
        config=config,
        epsilon=accounting.spent_epsilon(mu, config.privacy.target_delta),
        mu=mu,
        noise_multiplier=job.noise_multiplier or 0.0,
        num_units=problem.num_units,
        weights=weights,
        scores=scores,
        estimates=estimates,
        seconds=training_seconds + time.perf_counter() - start,
    )
