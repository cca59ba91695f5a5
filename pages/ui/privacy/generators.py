"""Attacks on generators: whether what they draw gives away whom they learned from."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mammo_core.config.runs import Unit
from pages.ui.components.export import export_button
from pages.ui.privacy.attacks import LEVELS, attacks_bundle, with_intervals
from pages.ui.state import resources

_ABOUT = (
    "A generator gives itself away if real masses it learned from lie nearer to what it draws than others do. "
    "**Train against val**: patients it saw against patients of the same collection that it did not. **Control**: the same "
    "attack between two splits that it never saw; what this finds is no membership. *Planted copies* shows what the attack "
    "finds when one training mass in ten is copied, shaken, into the synthetic set."
)


def show_generator_attacks(unit: Unit) -> None:
    """Draws the shipped attacks on generators, on one patient or one mass as the unit says."""
    attacks = resources.measured_generator_attacks()
    st.subheader("Attacks on generators")
    st.markdown(_ABOUT)
    st.dataframe(
        generator_attacks_table(attacks, LEVELS[unit]), hide_index=True, key="generator_attacks"
    )
    st.caption(
        "Intervals: 95 % over patients; there are only 102 patients in val. The bound is that of the generator's own guarantee; "
        "without one there is none, whatever these attacks found."
        " An attack that leaves *planted copies* unfound says nothing about the others either."
    )
    comparisons = {"generator_attacks": attacks}
    export_button(attacks_bundle("generator_attacks", "Attacks on generators", comparisons))


def generator_attacks_table(attacks: pd.DataFrame, level: str) -> pd.DataFrame:
    """For reading: one row per generator and attack, value with interval, the control beside it.

    Args:
        attacks: Columns as `reference.measured_generator_attacks`.
        level: "patient" or "mass".
    """
    on_level = attacks[attacks["level"] == level]
    keys = ["generator", "attack"]
    tested = on_level[(on_level["members"] == "train") & (on_level["non_members"] == "val")]
    control = on_level[on_level["members"] == "val"].set_index(keys)["auc"]
    names = [tuple(row) for row in tested[keys].to_numpy()]
    return pd.DataFrame(
        {
            "generator": tested["generator"].to_numpy(),
            "attack": tested["attack"].to_numpy(),
            "AUC, train against val": with_intervals(tested, "auc", ".3f"),
            "AUC, control": [
                f"{control[name]:.3f}" if name in control.index else "" for name in names
            ],
            "named at 1 % wrongly accused": with_intervals(tested, "tpr_at_1pct", ".1%"),
            "bound": [
                "none" if pd.isna(bound) else f"{bound:.1%}"
                for bound in tested["bound_tpr_at_1pct"]
            ],
        }
    )
