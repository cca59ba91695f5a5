"""Runs of the paper's frozen experiments: a head trained privately on cached features of flipped masses.

The backbone never changes, so its features are computed once, and a training that took the paper a GPU takes a
minute or two. What is trained, and how, is the paper's: see `paper_presets`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from mammo_core.classifiers.networks.building import build_head, malignancy
from mammo_core.classifiers.networks.sources import FeatureSource
from mammo_core.cohorts.cohort import Cohort
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import RunConfig
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.ledger.releases import ReleaseLedger, releases_of_run
from mammo_core.privacy.accounting import gaussian
from mammo_core.privacy.accounting.calibration import calibrate_run
from mammo_core.privacy.networks.network_training import train_network
from mammo_core.privacy.networks.training_settings import NetworkStep
from mammo_core.privacy.noise.sources import noise_from
from mammo_core.privacy.statements.statement import make_statement
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.networks.best_epoch import first_choice
from mammo_core.training.networks.loop import NetworkProgress, TrainingStopped
from mammo_core.training.networks.plan import training_settings
from mammo_core.training.networks.validation import ValidationMonitor
from mammo_core.training.outcome import FinishedRun, finish_run

_UPRIGHT = 0  # the view that masses are judged by
_UNITS_AT_ONCE = 256  # of a head's gradients; a step of the paper draws half as many


def run_frozen_preset(
    dataset: FeatureDataset,
    config: RunConfig,
    *,
    ledger: ReleaseLedger,
    device: torch.device | str = "cpu",
    on_progress: Callable[[NetworkProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> FinishedRun:
    """Trains and judges a head on the features of masses, flipped at random at every step.

    With the strategy `real+synthetic` synthetic masses are mixed in as in the paper: sampled, clipped and noised as
    real ones, each a unit.

    Args:
        config: Of a head on a frozen network, without pre-training; its backbone is the workbench's.
        ledger: Written to before anything is trained.
        on_progress: Called after each epoch; what it raises ends the training.
        should_stop: Asked after each epoch.

    Raises:
        TrainingStopped: If it was stopped; nothing of it is kept.
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
    statement = make_statement(
        config,
        dataset.training_data,
        noise_multiplier,
        num_weights=sum(parameter.numel() for parameter in head.parameters()),
    )
    validation, steps = dataset.validation, recipe.steps

    def score() -> np.ndarray:
        assert validation is not None  # without labels nothing is scored
        return _scores(head, validation.features)

    labels = None if validation is None else validation.cohort.labels
    first = first_choice(config, noise_multiplier)
    monitor = ValidationMonitor(config, head, statement, first, labels, score)

    def after_step(done: NetworkStep) -> None:
        if done.step % round(1 / recipe.sample_rate):
            return  # within an epoch
        on_progress(
            NetworkProgress(
                phase="training",
                step=done.step,
                steps=steps,
                loss=done.loss,
                epsilon=None,
                validation_auroc=monitor.judge(done.step),
                seconds_each=done.seconds,
                message=done.message,
            )
        )
        if should_stop() and done.step < steps:
            raise TrainingStopped(
                "Nothing of it is kept: trained again, it is a new release from the same patients."
            )

    state = train_network(
        head,
        source,
        training_settings(config, noise_multiplier),
        noise=noise_from(config.noise_seed),
        device=torch.device(device),
        seed=config.seed,
        micro_batch=_UNITS_AT_ONCE,
        on_step=after_step,
    )
    kept_step = monitor.settle(state)
    scores = {name: _scores(head, test.features) for name, test in dataset.test_sets.items()}
    return finish_run(
        config,
        dataset,
        statement,
        scores,
        None if validation is None else score(),
        seconds=time.perf_counter() - start,
        num_units=source.num_units,
        kept_step=kept_step,
    )


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
    parts: list[tuple[Cohort, Tensor]] = []
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
        augmentation=config.network_recipe.augmentation,
        views=config.network_recipe.views,
        device=device,
    )


@torch.no_grad()
def _scores(head: nn.Module, features: Tensor) -> np.ndarray:
    """P(malignant) of upright masses: (N, V, D) -> (N,) float64."""
    device = next(head.parameters()).device
    outputs = head(features[:, _UPRIGHT].float().to(device))
    return malignancy(outputs.double()).cpu().numpy()
