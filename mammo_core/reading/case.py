"""Reads one mass with many models: what each budget's models say, how much they differ, and how usual the mass is.

Nothing is kept: an image goes in, numbers come out, and no store is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mammo_core.classifiers.backbones import Backbone
from mammo_core.classifiers.features import compute_features, feature_space_id
from mammo_core.classifiers.outlier_distance import outlier_distance
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import CheckpointError, InvalidRequestError
from mammo_core.evaluation.patients import Patients
from mammo_core.labels import BENIGN, CLASS_NAMES
from mammo_core.reading.models import CaseModel, CaseModels, ClassScores
from mammo_core.reading.shipped_heads import ShippedHeads

CaseFeatures = Mapping[str, Tensor]  # by feature space, (1, V, D) float16


@dataclass(frozen=True, kw_only=True, eq=False)
class BudgetReading:
    """What the models of one budget say of a mass.

    Attributes:
        target_epsilon: Infinity without DP.
        scores: (R,), one per model.
        thresholds: (R,), NaN where a model has none.
        shares_below: By test set and label, the share of that class' test masses that score lower than this
            one, the mean over models.
        test_scores: By test set, the quantiles of either class' scores, the mean over models.
        differ_in_noise_only: Whether the models differ in nothing else.
    """

    target_epsilon: float
    scores: np.ndarray
    thresholds: np.ndarray
    shares_below: dict[str, dict[int, float]]
    test_scores: dict[str, ClassScores]
    differ_in_noise_only: bool

    @property
    def num_deciding(self) -> int:
        """Counts the models that have a threshold."""
        return int(np.sum(~np.isnan(self.thresholds)))

    @property
    def num_malignant(self) -> int:
        """Counts the models that call the mass malignant."""
        return int(np.sum(self.scores >= self.thresholds))  # NaN compares as False


@dataclass(frozen=True)
class OutlierCheck:
    """Whether a mass looks like those that models were trained on.

    Attributes:
        distance: See `outlier_distance`.
        bound: Distances of 99 % of the training site's training and validation masses lie below.
        contrast: Standard deviation of grey levels, of 255.
        least_contrast: Contrasts of 99 % of these lie above.
    """

    distance: float
    bound: float
    contrast: float
    least_contrast: float

    @property
    def is_outlier(self) -> bool:
        """Whether it is further from synthetic masses than 99 % of these."""
        return self.distance > self.bound

    @property
    def is_low_contrast(self) -> bool:
        """Whether it has less contrast than 99 % of these."""
        return self.contrast < self.least_contrast


def case_features(
    image: np.ndarray,
    backbones: Sequence[BackboneConfig],
    load: Callable[[BackboneConfig], Backbone],
) -> CaseFeatures:
    """Computes features of one mass (H, W) uint8 for each network, computed anew and kept nowhere.

    Args:
        load: Gives a network, for example from memory.

    Raises:
        InvalidRequestError: If the image is not grey.
        BackboneError: If a network or its weights cannot be had.
    """
    if image.dtype != np.uint8 or image.ndim != 2:
        raise InvalidRequestError(
            f"Expected one mass (H, W) uint8; got {image.shape} {image.dtype}. Cut it out first."
        )
    masses = image[None].copy()  # PyTorch wants memory that may be written to
    return {
        feature_space_id(config): torch.from_numpy(compute_features(masses, load(config), config))
        for config in dict.fromkeys(backbones)
    }


def read_case(features: CaseFeatures, groups: Sequence[CaseModels]) -> tuple[BudgetReading, ...]:
    """Scores a mass with models, one reading per budget, the smallest ε first; groups at one ε are read together.

    Args:
        features: With every group's network.

    Raises:
        CheckpointError: If models were trained on other features than those of the network installed here.
    """
    return read_patient([features], groups)


def read_patient(
    views: Sequence[CaseFeatures], groups: Sequence[CaseModels]
) -> tuple[BudgetReading, ...]:
    """Scores a patient by what several mammograms show, as `read_case` scores one mass.

    A model's scores are averaged as `evaluation.patients` does: the mean of their logits, in which all mammograms weigh
    alike. Thresholds and test masses are those of single mammograms.

    Guarantee:
        Only models that were trained before are used: this spends no privacy budget of their patients.

    Args:
        views: Features of one mass per mammogram, each with every group's network.

    Raises:
        InvalidRequestError: If there is no mammogram.
        CheckpointError: If models were trained on other features than those of the network installed here.
    """
    if not views:
        raise InvalidRequestError("Expected at least one mass to read; got none. Mark one first.")
    patient = Patients.of(np.full(len(views), BENIGN), np.full(len(views), "the patient"))
    scored: dict[float, list[tuple[CaseModel, float]]] = {}
    for group in groups:
        seen = [group.heads.scores(_features_for(group, features))[:, 0] for features in views]
        scores = [patient.scores(of_model)[0] for of_model in np.stack(seen, axis=1)]  # (R,)
        for model, score in zip(group.models, scores, strict=True):
            scored.setdefault(model.target_epsilon, []).append((model, float(score)))
    return tuple(_budget(epsilon, scored[epsilon]) for epsilon in sorted(scored))


def outlier_check(image: np.ndarray, features: CaseFeatures, shipped: ShippedHeads) -> OutlierCheck:
    """Compares a mass (H, W) uint8 with masses of the site that heads were trained on."""
    card = shipped.card
    distance = outlier_distance(
        shipped.models.heads.projection,
        card.recipe.whitening,
        _features_for(shipped.models, features),
    )
    return OutlierCheck(float(distance), card.unlike_above, float(image.std()), card.flat_below)


def _features_for(group: CaseModels, features: CaseFeatures) -> Tensor:
    if group.feature_space not in features:
        raise CheckpointError(
            f"Expected {group.backbone.name} with the weights and preprocessing that these models were trained "
            f"on ({group.feature_space}); this installation has {', '.join(features) or 'none'}. Train them again, or "
            "install the version that made them."
        )
    return features[group.feature_space]


def _budget(epsilon: float, scored: Sequence[tuple[CaseModel, float]]) -> BudgetReading:
    tested = list(dict.fromkeys(name for model, _ in scored for name in model.test_scores))
    shares: dict[str, dict[int, float]] = {}
    averaged: dict[str, ClassScores] = {}
    for name in tested:
        known = [
            (model.test_scores[name], score) for model, score in scored if name in model.test_scores
        ]
        shares[name] = {
            label: float(np.mean([test.share_below(score, label) for test, score in known]))
            for label in CLASS_NAMES
        }
        averaged[name] = ClassScores(
            np.mean([test.benign for test, _ in known], axis=0),
            np.mean([test.malignant for test, _ in known], axis=0),
        )
    return BudgetReading(
        target_epsilon=epsilon,
        scores=np.array([score for _, score in scored]),
        thresholds=np.array(
            [np.nan if model.threshold is None else model.threshold for model, _ in scored]
        ),
        shares_below=shares,
        test_scores=averaged,
        differ_in_noise_only=len({model.trained_alike for model, _ in scored}) == 1,
    )
