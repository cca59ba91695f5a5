"""The Privacy page in talk mode: what an attacker sees, in a few steps; every number is computed or measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.figures.attacker import attacker_region_figure
from mammo_core.figures.audit import audit_figure
from mammo_core.figures.budget_curves import budget_curves_figure
from mammo_core.figures.odds import odds_figure
from mammo_core.privacy.accounting.risk import attacker_curve, careful_odds, fair_odds
from pages.ui.components.charts import chart, readable_type
from pages.ui.components.talk_mode import step_through
from pages.ui.privacy.attacks import shipped_tables
from pages.ui.privacy.composition import composition_table
from pages.ui.privacy.controls import PrivacyChoices

if TYPE_CHECKING:
    import plotly.graph_objects as go

_TOLD = PrivacyChoices(6.0, "patient", "real")
_STRONG = PrivacyChoices(1.0, "patient", "real")
_NONE = PrivacyChoices(math.inf, "patient", "real")
_RELEASES = 10
_LEGEND = {
    "orientation": "h",
    "yanchor": "bottom",
    "y": 1.02,
    "x": 0,
}  # a big screen is wide, not high
_NOTE = "Patients hidden whole; one released model; δ = 1e-4. Real masses only."


@dataclass(frozen=True)
class Scene:
    """One step of the story.

    Attributes:
        sentence: At most 25 words.
        note: What must not be left unsaid, in small type.
        alt: The figure in words.
    """

    sentence: str
    note: str
    figure: go.Figure
    alt: str


def scenes() -> dict[str, Callable[[], Scene]]:
    """The steps by name; the last only if audits are shipped."""
    told: dict[str, Callable[[], Scene]] = {
        "mere guessing": _guessing,
        "no privacy": _without_privacy,
        f"ε = {_TOLD.epsilon:g}": _private,
        "a careful attacker": _careful,
        "releases add up": _adding_up,
    }
    if len(shipped_tables("real").audits):
        told["claimed and audited"] = _audited
    return told


def show_story() -> None:
    """Draws the step that the URL names."""
    told = scenes()
    step = step_through(list(told), "privacy")
    scene = list(told.values())[step]()
    scene.figure.update_layout(legend=_LEGEND)
    readable_type()
    st.markdown(f"### {scene.sentence}")
    with st.container(
        height=600, border=False, key="talk_stage"
    ):  # talk mode fits it to the screen
        chart(scene.figure, key="story", alt=scene.alt, height="stretch")
    st.caption(scene.note)


def _guessing() -> Scene:
    return _dots(
        50,
        50,
        "Who took part? Without any model an attacker can only guess: 50 of 100 rightly, 50 of 100 wrongly.",
        "An attacker who errs alike on both sides.",
    )


def _without_privacy() -> Scene:
    return _dots(
        100,
        0,
        "A model trained without privacy sets no limit: in the worst case all 100 are named, and nobody else.",
        "No privacy (not DP). What attacks did achieve: Privacy, Attacks and audit.",
    )


def _private() -> Scene:
    odds = fair_odds(_TOLD.mu)
    return _dots(
        odds.named,
        odds.accused,
        f"At ε = {_TOLD.epsilon:g}, the best attacker names at most {odds.named} of 100 rightly, and {odds.accused} of "
        "100 wrongly.",
        f"{_NOTE} Exact bound, whatever the attacker computes.",
    )


def _careful() -> Scene:
    odds = careful_odds(_STRONG.mu)
    sentence = (
        f"At ε = {_STRONG.epsilon:g}, an attacker who wrongly accuses 1 of 100 outsiders names at most "
        f"{odds.named} of 100 who took part."
    )
    return Scene(
        sentence,
        f"{_NOTE} Shaded: all that any attack can reach. Logarithmic axes.",
        attacker_region_figure(attacker_curve(_STRONG.mu), {}, logarithmic=True),
        f"The attacker's ROC on logarithmic axes: {sentence}",
    )


def _adding_up() -> Scene:
    table = composition_table(_STRONG, 2 * _RELEASES)
    exact = table["exact"][_RELEASES - 1]
    sentence = (
        f"Every release adds up: {_RELEASES} models at ε = {_STRONG.epsilon:g} from the same patients spend "
        f"ε = {exact:.2g} together."
    )
    figure = budget_curves_figure(
        {name: (table["models"], table[name]) for name in ("exact", "adding ε")},
        x_title=f"models released at ε = {_STRONG.epsilon:g} each",
        y_title="ε of all together",
        marks=[(_RELEASES, exact, sentence)],
        dots=True,
    )
    return Scene(
        sentence, "Patients hidden whole. Exact composition at δ = 1e-4.", figure, sentence
    )


def _audited() -> Scene:
    audits = shipped_tables("real").audits
    audits = audits[audits["unit"] == "patient"]
    holds = (audits["audited_epsilon"] <= audits["epsilon"]).all()
    sentence = (
        "We attacked our own models: no audit found more than was claimed."
        if holds
        else "We attacked our own models: an audit found more than was claimed. Something is wrong."
    )
    return Scene(
        sentence,
        "Line: claimed, an upper bound against every attack. Points: what attacks proved. A better attack may prove more, "
        "up to the line.",
        audit_figure(audits),
        f"Claimed and audited ε: {sentence}",
    )


def _dots(named: int, accused: int, sentence: str, note: str) -> Scene:
    return Scene(sentence, note, odds_figure(named, accused), f"Two times 100 dots: {sentence}")
