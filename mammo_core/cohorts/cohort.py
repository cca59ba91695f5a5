"""Holds a cohort as one value: masses with labels, patients, splits and sites. `folders` reads it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal

import numpy as np

from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.labels import BENIGN, CLASS_NAMES, MALIGNANT
from mammo_core.storage.hashing import image_hash, masses_hash

SPLITS = ("train", "val", "test")
Source = Literal["real", "synthetic"]


@dataclass(frozen=True, eq=False)
class Cohort:
    """Masses of one source, in parallel arrays of length N (one row a mass).

    Attributes:
        images: (N, H, W) uint8, 0 to 255.
        labels: (N,) int64, BENIGN = 0 or MALIGNANT = 1.
        patient_ids: (N,) str. A synthetic mass has no patient: each is its own unit.
        image_ids: (N,) str, the mammogram a mass was cut from.
        mass_ids: (N,) str.
        sites: (N,) str, where the mammograms come from, for example "cbis-ddsm".
        splits: (N,) str, "train", "val" or "test".
        source: "real" or "synthetic".
    """

    images: np.ndarray
    labels: np.ndarray
    patient_ids: np.ndarray
    image_ids: np.ndarray
    mass_ids: np.ndarray
    sites: np.ndarray
    splits: np.ndarray
    source: Source

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in _ARRAYS}
        if len(set(lengths.values())) != 1:
            raise InvalidRequestError(f"Expected arrays of one length; got {lengths}.")
        if self.images.dtype != np.uint8 or self.images.ndim != 3:
            raise InvalidRequestError(
                f"Expected images (N, H, W) uint8; got {self.images.shape} {self.images.dtype}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_patients(self) -> int:
        """Number of different patients."""
        return len(np.unique(self.patient_ids))

    @property
    def largest_patient(self) -> int:
        """Most masses of one patient."""
        return int(np.unique(self.patient_ids, return_counts=True)[1].max())

    @cached_property
    def image_hashes(self) -> tuple[str, ...]:
        """Hashes of the pixels of each mass."""
        return tuple(map(image_hash, self.images))

    @cached_property
    def content_hash(self) -> str:
        """16 hex digits that identify pixels, labels and patients of all masses, in order."""
        return masses_hash(self.image_hashes, self.labels, self.patient_ids)

    def where(self, mask: np.ndarray) -> Cohort:
        """Selects masses by a (N,) boolean mask or by row numbers."""
        return Cohort(**{name: getattr(self, name)[mask] for name in _ARRAYS}, source=self.source)

    def select(self, *, site: str | None = None, split: str | None = None) -> Cohort:
        """Selects the masses of one site, one split, or both; empty if there are none."""
        mask = np.ones(len(self), dtype=bool)
        if site is not None:
            mask &= self.sites == site
        if split is not None:
            mask &= self.splits == split
        return self.where(mask)

    def sites_with(self, split: str) -> list[str]:
        """Lists the sites that have masses in this split, in alphabetical order."""
        return sorted(np.unique(self.sites[self.splits == split]).tolist())

    def training_site(self, name: str | None = None) -> str:
        """Returns the site to train on: the one named, or the only one with a train split.

        Raises:
            CohortError: If there is none, several, or not the named one.
        """
        found = self.sites_with("train")
        if name is not None:
            if name not in found:
                raise CohortError(
                    f"Expected a train split at site {name!r}; found train splits at: "
                    f"{', '.join(found) or 'no site'}. Name one of these with --site."
                )
            return name
        if len(found) != 1:
            raise CohortError(
                f"Expected exactly one site with a train split; found {len(found)}"
                f"{': ' + ', '.join(found) if found else ''}. "
                + ("Name one with --site." if found else "Add a folder SITE/train.")
            )
        return found[0]

    def require_both_classes(self, what: str) -> None:
        """Raises CohortError unless both classes are present; `what` names the part in the message."""
        for label in (BENIGN, MALIGNANT):
            if not np.any(self.labels == label):
                raise CohortError(
                    f"Expected benign and malignant masses in {what}; found no "
                    f"{CLASS_NAMES[label]} one among {len(self)}. Add some or choose other data."
                )


_ARRAYS = tuple(field.name for field in fields(Cohort) if field.name != "source")


def join(cohorts: list[Cohort]) -> Cohort:
    """Puts cohorts of one source and one image size one after the other.

    Raises:
        InvalidRequestError: If the list is empty, or sources or image sizes differ.
    """
    if not cohorts:
        raise InvalidRequestError("Expected at least one cohort to join; got none.")
    sizes = {cohort.images.shape[1:] for cohort in cohorts}
    sources = {cohort.source for cohort in cohorts}
    if len(sizes) > 1 or len(sources) > 1:
        raise InvalidRequestError(
            f"Expected one image size and one source; got {sorted(sizes)} and {sorted(sources)}."
        )
    arrays = {name: np.concatenate([getattr(c, name) for c in cohorts]) for name in _ARRAYS}
    return Cohort(**arrays, source=cohorts[0].source)
