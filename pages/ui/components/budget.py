"""Asks for a reason where a release would exceed a budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pages.ui.components.messages import escape_markdown
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource
    from mammo_core.ledger.book import LedgerBook
    from mammo_core.ledger.releases import CohortIdentity, Release

_HELP = "The reason is kept in the ledger with every release beyond the budget."


def members_of(
    source: DataSource, book: LedgerBook
) -> tuple[frozenset[str], CohortIdentity | None]:
    """The patients of a source, and the cohort as it was recorded last, which knows their pictures as well."""
    patients = resources.training_data(source).patients
    cohort = book.recorded(patients)
    return (cohort.members if cohort else patients), cohort


def ask_to_exceed(
    book: LedgerBook, members: frozenset[str], more: Sequence[Release], key: str
) -> str | None:
    """Asks why releases may exceed a budget of these patients.

    Returns:
        The reason as typed; empty if none is needed; None if one is needed and missing.
    """
    from mammo_core.ledger.words import budget_sentence

    exceeded = [state for state in book.budget_states(members, more) if state.is_exceeded]
    if not exceeded:
        return ""
    st.warning(
        escape_markdown(budget_sentence(exceeded[0]), longest=300),
        icon=":material/hourglass_disabled:",
    )
    reason = st.text_input("Go beyond the budget, because …", key=key, help=_HELP).strip()
    return reason or None
