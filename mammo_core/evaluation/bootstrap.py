"""Computes 95 % intervals by resampling patients: masses of one patient look alike, so they stay together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.metrics import METRIC_NAMES, weighted_metrics
from mammo_core.text.numbers import counted

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A measured value and its 95 % percentile interval over resampled patients."""

    value: float
    low: float
    high: float


class PatientBootstrap:
    """Evaluates scores on one test set, with intervals that all use the same resamples.

    The interval answers: how would the value vary had other patients come to this site? It does not
    cover the randomness of training; several seeds do.

    Args:
        labels: (N,) 0 or 1, both present.
        patient_ids: (N,) str.
        num_resamples: Number of bootstrap resamples.

    Attributes:
        weights: (1 + B, N), how often each mass counts: once in the data as they are, then in each resample.

    Raises:
        InvalidRequestError: If a class is missing or there are fewer than two patients.

    Source: percentile bootstrap over clusters, Davison and Hinkley, Bootstrap Methods and their
    Application (1997), section 3.8, resampling clusters whole.
    """

    def __init__(
        self,
        labels: np.ndarray,
        patient_ids: np.ndarray,
        num_resamples: int = 1000,
    ) -> None:
        patients, patient_of_mass = np.unique(patient_ids, return_inverse=True)
        if len(np.unique(labels)) != 2 or len(patients) < 2:
            raise InvalidRequestError(
                f"Expected both classes and two patients or more in a test set; got labels "
                f"{np.unique(labels).tolist()} and {counted(len(patients), 'patient')}. Use a larger test set."
            )
        rng = np.random.default_rng(0)  # so that intervals of runs can be compared
        draws = rng.multinomial(
            len(patients), np.full(len(patients), 1 / len(patients)), size=num_resamples
        )  # (B, P): how often each patient was drawn
        self.labels = labels
        self.weights = np.concatenate(
            [np.ones((1, len(labels))), draws[:, patient_of_mass]]
        )  # (1 + B, N), the data as they are first

    def evaluate(self, scores: np.ndarray) -> dict[str, Estimate]:
        """Computes every measure of `metrics` with its interval.

        Args:
            scores: (N,) P(malignant) in the order of the labels.
        """
        measured = weighted_metrics(self.labels, scores, self.weights)
        return {name: estimate_from(getattr(measured, name)) for name in METRIC_NAMES}


def estimate_from(values: np.ndarray) -> Estimate:
    """Computes the interval of a measure from its values (1 + B,): of the data as they are, then of the resamples."""
    low, high = np.nanquantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(values[0]), float(low), float(high))
