"""Real and synthetic masses with their features, ready to train any strategy on: what runs share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mammo_core.classifiers.features import FeatureStore
from mammo_core.classifiers.projection import Projection, fit_projection
from mammo_core.cohorts.cohort import Cohort
from mammo_core.config.runs import BackboneConfig, HeadRecipe, Strategy, Unit
from mammo_core.errors import CohortError
from mammo_core.evaluation.bootstrap import PatientBootstrap
from mammo_core.privacy.heads.problem import HeadTrainingData, rows_of_units
from mammo_core.privacy.heads.vectorised import HeadSettings, train_heads
from mammo_core.privacy.statements.training_data import UNKNOWN_ORIGIN, SyntheticOrigin
from mammo_core.synthesis.textures import texture_images
from mammo_core.training.dataset import TEST, RunDataset, TestedMasses, parts_of, tested_parts

Progress = Callable[[int, int], None]
_TEXTURES = "textures"


@dataclass(frozen=True)
class TestSet(TestedMasses):
    """One site's test masses with their features.

    Attributes:
        features: (N, V, D) float16.
    """

    features: Tensor


@dataclass(frozen=True, kw_only=True)
class FeatureDataset(RunDataset):
    """Everything loaded for one choice of data and backbone.

    Attributes:
        train_features: (N, V, D) float16.
        test_sets: By name: every site with a test split.
        texture_features: (T, V, D) float16, of pictures that are computed: of nobody.
        validation: The training site's val split, or None.
    """

    backbone: BackboneConfig
    train_features: Tensor
    test_sets: dict[str, TestSet]
    synthetic_features: Tensor | None
    texture_features: Tensor
    validation: TestSet | None = None
    _prepared: dict[tuple[Strategy, HeadRecipe], HeadInputs] = field(default_factory=dict)

    def prepare(self, strategy: Strategy, recipe: HeadRecipe) -> HeadInputs:
        """The vectors of a strategy, computed once and kept."""
        key = (strategy, recipe)
        if key not in self._prepared:
            self._prepared[key] = _prepare(self, strategy, recipe)
        return self._prepared[key]


@dataclass(frozen=True)
class HeadInputs:
    """A strategy's data as vectors.

    Attributes:
        vectors: (N, K) of the data that train with DP.
        test_vectors: By test set, (N, K).
        validation_vectors, validation_labels: (H, K) and (H,) int64, or None.
        public_vectors: (M, K) of the synthetic masses added without noise, or None.
        initial_weights: (K,).
        projection: That made all vectors.
    """

    vectors: Tensor
    labels: Tensor
    patient_ids: np.ndarray
    test_vectors: dict[str, Tensor]
    validation_vectors: Tensor | None
    validation_labels: np.ndarray | None
    public_vectors: Tensor | None
    public_labels: Tensor | None
    public_weight: float
    initial_weights: Tensor
    projection: Projection

    def problem(self, unit: Unit) -> HeadTrainingData:
        """The training problem with this unit of privacy.

        Raises:
            PrivacyError: If there are too few units.
        """
        return HeadTrainingData(
            vectors=self.vectors,
            labels=self.labels,
            unit_rows=rows_of_units(self.patient_ids, unit),
            initial_weights=self.initial_weights,
            public_vectors=self.public_vectors,
            public_labels=self.public_labels,
            public_weight=self.public_weight,
        )

    def scores(self, weights: Tensor) -> dict[str, np.ndarray]:
        """P(malignant) of every test mass under R heads (R, K): by test set, (R, N) float64."""
        return {
            name: torch.sigmoid(weights @ vectors.T).double().numpy()
            for name, vectors in self.test_vectors.items()
        }

    def validation_scores(self, weights: Tensor) -> np.ndarray | None:
        """P(malignant) of every validation mass under one head (K,): (H,) float64, or None."""
        if self.validation_vectors is None:
            return None
        return torch.sigmoid(self.validation_vectors @ weights).double().numpy()


def load_feature_dataset(
    real: Cohort,
    synthetic: Cohort | None,
    backbone: BackboneConfig,
    store_root: Path | str,
    *,
    site: str | None = None,
    origin: SyntheticOrigin = UNKNOWN_ORIGIN,
    is_demonstration: bool = False,
    on_progress: Progress | None = None,
) -> FeatureDataset:
    """Computes what features are missing and puts everything together.

    Args:
        real: Masses with at least a train split at one site and a test split at one.
        synthetic: Synthetic masses, or None: then only the strategy `real` can run.
        site: The training site, if several have a train split.
        origin: Of the synthetic masses; what is not known is taken for the worst.
        is_demonstration: Whether synthetic masses play the real ones.
        on_progress: Called with (images done, images to do) while features are computed.

    Raises:
        CohortError: If there is no train or no test split, or a class is missing.
        BackboneError: If the backbone or its weights cannot be had.
    """
    parts = parts_of(real, synthetic, site)
    features = _features_of(_images_of(parts), backbone, FeatureStore(store_root), on_progress)
    tests = {
        name: _test_set(part, features[f"{TEST}{name}"])
        for name, part in tested_parts(parts).items()
    }
    return FeatureDataset(
        backbone=backbone,
        train=parts["train"],
        train_features=features["train"],
        test_sets=tests,
        synthetic=synthetic,
        synthetic_features=features.get("synthetic"),
        texture_features=features[_TEXTURES],
        validation=_test_set(parts["validation"], features["validation"])
        if "validation" in parts
        else None,
        origin=origin,
        is_demonstration=is_demonstration,
    )


def _test_set(cohort: Cohort, features: Tensor) -> TestSet:
    return TestSet(cohort, PatientBootstrap(cohort.labels, cohort.patient_ids), features)


def count_missing_features(
    real: Cohort,
    synthetic: Cohort | None,
    backbone: BackboneConfig,
    store_root: Path | str,
    *,
    site: str | None = None,
) -> int:
    """How many pictures `load_feature_dataset` would have to compute features of; raises what it raises."""
    store = FeatureStore(store_root)
    parts = _images_of(parts_of(real, synthetic, site)).values()
    return sum(store.count_missing(images, backbone) for images in parts)


def _images_of(parts: dict[str, Cohort]) -> dict[str, np.ndarray]:
    """The pictures (N, H, W) of each part, and textures."""
    return {name: part.images for name, part in parts.items()} | {_TEXTURES: texture_images()}


def _features_of(
    parts: dict[str, np.ndarray],
    backbone: BackboneConfig,
    store: FeatureStore,
    on_progress: Progress | None,
) -> dict[str, Tensor]:
    """Features (N, V, D) of each part, with one progress over all of them."""
    missing = {name: store.count_missing(images, backbone) for name, images in parts.items()}
    total, before = sum(missing.values()), 0
    features = {}
    for name, images in parts.items():
        shifted = on_progress and partial(_report, on_progress, before, total)
        computed = store.features(images, backbone, on_progress=shifted)
        features[name] = torch.from_numpy(computed)
        before += missing[name]
    return features


def _report(on_progress: Progress, before: int, total: int, done: int, _: int) -> None:
    on_progress(before + done, total)


def _prepare(dataset: FeatureDataset, strategy: Strategy, recipe: HeadRecipe) -> HeadInputs:
    """Vectors, labels and starting point of a strategy.

    `real` never touches the synthetic masses: its projection is learned from textures, and none are passed on.
    """
    if strategy == "real":
        synthetic, synthetic_features = None, None
    else:
        if dataset.synthetic is None or dataset.synthetic_features is None:
            raise CohortError(
                f"Expected synthetic masses for the strategy {strategy}; got none. Give a folder "
                "with --synthetic, or choose the strategy real."
            )
        synthetic, synthetic_features = dataset.synthetic, dataset.synthetic_features
    project = fit_projection(
        recipe, dataset.texture_features if synthetic is None else synthetic_features
    )
    test_vectors = {name: project(test.features) for name, test in dataset.test_sets.items()}
    validation = dataset.validation
    trained_on = dataset.train
    if synthetic is None:
        vectors, public_vectors = project(dataset.train_features), None
    elif strategy == "synthetic":
        trained_on = synthetic
        vectors, public_vectors = project(synthetic_features), None
    else:
        vectors, public_vectors = project(dataset.train_features), project(synthetic_features)
    labels = _labels(trained_on)
    prepared = HeadInputs(
        vectors=vectors,
        labels=labels,
        patient_ids=trained_on.patient_ids,
        test_vectors=test_vectors,
        validation_vectors=validation and project(validation.features),
        validation_labels=validation and validation.cohort.labels,
        public_vectors=None,
        public_labels=None,
        public_weight=0.0,
        initial_weights=torch.zeros(vectors.shape[1]),
        projection=project,
    )
    if synthetic is None or public_vectors is None:
        return prepared
    if strategy == "pretrain":
        return replace(
            prepared, initial_weights=_pretrain(public_vectors, _labels(synthetic), recipe)
        )
    return replace(
        prepared,
        public_vectors=public_vectors,
        public_labels=_labels(synthetic),
        public_weight=recipe.synthetic_weight,
    )


def _pretrain(vectors: Tensor, labels: Tensor, recipe: HeadRecipe) -> Tensor:
    """The head (K,) that plain gradient descent finds on synthetic masses."""
    problem = HeadTrainingData(
        vectors=vectors,
        labels=labels,
        unit_rows=torch.arange(len(labels))[:, None],
        initial_weights=torch.zeros(vectors.shape[1]),
    )
    job = HeadSettings(noise_multiplier=None, learning_rate=recipe.learning_rate, seed=0)
    return train_heads(problem, recipe, [job])[0]


def _labels(cohort: Cohort) -> Tensor:
    return torch.from_numpy(cohort.labels).float()
