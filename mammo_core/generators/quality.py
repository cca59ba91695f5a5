"""Measures a set of synthetic masses against real ones: realism, variety, class, usefulness, copies.

Held-out real masses of the training site (validation and test) go through every measure as well: they
show what a perfect generator would score. All of it is about the masses, none of it is a privacy
guarantee: only training with differential privacy gives one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional

from mammo_core.classifiers.features import FeatureStore
from mammo_core.classifiers.projection import fit_projection
from mammo_core.cohorts.cohort import Cohort, join
from mammo_core.cohorts.installed import LoadedData
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import (
    BackboneConfig,
    HeadRecipe,
    PrivacyConfig,
    RunConfig,
    Strategy,
    identity_of,
)
from mammo_core.errors import CohortError
from mammo_core.labels import CLASS_NAMES
from mammo_core.ledger.releases import ReleaseLedger, release_of_measures
from mammo_core.synthesis.memorisation import CopyCheck, calibrate
from mammo_core.synthesis.quality import (
    KernelDistance,
    Neighbourhood,
    kernel_distance,
    neighbourhood,
)
from mammo_core.synthesis.radiomics import frechet_distance, radiomics
from mammo_core.training.heads.feature_dataset import FeatureDataset, load_feature_dataset
from mammo_core.training.heads.runs import head_recipe, head_settings, train_together
from mammo_core.training.outcome import FinishedRun

LOW_PASS_PX = 64
_RANKING = HeadRecipe(projection_dims=None, whitening=0.0, steps=200)  # one for all cards
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
    """

    num_synthetic: int
    comparisons: list[Comparison]
    class_auroc: float
    transfer_auroc: dict[str, float]
    radiomics: dict[str, float]
    copies: CopyCheck

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
        }


def evaluate_synthetic(
    real: Cohort,
    synthetic: Cohort,
    backbone: BackboneConfig,
    store_root: Path | str,
    *,
    ledger: ReleaseLedger,
    is_demonstration: bool = False,
    site: str | None = None,
    on_progress: Progress | None = None,
) -> SyntheticReport:
    """Measures synthetic masses against the training site's real ones.

    Args:
        real: With a train split and held-out masses (val or test) at the training site.
        backbone: Its feature space is where everything is measured.
        ledger: The measures are computed from real training masses without noise: written to before, as a release
            without DP.
        is_demonstration: Whether synthetic masses stand in for real ones.
        on_progress: Called with (masses done, masses to do) while features are computed, several times
            from the start: for full detail, held-out masses, and low-pass.

    Raises:
        CohortError: If splits or classes are missing.
        InvalidRequestError: If there are too few masses for a measure.
        BudgetExceededError: If the training site has a budget and the ledger was given no reason to exceed it.
    """
    dataset = load_feature_dataset(
        LoadedData(real, synthetic, [], is_demonstration=is_demonstration),
        backbone,
        store_root,
        site=site,
        on_progress=on_progress,
    )
    own = real.training_site(site)
    heldout = join([real.select(site=own, split=split) for split in ("val", "test")])
    if not len(heldout):
        raise CohortError(
            f"Expected held-out masses at {own} to compare with; found no val and no test split. "
            "Add one."
        )
    measures = release_of_measures(
        "measures of synthetic masses",
        data=[part.content_hash for part in (dataset.train, heldout, synthetic)],
        backbone=identity_of(backbone),
    )
    ledger.record(dataset.cohort_identity, [measures])
    store = FeatureStore(store_root)
    heldout_views = torch.from_numpy(
        store.features(heldout.images, backbone, on_progress=on_progress)
    )
    assert dataset.synthetic_features is not None  # given above
    cohorts = {"train": dataset.train, "synthetic": synthetic, "held-out real": heldout}
    full = {
        "train": dataset.train_features[:, 0],
        "synthetic": dataset.synthetic_features[:, 0],
        "held-out real": heldout_views[:, 0],
    }
    one_view = dataclasses.replace(backbone, views=1)
    blurred = {
        name: torch.from_numpy(
            store.features(low_pass(cohort.images), one_view, on_progress=on_progress)
        )[:, 0]
        for name, cohort in cohorts.items()
    }
    return SyntheticReport(
        num_synthetic=len(synthetic),
        comparisons=[
            *_comparisons(cohorts, full, "full", by_class=True),
            *_comparisons(cohorts, blurred, "low-pass", by_class=False),
        ],
        class_auroc=_class_auroc(dataset, dataset.synthetic_features, synthetic.labels),
        transfer_auroc=_transfer_auroc(dataset),
        radiomics=_radiomics_distances(cohorts),
        copies=calibrate(
            dataset.train_features,
            heldout_views,
            heldout.patient_ids,
        ).check(full["synthetic"]),
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
    for subject in ("synthetic", "held-out real"):
        for masses, label in [("all", None), *((name, key) for key, name in CLASS_NAMES.items())]:
            if label is not None and not by_class:
                continue
            real, other = (
                features[name]
                if label is None
                else features[name][torch.from_numpy(cohorts[name].labels == label)]
                for name in ("train", subject)
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
    train = found.pop("train")
    return {name: frechet_distance(train, values) for name, values in found.items()}


def _class_auroc(dataset: FeatureDataset, features: Tensor, labels: np.ndarray) -> float:
    """Measures how well a head trained on real masses without DP ranks the synthetic classes."""
    config = _without_privacy(dataset, "real", _RANKING)
    result = _trained(dataset, config)
    vectors = fit_projection(_RANKING, None)(features)
    return float(roc_auc_score(labels, (vectors @ result.weights).numpy()))


def _transfer_auroc(dataset: FeatureDataset) -> dict[str, float]:
    """Trains on synthetic masses and tests on real ones."""
    config = _without_privacy(dataset, "synthetic", RECIPES["synthetic"])
    result = _trained(dataset, config)
    return {name: estimates["auroc"].value for name, estimates in result.estimates.items()}


def _trained(dataset: FeatureDataset, config: RunConfig) -> FinishedRun:
    inputs = dataset.prepare(config.strategy, head_recipe(config))
    (result,) = train_together(dataset, inputs, [config], [head_settings(config)])
    return result


def _without_privacy(dataset: FeatureDataset, strategy: Strategy, recipe: HeadRecipe) -> RunConfig:
    return RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(target_epsilon=math.inf),
        recipe=recipe,
        backbone=dataset.backbone,
    )
