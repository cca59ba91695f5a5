"""Measures a set of synthetic masses against real ones: realism, variety, class, usefulness, copies.

Held-out real masses of the training site (validation and test) go through every measure as well: they
show what a perfect generator would score. Generators learn through a public network, and measures in its features
flatter them. An independent network, the judge, measures beside it. All of it is about the masses, none of it is a
privacy guarantee: only training with differential privacy gives one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mammo_core.classifiers.features import FeatureStore
from mammo_core.cohorts.cohort import Cohort, join
from mammo_core.cohorts.installed import LoadedData
from mammo_core.config.runs import BackboneConfig, identity_of, to_dict
from mammo_core.errors import CohortError
from mammo_core.generators.quality_table import HELDOUT, SYNTHETIC
from mammo_core.generators.usefulness import class_auroc, transfer_auroc
from mammo_core.labels import CLASS_NAMES
from mammo_core.ledger.releases import ReleaseLedger, release_of_measures
from mammo_core.synthesis.memorisation import CopyCheck, calibrate
from mammo_core.synthesis.quality import (
    KernelDistance,
    Neighbourhood,
    kernel_distance,
    neighbourhood,
    told_apart,
)
from mammo_core.synthesis.radiomics import frechet_distance, radiomics
from mammo_core.training.heads.feature_dataset import FeatureDataset, load_feature_dataset

LOW_PASS_PX = 64
_TRAIN = "train"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Comparison:
    """One set against the real training masses.

    Attributes:
        subject: "synthetic" or "held-out real".
        masses: "all", "malignant" or "benign": both sides are restricted to that class.
        detail: "full" or "low-pass": the second tells structure from film grain.
    """

    subject: str
    masses: str
    detail: str
    kid: KernelDistance
    around: Neighbourhood


@dataclass(frozen=True)
class Judged:
    """One set as the judge sees it.

    Attributes:
        subject: "synthetic" or "held-out real".
        kid, around: Against the real training masses.
        told_apart: AUROC of a linear classifier that tells the set from the training masses; 0.5 is "can't".
        class_auroc: How well a head trained on real masses without DP tells the classes of the set apart.
        transfer_auroc: By test set, AUROC of a head trained without DP on these masses only; for held-out real
            masses, on the real training masses.
    """

    subject: str
    num_masses: int
    kid: KernelDistance
    around: Neighbourhood
    told_apart: float
    class_auroc: float
    transfer_auroc: dict[str, float]


@dataclass(frozen=True)
class Judgement:
    """What a network says of synthetic and of held-out real masses that no generator learned through."""

    backbone: BackboneConfig
    sets: list[Judged]

    def to_dict(self) -> dict[str, object]:
        """Converts it to JSON-ready values, under the name that cards keep it by."""
        sets = [dataclasses.asdict(one) for one in self.sets]
        return {"judge": {"backbone": to_dict(self.backbone), "sets": sets}}


@dataclass(frozen=True)
class SyntheticReport:
    """All measures of one set of synthetic masses.

    Attributes:
        comparisons: Against the training masses; held-out real ones beside the synthetic.
        class_auroc: How well a head trained on real masses without DP tells the synthetic classes
            apart, 0.5 to 1: whether masses show the class they were made for.
        transfer_auroc: By test set, AUROC of a head trained on these masses only, without DP.
        radiomics: By subject, Fréchet distance to the training masses in grey-level statistics and
            texture: a measure that shares nothing with the backbone.
        copies: The search for copies of training masses.
        judgement: The measures of the judge.
    """

    num_synthetic: int
    comparisons: list[Comparison]
    class_auroc: float
    transfer_auroc: dict[str, float]
    radiomics: dict[str, float]
    copies: CopyCheck
    judgement: Judgement

    def to_dict(self) -> dict[str, object]:
        """Converts the report to JSON-ready values, without the per-mass arrays."""
        copies = dataclasses.asdict(self.copies) | {
            "flagged_rate": self.copies.flagged_rate,
            "flagged": np.flatnonzero(self.copies.flagged).tolist(),
        }
        del copies["ratios"], copies["nearest_train"]
        return {
            "num_synthetic": self.num_synthetic,
            "comparisons": [dataclasses.asdict(row) for row in self.comparisons],
            "class_auroc": self.class_auroc,
            "transfer_auroc": self.transfer_auroc,
            "radiomics": self.radiomics,
            "copies": copies,
        } | self.judgement.to_dict()


def evaluate_synthetic(
    real: Cohort,
    synthetic: Cohort,
    backbone: BackboneConfig,
    store_root: Path | str,
    *,
    judge: BackboneConfig,
    ledger: ReleaseLedger,
    is_demonstration: bool = False,
    site: str | None = None,
    on_progress: Progress | None = None,
) -> SyntheticReport:
    """Measures synthetic masses against the training site's real ones.

    Args:
        real: With a train split and held-out masses (val or test) at the training site.
        backbone: Everything but the judge's measures is measured in its feature space.
        judge: A network that no generator learned through.
        ledger: The measures are computed from real training masses without noise: written to before, as a release
            without DP.
        is_demonstration: Whether synthetic masses stand in for real ones.
        on_progress: Called with (masses done, masses to do) while features are computed, several times
            from the start: for full detail, held-out masses, the judge, and low-pass.

    Raises:
        CohortError: If splits or classes are missing.
        InvalidRequestError: If there are too few masses for a measure.
        BudgetExceededError: If the training site has a budget and the ledger was given no reason to exceed it.
    """
    loaded = LoadedData(real, synthetic, [], is_demonstration=is_demonstration)
    seen, judged = (
        _look(loaded, network, store_root, site, on_progress) for network in (backbone, judge)
    )
    _record(ledger, seen, {"backbone": identity_of(backbone), "judge": identity_of(judge)})
    store = FeatureStore(store_root)
    one_view = dataclasses.replace(backbone, views=1)
    blurred = {
        name: torch.from_numpy(
            store.features(low_pass(cohort.images), one_view, on_progress=on_progress)
        )[:, 0]
        for name, cohort in seen.cohorts.items()
    }
    return SyntheticReport(
        num_synthetic=len(synthetic),
        comparisons=[
            *_comparisons(seen.cohorts, seen.upright, "full", by_class=True),
            *_comparisons(seen.cohorts, blurred, "low-pass", by_class=False),
        ],
        class_auroc=class_auroc(seen.dataset, seen.views[SYNTHETIC], synthetic.labels),
        transfer_auroc=transfer_auroc(seen.dataset),
        radiomics=_radiomics_distances(seen.cohorts),
        copies=calibrate(
            seen.views[_TRAIN], seen.views[HELDOUT], seen.cohorts[HELDOUT].patient_ids
        ).check(seen.upright[SYNTHETIC]),
        judgement=_judgement(judged),
    )


def judge_synthetic(
    real: Cohort,
    synthetic: Cohort,
    store_root: Path | str,
    *,
    judge: BackboneConfig,
    ledger: ReleaseLedger,
    is_demonstration: bool = False,
    site: str | None = None,
    on_progress: Progress | None = None,
) -> Judgement:
    """Measures synthetic masses by the judge alone, in a tenth of the time; otherwise as `evaluate_synthetic`."""
    loaded = LoadedData(real, synthetic, [], is_demonstration=is_demonstration)
    judged = _look(loaded, judge, store_root, site, on_progress)
    _record(ledger, judged, {"judge": identity_of(judge)})
    return _judgement(judged)


@dataclass(frozen=True)
class _Seen:
    """All masses that are compared, with their features by one network.

    Attributes:
        cohorts: The train split, synthetic masses, and held-out real ones.
        views: Of the same, (N, V, D) each.
    """

    dataset: FeatureDataset
    cohorts: dict[str, Cohort]
    views: dict[str, Tensor]

    @property
    def upright(self) -> dict[str, Tensor]:
        """(N, D) each."""
        return {name: features[:, 0] for name, features in self.views.items()}


def _look(
    loaded: LoadedData,
    backbone: BackboneConfig,
    store_root: Path | str,
    site: str | None,
    on_progress: Progress | None,
) -> _Seen:
    """Computes the features of all masses that are missing."""
    dataset = load_feature_dataset(loaded, backbone, store_root, site=site, on_progress=on_progress)
    own = loaded.real.training_site(site)
    heldout = join([loaded.real.select(site=own, split=split) for split in ("val", "test")])
    if not len(heldout):
        raise CohortError(
            f"Expected held-out masses at {own} to compare with; found no val and no test split. "
            "Add one."
        )
    features = FeatureStore(store_root).features(heldout.images, backbone, on_progress=on_progress)
    assert loaded.synthetic is not None and dataset.synthetic_features is not None  # given above
    return _Seen(
        dataset,
        {_TRAIN: dataset.train, SYNTHETIC: loaded.synthetic, HELDOUT: heldout},
        {
            _TRAIN: dataset.train_features,
            SYNTHETIC: dataset.synthetic_features,
            HELDOUT: torch.from_numpy(features),
        },
    )


def _record(ledger: ReleaseLedger, seen: _Seen, networks: dict[str, Any]) -> None:
    data = [seen.cohorts[name].content_hash for name in (_TRAIN, HELDOUT, SYNTHETIC)]
    measures = release_of_measures("measures of synthetic masses", data=data, **networks)
    ledger.record(seen.dataset.cohort_identity, [measures])


def _judgement(seen: _Seen) -> Judgement:
    """Judges the synthetic masses, and the held-out real ones."""
    return Judgement(seen.dataset.backbone, [_judged(seen, name) for name in (SYNTHETIC, HELDOUT)])


def _judged(seen: _Seen, subject: str) -> Judged:
    train, masses = seen.cohorts[_TRAIN], seen.cohorts[subject]
    real, other = seen.upright[_TRAIN], seen.upright[subject]
    return Judged(
        subject=subject,
        num_masses=len(masses),
        kid=kernel_distance(real, other),
        around=neighbourhood(real, other),
        told_apart=told_apart(real, other, train.patient_ids, masses.patient_ids),
        class_auroc=class_auroc(seen.dataset, seen.views[subject], masses.labels),
        transfer_auroc=transfer_auroc(
            seen.dataset, "synthetic" if subject == SYNTHETIC else "real"
        ),
    )


def low_pass(images: np.ndarray) -> np.ndarray:
    """Shrinks images by area and enlarges them again: (N, H, W) uint8 to the same shape."""
    grey = torch.from_numpy(images)[:, None].float()
    small = functional.interpolate(grey, size=(LOW_PASS_PX, LOW_PASS_PX), mode="area")
    again = functional.interpolate(small, size=images.shape[1:], mode="bicubic")
    return again[:, 0].round().clamp(0, 255).to(torch.uint8).numpy()


def _comparisons(
    cohorts: dict[str, Cohort], features: dict[str, Tensor], detail: str, *, by_class: bool
) -> list[Comparison]:
    rows = []
    for subject in (SYNTHETIC, HELDOUT):
        for masses, label in [("all", None), *((name, key) for key, name in CLASS_NAMES.items())]:
            if label is not None and not by_class:
                continue
            real, other = (
                features[name]
                if label is None
                else features[name][torch.from_numpy(cohorts[name].labels == label)]
                for name in (_TRAIN, subject)
            )
            rows.append(
                Comparison(
                    subject,
                    masses,
                    detail,
                    kernel_distance(real, other),
                    neighbourhood(real, other),
                )
            )
    return rows


def _radiomics_distances(cohorts: dict[str, Cohort]) -> dict[str, float]:
    found = {name: radiomics(cohort.images) for name, cohort in cohorts.items()}
    train = found.pop(_TRAIN)
    return {name: frechet_distance(train, values) for name, values in found.items()}
