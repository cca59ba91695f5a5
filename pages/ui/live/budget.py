"""The budget of the cohort that the Live page trains on: how much is used, and going beyond it knowingly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

from pages.ui.components.messages import escape_markdown, show_ledger_warnings
from pages.ui.state import resources

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from mammo_core.training.heads.feature_dataset import FeatureDataset

_REASON = "live_beyond_budget"
_FRESH_S = 10.0  # what training has just read or written in the ledger is not asked for again


@contextmanager
def shown_after(place: DeltaGenerator, dataset: FeatureDataset) -> Iterator[str]:
    """Shows how much of the budget is used after what happens inside, also when that is refused.

    Yields:
        Why the budget may be exceeded, as typed before; empty if it may not.
    """
    try:
        yield str(st.session_state.get(_REASON, ""))
    finally:
        with place:
            _show(dataset)


def _show(dataset: FeatureDataset) -> None:
    from mammo_core.ledger.words import budget_sentence

    book = resources.ledger().book(max_age_s=_FRESH_S)
    show_ledger_warnings(book, dataset.cohort_identity)
    states = book.budget_states(dataset.cohort_identity.members)
    for state in states:
        show = st.warning if state.is_nearly_used else st.caption
        show(escape_markdown(budget_sentence(state), longest=300))
    if states:
        st.text_input(
            "Go beyond the budget, because …",
            key=_REASON,
            persist_state="session",
            help="Without a reason, a model that would exceed the budget is not trained. The ledger on the page "
            "*Privacy* keeps the reason.",
        )
