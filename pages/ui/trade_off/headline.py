"""Says in one sentence what privacy costs, computed from the points of a figure."""

from __future__ import annotations

import math

import pandas as pd

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import STRATEGIES, Strategy, Unit
from mammo_core.evaluation.metrics import LOWER_IS_BETTER
from mammo_core.evaluation.patients import EvaluationUnit
from mammo_core.figures.trade_off import measure_label

TOLD = (6.0, 1.0)
_WHOSE: dict[Unit, str] = {"patient": "a whole patient's", "image": "one image's"}


def cost_sentence(
    points: pd.DataFrame,
    metric: str,
    unit: Unit,
    where: str = "",
    evaluated_per: EvaluationUnit = "mass",
) -> str:
    """Says what each patient's or image's privacy costs at two budgets, for one kind of training data.

    The kind is *real only* where it is drawn, since its ε covers all that the model learned.

    Args:
        points: Of one test set, one evaluation unit and one unit of privacy, as `curve_points` makes them.
        where: The test set in words, if the sentence stands alone and what is beside it names the training data.

    Returns:
        Markdown; empty where the points do not hold these budgets and a level without privacy.
    """
    strategy, costs = _costs(points, metric)
    if strategy is None:
        return ""
    label = measure_label(metric, evaluated_per).removesuffix(" (lower is better)")
    first, *rest = (
        f"at ε = {epsilon:g} {{}}costs **{_signless(cost)}**" for epsilon, cost in costs.items()
    )
    whose = _WHOSE[unit]
    begin = f"On {where}, {whose}" if where else whose[0].upper() + whose[1:]
    told = "; ".join([f"{first.format('')} {label}", *(one.format("it ") for one in rest)])
    return f"{begin} privacy {told}" + ("." if where else f" ({STRATEGY_NAMES[strategy]}).")


def _costs(points: pd.DataFrame, metric: str) -> tuple[Strategy | None, dict[float, float]]:
    """What is lost at every told budget against the level without privacy."""
    for strategy in STRATEGIES:
        mine = points[points["strategy"] == strategy]
        values = dict(zip(mine["target_epsilon"], mine["mean"], strict=True))
        if {*TOLD, math.inf} <= values.keys():
            worse = -1.0 if metric in LOWER_IS_BETTER else 1.0
            return strategy, {one: worse * (values[math.inf] - values[one]) for one in TOLD}
    return None, {}


def _signless(cost: float) -> str:
    """Writes a cost as .04; what is gained by chance within rounding is .00.

    Example:
        >>> _signless(0.0412), _signless(-0.001), _signless(-0.02)
        ('.04', '.00', '-.02')
    """
    shown = f"{cost:.2f}".replace("0.", ".", 1)
    return ".00" if shown == "-.00" else shown
