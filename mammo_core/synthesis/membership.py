"""Attacks a generator: was this real mass, was this patient, in its training data?

The attacker has synthetic masses and a real mass. The closer a synthetic mass comes to the real one,
the rather it was seen in training. Some masses are near to anything; dividing by the distance to real
masses that the generator never saw sets that apart. An attack that fails proves nothing: a better one may
exist. Only a guarantee bounds them all.

Sources: Chen et al. 2020, GAN-Leaks, arXiv:1909.03935 (nearest synthetic record, and its calibration);
van Breugel et al. 2023, DOMIAS, arXiv:2302.12580 (calibration by real records held out); Hayes et al. 2018,
LOGAN, arXiv:1705.07663 (discriminator).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.attack_rates import AttackRates, attack_rates
from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.memorisation import view_distances

Level = Literal["mass", "patient"]
LEVELS: tuple[Level, ...] = ("mass", "patient")


@dataclass(frozen=True)
class Suspects:
    """Real masses that an attacker asks about.

    Attributes:
        is_member: (N,) bool, whether the generator learned from the mass.
        labels: (N,) int64.
        patient_ids: (N,) str.
    """

    is_member: np.ndarray
    labels: np.ndarray
    patient_ids: np.ndarray

    def per_patient(self, scores: np.ndarray) -> tuple[Suspects, np.ndarray]:
        """Reduces to one row a patient, with the highest score and the gravest class of the patient's masses."""
        patients, patient_of_mass = np.unique(self.patient_ids, return_inverse=True)
        highest = np.full(len(patients), -np.inf)
        np.maximum.at(highest, patient_of_mass, scores)
        labels = np.zeros(len(patients), dtype=np.int64)
        np.maximum.at(labels, patient_of_mass, self.labels)
        is_member = np.zeros(len(patients), dtype=bool)
        is_member[patient_of_mass] = self.is_member
        return Suspects(is_member, labels, patients), highest

    def class_weights(self) -> np.ndarray:
        """Computes weights (N,) under which non-members have the members' share of each class.

        Without them an attack could score by guessing from the class who was collected with whom.

        Raises:
            InvalidRequestError: If members are of a class that no non-member is of.
        """
        weights = np.ones(len(self.labels))
        for label, name in CLASS_NAMES.items():
            of_class = self.labels == label
            share = of_class[self.is_member].mean()
            other = of_class[~self.is_member].mean()
            if share > 0 and other == 0:
                raise InvalidRequestError(
                    f"Expected {name} masses among the non-members as among the members; got none. "
                    "Compare with a split that has both classes."
                )
            if other > 0:
                weights[of_class & ~self.is_member] = share / other
        return weights


def nearest_scores(views: Tensor, synthetic: Tensor) -> np.ndarray:
    """Minus the distance of each real mass to its nearest synthetic one.

    Args:
        views: (N, V, D) features of all flips and turns of the real masses.
        synthetic: (M, D) features of the synthetic masses, upright.

    Returns:
        (N,) float64, higher for likelier members.
    """
    return -view_distances(synthetic, views).amin(dim=0).double().numpy()


def calibrated_scores(
    views: Tensor,
    patient_ids: np.ndarray,
    synthetic: Tensor,
    reference_views: Tensor,
    reference_patients: np.ndarray,
) -> np.ndarray:
    """Minus the logarithm of that distance over the one to the nearest real mass held out.

    Args:
        views: (N, V, D) of the real masses asked about; the upright view first.
        patient_ids: (N,) str. A mass is never compared with its own patient's.
        synthetic: (M, D).
        reference_views: (H, V, D) of real masses that the generator never saw.
        reference_patients: (H,) str.

    Returns:
        (N,) float64, higher for likelier members.
    """
    own = torch.from_numpy(patient_ids[:, None] == reference_patients[None])  # (N, H)
    to_reference = view_distances(views[:, 0], reference_views).masked_fill(own, torch.inf)
    to_synthetic = torch.from_numpy(-nearest_scores(views, synthetic))
    tiny = torch.finfo(torch.float32).tiny  # of a copy to the last bit
    return -(to_synthetic.clamp(min=tiny) / to_reference.amin(dim=1)).log().numpy()


def judge_attack(suspects: Suspects, scores: np.ndarray, level: Level) -> AttackRates:
    """Measures how well scores (N,) separate members from non-members of the same classes, per mass or patient."""
    if level == "patient":
        suspects, scores = suspects.per_patient(scores)
    return attack_rates(suspects.is_member, scores, suspects.patient_ids, suspects.class_weights())
