"""Lesson 1: what a private model costs, on measured results."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from mammo_core.figures.trade_off import trade_off_figure
from mammo_core.figures.trade_off_marks import SHIPPED, point_id
from mammo_core.text.numbers import budget_name, with_interval
from pages.ui.components.charts import chart
from pages.ui.components.inputs import number_box
from pages.ui.lessons.lesson import Answer, AskedChoice, Lesson
from pages.ui.lessons.measured import points_of
from pages.ui.lessons.settings import LessonSettings

_ALLOWED = 0.02
_HEIGHT = 300  # pixels


def _question(settings: LessonSettings) -> str:
    return (
        f"Which is the smallest measured ε that costs at most {_allowed()} AUROC? Training data: "
        f"{settings.strategy_name}. Unit: {settings.unit}. Test set: {settings.test_set_name}."
    )


def _asked(settings: LessonSettings) -> AskedChoice:
    return AskedChoice("The smallest ε", _budgets(settings), steps=1)


def _experiment(settings: LessonSettings) -> None:
    points = points_of(settings)
    epsilon = st.select_slider(
        "Privacy budget ε: ← better privacy · better accuracy →",
        _budgets(settings),
        format_func=budget_name,
        key="lesson1_epsilon",
        persist_state="session",
    )
    here, free = points.loc[epsilon], points.loc[math.inf]
    numbers, curve = st.columns([1, 3], gap="medium")
    with numbers:
        number_box(
            f"AUROC at ε = {epsilon:g}",
            f"{here['mean']:.3f}",
            f"95 %: {here['low']:.3f} to {here['high']:.3f}",
        )
        number_box("It costs", f"{free['mean'] - here['mean']:.3f}", f"of {free['mean']:.3f}")
    figure = trade_off_figure(points, chosen=point_id(here, SHIPPED)).update_layout(height=_HEIGHT)
    with curve:
        chart(figure, key="lesson1_curve", alt="AUROC against privacy budget, measured")


def _answer(settings: LessonSettings) -> Answer:
    points = points_of(settings)
    free = points.iloc[-1]  # ε = ∞
    cheap = points[points["mean"] >= free["mean"] - _ALLOWED]
    right = cheap.iloc[0]
    return Answer(
        value=float(right["target_epsilon"]),
        text=(
            f"ε = {budget_name(right['target_epsilon'])}, with AUROC {_with_interval(right)}; without privacy "
            f"{_with_interval(free)}"
        ),
        why=(
            f"A smaller ε needs more noise, and noise that hides one {settings.one} also blurs what all share. The "
            f"values are means of {right['num_seeds']} trainings; each 95 % interval is for one released model, over "
            "test patients and noise."
        ),
    )


def _allowed() -> str:
    return f"{_ALLOWED:.2f}".removeprefix("0")


def _budgets(settings: LessonSettings) -> tuple[float, ...]:
    return tuple(float(one) for one in points_of(settings).index if not math.isinf(one))


def _with_interval(point: pd.Series) -> str:
    return with_interval(point["mean"], point["low"], point["high"])


LESSON = Lesson("What does privacy cost?", _question, _asked, _experiment, _answer)
