"""Lesson 3: what ε per image is worth to the patient with the most masses, by group privacy."""

from __future__ import annotations

import streamlit as st

from mammo_core.figures.budget_curves import budget_curves_figure
from mammo_core.privacy.accounting.gaussian import spent_epsilon
from pages.ui.components.charts import chart
from pages.ui.lessons.lesson import Answer, AskedNumber, Lesson
from pages.ui.lessons.settings import LessonSettings
from pages.ui.privacy.unit import group_table
from pages.ui.state import resources

_LARGEST = 100_000.0  # ε that can be predicted
_HEIGHT = 300  # pixels


def _question(settings: LessonSettings) -> str:
    return (
        f"{settings.name} protects each **image**. Which ε does this mean for the **patient** with the most "
        f"masses, {_most()}?"
    )


def _asked(settings: LessonSettings) -> AskedNumber:
    return AskedNumber("ε of this patient", settings.epsilon, _LARGEST, within=0.25, is_share=True)


def _experiment(settings: LessonSettings) -> None:
    masses = st.slider(
        "Masses of a patient", 1, _most(), key="lesson3_masses", persist_state="session"
    )
    table = group_table(settings, masses)
    epsilon = table["ε of the patient"].iloc[-1]
    whose = "one mass" if masses == 1 else f"{masses} masses"
    sentence = f"A patient with {whose}: ε = {epsilon:.4g}."
    st.markdown(f"**{sentence}**")
    figure = budget_curves_figure(
        {f"{settings.name} per image": (table["masses"], table["ε of the patient"])},
        x_title="masses of the patient",
        y_title="ε of the patient",
        marks=[(masses, epsilon, sentence)],
        dots=True,
    )
    chart(figure.update_layout(height=_HEIGHT), key="lesson3_curve", alt=sentence)


def _answer(settings: LessonSettings) -> Answer:
    most = _most()
    right = spent_epsilon(most * settings.mu, settings.delta)
    return Answer(
        value=right,
        text=f"ε = {right:.4g}",
        why=(
            f"All {most} masses must be hidden together, which costs {most} times the μ of Gaussian DP (group "
            f"privacy). ε grows faster than μ: here it is {right / settings.epsilon:.3g} times as large."
        ),
    )


def _most() -> int:
    return resources.provenance()["train"]["largest_patient"]


LESSON = Lesson("Patient or image?", _question, _asked, _experiment, _answer)
