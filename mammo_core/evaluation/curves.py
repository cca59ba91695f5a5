"""Averages single runs over seeds: points of a trade-off curve with their interval, and ROC curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from mammo_core.config.runs import HEAD_ON_FEATURES
from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.evaluation.metrics import METRIC_NAMES, roc_points

KEYS = [
    *("strategy", "trained_part", "unit", "backbone", "test_set", "evaluation_unit"),
    "target_epsilon",
]
ROC_GRID = np.array([0, 0.01, 0.02, 0.03, 0.05, 0.075, *np.arange(0.1, 0.96, 0.05), 1.0])
Z95 = 1.959964  # deviations on each side of a 95 % interval


def curve_points(rows: pd.DataFrame, metric: str = "auroc") -> pd.DataFrame:
    """Computes one point per strategy, trained part, unit, backbone, test set, evaluation unit and target ε.

    The interval is for **one released model**: it joins the sampling of patients (standard error
    from each run's bootstrap) and the noise of training (standard deviation over seeds), as
    mean ± 1.96 √(SE² + SD²), cut to [0, 1]. It does not cover the choice of the recipe.

    Args:
        rows: A results table, see `table_file.COLUMNS`, with trained_part unless all train heads on cached features,
            and evaluation_unit unless all are evaluated per mass.
        metric: One of `METRIC_NAMES`.

    Returns:
        `KEYS`, then mean, low, high, seed_low, seed_high, num_seeds, epsilon (spent, mean).
    """
    if metric not in METRIC_NAMES:
        raise ValueError(f"Expected one of {METRIC_NAMES}; got {metric!r}.")
    numbers = rows.copy()
    if "trained_part" not in numbers:
        numbers["trained_part"] = HEAD_ON_FEATURES
    if "evaluation_unit" not in numbers:
        numbers["evaluation_unit"] = "mass"
    for column in ("target_epsilon", "epsilon", metric, f"{metric}_low", f"{metric}_high"):
        numbers[column] = numbers[column].astype(float)
    numbers["standard_error"] = (numbers[f"{metric}_high"] - numbers[f"{metric}_low"]) / (2 * Z95)
    points = (
        numbers.groupby(KEYS, sort=True)
        .agg(
            mean=(metric, "mean"),
            deviation=(metric, "std"),
            standard_error=("standard_error", "mean"),
            seed_low=(metric, "min"),
            seed_high=(metric, "max"),
            num_seeds=(metric, "size"),
            epsilon=("epsilon", "mean"),
        )
        .reset_index()
    )
    half = Z95 * np.hypot(points.pop("standard_error"), points.pop("deviation").fillna(0.0))
    points["low"] = (points["mean"] - half).clip(lower=0)
    points["high"] = (points["mean"] + half).clip(upper=1)
    return points


def difference_of_seeds(values: Iterable[float], others: Iterable[float]) -> Estimate | None:
    """Estimates by how much runs of several seeds differ in the mean from other runs, with a 95 % interval.

    The interval covers the noise of training, not the choice of test patients, which are the same.

    Returns:
        `values` minus `others`; None if a side has fewer than two seeds.

    Source: Welch 1947, doi:10.1093/biomet/34.1-2.28.
    """
    sides = [np.array(list(side), dtype=float) for side in (values, others)]
    if min(map(len, sides)) < 2:
        return None
    value = float(sides[0].mean() - sides[1].mean())
    errors = [side.var(ddof=1) / len(side) for side in sides]
    if sum(errors) == 0:
        return Estimate(value, value, value)
    freedom = sum(errors) ** 2 / sum(
        error**2 / (len(side) - 1) for error, side in zip(errors, sides, strict=True)
    )
    half = float(stdtrit(freedom, 0.975) * np.sqrt(sum(errors)))
    return Estimate(value, value - half, value + half)


def mean_roc(
    tested: Iterable[tuple[Mapping[str, object], np.ndarray, np.ndarray]],
) -> pd.DataFrame:
    """Averages ROC curves vertically: sensitivity at fixed false positive rates, mean and range over seeds.

    Args:
        tested: Of each run and test set: what the runs to be averaged share, by column, such as strategy and ε; labels
            (N,); and scores (N,).

    Returns:
        The shared columns, fpr, tpr (mean), tpr_low and tpr_high (lowest and highest seed).

    Source: vertical averaging, Fawcett 2006, doi:10.1016/j.patrec.2005.10.010, section 8.1.
    """
    curves: list[pd.DataFrame] = []
    for shared, labels, scores in tested:
        fpr, tpr = roc_points(labels, scores)
        sensitivities = np.interp(ROC_GRID, fpr, tpr)
        sensitivities[0] = tpr[fpr == 0].max()
        curves.append(pd.DataFrame({**shared, "fpr": ROC_GRID, "tpr": sensitivities}))
    points = pd.concat(curves)
    keys = [column for column in points if column != "tpr"]
    means = points.groupby(keys)["tpr"].agg(tpr="mean", tpr_low="min", tpr_high="max")
    return means.reset_index()
