"""Runs that train a network on images: charged, trained in parts that survive a kill, measured, recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mammo_core.classifiers.networks.building import AUTOCAST
from mammo_core.classifiers.networks.checkpoints import classifier_bytes
from mammo_core.classifiers.networks.pretraining import pretrain
from mammo_core.classifiers.networks.scoring import score_masses
from mammo_core.cohorts.cohort import Cohort
from mammo_core.ledger.releases import ReleaseLedger, releases_of_run
from mammo_core.privacy.networks.network_training import train_network
from mammo_core.privacy.networks.training_settings import NetworkTraining
from mammo_core.privacy.networks.training_state import TrainingState
from mammo_core.privacy.noise.sources import noise_from
from mammo_core.training.networks.checkpoints import Checkpoint, NetworkCheckpoints
from mammo_core.training.networks.loop import (
    Evaluated,
    NetworkProgress,
    Phase,
    TrainPart,
    state_in,
    train_phase,
)
from mammo_core.training.networks.plan import NetworkRun
from mammo_core.training.networks.validation import ValidationMonitor
from mammo_core.training.outcome import RunOutcome

MAX_KEPT_BYTES = 200 << 20
_PRETRAINED = "pretrained."


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


def run_network(
    run: NetworkRun,
    *,
    ledger: ReleaseLedger,
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
            releases = releases_of_run(config, run.noise_multiplier, data.train, data.synthetic)
            ledger.record(data.cohort_identity, releases)
            phase = "pretraining" if config.strategy == "pretrain" else "training"
            found = Checkpoint(phase, {}, {})
            checkpoints.save(found.phase, found.tensors)
        training = _Training(run, checkpoints, device, micro_batch, on_progress, should_stop)
        kept_step = training.finish(found)
        return training.measured(kept_step)


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
            look=lambda _: Evaluated(),
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

    def _looks(self) -> ValidationMonitor:
        run, validation = self._run, self._run.data.validation
        return ValidationMonitor(
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


def _with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
