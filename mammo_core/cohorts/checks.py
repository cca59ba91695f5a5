"""Finds what is wrong or worth knowing in a cohort: duplicates, label conflicts, leaks, imbalance. Changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mammo_core.cohorts.cohort import SPLITS, Cohort
from mammo_core.cohorts.folders import CohortReading
from mammo_core.labels import CLASS_NAMES, MALIGNANT
from mammo_core.storage.hashing import image_hash
from mammo_core.text.numbers import counted

MANY_MASSES = 6
BALANCE_SHIFT = 0.05


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        kind: What it is, for example "identical images".
        severity: "error" spoils results, "warning" should be known when reading them.
        message: One sentence with names and numbers.
        files: The files concerned; empty when the finding is about a whole split.
    """

    kind: str
    severity: str
    message: str
    files: tuple[Path, ...] = ()


def check_cohort(reading: CohortReading) -> list[Finding]:
    """Runs all checks on a folder that was read; returns findings, errors first."""
    checks: tuple[Callable[[CohortReading], Iterator[Finding]], ...] = (
        _skipped_files,
        _identical_images,
        _patients_in_two_splits,
        _empty_classes,
        _many_masses,
        _shifted_class_balance,
    )
    findings = [finding for check in checks for finding in check(reading)]
    return sorted(findings, key=lambda finding: finding.severity)  # "error" before "warning"


def _skipped_files(reading: CohortReading) -> Iterator[Finding]:
    for skipped in reading.skipped:
        yield Finding(
            skipped.kind, "error", f"{skipped.path.name}: {skipped.reason}", (skipped.path,)
        )


def _identical_images(reading: CohortReading) -> Iterator[Finding]:
    cohort = reading.cohort
    rows_by_content: dict[str, list[int]] = defaultdict(list)
    for row, image in enumerate(cohort.images):
        rows_by_content[image_hash(image)].append(row)
    for rows in rows_by_content.values():
        if len(rows) < 2:
            continue
        described = "; ".join(
            f"{cohort.sites[row]}/{cohort.splits[row]} patient {cohort.patient_ids[row]}, "
            f"image {cohort.image_ids[row]}, mass {cohort.mass_ids[row]}: "
            f"{CLASS_NAMES[int(cohort.labels[row])]}"
            for row in rows
        )
        files = tuple(reading.paths[row] for row in rows)
        if len(set(cohort.labels[rows].tolist())) > 1:
            yield Finding("identical images with different labels", "error", described, files)
        else:
            yield Finding("identical images", "warning", described, files)


def _patients_in_two_splits(reading: CohortReading) -> Iterator[Finding]:
    cohort = reading.cohort
    if cohort.source == "synthetic":
        return
    for site in np.unique(cohort.sites):
        at_site = cohort.select(site=str(site))
        for patient in np.unique(at_site.patient_ids):
            splits = sorted(set(at_site.splits[at_site.patient_ids == patient].tolist()))
            if len(splits) > 1:
                rows = np.flatnonzero((cohort.sites == site) & (cohort.patient_ids == patient))
                yield Finding(
                    "patient in two splits",
                    "error",
                    f"{site}: patient {patient} has masses in {' and '.join(splits)}. "
                    "Test results on this patient are too good to be true.",
                    tuple(reading.paths[row] for row in rows),
                )


def _empty_classes(reading: CohortReading) -> Iterator[Finding]:
    for name, part in _parts(reading.cohort):
        for label, class_name in CLASS_NAMES.items():
            if not np.any(part.labels == label):
                yield Finding(
                    "empty class",
                    "error",
                    f"{name}: {len(part)} masses, none {class_name}. Nothing can be trained or "
                    "measured on it.",
                )


def _many_masses(reading: CohortReading) -> Iterator[Finding]:
    if reading.cohort.source == "synthetic":
        return
    for name, part in _parts(reading.cohort):
        patients, counts = np.unique(part.patient_ids, return_counts=True)
        many = counts > MANY_MASSES
        if np.any(many):
            worst = int(np.argmax(counts))
            yield Finding(
                "patients with many masses",
                "warning",
                f"{name}: {counted(int(many.sum()), 'patient')} with more than {MANY_MASSES} masses, up to "
                f"{counts[worst]} (patient {patients[worst]}). With the image as the unit of "
                "privacy, ε does not protect such a patient as a whole.",
            )


def _shifted_class_balance(reading: CohortReading) -> Iterator[Finding]:
    cohort = reading.cohort
    for site in cohort.sites_with("train"):
        expected = _malignant_share(cohort.select(site=site, split="train"))
        for split in SPLITS[1:]:
            part = cohort.select(site=site, split=split)
            if len(part) and abs(_malignant_share(part) - expected) >= BALANCE_SHIFT:
                yield Finding(
                    "class balance differs",
                    "warning",
                    f"{site}/{split}: {_malignant_share(part):.0%} malignant against "
                    f"{expected:.0%} in train. Thresholds and calibration will not carry over.",
                )


def _malignant_share(cohort: Cohort) -> float:
    return float(np.mean(cohort.labels == MALIGNANT))


def _parts(cohort: Cohort) -> Iterator[tuple[str, Cohort]]:
    """Yields each site and split that has masses, with its name."""
    for site in np.unique(cohort.sites):
        for split in SPLITS:
            part = cohort.select(site=str(site), split=split)
            if len(part):
                yield f"{site}/{split}", part


def summary_rows(cohort: Cohort) -> list[dict[str, object]]:
    """Counts masses, patients and malignant masses, one row per site and split."""
    return [
        {
            "part": name,
            "masses": len(part),
            "patients": part.num_patients if cohort.source == "real" else "none",
            "malignant": f"{_malignant_share(part):.0%}",
            "most masses of one patient": int(
                np.unique(part.patient_ids, return_counts=True)[1].max()
            ),
        }
        for name, part in _parts(cohort)
    ]
