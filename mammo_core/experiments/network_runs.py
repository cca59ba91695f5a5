"""Runs that train a network on images: checked, charged, trained in parts that survive a kill, measured, recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mammo_core.classifiers.networks.building import AUTOCAST, Classifier, build_classifier
from mammo_core.classifiers.networks.checkpoints import classifier_bytes
from mammo_core.classifiers.networks.pretraining import pretrain
from mammo_core.classifiers.networks.scoring import score_masses
from mammo_core.classifiers.networks.sources import MassSource
from mammo_core.cohorts.cohort import Cohort
from mammo_core.config import RunConfig
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.experiments.best_epoch import first_choice
from mammo_core.experiments.charges import Ledger, charges_of_runs
from mammo_core.experiments.network_checkpoints import Checkpoint, NetworkCheckpoints
from mammo_core.experiments.network_looks import ValidationLooks
from mammo_core.experiments.network_phases import (
    Looked,
    NetworkProgress,
    Phase,
    TrainPart,
    state_in,
    train_phase,
)
from mammo_core.experiments.run_data import RunData
from mammo_core.experiments.run_outcome import RunOutcome
from mammo_core.experiments.tracking import RunTracker
from mammo_core.network_recipe import NetworkRecipe
from mammo_core.privacy import accounting
from mammo_core.privacy.networks.network_training import NetworkTraining, train_network
from mammo_core.privacy.networks.training_state import TrainingState
from mammo_core.privacy.randomness import noise_from
from mammo_core.privacy.run_noise import noise_of_run
from mammo_core.privacy.statement import Statement, make_statement

MAX_KEPT_BYTES = 200 << 20
_PRETRAINED = "pretrained."


@dataclass(frozen=True)
class NetworkRun:
    """A run that was checked and can be started.

    Attributes:
        noise_multiplier: 0 without DP.
        statement: What it will promise.
        first_choice: The first step whose weights may be kept.
    """

    data: RunData
    config: RunConfig
    classifier: Classifier
    noise_multiplier: float
    statement: Statement
    first_choice: int

    @property
    def recipe(self) -> NetworkRecipe:
        """Of the configuration."""
        return self.config.recipe

    @property
    def masses(self) -> Cohort:
        """That are trained on, with DP if it is private."""
        return self.data.synthetic if self.config.strategy == "synthetic" else self.data.train

    @property
    def num_weights(self) -> int:
        """That are trained on them."""
        return self.statement.num_weights

    def source(self, cohort: Cohort, device: torch.device) -> MassSource:
        """Masses in random views; those of a patient together where the unit is the patient."""
        return MassSource(
            cohort.images,
            cohort.labels,
            cohort.patient_ids,
            unit=self.config.privacy.unit,
            augmentation=self.recipe.augmentation,
            views=self.recipe.views,
            mean=self.classifier.mean,
            std=self.classifier.std,
            image_size_px=self.config.backbone.image_size_px,
            device=device,
        )


@dataclass(frozen=True, kw_only=True)
class NetworkOutcome(RunOutcome):
    """A trained and evaluated network.

    Attributes:
        kept_step: After which its weights were taken.
        network: Content of the file of its weights; None if it is too large to be kept.
        checkpoints: To be removed once it is recorded.
    """

    kept_step: int
    network: bytes | None
    checkpoints: NetworkCheckpoints


def count_weights(config: RunConfig) -> int:
    """How many weights a configuration trains, without loading any.

    Raises:
        BackboneError: If the network is unknown.
        InvalidRequestError: If the recipe does not fit it.
    """
    random = replace(config.backbone, weights="random")
    return _num_trained(build_classifier(random, config.recipe, seed=0))


def prepare_network(data: RunData, config: RunConfig) -> NetworkRun:
    """Checks a configuration and builds its network; trains and charges nothing.

    Raises:
        InvalidRequestError: If it trains no network, or with synthetic masses that it gives no part.
        CohortError: If masses are missing that the strategy, or the choice of a step, needs.
        PrivacyError: If the budget cannot be reached, δ is too large or there are too few units.
        BackboneError: If the network or its weights cannot be had.
    """
    _require_fitting(data, config)
    noise_multiplier = noise_of_run(config)
    num_units = data.training_data.num_units(config.strategy, config.privacy.unit)
    if config.privacy.is_private:
        accounting.require_meaningful_delta(config.privacy.target_delta, num_units)
    classifier = build_classifier(config.backbone, config.recipe, seed=config.seed)
    classifier.network.eval()
    statement = make_statement(
        config, data.training_data, noise_multiplier, num_weights=_num_trained(classifier)
    )
    first = first_choice(config, noise_multiplier)  # told before days are spent if there is none
    run = NetworkRun(data, config, classifier, noise_multiplier, statement, first)
    run.source(run.masses, torch.device("cpu"))  # too few units are told now
    return run


def run_network(
    run: NetworkRun,
    *,
    ledger: Ledger,
    home: Path,
    device: torch.device,
    micro_batch: int | None = None,
    on_progress: Callable[[NetworkProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> NetworkOutcome:
    """Trains and measures a network, or goes on where an earlier start of the same run was ended.

    Args:
        ledger: The run is charged in it before it is trained; once, however often it goes on.
        home: `MAMMO_HOME`, where its checkpoint is kept until `record_network`.
        micro_batch: Units computed at once; None for as many as fit. Changes the time only.

    Raises:
        TrainingStopped: If it was stopped; its checkpoint is kept.
        BudgetExceededError: If the ledger has no room for it; then nothing is trained.
        CheckpointError: If its checkpoint is damaged or of another run; nothing is changed then.
        PrivacyError: If a layer cannot be trained with DP.
    """
    data, config = run.data, run.config
    checkpoints = NetworkCheckpoints(home, config, data.data_hash)
    with checkpoints.held():
        found = checkpoints.load()
        if found is None:
            charges = charges_of_runs([config], data.train, data.synthetic)
            ledger.require_room(data.charged_cohort, charges)
            ledger.charge(data.charged_cohort, charges)
            phase = "pretraining" if config.strategy == "pretrain" else "training"
            found = Checkpoint(phase, {}, {})
            checkpoints.save(found.phase, found.tensors)
        training = _Training(run, checkpoints, device, micro_batch, on_progress, should_stop)
        kept_step = training.finish(found)
        return training.measured(kept_step)


def record_network(outcome: NetworkOutcome, data: RunData, home: Path, **origin: str) -> str:
    """Stores a finished run, forgets its checkpoint, and returns MLflow's run id.

    Args:
        origin: "origin" and "job_id", see `RunTracker.record_network`.

    Raises:
        StoreError: If the disk refuses; the checkpoint is then kept.
    """
    run_id = RunTracker(home).record_network(outcome, data, outcome.network, **origin)
    outcome.checkpoints.remove()
    return run_id


class _Training:
    """One run while it is trained and measured."""

    def __init__(
        self,
        run: NetworkRun,
        checkpoints: NetworkCheckpoints,
        device: torch.device,
        micro_batch: int | None,
        on_progress: Callable[[NetworkProgress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._run, self._checkpoints, self._device = run, checkpoints, device
        self._network = run.classifier.network.to(device)
        self._micro_batch = micro_batch
        self._listeners = {"on_progress": on_progress, "should_stop": should_stop}
        self._started, self._seconds_before = time.monotonic(), 0.0

    def finish(self, found: Checkpoint) -> int:
        """Trains whatever is left to train; the step whose weights are kept."""
        tensors, best = dict(found.tensors), found.facts.get("best", {})
        self._seconds_before = float(found.facts.get("seconds", 0.0))
        if found.phase == "pretraining":
            pretrained = self._pretrain(state_in(tensors)).weights
            tensors, best = {}, {}
        else:
            pretrained = _with_prefix(_PRETRAINED, tensors)
            self._network.load_state_dict(pretrained, strict=False)
        looks = self._looks()
        looks.restore(tensors, best)
        kept = {f"{_PRETRAINED}{name}": tensor for name, tensor in pretrained.items()}
        phase = Phase(
            name="training",
            steps=self._run.recipe.steps,
            train=self._train_part(),
            micro_batch=self._micro_batch,
            look_every=looks.every,
            look=looks.look,
            kept_tensors=lambda: kept | looks.tensors(),
            kept_facts=lambda: {"seconds": self._seconds(), "best": looks.facts()},
        )
        state = train_phase(phase, state_in(tensors), self._checkpoints, **self._listeners)
        return looks.settle(state)

    def measured(self, kept_step: int) -> NetworkOutcome:
        """Scores every test mass."""
        run = self._run
        scores = {
            name: self._scores(test.cohort, run.config.backbone.views)
            for name, test in run.data.test_sets.items()
        }
        validation = run.data.validation
        content = classifier_bytes(run.classifier, run.config.backbone, run.recipe)
        return NetworkOutcome(
            config=run.config,
            epsilon=run.statement.epsilon,
            mu=run.statement.mu,
            noise_multiplier=run.noise_multiplier,
            num_units=run.statement.num_units,
            scores=scores,
            validation_scores=None
            if validation is None
            else self._scores(validation.cohort, run.config.backbone.views),
            estimates={
                name: run.data.test_sets[name].bootstrap.evaluate(values)
                for name, values in scores.items()
            },
            statement=run.statement,
            seconds=self._seconds(),
            kept_step=kept_step,
            network=content if len(content) <= MAX_KEPT_BYTES else None,
            checkpoints=self._checkpoints,
        )

    def _pretrain(self, state: TrainingState) -> TrainingState:
        """Plain steps on synthetic masses."""
        run, recipe = self._run, self._run.recipe
        synthetic = run.source(run.data.synthetic, self._device)

        def train(steps: int, **listening: Any) -> TrainingState:
            return pretrain(
                self._network,
                synthetic,
                replace(recipe, pretraining_steps=steps),
                device=self._device,
                seed=run.config.seed,
                **listening,
            )

        phase = Phase(
            name="pretraining",
            steps=recipe.pretraining_steps,
            train=train,
            micro_batch=self._micro_batch,
            look_every=recipe.pretraining_steps,
            look=lambda _: Looked(),
            kept_tensors=dict,
            kept_facts=lambda: {"seconds": self._seconds()},
        )
        last = train_phase(phase, state, self._checkpoints, **self._listeners)
        self._network.load_state_dict(last.weights, strict=False)
        return last

    def _train_part(self) -> TrainPart:
        """Trains on the run's masses, with DP if it is private."""
        run = self._run
        noise = noise_from(run.config.noise_seed, run.num_weights)
        source = run.source(run.masses, self._device)
        is_mixed = run.config.strategy == "real+synthetic"
        public = run.source(run.data.synthetic, self._device) if is_mixed else None
        training = self._private_training()

        def train(steps: int, **listening: Any) -> TrainingState:
            return train_network(
                self._network,
                source,
                replace(training, steps=steps),
                noise=noise,
                device=self._device,
                seed=run.config.seed,
                public=public,
                **listening,
            )

        return train

    def _private_training(self) -> NetworkTraining:
        recipe = self._run.recipe
        return NetworkTraining(
            steps=recipe.steps,
            sample_rate=recipe.sample_rate,
            noise_multiplier=self._run.noise_multiplier or None,
            max_grad_norm=recipe.max_grad_norm,
            optimizer=recipe.optimizer,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            label_smoothing=recipe.label_smoothing,
            ema_decay=recipe.ema_decay,
            autocast=AUTOCAST[recipe.precision],
            public_weight=recipe.synthetic_weight
            if self._run.config.strategy == "real+synthetic"
            else 0.0,
        )

    def _looks(self) -> ValidationLooks:
        run, validation = self._run, self._run.data.validation
        return ValidationLooks(
            run.config,
            run.classifier.network,
            run.statement,
            run.first_choice,
            None if validation is None else validation.cohort.labels,
            lambda: self._scores(validation.cohort, 1),
        )

    def _scores(self, cohort: Cohort, views: int) -> np.ndarray:
        return score_masses(
            self._run.classifier,
            cohort.images,
            self._run.config.backbone,
            views=views,
            device=self._device,
            autocast=AUTOCAST[self._run.recipe.precision],
        )

    def _seconds(self) -> float:
        """Of all starts so far."""
        return self._seconds_before + time.monotonic() - self._started


def _num_trained(classifier: Classifier) -> int:
    return sum(p.numel() for p in classifier.network.parameters() if p.requires_grad)


def _require_fitting(data: RunData, config: RunConfig) -> None:
    recipe = config.recipe
    if not isinstance(recipe, NetworkRecipe):
        raise InvalidRequestError(
            "Expected the recipe of a network; got one of a head on cached features. Train that with `train`."
        )
    if config.strategy != "real" and data.synthetic is None:
        raise CohortError(
            f"Expected synthetic masses for the strategy {config.strategy}; got none. Give a folder "
            "with --synthetic, or choose the strategy real."
        )
    if config.strategy == "pretrain" and recipe.pretraining_steps < 1:
        raise InvalidRequestError(
            "Expected pretraining_steps of 1 or more with the strategy pretrain; got 0. Say how many steps to train on "
            "synthetic masses first, or choose the strategy real."
        )
    if config.strategy == "real+synthetic" and recipe.synthetic_weight == 0:
        raise InvalidRequestError(
            "Expected a synthetic_weight above 0 with the strategy real+synthetic; got 0, so that synthetic masses would "
            "play no part. Use for example 0.1, or choose the strategy real."
        )
    if recipe.kept == "best on validation" and data.validation is None:
        raise CohortError(
            "Expected validation masses of both classes to choose the best step by; found none. Add SITE/val, or keep "
            "the last weights."
        )


def _with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
