"""The trade-off the other way round: which budget reaches a target, and what that means for 1000 women."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES, TEST_SET_NAMES
from mammo_core.config.runs import Strategy
from mammo_core.evaluation.metrics import LOWER_IS_BETTER, SPECIFICITY
from mammo_core.evaluation.targets import smallest_budgets, with_chances
from mammo_core.figures.odds import women_figure
from mammo_core.text.numbers import budget_name
from pages.ui.components.charts import chart
from pages.ui.components.inputs import number_input
from pages.ui.components.links import linked
from pages.ui.state import resources
from pages.ui.trade_off.points import SHIPPED_TEST_SETS, CurveChoices, Drawn, names_of

_CHANCES = (0.5, 0.8, 0.95)
_USUAL_TARGETS = {
    "auroc": 0.75,
    "average_precision": 0.65,
    "sensitivity_at_90_specificity": 0.4,
    "brier": 0.22,
}
_WOMEN = 1000


def show_targets(choices: CurveChoices, drawn: Drawn) -> None:
    """Draws the question for a target, and a table with the smallest measured ε that reaches it."""
    at_most = choices.metric in LOWER_IS_BETTER
    with st.expander("Which budget reaches my target?", icon=":material/flag:"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            target = linked(number_input)(
                f"{choices.measure}, {'at most' if at_most else 'at least'}",
                *(0.0, 1.0, _USUAL_TARGETS[choices.metric]),
                step=0.01,
                key=f"target_{choices.metric}",
                width=280,
            )
            chance = linked(st.segmented_control)(
                "With a chance of",
                _CHANCES,
                default=0.8,
                required=True,
                format_func="{:.0%}".format,
                key="target_chance",
                help="The chance that one released model reaches the target on other patients of the same site. It "
                "joins the choice of patients and the noise of training.",
            )
        found = smallest_budgets(with_chances(drawn.points, choices.metric, target), chance)
        st.dataframe(_answers(found, choices.test_sets), hide_index=True, key="targets_table")
        st.caption(
            f"The smallest measured ε per {choices.unit} from which on every measured ε reaches the target. The "
            "chances assume normal distributions. They leave out that we chose the recipe on validation labels. Other "
            "hospitals than these two may differ."
        )


def _answers(found: pd.DataFrame, test_sets: tuple[str, ...]) -> pd.DataFrame:
    """Tabulates the answers: a row per kind of training data, a column per test set."""
    table = found.assign(answer=[_answer(row) for row in found.itertuples()])
    wide = table.pivot(index="strategy", columns="test_set", values="answer")
    strategies = [name for name in STRATEGY_NAMES if name in wide.index]
    shown = wide.loc[strategies, [name for name in test_sets if name in wide.columns]]
    shown = shown.rename(columns=names_of(test_sets), index=dict(STRATEGY_NAMES))
    return shown.rename_axis(index="training data").reset_index()


def _answer(row) -> str:
    if math.isnan(row.epsilon):
        return f"at no measured ε (best chance {row.best:.0%})"
    if math.isinf(row.epsilon):
        return f"only without privacy (chance {row.chance:.0%})"
    return f"ε = {budget_name(row.epsilon)} (chance {row.chance:.0%})"


def show_women(choices: CurveChoices) -> None:
    """Draws what a measured sensitivity means for 1000 women, with the prevalence and the budget as inputs."""
    shipped = [name for name in choices.test_sets if name in SHIPPED_TEST_SETS]
    if not shipped:
        return
    with st.expander("What does this mean for 1000 women?", icon=":material/groups:"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            strategy: Strategy = linked(st.selectbox)(
                "Training data",
                choices.strategies,
                format_func=lambda name: STRATEGY_NAMES[name],
                key="women_strategy",
                width=260,
            )
            test_set = linked(st.selectbox)(
                "Test set",
                shipped,
                format_func=lambda name: TEST_SET_NAMES[name],
                key="women_test_set",
                width=260,
            )
            prevalence = linked(number_input)(
                "Women with cancer, of 1000",
                *(1, _WOMEN - 1, 6),
                key="women_prevalence",
                width=200,
                help="In screening in the United States about 6 of 1000 women have breast cancer (5.1 found, 0.8 missed: Lehman et al. "
                "2017, doi:10.1148/radiol.2016161174). Among women with a suspicious mass it is far more.",
            )
        points = resources.measured_points(
            "sensitivity_at_90_specificity", choices.masses, "patient"
        )
        points = points[
            (points["unit"] == choices.unit)
            & (points["strategy"] == strategy)
            & (points["test_set"] == test_set)
        ].set_index("target_epsilon")
        if points.empty:
            st.info("These runs were not evaluated per patient.", icon=":material/group_off:")
            return
        epsilon = linked(st.select_slider)(
            "Privacy budget ε",
            sorted(points.index),
            value=6.0,
            format_func=budget_name,
            key="women_epsilon",
        )
        _show_women(points.loc[epsilon], int(prevalence))


def _show_women(point: pd.Series, with_cancer: int) -> None:
    found, least, most = (round(with_cancer * point[name]) for name in ("mean", "low", "high"))
    alarms = round((_WOMEN - with_cancer) * (1 - SPECIFICITY))
    said = (
        f"Of **{with_cancer}** women with cancer, the model finds **{found}** ({least} to {most}) and misses "
        f"**{with_cancer - found}**. Of {_WOMEN - with_cancer} women without cancer, it calls **{alarms}** malignant."
    )
    st.markdown(said)
    chart(
        women_figure(found, with_cancer - found, alarms),
        key="women_figure",
        alt=said.replace("**", ""),
    )
    st.caption(
        f"The threshold is set where {SPECIFICITY:.0%} of the benign test patients are called benign. The interval covers one "
        "released model: test patients and noise of training. **These cohorts are no screening population**: every patient "
        "in them has a mass. Screening has other women, other cancers and far more false alarms to sort out."
    )
