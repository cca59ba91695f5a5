"""Lesson 5: whether one kind of training data is better than another, or whether one cannot tell."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import Strategy
from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.evaluation.curves import curve_points, difference_of_seeds
from mammo_core.figures.trade_off import trade_off_figure
from pages.ui.components.charts import chart
from pages.ui.components.inputs import number_box
from pages.ui.lessons.lesson import Answer, AskedChoice, Lesson
from pages.ui.lessons.measured import rows_of
from pages.ui.lessons.settings import LessonSettings

_OTHER: Strategy = "real"
_BETTER, _WORSE, _UNKNOWN = "better", "worse", "one cannot tell"
_HEIGHT = 300  # pixels


def _question(settings: LessonSettings) -> str:
    return (
        f"At {settings.name} per {settings.unit} on {settings.test_set_name}: is *{_compared_name(settings)}* better "
        f"than *{STRATEGY_NAMES[_OTHER]}*, or can one not tell?"
    )


def _asked(_settings: LessonSettings) -> AskedChoice:
    return AskedChoice("Your answer", (_BETTER, _WORSE, _UNKNOWN))


def _experiment(settings: LessonSettings) -> None:
    seeds = _seeds(settings)
    count = st.slider(
        "Trainings of each kind, each with noise of its own",
        2,
        len(seeds),
        key="lesson5_trainings",
        persist_state="session",
    )
    rows = rows_of(settings, _compared(settings), _OTHER)
    rows = rows[rows["seed"].isin(seeds[:count])]
    found = _difference(settings, rows)
    numbers, curve = st.columns([1, 3], gap="medium")
    with numbers:
        number_box(
            f"Difference of AUROC at {settings.name}",
            _signed(found.value),
            f"95 %: {_signed(found.low)} to {_signed(found.high)}",
            "Above 0: the synthetic masses help. The interval covers the noise of training only.",
        )
    figure = trade_off_figure(curve_points(rows), seeds=rows).update_layout(height=_HEIGHT)
    with curve:
        chart(figure, key="lesson5_curve", alt="AUROC of every single training against ε")


def _answer(settings: LessonSettings) -> Answer:
    found = _difference(settings, rows_of(settings, _compared(settings), _OTHER))
    verdict = _BETTER if found.low > 0 else _WORSE if found.high < 0 else _UNKNOWN
    return Answer(
        value=verdict,
        text=f"{verdict}: AUROC {_signed(found.value)} (95 %: {_signed(found.low)} to {_signed(found.high)})",
        why=(
            f"{_WHY[verdict].format(trainings=len(_seeds(settings)))} The interval covers the noise of training on the "
            "same test patients (Welch); other patients would move it further."
        ),
    )


_WHY = {
    _BETTER: "With {trainings} trainings of each kind, the whole interval of the difference lies above 0.",
    _WORSE: "With {trainings} trainings of each kind, the whole interval of the difference lies below 0.",
    _UNKNOWN: "With {trainings} trainings of each kind, the interval of the difference still holds 0.",
}


def _compared(settings: LessonSettings) -> Strategy:
    return "pretrain" if settings.strategy == _OTHER else settings.strategy


def _compared_name(settings: LessonSettings) -> str:
    return STRATEGY_NAMES[_compared(settings)]


def _seeds(settings: LessonSettings) -> list[int]:
    return sorted(set(rows_of(settings, _OTHER)["seed"]))


def _difference(settings: LessonSettings, rows: pd.DataFrame) -> Estimate:
    here = rows[rows["target_epsilon"].astype(float) == settings.epsilon]
    sides = [
        here[here["strategy"] == strategy]["auroc"] for strategy in (_compared(settings), _OTHER)
    ]
    found = difference_of_seeds(*sides)
    assert found is not None, "the shipped results have two seeds or more at every ε"
    return found


def _signed(value: float) -> str:
    """Writes a difference, as in +.021."""
    return f"{value:+.3f}".replace("0.", ".", 1)


LESSON = Lesson("Better, or chance?", _question, _asked, _experiment, _answer)
