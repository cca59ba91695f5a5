"""Compares groups of test masses along ε: which of them does privacy cost more accuracy than others?

The groups come from `grouping`, runs and masses from `results.subgroups`, words from `subgroup_words`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.bootstrap import LEVEL, Estimate, PatientBootstrap, estimate_from
from mammo_core.evaluation.grouping import (
    MIN_PATIENTS,
    MIN_PATIENTS_OF_CLASS,
    Grouping,
    is_shown,
)
from mammo_core.evaluation.metrics import SPECIFICITY, auroc_of_counts, weighted_counts
from mammo_core.labels import MALIGNANT

NOTE = f"not shown: under {MIN_PATIENTS} patients, or under {MIN_PATIENTS_OF_CLASS} of one class"
MEASURES = {"auroc": "AUROC", "sensitivity": "sensitivity at the overall threshold"}
KEYS = ("property", "group", "target_epsilon", "measure")
COLUMNS = (
    *KEYS,
    *("num_masses", "num_patients", "num_malignant", "num_seeds"),
    *("value", "low", "high", "change", "change_low", "change_high"),
    *("excess", "excess_low", "excess_high", "excess_one_low", "excess_one_high", "note"),
)


@dataclass(frozen=True, eq=False)
class ScoredRun:
    """What one trained model says of the masses of a test set.

    Attributes:
        epsilon: Asked for; infinity without DP.
        scores: (N,) P(malignant).
    """

    epsilon: float
    seed: int
    scores: np.ndarray


def compare_subgroups(
    labels: np.ndarray,
    patient_ids: np.ndarray,
    groupings: Sequence[Grouping],
    runs: Sequence[ScoredRun],
    num_resamples: int = 1000,
) -> pd.DataFrame:
    """Compares the groups of one test set along ε.

    AUROC is within the group: of its malignant against its benign masses. Sensitivity is the share of its malignant
    masses at or above the threshold of the whole test set, the lowest with a specificity of 90 % there.
    All intervals come from the same resamples of patients. Each draws seeds as well, the same ones at ε and without
    privacy, so differences are paired over both, and so is the threshold, which every resample finds anew. Of one seed,
    intervals leave out the noise of training.

    Whether one group pays more than others is asked of every group and ε at once. The intervals of `excess` are
    wide enough for all of them together: with about 95 % probability none misses its true value. They are
    value ± c × standard deviation, where c is the 95 % quantile of the largest such deviation in a resample.
    Beside them stands the interval that each excess would have, were it the only one (`excess_one`).

    Args:
        labels: (N,) 0 or 1, both present.
        patient_ids: (N,) str.
        groupings: Of these masses.
        runs: Of one strategy and unit of privacy. Every budget is compared over the seeds that it has in common with
            runs without privacy.

    Returns:
        `COLUMNS`, a row for each group, ε and measure: value with its 95 % interval; change from no privacy, and
        excess, the change of the group minus that of all other masses. A group that is too small has a note
        and no numbers, and so has the change where nothing is to be compared.

    Raises:
        InvalidRequestError: If a class is missing, there are fewer than two patients, runs repeat one another, their
            scores do not fit, or no private run shares its seed with one without privacy.

    Source: intervals for all at once, Westfall and Young, Resampling-Based Multiple Testing (1993), single-step maxT.
    The question: Bagdasaryan et al. 2019, Differential Privacy Has Disparate Impact on Model Accuracy, arXiv:1905.12101.
    """
    by_budget = _by_budget(runs, len(labels))
    weights = PatientBootstrap(labels, patient_ids, num_resamples).weights
    masks = {
        (grouping.name, group): mask
        for grouping in groupings
        for group, mask in grouping.groups.items()
    }
    shown = {key: mask for key, mask in masks.items() if is_shown(mask, labels, patient_ids)}
    measured = {
        (epsilon, seed): _measure(labels, scores, weights, shown)
        for epsilon, by_seed in by_budget.items()
        for seed, scores in by_seed.items()
    }  # (shown, 2, measures, 1 + B) each
    rows: list[dict[str, Any]] = []
    excesses: dict[str, dict[int, np.ndarray]] = {measure: {} for measure in MEASURES}
    for epsilon, by_seed in by_budget.items():
        at, without = (
            _mean_over_seeds(np.stack([measured[budget, seed] for seed in by_seed]))
            for budget in (epsilon, math.inf)
        )
        for key, mask in masks.items():
            for place, measure in enumerate(MEASURES):
                row: dict[str, Any] = dict(zip(KEYS, (*key, epsilon, measure), strict=True))
                if key not in shown:
                    rows.append(row | {"note": NOTE})
                    continue
                which = list(shown).index(key)
                row |= _counts(mask, labels, patient_ids) | {"num_seeds": len(by_seed), "note": ""}
                row |= _named("", estimate_from(at[which, 0, place]))
                if epsilon < math.inf:
                    change, of_others = (at - without)[which, :, place]
                    row |= _named("change", estimate_from(change))
                    if is_shown(~mask, labels, patient_ids):
                        excesses[measure][len(rows)] = change - of_others
                        one = estimate_from(change - of_others)
                        row |= {"excess_one_low": one.low, "excess_one_high": one.high}
                rows.append(row)
    for samples in excesses.values():
        for place, estimate in _simultaneous(samples).items():
            rows[place] |= _named("excess", estimate)
    order = {key: place for place, key in enumerate(masks)}
    rows.sort(key=lambda row: order[row["property"], row["group"]])
    counts = [name for name in COLUMNS if name.startswith("num_")]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(counts, "Int64"))


def _counts(mask: np.ndarray, labels: np.ndarray, patient_ids: np.ndarray) -> dict[str, int]:
    return {
        "num_masses": int(mask.sum()),
        "num_patients": len(set(patient_ids[mask])),
        "num_malignant": int(np.sum(labels[mask] == MALIGNANT)),
    }


def _by_budget(runs: Sequence[ScoredRun], num_masses: int) -> dict[float, dict[int, np.ndarray]]:
    """Sorts scores by ε, no privacy last, and by seed; keeps the seeds that can be paired with runs without privacy."""
    found: dict[float, dict[int, np.ndarray]] = {}
    for run in runs:
        if run.scores.shape != (num_masses,):
            raise InvalidRequestError(
                f"Expected one score for each of {num_masses} masses; got {run.scores.shape} at ε = {run.epsilon:g}. "
                "Choose runs that were tested on these masses."
            )
        if run.seed in found.setdefault(run.epsilon, {}):
            raise InvalidRequestError(
                f"Expected one run for each ε and seed; got two at ε = {run.epsilon:g} with seed {run.seed}. Leave one out."
            )
        found[run.epsilon][run.seed] = run.scores
    without = found.pop(math.inf, {})
    paired = {
        epsilon: {seed: scores for seed, scores in by_seed.items() if seed in without}
        for epsilon, by_seed in sorted(found.items())
    }
    paired = {epsilon: by_seed for epsilon, by_seed in paired.items() if by_seed}
    if not paired:
        raise InvalidRequestError(
            "Expected runs with privacy and without, with the same seeds; found none that share a seed. "
            "Train them, for example with `sweep --epsilon 6,inf`."
        )
    return paired | {math.inf: without}


def _measure(
    labels: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray,
    masks: Mapping[tuple[str, str], np.ndarray],
) -> np.ndarray:
    """Measures each group and its complement under each weighting: (groups, 2, measures, 1 + B)."""
    flagged = scores >= _thresholds(labels, scores, weights)[:, None]  # (1 + B, N)
    found = np.full((len(masks), 2, len(MEASURES), len(weights)), np.nan)
    for which, mask in enumerate(masks.values()):
        for side, part in enumerate((mask, ~mask)):
            if not part.any():  # a group of all masses has no others
                continue
            is_malignant = labels[part] == MALIGNANT
            counts = weighted_counts(is_malignant, scores[part], weights[:, part])
            malignant = part & (labels == MALIGNANT)
            weight = weights[:, malignant]
            with np.errstate(invalid="ignore"):
                sensitivity = (weight * flagged[:, malignant]).sum(axis=1) / weight.sum(axis=1)
            found[which, side] = auroc_of_counts(*counts), sensitivity
    return found


def _thresholds(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Finds the threshold of the whole test set under each weighting, (1 + B,), as `threshold_at_specificity` does."""
    _, fp = weighted_counts(labels == MALIGNANT, scores, weights)  # (1 + B, 1 + G)
    allowed = (1 - SPECIFICITY) * fp[:, -1:] + 1e-9
    num_specific = np.sum(fp <= allowed, axis=1)  # the first always is: it flags nobody
    falling = np.append(np.inf, np.unique(scores)[::-1])  # (1 + G,)
    return falling[num_specific - 1]


def _mean_over_seeds(values: np.ndarray) -> np.ndarray:
    """Averages (S, ..., 1 + B) over the seeds, in each resample over as many seeds drawn with replacement: (..., 1 + B)."""
    num_seeds, count = len(values), values.shape[-1]
    rng = np.random.default_rng(1)  # not the stream that draws patients
    drawn = rng.multinomial(
        num_seeds, np.full(num_seeds, 1 / num_seeds), size=count - 1
    )  # (B, S): how often each seed was drawn
    times = np.concatenate([np.ones((1, num_seeds)), drawn]) / num_seeds  # (1 + B, S)
    return np.einsum("s...b,bs->...b", values, times)


def _simultaneous(samples: Mapping[int, np.ndarray]) -> dict[int, Estimate]:
    """Computes intervals that hold for all values at once; see `compare_subgroups`.

    Args:
        samples: (1 + B,) each: of the data as they are, then of the resamples.
    """
    if not samples:
        return {}
    values = np.stack(list(samples.values()))  # (K, 1 + B)
    centre = values[:, :1]
    deviation = np.nanstd(values[:, 1:], axis=1, keepdims=True)
    away = np.abs(values[:, 1:] - centre) / np.maximum(deviation, 1e-12)
    half = np.quantile(np.nanmax(away, axis=0), LEVEL) * deviation
    return {
        place: Estimate(float(value), float(value - width), float(value + width))
        for place, value, width in zip(samples, centre[:, 0], half[:, 0], strict=True)
    }


def _named(name: str, estimate: Estimate) -> dict[str, float]:
    names = (name, f"{name}_low", f"{name}_high") if name else ("value", "low", "high")
    return dict(zip(names, (estimate.value, estimate.low, estimate.high), strict=True))
