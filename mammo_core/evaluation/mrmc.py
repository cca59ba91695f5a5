"""Analyses reader studies: AUC of each reader and of all, two modalities compared, and agreement.

Several readers score the same cases, in one modality or in several: multi-reader multi-case, MRMC. Readers and cases
are both taken for samples, so that a result holds for other readers and other cases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit
from scipy.stats import f as f_distribution

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.bootstrap import LEVEL, Estimate

CovarianceMethod = Literal["jackknife", "delong"]
COVARIANCE_METHODS: tuple[CovarianceMethod, ...] = get_args(CovarianceMethod)
_UPPER = 0.5 + LEVEL / 2


@dataclass(frozen=True)
class MeanAuc:
    """The mean AUC of readers in one modality.

    Attributes:
        auc: With its 95 % interval for other readers and other cases; of one reader, for other cases only.
        degrees_of_freedom: Of the interval; infinite for one reader.
    """

    auc: Estimate
    degrees_of_freedom: float


@dataclass(frozen=True)
class ModalityComparison:
    """Two modalities that the same readers read the same cases in.

    Attributes:
        difference: Mean AUC of the first less that of the second, with its 95 % interval.
        f: Statistic of the test that there is no difference; NaN if nothing varies.
        degrees_of_freedom: Of its denominator; that of its numerator is 1.
        p_value: NaN if nothing varies.
        num_readers: With one reader, the result is about this reader only.
        variance: Of one reader's AUC in one modality, the mean, over samples of cases.
        covariances: Of two AUCs, the means: one reader in two modalities, two readers in one, two readers in two.
    """

    difference: Estimate
    f: float
    degrees_of_freedom: float
    p_value: float
    num_readers: int
    variance: float
    covariances: tuple[float, float, float]


def reader_aucs(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Computes areas under ROC curves; ties count half.

    Args:
        truth: (N,) 0 or 1.
        scores: (..., N), higher for cases that are taken for 1.

    Returns:
        (...), each in [0, 1].

    Raises:
        InvalidRequestError: If shapes differ, a score is not finite or there are fewer than two cases of 0 or of 1.
    """
    return _placements(truth, scores)[0].mean(axis=-1)


def auc_covariance(
    truth: np.ndarray, scores: np.ndarray, method: CovarianceMethod = "jackknife"
) -> np.ndarray:
    """Estimates how AUCs on the same cases vary together over samples of cases.

    Args:
        truth: (N,) 0 or 1.
        scores: (K, N), one row per AUC.
        method: "jackknife" leaves out one case at a time; "delong" uses the structural components.

    Returns:
        (K, K).

    Raises:
        InvalidRequestError: As `reader_aucs`.

    Source: DeLong et al. 1988, doi:10.2307/2531595; the jackknife as in Obuchowski and Rockette 1995,
    doi:10.1080/03610919508813243.
    """
    validate.one_of(COVARIANCE_METHODS, method=method)
    placements = _placements(truth, scores)  # (K, N1), (K, N0)
    if method == "delong":
        return sum(
            (np.cov(part, ddof=1).reshape(len(part), -1) / part.shape[1] for part in placements),
            start=np.zeros((len(scores), len(scores))),
        )
    left_out = [
        (part.sum(axis=1, keepdims=True) - part) / (part.shape[1] - 1) for part in placements
    ]  # an AUC is the mean over cases of 1, and as well over cases of 0
    without = np.concatenate(left_out, axis=1)  # (K, N), the AUC without each case
    centred = without - without.mean(axis=1, keepdims=True)
    return (len(truth) - 1) / len(truth) * centred @ centred.T


def mean_auc(
    truth: np.ndarray, scores: np.ndarray, method: CovarianceMethod = "jackknife"
) -> MeanAuc:
    """Estimates the mean AUC of readers in one modality.

    Args:
        truth: (N,) 0 or 1.
        scores: (R, N), of each reader.

    Raises:
        InvalidRequestError: As `reader_aucs`.

    Source: Hillis 2007, doi:10.1002/sim.2532, for one modality: mean square of the readers, and the covariance of two
    readers, of this modality alone.
    """
    aucs, covariance = reader_aucs(truth, scores), auc_covariance(truth, scores, method)
    num_readers = len(aucs)
    if num_readers == 1:
        return MeanAuc(_estimate(aucs[0], covariance[0, 0], math.inf, 0), math.inf)
    between = float(aucs.var(ddof=1))
    shared = max(_mean_off_diagonal(covariance), 0.0)
    freedom = _degrees_of_freedom(between, num_readers * shared, num_readers - 1)
    variance = between / num_readers + shared
    return MeanAuc(_estimate(aucs.mean(), variance, freedom, 0), freedom)


def compare_modalities(
    truth: np.ndarray, scores: np.ndarray, method: CovarianceMethod = "jackknife"
) -> ModalityComparison:
    """Compares the mean AUCs of two modalities that the same readers read all cases in.

    Args:
        truth: (N,) 0 or 1.
        scores: (2, R, N), of each modality and reader. With one reader, the readers are not a sample, and the result
            is that of DeLong's test.

    Raises:
        InvalidRequestError: As `reader_aucs`, or if there are not two modalities.

    Source: Obuchowski and Rockette 1995, doi:10.1080/03610919508813243, with the denominator degrees of freedom of
    Hillis 2007, doi:10.1002/sim.2532.
    """
    if scores.ndim != 3 or len(scores) != 2:
        raise InvalidRequestError(
            f"Expected scores (2 modalities, readers, cases); got {scores.shape}. Give both modalities."
        )
    num_readers = scores.shape[1]
    aucs = reader_aucs(truth, scores)  # (2, R)
    flat = auc_covariance(truth, scores.reshape(-1, scores.shape[2]), method)  # (2 R, 2 R)
    blocks = flat.reshape(2, num_readers, 2, num_readers).swapaxes(1, 2)  # (2, 2, R, R)
    variance = float(np.mean([np.trace(blocks[i, i]) / num_readers for i in range(2)]))
    across = float(np.trace(blocks[0, 1]) / num_readers)
    within, both = 0.0, 0.0
    difference = float(aucs[0].mean() - aucs[1].mean())
    if num_readers == 1:
        error, freedom = 2 * (variance - across), math.inf
    else:
        within = float(np.mean([_mean_off_diagonal(blocks[i, i]) for i in range(2)]))
        both = _mean_off_diagonal(blocks[0, 1])
        interaction = float((aucs[0] - aucs[1]).var(ddof=1) / 2)  # MS(modality x reader)
        shared = num_readers * max(within - both, 0.0)
        freedom = _degrees_of_freedom(interaction, shared, num_readers - 1)
        error = 2 / num_readers * (interaction + shared)
    f = difference**2 / error if error > 0 else math.nan
    return ModalityComparison(
        difference=_estimate(difference, error, freedom, -1),
        f=f,
        degrees_of_freedom=freedom,
        p_value=2 * float(ndtr(-math.sqrt(f)))
        if math.isinf(freedom) and error > 0
        else float(f_distribution.sf(f, 1, freedom)),
        num_readers=num_readers,
        variance=variance,
        covariances=(across, within, both),
    )


def cohen_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Computes Cohen's kappa of two series of calls (N,) bool: 0 is agreement by chance, 1 is perfect.

    NaN if both always make the same call, which chance would do as well.

    Raises:
        InvalidRequestError: If lengths differ or there are no calls.

    Source: Cohen 1960, doi:10.1177/001316446002000104.
    """
    if first.shape != second.shape or not first.size:
        raise InvalidRequestError(
            f"Expected two series of calls of one length, 1 or more; got {first.shape} and "
            f"{second.shape}. Compare calls of the same cases."
        )
    one, other = float(np.mean(first)), float(np.mean(second))
    by_chance = one * other + (1 - one) * (1 - other)
    return (
        math.nan
        if by_chance == 1
        else (float(np.mean(first == second)) - by_chance) / (1 - by_chance)
    )


def _placements(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the share of cases of 0 that each case of 1 is scored above, and the other way: (..., N1), (..., N0)."""
    num_positive = int(np.sum(truth == 1))
    num_negative = int(np.sum(truth == 0))
    if truth.ndim != 1 or scores.shape[-1:] != truth.shape or not np.isfinite(scores).all():
        raise InvalidRequestError(
            f"Expected truth (N,) and a finite score of each case (..., N); got {truth.shape} and {scores.shape}. Leave "
            "out what was not read."
        )
    if num_positive + num_negative != len(truth) or min(num_positive, num_negative) < 2:
        raise InvalidRequestError(
            f"Expected a truth of 0 or 1, and two cases or more of each; got {num_negative} and {num_positive} of "
            f"{len(truth)} cases. Read more cases."
        )
    positive, negative = scores[..., truth == 1], scores[..., truth == 0]
    wins = (np.sign(positive[..., :, None] - negative[..., None, :]) + 1) / 2  # (..., N1, N0)
    return wins.mean(axis=-1), wins.mean(axis=-2)


def _mean_off_diagonal(matrix: np.ndarray) -> float:
    """The mean over pairs of different readers, of a matrix (R, R)."""
    count = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))


def _degrees_of_freedom(mean_square: float, shared: float, freedom: int) -> float:
    """Hillis' degrees of freedom of a sum of a mean square and what readers share; infinite if the first is 0."""
    return math.inf if mean_square == 0 else freedom * (1 + shared / mean_square) ** 2


def _estimate(value: float, variance: float, freedom: float, lowest: float) -> Estimate:
    """The interval by Student's t, cut to what an AUC, or a difference of two, can be."""
    quantile = ndtri(_UPPER) if math.isinf(freedom) else stdtrit(freedom, _UPPER)
    half = float(quantile) * math.sqrt(max(variance, 0.0))
    return Estimate(float(value), max(float(value) - half, lowest), min(float(value) + half, 1.0))
