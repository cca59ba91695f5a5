"""Trains the heads that ship: several noises at several budgets, tested, with thresholds and a card."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.features import compute_features, feature_space_id
from mammo_core.classifiers.heads import LinearHeads
from mammo_core.classifiers.outlier_distance import outlier_distance
from mammo_core.cohorts.sampled import sample_cohort
from mammo_core.config import validate
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import PrivacyConfig, RunConfig, Strategy, Unit
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.evaluation.operating_point import threshold_at_specificity
from mammo_core.labels import CLASS_NAMES
from mammo_core.ledger.releases import ReleaseLedger, cost_of_run
from mammo_core.privacy.accounting.calibration import calibrate_run
from mammo_core.privacy.accounting.cost import total_epsilon
from mammo_core.privacy.statements.card import statement_to_dict
from mammo_core.reading.models import SPECIFICITY, CaseModel, CaseModels, class_scores
from mammo_core.reading.shipped_heads import Drawn, HeadFacts, HeadsCard, ShippedHeads
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.system.device import choose_device
from mammo_core.system.paths import models_dir
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.heads.runs import RunResult
from mammo_core.training.heads.sweep import run_plan

NOTICE = "Research use only, not for diagnosis."
WITHOUT_NOISE = (
    "Computed from patients without noise, so that no ε covers it: each head's threshold (from validation masses), "
    "the quantiles of its scores on test masses of either class, its AUROC, and the bounds beyond which a mass is "
    "called unlike the others (from training and validation masses)."
)
_LIKE_SHARE = 0.99  # of training and validation masses that count as like the others
_DRAWN = 400
Progress = Callable[[int, int], None]


def make_heads(
    dataset: FeatureDataset,
    epsilons: Sequence[float],
    repeats: int,
    *,
    ledger: ReleaseLedger,
    licence: str,
    command: str,
    generator: str,
    strategy: Strategy = "pretrain",
    unit: Unit = "patient",
    delta: float,
    on_progress: Progress | None = None,
) -> ShippedHeads:
    """Trains `repeats` heads at every finite ε, with secret noise, and one at infinity, where all are the same.

    Args:
        ledger: Charged before anything is trained.
        licence: Of the training data, with attribution.
        command: That makes heads like these.
        generator: Of `models/`, whose masses can be compared with a new one.
        on_progress: Called with (masses done, masses to do) while synthetic masses are looked at.

    Raises:
        InvalidRequestError: If there is no budget.
        CohortError: If there are no validation masses to choose thresholds by.
        MammoError: As `run_plan`.
    """
    validate.at_least(1, repeats=repeats)
    recipe = RECIPES[strategy]
    if not epsilons:
        raise InvalidRequestError("Expected an ε or more; got none. Give budgets, or inf.")
    if dataset.validation is None:
        raise CohortError(
            "Expected a val split with both classes at the training site, to choose thresholds by; found "
            "none. Add SITE/val."
        )
    configs = [
        RunConfig(
            strategy=strategy,
            privacy=PrivacyConfig(target_epsilon=epsilon, target_delta=delta, unit=unit),
            recipe=recipe,
            backbone=dataset.backbone,
            seed=seed,
        )
        for epsilon in sorted(epsilons)
        for seed in range(1 if math.isinf(epsilon) else repeats)
    ]
    results = [result for _, result in run_plan(dataset, configs, ledger=ledger) if result]
    projection = dataset.prepare(strategy, recipe).projection
    seen = torch.cat([dataset.train_features, dataset.validation.features])
    distances = outlier_distance(projection, recipe.whitening, seen)
    contrasts = np.concatenate(
        [part.images.std(axis=(1, 2)) for part in (dataset.train, dataset.validation.cohort)]
    )
    network, generator_card = load_generator(models_dir() / generator)
    drawn = sample_cohort(network, _DRAWN)
    upright = replace(dataset.backbone, views=1)
    features = compute_features(
        drawn.images, load_backbone(upright, choose_device()), upright, on_progress=on_progress
    )[:, 0]  # (M, D)
    models = [_model(dataset, result) for result in results]
    card = HeadsCard(
        notice=NOTICE,
        training_data=f"{_own_site(dataset)}, train split: {len(dataset.train)} masses of "
        f"{dataset.train.num_patients} patients; synthetic masses: {len(dataset.synthetic)}, of "
        f"{dataset.origin.generator or 'an unknown generator'}",
        licence=licence,
        command=command,
        strategy=strategy,
        unit=unit,
        delta=delta,
        recipe=recipe,
        backbone=dataset.backbone,
        feature_space=feature_space_id(dataset.backbone),
        test_masses={
            name: {
                class_name: int(np.sum(test.cohort.labels == label))
                for label, class_name in CLASS_NAMES.items()
            }
            for name, test in dataset.test_sets.items()
        },
        heads=tuple(_facts(result, model) for result, model in zip(results, models, strict=True)),
        statements={
            f"{result.config.privacy.target_epsilon:g}": statement_to_dict(result.statement)
            for result in results
        },
        composed_private_epsilon=_composed(configs, dataset, delta),
        together=_together(configs, dataset, delta, unit),
        without_noise=WITHOUT_NOISE,
        unlike_above=float(torch.quantile(distances, _LIKE_SHARE)),
        flat_below=float(np.quantile(contrasts, 1 - _LIKE_SHARE)),
        drawn=Drawn(generator=generator, sha256=generator_card.sha256, count=_DRAWN),
    )
    return ShippedHeads(
        card=card,
        models=CaseModels(
            backbone=card.backbone,
            feature_space=card.feature_space,
            heads=LinearHeads(projection, torch.stack([result.weights for result in results])),
            models=tuple(models),
            trained_on=card.training_data,
        ),
        drawn_features=torch.from_numpy(features),
    )


def _own_site(dataset: FeatureDataset) -> str:
    return str(dataset.train.sites[0])


def _model(dataset: FeatureDataset, result: RunResult) -> CaseModel:
    return CaseModel(
        name=f"seed {result.config.seed}",
        trained_alike=f"ε = {result.config.privacy.target_epsilon:g}",
        target_epsilon=result.config.privacy.target_epsilon,
        threshold=threshold_at_specificity(
            dataset.validation.cohort.labels, result.validation_scores, SPECIFICITY
        ),
        test_scores={
            name: class_scores(dataset.test_sets[name].cohort.labels, scores)
            for name, scores in result.scores.items()
        },
    )


def _facts(result: RunResult, model: CaseModel) -> HeadFacts:
    return HeadFacts(
        target_epsilon=result.config.privacy.target_epsilon,
        epsilon=result.epsilon,
        noise_multiplier=result.noise_multiplier,
        seed=result.config.seed,
        threshold=model.threshold,
        auroc={name: estimates["auroc"] for name, estimates in result.estimates.items()},
    )


def _composed(configs: Sequence[RunConfig], dataset: FeatureDataset, delta: float) -> float:
    """ε of all private heads together; 0 if none is private."""
    costs = (
        cost_of_run(config, dataset.train.largest_patient, calibrate_run(config))
        for config in configs
        if config.privacy.is_private
    )
    return total_epsilon((cost for cost in costs if cost), delta, "patient")


def _together(
    configs: Sequence[RunConfig], dataset: FeatureDataset, delta: float, unit: Unit
) -> str:
    private = [config for config in configs if config.privacy.is_private]
    origin = dataset.origin
    words = (
        f"The {len(private)} private heads are {len(private)} releases from the same patients: their training steps "
        f"together spend ε = {_composed(configs, dataset, delta):.4g} at δ = {delta:g} per patient (each hides a "
        f"{unit}), far more than any one of them. "
    )
    if origin.guarantee is None:
        words += (
            "That counts the training steps only: projection and starting point were learned from synthetic masses "
            f"of {origin.generator or 'an unknown generator'}, which promises nothing. "
        )
    if len(private) < len(configs):
        words += (
            "The file also holds a head trained without noise, for which there is no bound. The file as a whole "
            "therefore promises its patients nothing; it may be published because their images are public data."
        )
    return words
