"""Runs: a configuration in, a measured result out. Many runs of one strategy and unit train at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from mammo_core.config.runs import RunConfig
from mammo_core.errors import InvalidRequestError
from mammo_core.ledger.releases import Ledger, releases_of_runs
from mammo_core.privacy.accounting import gaussian
from mammo_core.privacy.heads.problem import HeadTrainingData
from mammo_core.privacy.heads.vectorised import HeadSettings, train_heads
from mammo_core.privacy.statements.statement import make_statement
from mammo_core.training.heads.feature_dataset import FeatureDataset, HeadInputs
from mammo_core.training.outcome import RunOutcome

TrainingBackend = Literal["opacus", "vectorised"]
ENGINES: tuple[TrainingBackend, ...] = ("opacus", "vectorised")


@dataclass(frozen=True)
class HeadStep:
    """One step of runs in training.

    Attributes:
        configs: The R runs that train together.
        step: Steps done, from 1.
        weights: (R, K) after this step, not averaged.
        noise_multipliers: Of each run; None without DP.
        prepared: The vectors they train on.
    """

    configs: Sequence[RunConfig]
    step: int
    weights: Tensor
    noise_multipliers: Sequence[float | None]
    prepared: HeadInputs

    def spent_epsilon(self, row: int) -> float:
        """What a run has spent so far; infinity without DP."""
        mu = gaussian.mu_of_steps(self.noise_multipliers[row] or 0.0, self.step)
        return gaussian.spent_epsilon(mu, self.configs[row].privacy.target_delta)


OnStep = Callable[[HeadStep], None]


@dataclass(frozen=True, kw_only=True)
class RunResult(RunOutcome):
    """One trained and evaluated head.

    Attributes:
        weights: (K,) of the head.
    """

    weights: Tensor


def run_many(
    dataset: FeatureDataset,
    configs: Sequence[RunConfig],
    *,
    ledger: Ledger,
    engine: TrainingBackend = "vectorised",
    on_step: OnStep | None = None,
) -> Iterator[RunResult]:
    """Trains runs that differ in ε, δ and seed only, then evaluates one after the other.

    Args:
        configs: All of one strategy, unit, recipe and backbone.
        ledger: Every run is charged in it before it is trained, so a crash counts too much, never too little.
        engine: "opacus" trains one run after the other with Opacus; "vectorised" trains all at once.
            The results are the same up to rounding. Runs without DP always take the second.
        on_step: Called after each training step; what it raises ends the training.

    Yields:
        One result per configuration, in order, as soon as it is evaluated.

    Raises:
        InvalidRequestError: If there are none, or the configurations differ in more, or in the backbone loaded.
        PrivacyError: If a budget cannot be reached, δ is too large or there are too few units.
        BudgetExceededError: If the ledger has no room for them; then none is trained.
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
    if first.backbone != dataset.backbone:
        raise InvalidRequestError(
            f"Expected runs on the loaded backbone {dataset.backbone}; got {first.backbone}."
        )
    charges = releases_of_runs(configs, dataset.train, dataset.synthetic)
    ledger.require_room(dataset.cohort_identity, charges)
    batches = [configs] if engine == "vectorised" else [[config] for config in configs]
    for batch in batches:
        yield from _run_batch(dataset, batch, ledger, engine, on_step)


def _run_batch(
    dataset: FeatureDataset,
    configs: Sequence[RunConfig],
    ledger: Ledger,
    engine: TrainingBackend,
    on_step: OnStep | None,
) -> Iterator[RunResult]:
    start = time.perf_counter()
    first = configs[0]
    prepared = dataset.prepare(first.strategy, first.recipe)
    problem = prepared.problem(first.privacy.unit)
    for config in configs:
        if config.privacy.is_private:
            gaussian.require_meaningful_delta(config.privacy.target_delta, problem.num_units)
    jobs = [head_job(config) for config in configs]
    noise = [job.noise_multiplier for job in jobs]

    def report(step: int, weights: Tensor) -> None:
        if on_step:
            on_step(HeadStep(configs, step, weights, noise, prepared))

    ledger.charge(
        dataset.cohort_identity, releases_of_runs(configs, dataset.train, dataset.synthetic)
    )
    weights = _train(problem, first, jobs, engine, report)
    scores = prepared.scores(weights)
    seconds_each = (time.perf_counter() - start) / len(configs)
    for row, (config, job) in enumerate(zip(configs, jobs, strict=True)):
        own_scores = {name: values[row] for name, values in scores.items()}
        yield _result(
            dataset, prepared, problem, config, job, weights[row], own_scores, seconds_each
        )


def _shared_part(config: RunConfig) -> tuple[object, ...]:
    return (config.strategy, config.privacy.unit, config.recipe, config.backbone)


def head_job(config: RunConfig) -> HeadSettings:
    """Noise, learning rate and seed that a configuration means."""
    privacy, recipe = config.privacy, config.recipe
    noise = (
        gaussian.calibrate_gaussian(privacy.target_epsilon, privacy.target_delta, recipe.steps)
        if privacy.is_private
        else None
    )
    rate = recipe.learning_rate_at(privacy.target_epsilon)
    return HeadSettings(noise_multiplier=noise, learning_rate=rate, seed=config.noise_seed)


def _train(
    problem: HeadTrainingData,
    config: RunConfig,
    jobs: Sequence[HeadSettings],
    engine: TrainingBackend,
    on_step: Callable[[int, Tensor], None],
) -> Tensor:
    """Weights (R, K)."""
    if engine == "vectorised" or jobs[0].noise_multiplier is None:
        return train_heads(problem, config.recipe, jobs, on_step=on_step)
    from mammo_core.privacy.heads.opacus import train_head

    (job,) = jobs
    return train_head(problem, config.recipe, job, on_step=on_step)[0][None]


def _result(
    dataset: FeatureDataset,
    prepared: HeadInputs,
    problem: HeadTrainingData,
    config: RunConfig,
    job: HeadSettings,
    weights: Tensor,
    scores: dict[str, np.ndarray],
    training_seconds: float,
) -> RunResult:
    start = time.perf_counter()
    estimates = {
        name: dataset.test_sets[name].bootstrap.evaluate(values) for name, values in scores.items()
    }
    statement = make_statement(config, dataset.training_data, job.noise_multiplier or 0.0)
    return RunResult(
        config=config,
        epsilon=statement.epsilon,
        mu=statement.mu,
        noise_multiplier=statement.noise_multiplier,
        num_units=problem.num_units,
        weights=weights,
        scores=scores,
        validation_scores=prepared.validation_scores(weights),
        estimates=estimates,
        statement=statement,
        seconds=training_seconds + time.perf_counter() - start,
    )
