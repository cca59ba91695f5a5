"""Evaluates per patient: all masses of a patient make one answer, as a clinic judges a woman and not a crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit, logit

from mammo_core.labels import MALIGNANT

EvaluationUnit = Literal["mass", "patient"]
EVALUATION_UNITS: tuple[EvaluationUnit, ...] = ("mass", "patient")
PLURALS: dict[EvaluationUnit, str] = {"mass": "masses", "patient": "patients"}
PATIENT_RULE = "the logits of a patient's masses are averaged, and a patient counts as malignant if any of her masses is."
# single precision rounds what is nearer to 1, and a logit of ∞ would overrule all others
_NEAREST_TO_CERTAIN = 2.0**-25


@dataclass(frozen=True)
class Patients:
    """The patients behind masses. A patient is malignant if any of her masses is.

    Attributes:
        ids: (P,) str, sorted.
        labels: (P,) 0 or 1.
        of_mass: (N,), whose mass it is, as a position in `ids`.
    """

    ids: np.ndarray
    labels: np.ndarray
    of_mass: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, patient_ids: np.ndarray) -> Patients:
        """Groups masses by patient.

        Args:
            labels: (N,) 0 or 1.
            patient_ids: (N,) str.
        """
        ids, of_mass = np.unique(patient_ids, return_inverse=True)
        num_malignant = np.bincount(of_mass, weights=labels == MALIGNANT, minlength=len(ids))
        return cls(ids, (num_malignant > 0).astype(np.int64), of_mass)

    @property
    def have_both_classes(self) -> bool:
        """Whether they can be evaluated."""
        return len(np.unique(self.labels)) == 2

    def scores(self, scores: np.ndarray) -> np.ndarray:
        """Averages the logits of each patient's masses. Averaging costs no privacy: it only post-processes a model.

        Args:
            scores: (N,) P(malignant) of the masses, in [0, 1].

        Returns:
            (P,) P(malignant) of the patients.
        """
        inside = np.clip(scores, _NEAREST_TO_CERTAIN, 1 - _NEAREST_TO_CERTAIN)
        count = len(self.ids)
        sums = np.bincount(self.of_mass, weights=logit(inside), minlength=count)
        return expit(sums / np.bincount(self.of_mass, minlength=count))
