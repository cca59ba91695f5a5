"""Reports what an import did or would do, for the screen and for the record beside the masses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mammo_core.cohorts.checks import Finding
from mammo_core.cohorts.cohort import SPLITS
from mammo_core.ingestion.imports.patients import PatientsRecord
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.pseudonyms import Pseudonyms
from mammo_core.ingestion.imports.survey import Skipped
from mammo_core.labels import CLASS_NAMES


@dataclass(frozen=True, kw_only=True)
class SplitCount:
    """Counts of one split."""

    split: str
    masses: int
    patients: int
    benign: int
    malignant: int


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleCrop:
    """One mass as it would be cut: (S, S) uint8."""

    image: np.ndarray = field(repr=False)
    label: int
    split: str


@dataclass(frozen=True, kw_only=True)
class ImportPreview:
    """The result that an import would have.

    Attributes:
        counts: Per split. Of masks that may mark several masses, one each is counted.
        num_done: Images that an interrupted import has done already.
        skipped: What would be left out; `what` may identify patients and is for the screen only.
        notes: What was understood of the source; for the screen only, as `skipped` is.
        samples: A few masses.
    """

    num_images: int
    num_masses: int
    num_patients: int
    counts: tuple[SplitCount, ...]
    tables: tuple[str, ...]
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    samples: tuple[SampleCrop, ...]


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """The result of an import.

    Attributes:
        folder: The new cohort; None if it was stopped before its end and can be resumed.
        skipped: What was left out; `what` may identify patients and is for the screen only.
        notes: What was understood of the source; for the screen only.
        patients_record: How patients were told apart.
        findings: What the checks say of the new cohort.
        seconds: Of this start; an interrupted import took longer in all.
    """

    folder: Path | None
    num_images: int
    num_masses: int
    num_patients: int
    counts: tuple[SplitCount, ...]
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    patients_record: PatientsRecord | None
    findings: tuple[Finding, ...]
    seconds: float

    def for_record(self, plan: ImportPlan, pseudonyms: Pseudonyms) -> dict[str, Any]:
        """Converts to JSON-ready values without names of files, tables and patients; public ids remain."""
        return {
            "use": "research use only, not for diagnosis",
            "plan": plan.without_paths(),
            "num_images": self.num_images,
            "num_masses": self.num_masses,
            "num_patients": self.num_patients,
            "patients": self.patients_record and self.patients_record.to_dict(),
            "counts": [asdict(count) for count in self.counts],
            "skipped": [
                {"what": skipped.what, "kind": skipped.kind, "reason": skipped.reason}
                if plan.is_public
                else {"what": pseudonyms.image(skipped.what), "kind": skipped.kind}
                for skipped in self.skipped
            ],
            "warnings": list(self.warnings),
            "findings": [
                {"kind": finding.kind, "severity": finding.severity, "message": finding.message}
                for finding in self.findings
            ],
            "seconds": round(self.seconds, 1),
        }


def kinds_of(skipped: Iterable[Skipped]) -> dict[str, int]:
    """Counts what was skipped by kind, the most frequent first."""
    return dict(Counter(one.kind for one in skipped).most_common())


def count_splits(masses: Sequence[Mapping[str, Any]]) -> tuple[SplitCount, ...]:
    """Counts masses, each given with "split", "patient" and "label"."""
    counts = []
    for split in SPLITS:
        inside = [mass for mass in masses if mass["split"] == split]
        labels = Counter(CLASS_NAMES[mass["label"]] for mass in inside)
        if inside:
            counts.append(
                SplitCount(
                    split=split,
                    masses=len(inside),
                    patients=len({mass["patient"] for mass in inside}),
                    benign=labels["benign"],
                    malignant=labels["malignant"],
                )
            )
    return tuple(counts)
