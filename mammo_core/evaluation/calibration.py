"""Measures whether scores are probabilities: of masses scored about 0.7, are 70 % malignant?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.operating_point import wilson_interval
from mammo_core.labels import MALIGNANT


def reliability(labels: np.ndarray, scores: np.ndarray, num_bins: int = 8) -> pd.DataFrame:
    """Bins the scores from lowest to highest, in bins of counts as equal as possible.

    Args:
        labels: (N,) 0 or 1.
        scores: (N,) P(malignant) in [0, 1].
        num_bins: At most this many; fewer masses make fewer bins.

    Returns:
        One row per bin: mean_score, the share of malignant masses with its Wilson interval (share, low,
        high), and count.

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
        bins.append((scores[members].mean(), share.value, share.low, share.high, len(members)))
    return pd.DataFrame(bins, columns=["mean_score", "share", "low", "high", "count"])
