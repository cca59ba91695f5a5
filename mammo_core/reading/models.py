"""Models that a new mass can be read with: their heads, and what they did on test masses to judge a score by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mammo_core.classifiers.heads import LinearHeads
from mammo_core.config.runs import BackboneConfig, identity_of, short_hash
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.operating_point import threshold_at_specificity
from mammo_core.labels import BENIGN, CLASS_NAMES, MALIGNANT
from mammo_core.results.head_store import HeadStore
from mammo_core.training.outcome import FinishedRun

NUM_QUANTILES = 101
SPECIFICITY = 0.9  # of the operating point, on validation masses


@dataclass(frozen=True, eq=False)
class ClassScores:
    """How one model scored the test masses of either class, as quantiles from the lowest to the highest score.

    Attributes:
        benign, malignant: (Q,), ascending.
    """

    benign: np.ndarray
    malignant: np.ndarray

    def share_below(self, score: float, label: int) -> float:
        """Computes the share of a class' test masses that score lower, in [0, 1]."""
        quantiles = self.malignant if label == MALIGNANT else self.benign
        levels = np.linspace(0, 1, len(quantiles))
        return float(np.interp(score, quantiles, levels, left=0.0, right=1.0))


def class_scores(labels: np.ndarray, scores: np.ndarray) -> ClassScores:
    """Computes the quantiles of each class' scores (N,).

    Raises:
        InvalidRequestError: If a class is missing.
    """
    levels = np.linspace(0, 1, NUM_QUANTILES)
    for label, name in CLASS_NAMES.items():
        if not np.any(labels == label):
            raise InvalidRequestError(
                f"Expected scores of both classes; got no {name} mass among {len(labels)}. "
                "Use a larger test set."
            )
    benign, malignant = (
        np.quantile(scores[labels == label], levels) for label in (BENIGN, MALIGNANT)
    )
    return ClassScores(benign, malignant)


@dataclass(frozen=True, kw_only=True, eq=False)
class CaseModel:
    """One trained head, as far as judging its scores goes; its weights are in its group.

    Attributes:
        target_epsilon: Infinity without DP.
        threshold: A score at or above it is called malignant; None if there was no validation mass to choose
            it by.
        test_scores: By test set.
        trained_alike: The same for models that differ in nothing but their noise.
    """

    name: str
    trained_alike: str
    target_epsilon: float
    threshold: float | None
    test_scores: Mapping[str, ClassScores]


@dataclass(frozen=True, kw_only=True, eq=False)
class CaseModels:
    """R models that share network, preprocessing and projection.

    Attributes:
        feature_space: Of network and preprocessing when they were trained.
        heads: In the order of the models.
        trained_on: In words.
        is_demonstration: Whether synthetic masses played the patients they were trained on.
    """

    backbone: BackboneConfig
    feature_space: str
    heads: LinearHeads
    models: tuple[CaseModel, ...]
    trained_on: str
    is_demonstration: bool = False


def models_of_run(run: FinishedRun, store: HeadStore) -> CaseModels:
    """Reads the one model of a recorded run.

    Raises:
        CheckpointError: If the run keeps no head, or it is damaged.
    """
    heads, kept = store.load(run.run_id)
    besides_noise = identity_of(run.config)
    del besides_noise["seed"]
    model = CaseModel(
        name=run.name,
        trained_alike=short_hash({"config": besides_noise, "data": run.data_hash}),
        target_epsilon=run.config.privacy.target_epsilon,
        threshold=run.validated and threshold_at_specificity(*run.validated, SPECIFICITY),
        test_scores={name: class_scores(*tested) for name, tested in run.tested.items()},
    )
    return CaseModels(
        backbone=run.config.backbone,
        feature_space=kept.feature_space,
        heads=heads,
        models=(model,),
        trained_on=f"data {run.data_hash[:6]}",
        is_demonstration=run.statement.is_demonstration,
    )
