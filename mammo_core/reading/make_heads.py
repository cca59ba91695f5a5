"""Trains the heads that ship: several noises at several budgets, tested, with thresholds and a card."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.features import compute_features
from mammo_core.classifiers.heads import LinearHeads
from mammo_core.classifiers.outlier_distance import outlier_distance
from mammo_core.cohorts.sampled import sample_cohort
from mammo_core.config import validate
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import PrivacyConfig, RunConfig
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.evaluation.operating_point import threshold_at_specificity
from mammo_core.labels import CLASS_NAMES
from mammo_core.ledger.releases import ReleaseLedger, cost_of_run, release_of_measures
from mammo_core.privacy.accounting.calibration import calibrate_run
from mammo_core.privacy.accounting.cost import total_epsilon
from mammo_core.privacy.statements.card import statement_to_dict
from mammo_core.reading.models import SPECIFICITY, CaseModel, CaseModels, class_scores
from mammo_core.reading.shipped_heads import HeadFacts, HeadsCard, SampledMasses, ShippedHeads
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.system.device import choose_device
from mammo_core.system.paths import models_dir
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.heads.sweep import run_plan
from mammo_core.training.outcome import FinishedRun

NOTICE = "Research use only, not for diagnosis."
WITHOUT_NOISE = (
    "Computed from patients without noise, so that no ε covers it: each head's threshold (from validation masses), "
    "the quantiles of its scores on test masses of either class, its AUROC, and the bounds beyond which a mass is "
    "called unlike the others (from training and validation masses)."
)
_STRATEGY, _UNIT = "pretrain", "patient"
_RECIPE = RECIPES[_STRATEGY]
_USUAL_SHARE = 0.99  # of training and validation masses that count as like the others
_DRAWN = 400  # synthetic masses that a new one is compared with
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
    delta: float,
    on_progress: Progress | None = None,
) -> ShippedHeads:
    """Trains `repeats` heads at every finite ε, with secret noise, and one at infinity, where all are the same.

    Args:
        ledger: Written to before anything is trained.
        licence: Of the training data, with attribution.
        command: That makes heads like these.
        generator: Of `models/`, whose masses can be compared with a new one.
        on_progress: Called with (masses done, masses to do) while features of synthetic masses are computed.

    Raises:
        InvalidRequestError: If there is no budget.
        CohortError: If there are no validation masses to choose thresholds by, or no synthetic ones.
        MammoError: As `run_plan`.
    """
    making = _HeadMaking(dataset, epsilons, repeats, delta)
    making.train(ledger)
    making.sample_synthetic(generator, on_progress)
    return making.finish(licence, command)


class _HeadMaking:
    """Heads while they are made: planned and checked, then trained, then given masses to compare, then finished."""

    def __init__(
        self, dataset: FeatureDataset, epsilons: Sequence[float], repeats: int, delta: float
    ) -> None:
        validate.at_least(1, repeats=repeats)
        if not epsilons:
            raise InvalidRequestError("Expected an ε or more; got none. Give budgets, or inf.")
        if dataset.validation is None:
            raise CohortError(
                "Expected a val split with both classes at the training site, to choose thresholds by; found "
                "none. Add SITE/val."
            )
        self._dataset, self._validation, self._delta = dataset, dataset.validation, delta
        self._configs = [
            RunConfig(
                strategy=_STRATEGY,
                privacy=PrivacyConfig(target_epsilon=epsilon, target_delta=delta, unit=_UNIT),
                recipe=_RECIPE,
                backbone=dataset.backbone,
                seed=seed,
            )
            for epsilon in sorted(epsilons)
            for seed in range(1 if math.isinf(epsilon) else repeats)
        ]

    def train(self, ledger: ReleaseLedger) -> None:
        """Trains and tests all heads, and chooses their thresholds.

        Also records what `finish` computes from training masses without noise.
        """
        dataset = self._dataset
        bounds = release_of_measures(
            "bounds of masses unlike the others",
            data=[dataset.train.content_hash, self._validation.cohort.content_hash],
            feature_space=dataset.feature_space,
        )
        ledger.record(dataset.cohort_identity, [bounds])
        planned = run_plan(self._dataset, self._configs, ledger=ledger)
        self._runs = [run for _, run in planned if run is not None]
        self._thresholds = [_threshold(run) for run in self._runs]

    def sample_synthetic(self, generator: str, on_progress: Progress | None) -> None:
        """Computes features of synthetic masses, which a new mass can be compared with."""
        network, card = load_generator(models_dir() / generator)
        masses = sample_cohort(network, _DRAWN)
        upright = replace(self._dataset.backbone, views=1)
        self._features = compute_features(
            masses.images, load_backbone(upright, choose_device()), upright, on_progress=on_progress
        )[:, 0]  # (M, D)
        self._synthetic = SampledMasses(generator=generator, sha256=card.sha256, count=_DRAWN)

    def finish(self, licence: str, command: str) -> ShippedHeads:
        """Puts heads and card together."""
        dataset = self._dataset
        projection = dataset.prepare(_STRATEGY, _RECIPE).projection
        seen = torch.cat([dataset.train_features, self._validation.features])
        distances = outlier_distance(projection, _RECIPE.whitening, seen)
        contrasts = np.concatenate(
            [part.images.std(axis=(1, 2)) for part in (dataset.train, self._validation.cohort)]
        )
        composed = self._composed_epsilon()
        card = HeadsCard(
            notice=NOTICE,
            training_data=self._training_data(),
            licence=licence,
            command=command,
            strategy=_STRATEGY,
            unit=_UNIT,
            delta=self._delta,
            recipe=_RECIPE,
            backbone=dataset.backbone,
            feature_space=dataset.feature_space,
            test_masses={
                name: {
                    class_name: int(np.sum(test.cohort.labels == label))
                    for label, class_name in CLASS_NAMES.items()
                }
                for name, test in dataset.test_sets.items()
            },
            heads=tuple(map(_facts, self._runs, self._thresholds)),
            statements={
                f"{run.config.privacy.target_epsilon:g}": statement_to_dict(run.statement)
                for run in self._runs
            },
            composed_private_epsilon=composed,
            together=self._together(composed),
            without_noise=WITHOUT_NOISE,
            unlike_above=float(torch.quantile(distances, _USUAL_SHARE)),
            flat_below=float(np.quantile(contrasts, 1 - _USUAL_SHARE)),
            drawn=self._synthetic,
        )
        return ShippedHeads(
            card=card,
            models=CaseModels(
                backbone=card.backbone,
                feature_space=card.feature_space,
                heads=LinearHeads(projection, torch.stack([run.weights for run in self._runs])),
                models=tuple(map(_model, self._runs, self._thresholds)),
                trained_on=card.training_data,
            ),
            synthetic_features=torch.from_numpy(self._features),
        )

    def _training_data(self) -> str:
        train, synthetic = self._dataset.train, self._dataset.synthetic
        assert synthetic is not None  # else the strategy could not have been trained
        return (
            f"{train.sites[0]}, train split: {len(train)} masses of {train.num_patients} patients; synthetic masses: "
            f"{len(synthetic)}, of {self._generator_name}"
        )

    @property
    def _generator_name(self) -> str:
        return self._dataset.origin.generator or "an unknown generator"

    def _composed_epsilon(self) -> float:
        """ε of all private heads together; 0 if none is private."""
        costs = (
            cost_of_run(config, self._dataset.train.largest_patient, calibrate_run(config))
            for config in self._configs
            if config.privacy.is_private
        )
        return total_epsilon((cost for cost in costs if cost), self._delta, "patient")

    def _together(self, composed: float) -> str:
        """What all heads of the file guarantee together, in words."""
        count = sum(config.privacy.is_private for config in self._configs)
        words = (
            f"The {count} private heads are {count} releases from the same patients. Together, their training steps "
            f"cost ε = {composed:.4g} at δ = {self._delta:g} per {_UNIT}, far more than any one of them. "
        )
        origin = self._dataset.origin
        if origin.saw_patients and origin.guarantee is None:
            words += (
                "This counts the training steps only. Projection and starting point were learned from synthetic masses "
                f"of {self._generator_name}, which has no guarantee. "
            )
        if count < len(self._configs):
            words += (
                "The file also holds a head trained without noise, for which there is no bound. The file as a whole "
                "therefore guarantees nothing to its patients. It may be published because their images are public data."
            )
        return words


def _threshold(run: FinishedRun) -> float:
    assert run.validated is not None  # checked before anything was trained
    return threshold_at_specificity(*run.validated, SPECIFICITY)


def _model(run: FinishedRun, threshold: float) -> CaseModel:
    return CaseModel(
        name=f"seed {run.config.seed}",
        trained_alike=f"ε = {run.config.privacy.target_epsilon:g}",
        target_epsilon=run.config.privacy.target_epsilon,
        threshold=threshold,
        test_scores={name: class_scores(*tested) for name, tested in run.tested.items()},
    )


def _facts(run: FinishedRun, threshold: float) -> HeadFacts:
    return HeadFacts(
        target_epsilon=run.config.privacy.target_epsilon,
        epsilon=run.epsilon,
        noise_multiplier=run.noise_multiplier,
        seed=run.config.seed,
        threshold=threshold,
        auroc={name: estimates["auroc"] for name, estimates in run.estimates.items()},
    )
