"""Mean ROC curves over seeds as a table, from the predictions of recorded runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from mammo_core.evaluation.metrics import roc_points
from mammo_core.results.archive import StoredRun

GRID = np.array([0, 0.01, 0.02, 0.03, 0.05, 0.075, *np.arange(0.1, 0.96, 0.05), 1.0])
_KEYS = ["strategy", "unit", "target_epsilon", "test_set"]


def mean_roc(runs: Iterable[StoredRun]) -> pd.DataFrame:
    """Vertical averages: sensitivity at fixed false positive rates, mean and range over seeds.

    Args:
        runs: Any number of each strategy, unit and ε.

    Returns:
        strategy, unit, target_epsilon, test_set, fpr, tpr (mean), tpr_low and tpr_high (lowest and highest seed).

    Source: vertical averaging, Fawcett 2006, doi:10.1016/j.patrec.2005.10.010, section 8.1.
    """
    rows = []
    for run in runs:
        config = run.config
        key = (config.strategy, config.privacy.unit, config.privacy.target_epsilon)
        for test_set, part in run.predictions.groupby("test_set"):
            fpr, tpr = roc_points(part["label"].to_numpy(), part["score"].to_numpy())
            sensitivities = np.interp(GRID, fpr, tpr)
            sensitivities[0] = tpr[fpr == 0].max()
            rows += [(*key, test_set, *point) for point in zip(GRID, sensitivities, strict=True)]
    table = pd.DataFrame(rows, columns=[*_KEYS, "fpr", "tpr"])
    curves = table.groupby([*_KEYS, "fpr"])["tpr"].agg(tpr="mean", tpr_low="min", tpr_high="max")
    return curves.reset_index()


def write_mean_roc(runs: Iterable[StoredRun], path: Path) -> None:
    """Writes `mean_roc` as CSV, to three decimals."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mean_roc(runs).round(4).to_csv(path, index=False, lineterminator="\n")
