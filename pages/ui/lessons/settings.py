"""Asks for what the lessons are about, and keeps it in the link that a teacher sends."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES, TEST_SET_NAMES
from mammo_core.config.runs import Strategy
from mammo_core.text.numbers import budget_name
from pages.ui.components.links import linked
from pages.ui.components.privacy_inputs import choose_unit
from pages.ui.privacy.controls import PrivacyChoices
from pages.ui.trade_off.points import shipped_budgets

_STRATEGIES: tuple[Strategy, ...] = ("real", "real+synthetic", "pretrain")
_LARGEST_EPSILON = 60.0  # beyond, the bound on attackers says nothing


@dataclass(frozen=True)
class LessonSettings(PrivacyChoices):
    """What the lessons are about: one private training, tested on one test set."""

    test_set: str

    @property
    def strategy_name(self) -> str:
        """The training data, in words."""
        return STRATEGY_NAMES[self.strategy]

    @property
    def test_set_name(self) -> str:
        """The test set, in words."""
        return TEST_SET_NAMES[self.test_set]


def choose() -> LessonSettings:
    """Draws the choices, folded away, with the chosen ones beside them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("Settings", icon=":material/tune:", key="lesson_settings"):
            st.caption("They stand in the link and hold for all lessons.")
            settings = _ask()
        st.caption(
            f"{settings.name} · {settings.unit} · {settings.strategy_name} · {settings.test_set_name}",
            width="content",
        )
    return settings


def _ask() -> LessonSettings:
    epsilon = linked(st.select_slider)(
        "Privacy budget ε",
        [budget for budget in shipped_budgets() if budget <= _LARGEST_EPSILON],
        value=1.0,
        format_func=budget_name,
        key="lesson_epsilon",
        help="Of lessons 2 to 5. In lesson 1, ε is what you look for.",
    )
    unit = choose_unit("lesson_unit")
    strategy = linked(st.selectbox)(
        "Training data",
        _STRATEGIES,
        format_func=lambda name: STRATEGY_NAMES[name],
        key="lesson_strategy",
        help="Of lessons 1 and 5. Lesson 5 compares with *real only*. If you choose *real only*, "
        "lesson 5 compares it with *synthetic, then private on real*.",
    )
    test_set = linked(st.selectbox)(
        "Test set",
        list(TEST_SET_NAMES),
        format_func=lambda name: TEST_SET_NAMES[name],
        key="lesson_test_set",
        help="Of lessons 1 and 5.",
    )
    return LessonSettings(epsilon, unit, strategy, test_set)
