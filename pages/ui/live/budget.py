"""The budget of the cohort that the Live page trains on: how much is used, and going beyond it knowingly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.ui.components.messages import escape_markdown
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.training.heads.feature_dataset import FeatureDataset


def ask_reason(dataset: FeatureDataset) -> str:
    """Says how much of the budget is used, if there is one.

    Returns:
        Why it may be exceeded, as typed; empty if it may not.
    """
    from mammo_core.ledger.words import budget_sentence

    states = resources.ledger().book().budget_states(dataset.cohort_identity.patients)
    if not states:
        return ""
    for state in states:
        show = st.warning if state.is_nearly_used else st.caption
        show(escape_markdown(budget_sentence(state), longest=300))
    return st.text_input(
        "Go beyond the budget, because …",
        key="live_beyond_budget",
        persist_state="session",
        help="Without a reason a model that would exceed the budget is not trained. The reason is kept in the "
        "ledger (page Privacy).",
    )
