"""Shows one point of the trade-off curve: its ROC, what it spent, and what that guarantees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core import reference
from mammo_core.config.names import STRATEGY_NAMES, TEST_SET_NAMES
from mammo_core.figures.provenance import Provenance
from mammo_core.figures.roc import roc_band_figure
from mammo_core.figures.style import STRATEGY_COLOURS
from mammo_core.figures.trade_off_marks import OWN
from mammo_core.privacy.statements.words import summary
from mammo_core.results.shipped_statement import shipped_statement
from mammo_core.text.numbers import budget_name
from pages.ui.components.charts import chart
from pages.ui.components.export import ExportBundle
from pages.ui.components.links import linked
from pages.ui.components.run_card import show_run_card
from pages.ui.components.statement import show_statement
from pages.ui.state import resources
from pages.ui.trade_off.points import CurveChoices, Drawn, clickable, runs_of

if TYPE_CHECKING:
    from mammo_core.evaluation.patients import EvaluationUnit
    from mammo_core.privacy.statements.statement import Statement

_KEY = "point"


def on_click(chart_key: str) -> None:
    """Takes the point that was clicked; a click beside all points changes nothing."""
    picked = st.session_state[chart_key]["selection"]["points"]
    ids = [point.get("customdata") for point in picked]
    ids = [name[0] if isinstance(name, list) else name for name in ids]
    ids = [name for name in ids if isinstance(name, str) and name.count("/") >= 4]
    if ids:
        st.session_state[_KEY] = ids[0]


def choose_point(drawn: Drawn) -> str | None:
    """Draws the list of all points, for those who prefer it to a click."""
    points = clickable(drawn)
    return linked(st.selectbox)(
        "Look into a point (or click it in a figure)",
        list(points),
        index=None,
        format_func=lambda name: _title(name, points[name]),
        key=_KEY,
        placeholder="none chosen",
    )


def show_card(drawn: Drawn, name: str, choices: CurveChoices) -> None:
    """Draws the card of a point."""
    point = clickable(drawn)[name]
    if name.startswith(f"{OWN}/"):
        _show_own(runs_of(drawn, point), choices.evaluated_per)
    else:
        _show_shipped(drawn, point, choices)


def _title(name: str, point: pd.Series) -> str:
    whose = "your runs: " if name.startswith(f"{OWN}/") else ""
    return (
        f"{whose}{STRATEGY_NAMES[point['strategy']]}, ε {budget_name(point['target_epsilon'])} per "
        f"{point['unit']}, on {point['test_set']}"
    )


def _show_own(runs: pd.DataFrame, evaluated_per: EvaluationUnit) -> None:
    runs = runs.sort_values("seed")
    seeds: dict[str, int] = dict(zip(runs["run_id"], runs["seed"], strict=True))
    run_id = next(iter(seeds))
    if len(seeds) > 1:
        run_id = st.selectbox(
            "Seed",
            list(seeds),
            format_func=lambda one: f"seed {seeds[one]}",
            key="point_run",
            persist_state="session",
        )
    show_run_card(run_id, evaluated_per)


def _show_shipped(drawn: Drawn, point: pd.Series, choices: CurveChoices) -> None:
    masses = choices.masses
    rows = drawn.rows
    keys = ["strategy", "unit", "test_set", "target_epsilon"]
    runs = rows[(rows[keys] == [point[key] for key in keys]).all(axis=1)]
    first = runs.iloc[0]
    statement = shipped_statement(
        point["strategy"], point["unit"], point["target_epsilon"], first["delta"], masses
    )
    with st.container(border=True, key="shipped_card"):
        st.markdown(
            f"**{STRATEGY_NAMES[point['strategy']]}**, ε {budget_name(point['target_epsilon'])} per "
            f"{point['unit']}, on {TEST_SET_NAMES[point['test_set']]}"
        )
        roc, facts = st.columns([1, 1], gap="medium")
        with roc:
            if masses == reference.PAPER or point["strategy"] == "real":
                _show_roc(point, statement)
            else:
                st.caption("No ROC curves were kept of the runs with these synthetic masses.")
        with facts:
            spent = (
                "no privacy (not DP)"
                if math.isinf(first["epsilon"])
                else f"{first['epsilon']:.4g} at δ = {first['delta']:g}"
            )
            st.markdown(
                f"- {choices.measure}: **{point['mean']:.3f}** (95 % for one released model: "
                f"{point['low']:.3f} to {point['high']:.3f})\n"
                f"- ε spent by each model: **{spent}**\n"
                f"- Noise multiplier (noise over clipping norm): {first['noise_multiplier']:.4g}\n"
                f"- {len(runs)} seeds ({runs['seed'].min()} to {runs['seed'].max()}), from "
                f"{point['seed_low']:.3f} to {point['seed_high']:.3f}\n"
                f"- {first['num_units']} units of privacy"
            )
        st.markdown("**What this ε guarantees**")
        show_statement(statement, key="point")


def _show_roc(point: pd.Series, statement: Statement) -> None:
    curve = resources.measured_roc(point["evaluation_unit"])
    keys = ["strategy", "unit", "target_epsilon", "test_set"]
    curve = curve[(curve[keys] == [point[key] for key in keys]).all(axis=1)].sort_values("fpr")
    chart(
        roc_band_figure(
            curve["fpr"],
            curve["tpr"],
            curve["tpr_low"],
            curve["tpr_high"],
            name="mean of the seeds",
            colour=STRATEGY_COLOURS[point["strategy"]],
        ),
        key="point_roc",
        alt="ROC of the chosen point: mean over seeds, with the lowest and highest seed",
        bundle=ExportBundle(
            name="mammo_privacy_point_roc",
            provenance=Provenance(
                title=f"{STRATEGY_NAMES[point['strategy']]}, ε {budget_name(point['target_epsilon'])} per "
                f"{point['unit']}, on {TEST_SET_NAMES[point['test_set']]}",
                notes=(summary(statement),),
            ),
        ),
    )
