"""Computes an ε from a wanted limit on attackers."""

from __future__ import annotations

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.privacy.accounting import risk
from mammo_core.text.numbers import budget_name
from pages.ui.components import links
from pages.ui.components.inputs import choose_one, number_input
from pages.ui.components.links import linked
from pages.ui.components.messages import escape_markdown
from pages.ui.components.privacy_inputs import EPSILONS
from pages.ui.privacy.controls import EPSILON_KEY, PrivacyChoices

_NAMED, _GUESS, _ADVANTAGE = "identifies at most", "guesses right at most", "gains at most"
_OLD_NAMES = {"names at most": _NAMED, "guesses rightly at most": _GUESS}
_ASKED = {
    _NAMED: "Of 100 who took part, an attacker who wrongly flags some others identifies at most …",
    _GUESS: "If a coin decided who took part, an attacker is right at most …",
    _ADVANTAGE: "The share identified exceeds the share wrongly flagged by at most …",
}


def show_target(choices: PrivacyChoices) -> None:
    """Draws the calculator."""
    with st.expander(
        "Ask the other way round: which ε allows no attacker better than …?", icon=":material/undo:"
    ):
        links.rename("limit_kind", _OLD_NAMES)
        kind = choose_one("An attacker", list(_ASKED), "limit_kind", default=_NAMED)
        st.caption(_ASKED[kind])
        try:
            mu = _asked_mu(kind)
            epsilon = risk.epsilon_allowing(mu, choices.delta)
        except MammoError as error:
            st.error(escape_markdown(error, longest=2000), icon=":material/error:")
            return
        st.markdown(
            f"This is **ε = {epsilon:.3g}** at δ = {choices.delta:g} (μ = {mu:.3g} in Gaussian "
            f"DP). It holds for everything released from one {choices.unit}'s data together, "
            "trained by full-batch DP-SGD as here."
        )
        below = max(budget for budget in EPSILONS if budget <= epsilon)
        st.button(
            f"Set the slider to ε = {budget_name(below)}",
            key="limit_use",
            on_click=_set_slider,
            args=(below,),
        )


def _asked_mu(kind: str) -> float:
    with st.container(horizontal=True):
        if kind == _NAMED:
            named = _percent("identifies at most (%)", 5.0, "limit_named")
            return risk.mu_for_tpr(
                named, _percent("while wrongly flagging (%)", 1.0, "limit_accused")
            )
        if kind == _GUESS:
            return risk.mu_for_guess_rate(_percent("right at most (%)", 60.0, "limit_guess"))
        return risk.mu_for_advantage(_percent("gains at most (%)", 10.0, "limit_advantage"))


def _percent(label: str, value: float, key: str) -> float:
    asked = linked(number_input)(label, 0.01, 99.99, value, step=1.0, key=key, width=220)
    return asked / 100


def _set_slider(epsilon: float) -> None:
    st.session_state[EPSILON_KEY] = epsilon
