"""Finds the real masses nearest to one synthetic mass, and whether it may be a copy of one.

The search for copies of `synthesis.memorisation`, calibrated once on a real cohort and then asked about
single masses. It needs features of the training site's masses; computing them is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mammo_core.classifiers.backbones import Backbone, load_backbone
from mammo_core.classifiers.features import FeatureStore, compute_features, views_of
from mammo_core.cohorts.cohort import Cohort, join
from mammo_core.cohorts.origins import saw_these_only
from mammo_core.config.runs import BackboneConfig, identity_of
from mammo_core.errors import CohortError
from mammo_core.ledger.releases import ReleaseLedger, cohort_identity, release_of_measures
from mammo_core.synthesis.cards import GeneratorCard
from mammo_core.synthesis.memorisation import CopyDetector, calibrate, nearest_views

_HELDOUT_SPLITS = ("val", "test")


@dataclass(frozen=True)
class Neighbour:
    """A real mass near a synthetic one.

    Attributes:
        image: (H, W) uint8, turned and flipped the way in which it is nearest.
        label: BENIGN or MALIGNANT.
        distance: In feature space.
        is_turned: Whether `image` is not upright.
    """

    image: np.ndarray
    label: int
    distance: float
    is_turned: bool


@dataclass(frozen=True)
class NearestReal:
    """The real masses nearest to one synthetic mass.

    Attributes:
        train: Nearest training masses, nearest first.
        heldout: Nearest masses that the generator never saw.
        ratio: Distance to the nearest training mass over that to the nearest held-out one.
        threshold: A ratio below is flagged.
        expected_rate: Share of unseen real masses that would be flagged, too.
    """

    train: list[Neighbour]
    heldout: list[Neighbour]
    ratio: float
    threshold: float
    expected_rate: float

    @property
    def is_flagged(self) -> bool:
        """Whether it is nearer to a training mass than unseen real masses usually are."""
        return self.ratio < self.threshold


@dataclass(frozen=True)
class RealNeighbourhood:
    """Real masses of a training site with their features, ready to be searched."""

    train: Cohort
    heldout: Cohort
    detector: CopyDetector
    backbone_config: BackboneConfig
    backbone: Backbone

    def search(self, image: np.ndarray, count: int = 4) -> NearestReal:
        """Finds the `count` nearest training and held-out masses of a synthetic mass (H, W) uint8."""
        upright = replace(self.backbone_config, views=1)
        features = torch.from_numpy(compute_features(image[None], self.backbone, upright))[:, 0]
        check = self.detector.check(features)  # of one mass
        return NearestReal(
            train=_neighbours(self.train, self.detector.train_views, features[0], count),
            heldout=_neighbours(self.heldout, self.detector.heldout_views, features[0], count),
            ratio=float(check.ratios[0]),
            threshold=check.threshold,
            expected_rate=check.expected_rate,
        )

    def trained(self, card: GeneratorCard) -> bool:
        """Checks whether a generator saw all of the training and none of the held-out patients.

        Only then does nearness say anything about copying.
        """
        return saw_these_only(card, self.train, [self.heldout])


def missing_for_search(
    real: Cohort, backbone: BackboneConfig, store: FeatureStore, *, site: str | None = None
) -> int:
    """Counts the masses of the training site that still need features for `open_neighbourhood`.

    Args:
        site: The training site; needed if several have a train split.

    Raises:
        CohortError: If there is no such training site, or it has no held-out masses.
    """
    train, heldout = _parts(real, site)
    return sum(store.count_missing(part.images, backbone) for part in (train, *heldout[-1:]))


def open_neighbourhood(
    real: Cohort,
    backbone: BackboneConfig,
    store: FeatureStore,
    *,
    ledger: ReleaseLedger,
    site: str | None = None,
) -> RealNeighbourhood:
    """Reads features that are there and calibrates the search for copies.

    What it tells is computed from training masses without noise. The ledger records that before, as a release without
    DP, once for all searches.

    Held-out masses are the training site's val and test split, val only if its features are there, too.

    Raises:
        CohortError: As `missing_for_search`, or if features are missing.
        BackboneError: If the backbone or its weights cannot be had.
        BudgetExceededError: If the training site has a budget and the ledger was given no reason to exceed it.
    """
    missing = missing_for_search(real, backbone, store, site=site)
    if missing:
        raise CohortError(
            f"Expected features of all masses of the training site; {missing} have none. "
            "Compute them first: python -m mammo_core features."
        )
    train, splits = _parts(real, site)
    search = release_of_measures(
        "nearest real masses", data=train.content_hash, backbone=identity_of(backbone)
    )
    ledger.record(cohort_identity(train, is_demonstration=False), [search])
    heldout = join([part for part in splits if not store.count_missing(part.images, backbone)])
    train_views, heldout_views = (
        torch.from_numpy(store.features(part.images, backbone)).float()  # once, not every search
        for part in (train, heldout)
    )
    detector = calibrate(
        train_views,
        heldout_views,
        heldout.patient_ids,
    )
    return RealNeighbourhood(train, heldout, detector, backbone, load_backbone(backbone))


def _parts(real: Cohort, site: str | None) -> tuple[Cohort, list[Cohort]]:
    """Returns the training site's train split, and its held-out splits that are not empty, test last."""
    own = real.training_site(site)
    heldout = [real.select(site=own, split=split) for split in _HELDOUT_SPLITS]
    heldout = [part for part in heldout if len(part)]
    if not heldout:
        raise CohortError(
            f"Expected held-out masses at {own} to learn from how near is normal; found no val and no "
            "test split. Add one."
        )
    return real.select(site=own, split="train"), heldout


def _neighbours(cohort: Cohort, views: Tensor, features: Tensor, count: int) -> list[Neighbour]:
    found = nearest_views(features, views, count)
    return [
        Neighbour(
            image=turned(cohort.images[row], view, views.shape[1]),
            label=int(cohort.labels[row]),
            distance=float(distance),
            is_turned=bool(view),
        )
        for row, view, distance in zip(found.rows, found.views, found.distances, strict=True)
    ]


def turned(image: np.ndarray, view: int, num_views: int) -> np.ndarray:
    """Turns an image (H, W) into one of the orientations that features were computed of."""
    return views_of(torch.from_numpy(image)[None, None], num_views)[view][0, 0].numpy()
