"""Shows attacks on generators: do their masses reveal whom they learned from?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mammo_core.config.runs import Unit
from pages.ui.components.export import export_button
from pages.ui.privacy.attacks import LEVELS, attacks_bundle, with_intervals
from pages.ui.state import resources

_ABOUT = (
    "A generator reveals its patients if its masses lie nearer to real masses it learned from "
    "than to others. **Train against val** compares patients that it saw with patients of the "
    "same collection that it did not see. **Control** is the same attack between two splits that "
    "it never saw. What the control finds is not membership. *Planted copies* shows what the "
    "attack finds when one in ten training masses is copied, slightly changed, into the "
    "synthetic set."
)


def show_generator_attacks(unit: Unit) -> None:
    """Draws the shipped attacks on generators, on one patient or one mass as the unit says."""
    attacks = resources.measured_generator_attacks()
    st.header("Attacks on generators")
    st.markdown(_ABOUT)
    st.dataframe(
        generator_attacks_table(attacks, LEVELS[unit]), hide_index=True, key="generator_attacks"
    )
    st.caption(
        "Intervals: 95 % over patients. There are only 102 patients in val. The bound is that of "
        "the generator's own guarantee. Without a guarantee there is no bound, whatever these "
        "attacks found. An attack that does not find *planted copies* says nothing about the "
        "others either."
    )
    comparisons = {"generator_attacks": attacks}
    export_button(attacks_bundle("generator_attacks", "Attacks on generators", comparisons))


def generator_attacks_table(attacks: pd.DataFrame, level: str) -> pd.DataFrame:
    """Makes a table for reading: one row per generator and attack, value with interval, the control beside it.

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
            "identified at 1 % wrongly flagged": with_intervals(tested, "tpr_at_1pct", ".1%"),
            "bound": [
                "none" if pd.isna(bound) else f"{bound:.1%}"
                for bound in tested["bound_tpr_at_1pct"]
            ],
        }
    )
