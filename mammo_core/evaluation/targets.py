"""Solves for ε: which measured privacy budget reaches an accuracy, and with which chance."""

from __future__ import annotations

import math

import pandas as pd
from scipy.special import ndtr

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.curves import Z95
from mammo_core.evaluation.metrics import LOWER_IS_BETTER

_SERIES = ["strategy", "test_set"]


def with_chances(points: pd.DataFrame, metric: str, target: float) -> pd.DataFrame:
    """Adds to each point the chance that one released model reaches a target on other patients of the same site.

    The chance is that of a normal distribution with the point's mean, and with the deviation that its 95 % interval
    stands for: sampling of patients and noise of training together.

    Args:
        points: As `curves.curve_points` makes them.
        metric: The measure of the points.
        target: To be reached, in [0, 1]: at least, or at most where lower is better.

    Returns:
        The points with a column `chance`, in [0, 1].

    Raises:
        InvalidRequestError: If the target is not in [0, 1].
    """
    if not 0 <= target <= 1:
        raise InvalidRequestError(
            f"Expected a target in [0, 1]; got {target:g}. Give .75, for example."
        )
    half = pd.concat([points["mean"] - points["low"], points["high"] - points["mean"]], axis=1)
    deviation = half.max(axis=1) / Z95  # an end that was cut to [0, 1] is the nearer one
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    margin = sign * (points["mean"] - target)
    return points.assign(chance=ndtr(margin / deviation.clip(lower=1e-12)))


def smallest_budgets(points: pd.DataFrame, chance: float) -> pd.DataFrame:
    """Finds the ε from which on every measured ε reaches the target with a chance.

    Args:
        points: Of one unit of privacy and one evaluation unit, from `with_chances`.
        chance: To be reached, in [0, 1].

    Returns:
        A row per strategy and test set: epsilon (infinite if only a model without privacy reaches it, NaN if none
        does), chance (there), best (the highest chance at any ε).
    """
    rows = []
    for keys, part in points.groupby(_SERIES, sort=False):
        falling = part.sort_values("target_epsilon", ascending=False)
        reaches = (falling["chance"] >= chance).cumprod().astype(bool)
        found = falling[reaches]
        rows.append(
            dict(zip(_SERIES, keys, strict=True))
            | {
                "epsilon": found["target_epsilon"].iloc[-1] if len(found) else math.nan,
                "chance": found["chance"].iloc[-1] if len(found) else math.nan,
                "best": part["chance"].max(),
            }
        )
    return pd.DataFrame(rows, columns=[*_SERIES, "epsilon", "chance", "best"])
