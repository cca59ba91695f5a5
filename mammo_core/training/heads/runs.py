"""Trains and evaluates heads: runs of one strategy and unit together. What is trained, and what it costs, is in `sweep`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from mammo_core.classifiers.heads import HeadFile
from mammo_core.config.runs import HeadRecipe, RunConfig
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.accounting import gaussian
from mammo_core.privacy.accounting.calibration import calibrate_run
from mammo_core.privacy.heads.vectorised import HeadSettings, train_heads
from mammo_core.privacy.statements.statement import make_statement
from mammo_core.training.heads.feature_dataset import FeatureDataset, HeadInputs
from mammo_core.training.outcome import FinishedRun, finish_run

TrainingBackend = Literal["opacus", "vectorised"]
BACKENDS: tuple[TrainingBackend, ...] = ("vectorised", "opacus")  # the usual one first


@dataclass(frozen=True)
class HeadStep:
    """One step of runs in training.

    Attributes:
        configs: The R runs that train together.
        step: Steps done, from 1.
        weights: (R, K) after this step, not averaged.
        noise_multipliers: Of each run; None without DP.
        inputs: The vectors they train on.
    """

    configs: Sequence[RunConfig]
    step: int
    weights: Tensor
    noise_multipliers: Sequence[float | None]
    inputs: HeadInputs

    def spent_epsilon(self, row: int) -> float:
        """What a run has spent so far; infinity without DP."""
        mu = gaussian.mu_of_steps(self.noise_multipliers[row] or 0.0, self.step)
        return gaussian.spent_epsilon(mu, self.configs[row].privacy.target_delta)


OnStep = Callable[[HeadStep], None]


def train_together(
    dataset: FeatureDataset,
    inputs: HeadInputs,
    configs: Sequence[RunConfig],
    settings: Sequence[HeadSettings],
    *,
    backend: TrainingBackend = "vectorised",
    on_step: OnStep | None = None,
) -> Iterator[FinishedRun]:
    """Trains R runs of one strategy, unit and recipe, then evaluates one after the other.

    Writes nothing down: what the runs release must be in the ledger already.

    Args:
        inputs: As `dataset.prepare` makes them for these runs.
        settings: As `head_settings` makes them, one a run.
        backend: "opacus" trains one private run at a time; runs without DP always take the other.
        on_step: Called after each training step; what it raises ends the training.

    Yields:
        One result per configuration, in order, as soon as it is evaluated.
    """
    start = time.perf_counter()
    noise = [each.noise_multiplier for each in settings]

    def report(step: int, weights: Tensor) -> None:
        if on_step:
            on_step(HeadStep(configs, step, weights, noise, inputs))

    recipe = head_recipe(configs[0])
    if backend == "opacus" and noise[0] is not None:
        from mammo_core.privacy.heads.opacus import train_head

        (only,) = settings
        weights = train_head(inputs, recipe, only, on_step=report)[0][None]
    else:
        weights = train_heads(inputs, recipe, settings, on_step=report)  # (R, K)
    scores = inputs.scores(weights)
    seconds_each = (time.perf_counter() - start) / len(configs)
    for row, (config, noise_multiplier) in enumerate(zip(configs, noise, strict=True)):
        yield finish_run(
            config,
            dataset,
            make_statement(config, dataset.training_data, noise_multiplier or 0.0),
            {name: values[row] for name, values in scores.items()},
            inputs.validation_scores(weights[row]),
            seconds=seconds_each,
            head=HeadFile(weights[row], dataset.feature_space, inputs.projection),
        )


def head_settings(config: RunConfig) -> HeadSettings:
    """Calibrates a run's noise to its budget, and tells its learning rate and seed.

    Raises:
        PrivacyError: If the budget cannot be reached.
    """
    rate = head_recipe(config).learning_rate_at(config.privacy.target_epsilon)
    noise = calibrate_run(config)
    return HeadSettings(noise_multiplier=noise or None, learning_rate=rate, seed=config.noise_seed)


def head_recipe(config: RunConfig) -> HeadRecipe:
    """The recipe of a head on cached features.

    Raises:
        InvalidRequestError: If the configuration is of a network.
    """
    if not isinstance(config.recipe, HeadRecipe):
        raise InvalidRequestError(
            f"Expected a head on cached features; got {config.trained_part} of a network on images. "
            "Train it with fine-tune."
        )
    return config.recipe
