"""Averages single runs over seeds: points of a trade-off curve with their interval, and ROC curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from mammo_core.config.runs import HEAD_ON_FEATURES
from mammo_core.evaluation.metrics import METRIC_NAMES, roc_points

KEYS = ["strategy", "trained_part", "unit", "backbone", "test_set", "target_epsilon"]
ROC_GRID = np.array([0, 0.01, 0.02, 0.03, 0.05, 0.075, *np.arange(0.1, 0.96, 0.05), 1.0])
_Z95 = 1.959964


def curve_points(rows: pd.DataFrame, metric: str = "auroc") -> pd.DataFrame:
    """Computes one point per strategy, trained part, unit, backbone, test set and target ε.

    The interval is for **one released model**: it joins the sampling of patients (standard error
    from each run's bootstrap) and the noise of training (standard deviation over seeds), as
    mean ± 1.96 √(SE² + SD²), cut to [0, 1]. It does not cover the choice of the recipe.

    Args:
        rows: A results table, see `results_file.COLUMNS`, with trained_part unless all train heads on cached features.
        metric: One of `METRIC_NAMES`.

    Returns:
        `KEYS`, then mean, low, high, seed_low, seed_high, num_seeds, epsilon (spent, mean).
    """
    if metric not in METRIC_NAMES:
        raise ValueError(f"Expected one of {METRIC_NAMES}; got {metric!r}.")
    numbers = rows.copy()
    if "trained_part" not in numbers:
        numbers["trained_part"] = HEAD_ON_FEATURES
    for column in ("target_epsilon", "epsilon", metric, f"{metric}_low", f"{metric}_high"):
        numbers[column] = numbers[column].astype(float)
    numbers["standard_error"] = (numbers[f"{metric}_high"] - numbers[f"{metric}_low"]) / (2 * _Z95)
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
    half = _Z95 * np.hypot(points.pop("standard_error"), points.pop("deviation").fillna(0.0))
    points["low"] = (points["mean"] - half).clip(lower=0)
    points["high"] = (points["mean"] + half).clip(upper=1)
    return points


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
