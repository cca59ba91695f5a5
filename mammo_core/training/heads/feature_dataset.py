"""Masses with their features, ready to train heads on: what all runs on the same data and backbone share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mammo_core.classifiers.features import FeatureStore, feature_space_id, shifted
from mammo_core.classifiers.projection import Projection, fit_projection
from mammo_core.classifiers.textures import texture_images
from mammo_core.cohorts.cohort import Cohort
from mammo_core.cohorts.installed import LoadedData
from mammo_core.config.runs import UNITS, BackboneConfig, HeadRecipe, Strategy, Unit
from mammo_core.errors import CohortError
from mammo_core.privacy.heads.problem import HeadTrainingData, rows_of_units
from mammo_core.privacy.heads.vectorised import HeadSettings, train_heads
from mammo_core.training.dataset import (
    RunDataset,
    SplitMasses,
    TestedMasses,
    run_dataset,
    split_masses,
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TestSet(TestedMasses):
    """One site's test masses with their features.

    Attributes:
        features: (N, V, D) float16.
    """

    features: Tensor


@dataclass(frozen=True, kw_only=True)
class FeatureDataset(RunDataset):
    """The masses of a run dataset with the features of one backbone.

    Attributes:
        train_features: (N, V, D) float16.
        test_sets: By name: every site with a test split.
        texture_features: (T, V, D) float16, of computed textures, which show no patient.
        validation: The training site's val split, or None.
    """

    backbone: BackboneConfig
    train_features: Tensor
    test_sets: dict[str, TestSet]
    synthetic_features: Tensor | None
    texture_features: Tensor
    validation: TestSet | None = None
    _prepared: dict[tuple[Strategy, HeadRecipe, Unit], HeadInputs] = field(default_factory=dict)

    def prepare(self, strategy: Strategy, recipe: HeadRecipe, unit: Unit = "patient") -> HeadInputs:
        """Projects the masses of a strategy to vectors and groups them into units; computed once and kept.

        Raises:
            CohortError: If the strategy needs synthetic masses and there are none.
            PrivacyError: If there are too few units, or a feature is not finite.
        """
        key = (strategy, recipe, unit)
        if key not in self._prepared:
            vectors = [self._prepared.get((strategy, recipe, known)) for known in UNITS]
            inputs = next(filter(None, vectors), None) or _prepare(self, strategy, recipe)
            grouped = rows_of_units(self.trained_on(strategy).patient_ids, unit)
            self._prepared[key] = replace(inputs, unit_rows=grouped)
        return self._prepared[key]

    @cached_property
    def feature_space(self) -> str:
        """Identifies backbone and preprocessing, see `feature_space_id`."""
        return feature_space_id(self.backbone)

    def trained_on(self, strategy: Strategy) -> Cohort:
        """The masses that train with noise, and whose units are protected."""
        if strategy == "synthetic" and self.synthetic is not None:
            return self.synthetic
        return self.train


@dataclass(frozen=True, kw_only=True)
class HeadInputs(HeadTrainingData):
    """The training data of a head with what it is tested on, all projected alike.

    Attributes:
        test_vectors: By test set, (N, K).
        validation_vectors, validation_labels: (H, K) and (H,) int64, or None.
        projection: The projection of all vectors.
    """

    test_vectors: dict[str, Tensor]
    validation_vectors: Tensor | None
    validation_labels: np.ndarray | None
    projection: Projection

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
    loaded: LoadedData,
    backbone: BackboneConfig,
    store_root: Path | str,
    *,
    site: str | None = None,
    on_progress: Progress | None = None,
) -> FeatureDataset:
    """Splits masses for runs and computes the features that are missing.

    Args:
        loaded: As of `run_dataset`.
        store_root: The folder that keeps features.
        site: The training site; needed if several have a train split.
        on_progress: Called with (images done, images to do) while features are computed.

    Raises:
        CohortError: If there is no train or no test split, or a class is missing.
        BackboneError: If the backbone or its weights cannot be had.
    """
    return with_features(
        run_dataset(loaded, site=site), backbone, store_root, on_progress=on_progress
    )


def with_features(
    data: RunDataset,
    backbone: BackboneConfig,
    store_root: Path | str,
    *,
    on_progress: Progress | None = None,
) -> FeatureDataset:
    """Adds the features of a backbone to the masses of runs; see `load_feature_dataset`.

    Raises:
        BackboneError: If the backbone or its weights cannot be had.
    """
    parts = SplitMasses(
        data.train,
        {name: tested.cohort for name, tested in data.test_sets.items()},
        None if data.validation is None else data.validation.cohort,
    )
    images = _images_of(parts, data.synthetic)
    features = _features_of(images, backbone, FeatureStore(store_root), on_progress)
    given = {each.name: getattr(data, each.name) for each in fields(data)}
    given["test_sets"] = {
        name: TestSet(tested.cohort, tested.bootstrap, features[f"test {name}"])
        for name, tested in data.test_sets.items()
    }
    if data.validation is not None:
        tested = data.validation
        given["validation"] = TestSet(tested.cohort, tested.bootstrap, features["validation"])
    return FeatureDataset(
        **given,
        backbone=backbone,
        train_features=features["train"],
        synthetic_features=features.get("synthetic"),
        texture_features=features["textures"],
    )


def count_missing_features(
    loaded: LoadedData,
    backbone: BackboneConfig,
    store_root: Path | str,
    *,
    site: str | None = None,
) -> int:
    """Counts the images whose features `load_feature_dataset` would compute; raises what it raises."""
    store = FeatureStore(store_root)
    images = _images_of(split_masses(loaded, site), loaded.synthetic).values()
    return sum(store.count_missing(part, backbone) for part in images)


def _images_of(parts: SplitMasses, synthetic: Cohort | None) -> dict[str, np.ndarray]:
    """The images (N, H, W) whose features are needed, by what they are for."""
    images = {"train": parts.train.images, "textures": texture_images()}
    images |= {f"test {name}": cohort.images for name, cohort in parts.tests.items()}
    if synthetic is not None:
        images["synthetic"] = synthetic.images
    if parts.validation is not None:
        images["validation"] = parts.validation.images
    return images


def _features_of(
    images: dict[str, np.ndarray],
    backbone: BackboneConfig,
    store: FeatureStore,
    on_progress: Progress | None,
) -> dict[str, Tensor]:
    """Features (N, V, D) of each part, with one progress over all of them."""
    missing = {name: store.count_missing(part, backbone) for name, part in images.items()}
    total, before = sum(missing.values()), 0
    features: dict[str, Tensor] = {}
    for name, part in images.items():
        own = on_progress and shifted(on_progress, before, total)
        computed = store.features(part, backbone, on_progress=own)
        features[name] = torch.as_tensor(computed)
        before += missing[name]
    return features


def _prepare(dataset: FeatureDataset, strategy: Strategy, recipe: HeadRecipe) -> HeadInputs:
    """Projects the masses of a strategy and finds its starting point; leaves the units to the caller.

    `real` never uses the synthetic masses: its projection is learned from textures.
    """
    synthetic, features = dataset.synthetic, dataset.synthetic_features
    if strategy == "real":
        synthetic, features = None, dataset.texture_features
    elif synthetic is None or features is None:
        raise CohortError(
            f"Expected synthetic masses for the strategy {strategy}; got none. Give a folder "
            "with --synthetic, or choose the strategy real."
        )
    project = fit_projection(recipe, features)
    validation = dataset.validation
    trains_on_synthetic = strategy == "synthetic"
    vectors = project(features if trains_on_synthetic else dataset.train_features)
    inputs = HeadInputs(
        vectors=vectors,
        labels=_labels(dataset.trained_on(strategy)),
        unit_rows=torch.arange(len(vectors))[:, None],
        initial_weights=torch.zeros(vectors.shape[1]),
        test_vectors={name: project(test.features) for name, test in dataset.test_sets.items()},
        validation_vectors=None if validation is None else project(validation.features),
        validation_labels=None if validation is None else validation.cohort.labels,
        projection=project,
    )
    if synthetic is None or trains_on_synthetic:
        return inputs
    public = {"public_vectors": project(features), "public_labels": _labels(synthetic)}
    if strategy == "pretrain":
        return replace(inputs, initial_weights=_pretrain(**public, recipe=recipe))
    return replace(inputs, **public, public_weight=recipe.synthetic_weight)


def _pretrain(public_vectors: Tensor, public_labels: Tensor, recipe: HeadRecipe) -> Tensor:
    """The head (K,) that plain gradient descent finds on synthetic masses."""
    data = HeadTrainingData(
        vectors=public_vectors,
        labels=public_labels,
        unit_rows=torch.arange(len(public_labels))[:, None],
        initial_weights=torch.zeros(public_vectors.shape[1]),
    )
    settings = HeadSettings(noise_multiplier=None, learning_rate=recipe.learning_rate, seed=0)
    return train_heads(data, recipe, [settings])[0]


def _labels(cohort: Cohort) -> Tensor:
    return torch.as_tensor(cohort.labels).float()
