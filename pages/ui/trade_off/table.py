"""Tables as they are shown: plain column names, few decimals."""

import pandas as pd

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.figures.trade_off import METRIC_LABELS


def points_table(points: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The points of curves, as `summary.curve_points` makes them, for reading."""
    shown = points.sort_values(["test_set", "strategy", "target_epsilon"])
    return pd.DataFrame(
        {
            "training data": shown["strategy"].map(STRATEGY_NAMES),
            "test set": shown["test_set"],
            "target ε": shown["target_epsilon"].map("{:g}".format).replace("inf", "∞ (not DP)"),
            METRIC_LABELS[metric]: shown["mean"].round(3),
            "95 % from": shown["low"].round(3),
            "to": shown["high"].round(3),
            "lowest seed": shown["seed_low"].round(3),
            "highest seed": shown["seed_high"].round(3),
            "seeds": shown["num_seeds"],
        }
    )
