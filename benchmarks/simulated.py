"""Cohorts and features of the right shapes: how long training takes depends on these, not on the values."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mammo_core.cohorts.cohort import Cohort, Source
from mammo_core.config.runs import BackboneConfig
from mammo_core.evaluation.bootstrap import PatientBootstrap
from mammo_core.training.heads.feature_dataset import FeatureDataset, TestSet

# of the measured results, see mammo_core/reference/measured_results.json
TRAIN, SYNTHETIC = 1104, 3000
TESTS = {"cbis-ddsm": 402, "bcdr": 1106}
MASSES_PER_PATIENT = 2
FEATURES, VIEWS = 1280, 8  # of EfficientNet-Lite0
_DISTINCT = 2048  # masses that are drawn; more are these, otherwise ordered


class NoLedger:
    """Takes every charge: nothing here is anybody's."""

    def require_room(self, cohort: object, releases: object) -> None:
        """There always is."""

    def record(self, cohort: object, releases: object) -> None:
        """Of no patient."""

    def note_generator(self, sha256: str) -> None:
        """There is none."""


def workbench(
    train: int = TRAIN,
    *,
    synthetic: int = SYNTHETIC,
    tests: dict[str, int] = TESTS,
    features: int = FEATURES,
    views: int = VIEWS,
) -> FeatureDataset:
    """Everything that runs need, for so many masses."""
    made = _cohort(synthetic, "made", "train", "synthetic")
    real = _cohort(train, "here", "train", "real")
    return FeatureDataset(
        backbone=BackboneConfig(),
        train=real,
        train_features=features_of(real.labels, features, views),
        test_sets={
            name: _test_set(_cohort(count, name, "test", "real"), features, views)
            for name, count in tests.items()
        },
        synthetic=made,
        synthetic_features=features_of(made.labels, features, views),
        texture_features=features_of(made.labels[:256], features, views),
    )


def _test_set(cohort: Cohort, features: int, views: int) -> TestSet:
    return TestSet(
        cohort=cohort,
        features=features_of(cohort.labels, features, views),
        bootstrap=PatientBootstrap(cohort.labels, cohort.patient_ids),
    )


def _cohort(count: int, site: str, split: str, source: Source) -> Cohort:
    rows = np.arange(count)
    patients = rows if source == "synthetic" else rows // MASSES_PER_PATIENT
    return Cohort(
        images=np.random.default_rng(count).integers(0, 256, (count, 8, 8), dtype=np.uint8),
        labels=(patients % 2).astype(np.int64),
        patient_ids=np.char.add(f"{site} ", patients.astype(str)),
        image_ids=rows.astype(str),
        mass_ids=rows.astype(str),
        sites=np.full(count, site),
        splits=np.full(count, split),
        source=source,
    )


def features_of(labels: np.ndarray, features: int, views: int) -> Tensor:
    """Features (N, V, D) float16 whose first direction carries a little of the class."""
    rng = torch.Generator().manual_seed(len(labels))
    drawn = torch.randn(min(len(labels), _DISTINCT), views, features, generator=rng).half()
    made = torch.empty(len(labels), views, features, dtype=torch.float16)
    for block, part in enumerate(made.split(_DISTINCT)):
        part.copy_(drawn[: len(part)].roll(block, dims=-1))  # no two blocks alike
    made[..., 0] += torch.from_numpy(labels).half()[:, None]
    return made
