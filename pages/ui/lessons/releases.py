"""Lesson 4: what several releases spend together, by exact composition."""

from __future__ import annotations

import math

import streamlit as st

from mammo_core.figures.budget_curves import budget_curves_figure
from mammo_core.privacy.accounting.gaussian import spent_epsilon
from mammo_core.text.numbers import counted
from pages.ui.components.charts import chart
from pages.ui.lessons.lesson import Answer, AskedNumber, Lesson
from pages.ui.lessons.settings import LessonSettings
from pages.ui.privacy.composition import composition_table

_RELEASES = 10
_HEIGHT = 300  # pixels


def _question(settings: LessonSettings) -> str:
    return (
        f"{_RELEASES} models of the same patients are released, each at {settings.name} per {settings.unit}. "
        "Which ε do they spend together?"
    )


def _asked(settings: LessonSettings) -> AskedNumber:
    highest = _RELEASES * settings.epsilon
    return AskedNumber("ε of all together", settings.epsilon, highest, within=0.25, is_share=True)


def _experiment(settings: LessonSettings) -> None:
    count = st.slider(
        "Models released", 1, 2 * _RELEASES, key="lesson4_models", persist_state="session"
    )
    table = composition_table(settings, count)
    exact, added = table["exact"].iloc[-1], table["adding ε"].iloc[-1]
    sentence = f"{counted(count, 'model')}: ε = {exact:.4g}. Adding ε gives {added:.4g}."
    st.markdown(f"**{sentence}**")
    figure = budget_curves_figure(
        {name: (table["models"], table[name]) for name in ("exact", "adding ε")},
        x_title=f"models released at {settings.name} each",
        y_title="ε of all together",
        marks=[(count, exact, sentence)],
        dots=True,
    )
    chart(figure.update_layout(height=_HEIGHT), key="lesson4_curve", alt=sentence)


def _answer(settings: LessonSettings) -> Answer:
    right = spent_epsilon(math.sqrt(_RELEASES) * settings.mu, settings.delta)
    return Answer(
        value=right,
        text=f"ε = {right:.4g}; adding gives {_RELEASES * settings.epsilon:g}",
        why=(
            f"Every model has noise of its own, so together they cost √{_RELEASES} times the μ (Gaussian DP) of one "
            f"model, not {_RELEASES} times. Adding ε is a correct bound, too, but a larger one, and at {_RELEASES} "
            "times the δ."
        ),
    )


LESSON = Lesson("How do releases add up?", _question, _asked, _experiment, _answer)
