"""Lesson 2: what ε buys, as the exact bound on the best attacker."""

from __future__ import annotations

import streamlit as st

from mammo_core.figures.odds import odds_figure
from mammo_core.privacy.accounting.gaussian import mu_for
from mammo_core.privacy.accounting.risk import fair_odds
from mammo_core.text.numbers import budget_name
from pages.ui.components.charts import chart
from pages.ui.components.privacy_inputs import EPSILONS
from pages.ui.lessons.lesson import Answer, AskedNumber, Lesson
from pages.ui.lessons.settings import LessonSettings
from pages.ui.privacy.words import ATTACKER, odds_sentence

_GUESSING = 50  # of 100, without any model
_HEIGHT = 280  # pixels


def _question(settings: LessonSettings) -> str:
    return (
        f"At {settings.name} per {settings.unit}, how many of 100 {settings.units} in the training can the best "
        f"attacker identify at most? Mere guessing identifies {_GUESSING}."
    )


def _asked(settings: LessonSettings) -> AskedNumber:
    return AskedNumber("Identified of 100", _GUESSING, 100, within=5, step=1)


def _experiment(settings: LessonSettings) -> None:
    epsilon = st.select_slider(
        "Privacy budget ε: ← better privacy",
        EPSILONS,
        format_func=budget_name,
        key="lesson2_epsilon",
        persist_state="session",
    )
    mu = mu_for(epsilon, settings.delta)
    odds, sentence = fair_odds(mu), odds_sentence(mu, settings.units)
    st.markdown(sentence)
    figure = odds_figure(odds.tpr, odds.fpr).update_layout(height=_HEIGHT)
    chart(figure, key="lesson2_odds", alt=f"Two times 100 dots: {sentence.replace('**', '')}")
    st.caption(ATTACKER.format(unit=settings.one))


def _answer(settings: LessonSettings) -> Answer:
    odds = fair_odds(settings.mu)
    return Answer(
        value=odds.tpr,
        text=f"at most {odds.tpr} of 100; {odds.fpr} of 100 others are wrongly flagged",
        why=(
            f"Noise makes models with and without one {settings.one} alike, and the less they differ, the less an "
            "attacker can tell. The bound holds whatever the attacker computes, but it covers the private training "
            "only, not a generator of synthetic masses."
        ),
    )


LESSON = Lesson("What does ε buy?", _question, _asked, _experiment, _answer)
