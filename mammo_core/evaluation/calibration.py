"""Whether scores can be read as probabilities: of masses scored about 0.7, are 70 % malignant?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammo_core import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.evaluation.operating_point import wilson_interval
from mammo_core.labels import MALIGNANT


@dataclass(frozen=True)
class ScoreBin:
    """Masses of similar score.

    Attributes:
        mean_score: Of these masses, in [0, 1].
        malignant: Their share of malignant masses, with its Wilson interval.
        count: How many they are.
    """

    mean_score: float
    malignant: Estimate
    count: int


def reliability(labels: np.ndarray, scores: np.ndarray, num_bins: int = 8) -> list[ScoreBin]:
    """Bins of as equal counts as can be, from the lowest scores to the highest.

    Args:
        labels: (N,) 0 or 1.
        scores: (N,) P(malignant) in [0, 1].
        num_bins: At most this many; fewer masses make fewer bins.

    Raises:
        InvalidRequestError: If shapes differ or there are no masses.

    Source: reliability diagrams with quantile bins, Niculescu-Mizil and Caruana 2005,
    doi:10.1145/1102351.1102430.
    """
    validate.at_least(1, num_bins=num_bins)
    if labels.shape != scores.shape or not len(labels):
        raise InvalidRequestError(
            f"Expected labels and scores of one length, 1 or more; got {labels.shape} and "
            f"{scores.shape}. Pass one score per mass."
        )
    order = np.argsort(scores, kind="stable")
    bins = []
    for members in np.array_split(order, min(num_bins, len(order))):
        share = wilson_interval(int(np.sum(labels[members] == MALIGNANT)), len(members))
        assert share is not None  # a bin is never empty
        bins.append(ScoreBin(float(scores[members].mean()), share, len(members)))
    return bins
