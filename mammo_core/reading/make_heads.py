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
from mammo_core.classifiers.outlier_distance import unlikeness
from mammo_core.cohorts.drawn import draw_cohort
from mammo_core.config import validate
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import PrivacyConfig, RunConfig, Strategy, Unit
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.evaluation.operating_point import threshold_at_specificity
from mammo_core.labels import CLASS_NAMES
from mammo_core.ledger.releases import Ledger, spending_of_run
from mammo_core.privacy.accounting.cost import total_epsilon
from mammo_core.reading.models import SPECIFICITY, CaseModel, CaseModels, class_scores
from mammo_core.reading.shipped_heads import Drawn, HeadFacts, HeadsCard, ShippedHeads
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.system.device import choose_device
from mammo_core.system.paths import models_dir
from mammo_core.training.heads.feature_dataset import Workbench
from mammo_core.training.heads.runs import RunResult, run_many

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
    bench: Workbench,
    epsilons: Sequence[float],
    repeats: int,
    *,
    ledger: Ledger,
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
        MammoError: As `run_many`.
    """
    validate.at_least(1, repeats=repeats)
    recipe = RECIPES[strategy]
    if not epsilons:
        raise InvalidRequestError("Expected an ε or more; got none. Give budgets, or inf.")
    if bench.validation is None:
        raise CohortError(
            "Expected a val split with both classes at the training site, to choose thresholds by; found "
            "none. Add SITE/val."
        )
    configs = [
        RunConfig(
            strategy=strategy,
            privacy=PrivacyConfig(target_epsilon=epsilon, target_delta=delta, unit=unit),
            recipe=recipe,
            backbone=bench.backbone,
            seed=seed,
        )
        for epsilon in sorted(epsilons)
        for seed in range(1 if math.isinf(epsilon) else repeats)
    ]
    results = list(run_many(bench, configs, ledger=ledger))
    projection = bench.prepare(strategy, recipe).projection
    seen = torch.cat([bench.train_features, bench.validation.features])
    distances = unlikeness(projection, recipe.whitening, seen)
    contrasts = np.concatenate(
        [part.images.std(axis=(1, 2)) for part in (bench.train, bench.validation.cohort)]
    )
    network, generator_card = load_generator(models_dir() / generator)
    drawn = draw_cohort(network, _DRAWN)
    upright = replace(bench.backbone, views=1)
    features = compute_features(
        drawn.images, load_backbone(upright, choose_device()), upright, on_progress=on_progress
    )[:, 0]  # (M, D)
    models = [_model(bench, result) for result in results]
    card = HeadsCard(
        notice=NOTICE,
        training_data=f"{_own_site(bench)}, train split: {len(bench.train)} masses of "
        f"{bench.train.num_patients} patients; synthetic masses: {len(bench.synthetic)}, of "
        f"{bench.origin.generator or 'an unknown generator'}",
        licence=licence,
        command=command,
        strategy=strategy,
        unit=unit,
        delta=delta,
        recipe=recipe,
        backbone=bench.backbone,
        feature_space=feature_space_id(bench.backbone),
        test_masses={
            name: {
                class_name: int(np.sum(test.cohort.labels == label))
                for label, class_name in CLASS_NAMES.items()
            }
            for name, test in bench.test_sets.items()
        },
        heads=tuple(_facts(result, model) for result, model in zip(results, models, strict=True)),
        statements={
            f"{result.config.privacy.target_epsilon:g}": result.statement.to_dict()
            for result in results
        },
        composed_private_epsilon=_composed(configs, bench, delta),
        together=_together(configs, bench, delta, unit),
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


def _own_site(bench: Workbench) -> str:
    return str(bench.train.sites[0])


def _model(bench: Workbench, result: RunResult) -> CaseModel:
    return CaseModel(
        name=f"seed {result.config.seed}",
        trained_alike=f"ε = {result.config.privacy.target_epsilon:g}",
        target_epsilon=result.config.privacy.target_epsilon,
        threshold=threshold_at_specificity(
            bench.validation.cohort.labels, result.validation_scores, SPECIFICITY
        ),
        test_scores={
            name: class_scores(bench.test_sets[name].cohort.labels, scores)
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


def _composed(configs: Sequence[RunConfig], bench: Workbench, delta: float) -> float:
    """ε of all private heads together; 0 if none is private."""
    spendings = (
        spending_of_run(config, bench.train.largest_patient)
        for config in configs
        if config.privacy.is_private
    )
    return total_epsilon((spending for spending in spendings if spending), delta, "patient")


def _together(configs: Sequence[RunConfig], bench: Workbench, delta: float, unit: Unit) -> str:
    private = [config for config in configs if config.privacy.is_private]
    origin = bench.origin
    words = (
        f"The {len(private)} private heads are {len(private)} releases from the same patients: their training steps "
        f"together spend ε = {_composed(configs, bench, delta):.4g} at δ = {delta:g} per patient (each hides a "
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
