"""The slides of the Privacy page: what an attacker can learn. Every number is computed or measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from mammo_core.figures.attacker import attacker_region_figure
from mammo_core.figures.audit import audit_figure
from mammo_core.figures.budget_curves import budget_curves_figure
from mammo_core.figures.odds import odds_figure
from mammo_core.figures.style import LEGEND_ABOVE
from mammo_core.privacy.accounting.risk import attacker_curve, careful_odds, fair_odds
from pages.ui.components.slides import Slide, show_slides
from pages.ui.privacy.attacks import shipped_tables
from pages.ui.privacy.composition import composition_table
from pages.ui.privacy.controls import PrivacyChoices

if TYPE_CHECKING:
    import plotly.graph_objects as go

_TOLD = PrivacyChoices(6.0, "patient", "real")
_STRONG = PrivacyChoices(1.0, "patient", "real")
_NONE = PrivacyChoices(math.inf, "patient", "real")
_RELEASES = 10
_ASSUMES_NOTHING = "(ε, δ)"  # of the audits; few enough for a slide
_NOTE = "Unit: the patient. One released model, δ = 1e-4, real masses only."


def slides() -> dict[str, Callable[[], Slide]]:
    """Returns the slides by name; the last only if audits are shipped."""
    found: dict[str, Callable[[], Slide]] = {
        "mere guessing": _guessing,
        "no privacy": _without_privacy,
        f"ε = {_TOLD.epsilon:g}": _private,
        "a careful attacker": _careful,
        "releases add up": _adding_up,
    }
    if len(shipped_tables("real").audits):
        found["claimed and audited"] = _audited
    return found


def show_talk() -> None:
    """Draws the slide that the URL names."""
    show_slides("Privacy", slides(), "privacy")


def _guessing() -> Slide:
    return _dots(
        50,
        50,
        "Who took part? Without any model an attacker can only guess: 50 of 100 right, 50 of 100 "
        "wrong.",
        "This attacker errs alike on both sides.",
    )


def _without_privacy() -> Slide:
    return _dots(
        100,
        0,
        "A model trained without privacy sets no limit. In the worst case an attacker identifies all "
        "100, and flags nobody else.",
        "No privacy (not DP). For what attacks achieved, see *Attacks and audit*.",
    )


def _private() -> Slide:
    odds = fair_odds(_TOLD.mu)
    return _dots(
        odds.tpr,
        odds.fpr,
        f"At ε = {_TOLD.epsilon:g}, the best attacker identifies at most {odds.tpr} of 100 "
        f"participants, and wrongly flags {odds.fpr} of 100 others.",
        f"{_NOTE} Exact bound, whatever the attacker computes.",
    )


def _careful() -> Slide:
    odds = careful_odds(_STRONG.mu)
    sentence = (
        f"At ε = {_STRONG.epsilon:g}, an attacker who wrongly flags 1 of 100 outsiders identifies at most "
        f"{odds.tpr} of 100 who took part."
    )
    return _with_figure(
        sentence,
        f"{_NOTE} Shaded: everything that any attack can reach. Logarithmic axes.",
        attacker_region_figure(attacker_curve(_STRONG.mu), {}, logarithmic=True),
        f"The attacker's ROC on logarithmic axes: {sentence}",
    )


def _adding_up() -> Slide:
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
    return _with_figure(
        sentence, "Unit: the patient. Exact composition at δ = 1e-4.", figure, sentence
    )


def _audited() -> Slide:
    audits = shipped_tables("real").audits
    audits = audits[audits["unit"] == "patient"]
    holds = (audits["audited_epsilon"] <= audits["epsilon"]).all()
    sentence = (
        "We attacked our own models: no audit found more than was claimed."
        if holds
        else "We attacked our own models: an audit found more than was claimed. Something is wrong."
    )
    return _with_figure(
        sentence,
        "Line: claimed, an upper bound against every attack. Points: what attacks proved. A "
        "better attack may prove more, up to the line.",
        audit_figure(audits[audits["method"].str.endswith(_ASSUMES_NOTHING)]),
        f"Claimed and audited ε: {sentence}",
    )


def _dots(found: int, flagged: int, sentence: str, note: str) -> Slide:
    return _with_figure(
        sentence, note, odds_figure(found, flagged), f"Two times 100 dots: {sentence}"
    )


def _with_figure(sentence: str, note: str, figure: go.Figure, alt: str) -> Slide:
    figure.update_layout(legend=LEGEND_ABOVE)  # as a big screen is wide
    return Slide(sentence, note, figure, alt)
