"""The slide of Live: the slider itself, on the built-in demo."""

from __future__ import annotations

import math

import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.figures.visited import visited_figure
from mammo_core.text.numbers import budget_name
from pages.ui.components.charts import chart
from pages.ui.components.messages import shown_errors
from pages.ui.components.privacy_inputs import EPSILONS
from pages.ui.components.slides import Slide
from pages.ui.live import releases, training
from pages.ui.state import resources

_SEED = 42


def move_it_yourself() -> Slide:
    """Offers the slider; each position retrains a classifier on the demo's masses, which are of nobody."""
    return Slide(
        "Move the budget: at every ε a new classifier is trained, with fresh noise.",
        "Built-in demo: synthetic masses, not mammograms. Its numbers say nothing about patients.",
        _slider,
    )


def _slider() -> None:
    source = DataSource()
    if resources.count_missing(source):
        st.info(
            "The features of the demo are not computed yet. Open *Live* once before the talk, which prepares them.",
            icon=":material/hourglass_top:",
        )
        return
    dataset = resources.feature_dataset(source)
    epsilon = st.select_slider(
        "Privacy budget ε: ← better privacy · better accuracy →",
        EPSILONS,
        value=6.0,
        format_func=budget_name,
        key="deck_epsilon",
        persist_state="session",
    )
    history: list[releases.Release] = []
    with shown_errors("Cannot train with this budget"):
        for shown in (math.inf, epsilon):  # the level without privacy first
            config = training.configure(dataset, "pretrain", shown, "patient", _SEED)
            history = releases.remember(source, training.retrain(dataset, config, "scratch"))
    points = releases.curve_table(history, config, "mass")
    with st.container(height=600, border=False, key="talk_stage_below_slider"):
        chart(
            visited_figure(points, epsilon=epsilon, seed=_SEED),
            key="deck_curve",
            alt=f"AUROC of the models so far, the last at ε = {budget_name(epsilon)}",
            height="stretch",
        )
