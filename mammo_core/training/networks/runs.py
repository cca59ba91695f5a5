"""Trains a network on images: released to the ledger, trained in chunks that survive a kill, and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
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
from mammo_core.privacy.networks.training_state import TrainingState
from mammo_core.privacy.noise.sources import noise_from
from mammo_core.training.networks.checkpoints import Checkpoint, NetworkCheckpoints
from mammo_core.training.networks.loop import (
    KEPT,
    Evaluated,
    NetworkProgress,
    Phase,
    TrainChunk,
    TrainingStopped,
    state_in,
    train_phase,
)
from mammo_core.training.networks.plan import NetworkRun, training_settings
from mammo_core.training.networks.validation import ValidationMonitor
from mammo_core.training.outcome import FinishedRun, finish_run

MAX_KEPT_BYTES = 200 << 20
_PRETRAINED = "pretrained."


def run_network(
    run: NetworkRun,
    *,
    ledger: ReleaseLedger,
    home: Path,
    device: torch.device,
    micro_batch: int | None = None,
    on_progress: Callable[[NetworkProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> FinishedRun:
    """Trains and measures a network, or goes on where an earlier start of the same run was ended.

    Args:
        ledger: Written to before anything is trained; once, however often the run goes on.
        home: `MAMMO_HOME`, where its checkpoint is kept until it is recorded.
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
        self._on_progress, self._should_stop = on_progress, should_stop
        self._started, self._seconds_before = time.monotonic(), 0.0

    def finish(self, found: Checkpoint) -> int:
        """Trains whatever is left to train; returns the step whose weights are kept."""
        tensors, best = dict(found.tensors), dict[str, Any](found.facts.get("best", {}))
        self._seconds_before = float(found.facts.get("seconds", 0.0))
        if found.phase == "pretraining":
            pretrained = self._pretrain(state_in(tensors)).weights
            tensors, best = {}, {}
        else:
            pretrained = _with_prefix(_PRETRAINED, tensors)
            self._network.load_state_dict(pretrained, strict=False)
        monitor = self._monitor()
        monitor.restore(tensors, best)
        kept = {f"{_PRETRAINED}{name}": tensor for name, tensor in pretrained.items()}
        phase = Phase(
            name="training",
            steps=self._run.recipe.steps,
            train=self._train_chunk(),
            micro_batch=self._micro_batch,
            eval_every=monitor.every,
            evaluate=monitor.evaluate,
            kept_tensors=lambda: kept | monitor.tensors(),
            kept_facts=lambda: {"seconds": self._seconds(), "best": monitor.facts()},
        )
        state = train_phase(
            phase,
            state_in(tensors),
            self._checkpoints,
            on_progress=self._on_progress,
            should_stop=self._should_stop,
        )
        return monitor.settle(state)

    def measured(self, kept_step: int) -> FinishedRun:
        """Scores every test mass."""
        run = self._run
        scores = {
            name: self._scores(test.cohort, run.config.backbone.views)
            for name, test in run.data.test_sets.items()
        }
        validation = run.data.validation
        content = classifier_bytes(run.classifier, run.config.backbone, run.recipe)
        return finish_run(
            run.config,
            run.data,
            run.statement,
            scores,
            None
            if validation is None
            else self._scores(validation.cohort, run.config.backbone.views),
            seconds=self._seconds(),
            network=content if len(content) <= MAX_KEPT_BYTES else None,
            kept_step=kept_step,
        )

    def _pretrain(self, state: TrainingState) -> TrainingState:
        """Plain steps on synthetic masses."""
        run, recipe = self._run, self._run.recipe
        synthetic = run.source(run.synthetic, self._device)

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
            eval_every=recipe.pretraining_steps,
            evaluate=lambda _: Evaluated(),
            kept_tensors=dict,
            kept_facts=lambda: {"seconds": self._seconds()},
        )
        last = train_phase(
            phase,
            state,
            self._checkpoints,
            on_progress=self._on_progress,
            should_stop=self._should_stop,
        )
        self._network.load_state_dict(last.weights, strict=False)
        return last

    def _train_chunk(self) -> TrainChunk:
        """Trains on the run's masses, with DP if it is private."""
        run = self._run
        noise = noise_from(run.config.noise_seed)
        source = run.source(run.masses, self._device)
        is_mixed = run.config.strategy == "real+synthetic"
        public = run.source(run.synthetic, self._device) if is_mixed else None
        training = training_settings(run.config, run.noise_multiplier)
        is_tried = False

        def train(steps: int, **listening: Any) -> TrainingState:
            nonlocal is_tried
            state = train_network(
                self._network,
                source,
                replace(training, steps=steps),
                noise=noise,
                device=self._device,
                seed=run.config.seed,
                public=public,
                is_tried=is_tried,
                **listening,
            )
            is_tried = True
            return state

        return train

    def _monitor(self) -> ValidationMonitor:
        run, validation = self._run, self._run.data.validation

        def score() -> np.ndarray:
            assert validation is not None  # without labels nothing is scored
            return self._scores(validation.cohort, 1)

        return ValidationMonitor(
            run.config,
            run.classifier.network,
            run.statement,
            run.first_choice,
            None if validation is None else validation.cohort.labels,
            score,
        )

    def _scores(self, cohort: Cohort, views: int) -> np.ndarray:
        return score_masses(
            self._run.classifier,
            cohort.images,
            self._run.config.backbone,
            views=views,
            device=self._device,
            autocast=AUTOCAST[self._run.recipe.precision],
            before_part=self._check,
        )

    def _check(self) -> None:
        if self._should_stop():
            raise TrainingStopped(KEPT)

    def _seconds(self) -> float:
        """Of all starts so far."""
        return self._seconds_before + time.monotonic() - self._started


def _with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
