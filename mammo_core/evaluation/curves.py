"""Turns rows of single runs into points of a curve: the mean over seeds with an interval for one release."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mammo_core.config.runs import HEAD_ON_FEATURES
from mammo_core.evaluation.metrics import METRIC_NAMES

KEYS = ["strategy", "trained_part", "unit", "backbone", "test_set", "target_epsilon"]
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
