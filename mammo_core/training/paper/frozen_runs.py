"""Runs of the paper's frozen experiments: a head trained privately on cached features of flipped masses.

The backbone never changes, so its features are computed once, and a training that took the paper a GPU takes a
minute or two. What is trained, and how, is the paper's: see `paper_presets`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mammo_core.classifiers.networks.building import build_head, malignancy
from mammo_core.classifiers.networks.sources import FeatureSource
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import RunConfig
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.ledger.releases import ReleaseLedger, releases_of_run
from mammo_core.privacy.accounting import gaussian
from mammo_core.privacy.accounting.calibration import calibrate_run
from mammo_core.privacy.networks.network_training import train_network
from mammo_core.privacy.networks.training_settings import NetworkStep, NetworkTraining
from mammo_core.privacy.noise.sources import noise_from
from mammo_core.privacy.statements.statement import make_statement
from mammo_core.training.heads.feature_dataset import FeatureDataset, TestSet
from mammo_core.training.networks.best_epoch import BestEpoch, evaluate_epoch, first_choice
from mammo_core.training.outcome import RunOutcome

_UPRIGHT = 0  # the view that masses are judged by
_UNITS_AT_ONCE = 256  # of a head's gradients; a step of the paper draws half as many


@dataclass(frozen=True, kw_only=True)
class HeadOutcome(RunOutcome):
    """A trained and evaluated head of the paper's kind.

    Attributes:
        head: (N, D) features -> (N, outputs).
        kept_step: After which its weights were taken.
    """

    head: nn.Module
    kept_step: int


@dataclass(frozen=True)
class EpochReport:
    """One epoch of a run in training.

    Attributes:
        epoch, epochs: Done, from 1, and in all.
        loss: Of the epoch's last step, without noise: of a real cohort it must not leave the room.
        validation: What counts for the choice of the epoch; None if the last one is kept.
    """

    epoch: int
    epochs: int
    loss: float
    validation: BestEpoch | None


def run_frozen_preset(
    dataset: FeatureDataset,
    config: RunConfig,
    *,
    ledger: ReleaseLedger,
    device: torch.device | str = "cpu",
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> HeadOutcome:
    """Trains and judges a head on the features of masses, flipped at random at every step.

    With the strategy `real+synthetic` synthetic masses are mixed in as in the paper: drawn, clipped and noised as
    real ones, each a unit.

    Args:
        config: Of a head on a frozen network, without pre-training; its backbone is the workbench's.
        ledger: The run is charged in it before it is trained.
        on_epoch: Called after each epoch; what it raises ends the training.

    Raises:
        InvalidRequestError: If the configuration trains more than a head, or is of another backbone.
        CohortError: If masses are missing that the strategy, or the choice of an epoch, needs.
        PrivacyError: If the budget cannot be reached, δ is too large or there are too few units.
        BudgetExceededError: If the ledger has no room for it; then nothing is trained.
    """
    start = time.perf_counter()
    recipe = _require_frozen(dataset, config)
    source = _source(dataset, config, device)
    noise_multiplier = calibrate_run(config)
    if config.privacy.is_private:
        gaussian.require_meaningful_delta(config.privacy.target_delta, source.num_units)
    releases = releases_of_run(config, noise_multiplier, dataset.train, dataset.synthetic)
    ledger.record(dataset.cohort_identity, releases)
    head = build_head(
        dataset.train_features.shape[-1], recipe, torch.Generator().manual_seed(config.seed)
    )
    choice = _Choice(dataset.validation, head, config, noise_multiplier, on_epoch)
    train_network(
        head,
        source,
        _training(recipe, noise_multiplier),
        noise=noise_from(config.noise_seed),
        device=torch.device(device),
        seed=config.seed,
        micro_batch=_UNITS_AT_ONCE,
        on_step=choice.after_step,
    )
    kept_step = choice.settle()
    scores = {name: _scores(head, test.features) for name, test in dataset.test_sets.items()}
    statement = make_statement(
        config,
        dataset.training_data,
        noise_multiplier,
        num_weights=sum(parameter.numel() for parameter in head.parameters()),
    )
    return HeadOutcome(
        config=config,
        epsilon=statement.epsilon,
        mu=statement.mu,
        noise_multiplier=noise_multiplier,
        num_units=source.num_units,
        scores=scores,
        validation_scores=dataset.validation and _scores(head, dataset.validation.features),
        estimates={
            name: dataset.test_sets[name].bootstrap.evaluate(values)
            for name, values in scores.items()
        },
        statement=statement,
        seconds=time.perf_counter() - start,
        head=head,
        kept_step=kept_step,
    )


class _Choice:
    """Looks at the validation masses after every epoch and remembers the weights that the recipe keeps."""

    def __init__(
        self,
        validation: TestSet | None,
        head: nn.Module,
        config: RunConfig,
        noise_multiplier: float,
        on_epoch: Callable[[EpochReport], None] | None,
    ) -> None:
        self._validation, self._head, self._recipe = validation, head, config.recipe
        self._on_epoch = on_epoch
        self._steps_each = round(1 / config.recipe.sample_rate)
        self._first_choice = first_choice(config, noise_multiplier)
        self._best: BestEpoch | None = None

    def after_step(self, report: NetworkStep) -> None:
        """Called by the training."""
        if report.step % self._steps_each:
            return
        looked = None
        if self._recipe.kept == "best on validation":
            looked = evaluate_epoch(
                report.step,
                self._head,
                self._validation.cohort.labels,
                _scores(self._head, self._validation.features),
                self._recipe.label_smoothing,
            )
            if report.step >= self._first_choice and looked.beats(self._best):
                self._best = looked
        if self._on_epoch:
            epochs = self._recipe.steps // self._steps_each
            epoch = report.step // self._steps_each
            self._on_epoch(EpochReport(epoch, epochs, report.loss, looked))

    def settle(self) -> int:
        """Puts the kept weights into the head and says after which step they were."""
        if self._best is None:
            return self._recipe.steps
        self._head.load_state_dict(self._best.weights)
        return self._best.step


def _require_frozen(dataset: FeatureDataset, config: RunConfig) -> NetworkRecipe:
    recipe = config.recipe
    if (
        not isinstance(recipe, NetworkRecipe)
        or recipe.trained_part != "head"
        or recipe.pretraining_steps
        or recipe.synthetic_weight
        or recipe.ema_decay is not None
    ):
        raise InvalidRequestError(
            "Expected a preset of a head on a frozen network, without pre-training, a synthetic gradient or "
            f"averaged weights; got {recipe}. Run it on images."
        )
    if config.backbone != dataset.backbone:
        raise InvalidRequestError(
            f"Expected a run on the loaded backbone {dataset.backbone}; got {config.backbone}."
        )
    if recipe.kept == "best on validation" and dataset.validation is None:
        raise CohortError(
            "Expected validation masses of both classes, which choose the epoch as in the paper; found none. "
            "Add SITE/val, or keep the last weights."
        )
    return recipe


def _source(
    dataset: FeatureDataset, config: RunConfig, device: torch.device | str
) -> FeatureSource:
    """The masses that train: real ones, synthetic ones, or both alike."""
    parts = []
    if config.strategy != "synthetic":
        parts.append((dataset.train, dataset.train_features))
    if config.strategy != "real":
        if dataset.synthetic is None or dataset.synthetic_features is None:
            raise CohortError(
                f"Expected synthetic masses for the strategy {config.strategy}; got none. Give a folder "
                "with --synthetic, or choose a preset of the strategy real."
            )
        parts.append((dataset.synthetic, dataset.synthetic_features))
    return FeatureSource(
        torch.cat([features for _, features in parts]).numpy(),
        np.concatenate([cohort.labels for cohort, _ in parts]),
        np.concatenate([cohort.patient_ids for cohort, _ in parts]),
        unit=config.privacy.unit,
        augmentation=config.recipe.augmentation,
        views=config.recipe.views,
        device=device,
    )


def _training(recipe: NetworkRecipe, noise_multiplier: float) -> NetworkTraining:
    return NetworkTraining(
        steps=recipe.steps,
        sample_rate=recipe.sample_rate,
        noise_multiplier=noise_multiplier or None,
        max_grad_norm=recipe.max_grad_norm,
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
    )


@torch.no_grad()
def _scores(head: nn.Module, features: Tensor) -> np.ndarray:
    """P(malignant) of upright masses: (N, V, D) -> (N,) float64."""
    device = next(head.parameters()).device
    outputs = head(features[:, _UPRIGHT].float().to(device))
    return malignancy(outputs.double()).cpu().numpy()
