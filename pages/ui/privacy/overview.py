"""The tab Overview, for a clinician: odds in words and dots, the attacker's ROC, what is claimed and audited."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.figures.attacker import attacker_region_figure
from mammo_core.figures.odds import odds_figure
from mammo_core.privacy.accounting.risk import attacker_auc, attacker_curve, attacker_tpr, fair_odds
from mammo_core.results.shipped_statement import shipped_statement
from pages.ui.components.charts import chart
from pages.ui.components.inputs import number_box
from pages.ui.components.links import linked
from pages.ui.components.script import show_script
from pages.ui.components.statement import show_statement
from pages.ui.privacy.attacks import (
    AttackTables,
    audited,
    measured_curves,
    shipped_tables,
    strongest,
)
from pages.ui.privacy.controls import PrivacyChoices, bundle, camera
from pages.ui.privacy.target import show_target
from pages.ui.privacy.words import ATTACKER, careful_sentence, odds_sentence

if TYPE_CHECKING:
    from mammo_core.privacy.statements.statement import Statement

_STEP_ONLY = (
    "These odds are about the private training only. The synthetic masses come from a generator "
    "that saw the same patients without differential privacy. What they reveal has no limit."
)


def show_overview(choices: PrivacyChoices) -> None:
    """Draws the tab."""
    tables = shipped_tables(choices.strategy)
    words, curve = st.columns([5, 6], gap="large")
    with words:
        _show_odds(choices)
    with curve:
        _show_curve(choices, tables)
    _show_numbers(choices, tables)
    _show_guarantee(choices)
    show_target(choices)
    show_script("privacy", epsilon=choices.epsilon, delta=choices.delta, unit=choices.unit)


def _show_odds(choices: PrivacyChoices) -> None:
    odds = fair_odds(choices.mu)
    st.markdown(f"## {odds_sentence(choices.mu, choices.units).replace('**', '')}")
    chart(
        odds_figure(odds.tpr, odds.fpr),
        key="odds",
        alt=f"Of 100 who took part {odds.tpr} dots are filled, of 100 who did not {odds.fpr}",
        toolbar=camera("odds"),
        bundle=bundle(choices, "odds", f"What an attacker learns at most at {choices.name}"),
    )
    st.markdown(careful_sentence(choices.mu, choices.units))
    if choices.is_private and _statement(choices).coverage.startswith("training step only"):
        st.warning(_STEP_ONLY, icon=":material/warning:")
    st.caption(ATTACKER.format(unit=choices.one))


def _show_curve(choices: PrivacyChoices, tables: AttackTables) -> None:
    st.markdown("## What attackers can do, and what attacks did")
    logarithmic = linked(st.toggle)(
        "Logarithmic axes",
        key="privacy_log",
        help="Shows the attacker who wrongly flags hardly anybody. Both axes start at 0.01 %.",
    )
    attack = strongest(tables.attacks, choices.unit, choices.epsilon)
    attacks = (
        {}
        if attack is None
        else measured_curves(tables.roc, choices.unit, choices.epsilon, attack["attack"])
    )
    chart(
        attacker_region_figure(attacker_curve(choices.mu), attacks, logarithmic=logarithmic),
        key="attacker_roc",
        alt=f"ROC of who took part at {choices.name}: everything above the line is impossible"
        if choices.is_private
        else "ROC of who took part without privacy: everything is possible",
        toolbar=camera("attacker"),
        bundle=bundle(
            choices,
            "attacker_curves",
            f"What attackers can do and did at {choices.name}",
            {"attacker_curves": curves_table(choices, attacks)},
        ),
    )
    st.caption(
        "Shaded: everything that any attack can reach at this ε. The white area above is "
        "impossible, whatever the attacker computes."
        if choices.is_private
        else "Without privacy nothing is impossible: the whole square is shaded."
    )
    if not attacks:
        st.caption(
            "No attack was measured here. *Attacks and audit* lists the ε with measured attacks."
        )


def curves_table(
    choices: PrivacyChoices, attacks: dict[str, tuple[np.ndarray, np.ndarray]]
) -> pd.DataFrame:
    """Tabulates the bound and the measured curves as false and true positive rates."""
    curves = {"bound": attacker_curve(choices.mu)} | attacks
    return pd.concat(
        [
            pd.DataFrame({"curve": name, "fpr": fpr, "tpr": tpr})
            for name, (fpr, tpr) in curves.items()
        ]
    )


def _show_numbers(choices: PrivacyChoices, tables: AttackTables) -> None:
    audit = audited(tables.audits, choices.unit, choices.epsilon)
    attack = strongest(tables.attacks, choices.unit, choices.epsilon)
    claimed, found, area, named = st.columns(4)
    with claimed:
        number_box(
            "Claimed",
            f"ε ≤ {choices.epsilon:g}" if choices.is_private else "nothing",
            f"per {choices.unit}, δ = {choices.delta:g}"
            if choices.is_private
            else "no privacy (not DP)",
            "Follows from the mathematics of the training and holds against every attack.",
        )
    with found:
        number_box(
            "Audited",
            "none yet" if audit is None else f"ε ≥ {audit['audited_epsilon']:.3g}",
            "no audit at this ε" if audit is None else f"{audit['confidence']:.0%} confidence",
            "Attacks on trained models prove that at least this was spent. It must stay below the "
            "claim.",
        )
    with area:
        number_box(
            "Attack's AUC",
            "none yet" if attack is None else f"{attack['auc']:.3f}",
            f"≤ {attacker_auc(choices.mu):.3f}, chance 0.5",
            "How often the strongest attack we ran scores someone who took part above someone who "
            "did not." + ("" if attack is None else f" It is the {attack['attack']} attack."),
        )
    with named:
        number_box(
            "Identified at 1 % flagged",
            "none yet" if attack is None else f"{attack['tpr_at_1pct']:.1%}",
            f"≤ {attacker_tpr(choices.mu, 0.01):.1%}, chance 1 %",
            "The share of participants that are identified when 1 in 100 others is wrongly flagged.",
        )


def _show_guarantee(choices: PrivacyChoices) -> None:
    st.markdown("## What this guarantee covers")
    show_statement(_statement(choices), key="privacy")
    st.caption(
        "This holds for a model trained on CBIS-DDSM like the shipped results, but with secret "
        "noise. Everything trained here uses secret noise unless it is marked reproducible. "
        "*Runs* shows the statement of each model of your own."
    )


def _statement(choices: PrivacyChoices) -> Statement:
    shipped = shipped_statement(choices.strategy, choices.unit, choices.epsilon, choices.delta)
    return replace(shipped, noise="secret")
