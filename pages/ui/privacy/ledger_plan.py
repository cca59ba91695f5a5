"""Plans ahead in the ledger: what more runs would cost, and the budget of a cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.config.runs import PAPER_DELTA
from mammo_core.errors import MammoError
from mammo_core.text.numbers import budget_name
from pages.ui.components.inputs import number_input
from pages.ui.components.links import linked
from pages.ui.components.messages import escape_markdown
from pages.ui.components.privacy_inputs import EPSILON_HELP, EPSILONS, choose_unit
from pages.ui.state import resources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mammo_core.ledger.book import LedgerBook
    from mammo_core.ledger.releases import CohortIdentity, Release


def show_what_if(
    book: LedgerBook, cohort: CohortIdentity, delta: float, others: Sequence[Release]
) -> None:
    """Shows what the total would be after some more runs."""
    from mammo_core.ledger.releases import cost_of_budget, planned_releases
    from mammo_core.ledger.words import budget_sentence, short_total

    st.header("What would more runs cost?")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        epsilon = linked(st.selectbox)(
            "ε of each",
            EPSILONS,
            index=EPSILONS.index(6.0),
            format_func=budget_name,
            key="ledger_if_epsilon",
            help=EPSILON_HELP,
            width=140,
        )
        unit = choose_unit(
            "ledger_if_unit",
            label="Unit",
            explained=(
                f"By image, the patient with most masses ({cohort.largest_patient} here) has the "
                "highest cost."
            ),
        )
        runs = linked(number_input)("Runs", 1, 10_000, 1, key="ledger_if_runs")
    spending = cost_of_budget(epsilon, delta, unit, cohort.largest_patient)
    more = planned_releases(spending, int(runs))
    before, after = (
        short_total(book.total(cohort.members, delta, [*others, *added])) for added in ((), more)
    )
    st.markdown(f"So far: {before}.  \nThen: **{after}**.")
    for state in book.budget_states(cohort.members, [*others, *more]):
        st.markdown(escape_markdown(budget_sentence(state), longest=300))


def show_budget_form(book: LedgerBook, cohort: CohortIdentity) -> None:
    """Sets, changes or removes the budget; earlier budgets stay on record."""
    st.header("Budget of this cohort")
    now = book.budget_of(cohort.key)
    with st.form("ledger_budget", border=False):
        epsilon = st.number_input(
            "At most this ε for everything together, for a whole patient",
            value=now.epsilon if now else 10.0,
            key="ledger_budget_epsilon",
        )
        delta = st.number_input(
            "at δ",
            value=now.delta if now else PAPER_DELTA,
            format="%.1e",
            key="ledger_budget_delta",
        )
        with st.container(horizontal=True):
            is_set = st.form_submit_button(
                "Set budget", icon=":material/savings:", key="ledger_budget_set"
            )
            is_removed = st.form_submit_button(
                "Remove budget",
                icon=":material/money_off:",
                key="ledger_budget_remove",
                disabled=now is None,
            )
    st.caption(
        "A warning appears from 80 % on. A training that would exceed the budget is refused "
        "unless you give a reason. The reason is recorded. A release without DP is beyond every "
        "budget."
    )
    if is_set or is_removed:
        _change(cohort, None if is_removed else (epsilon, delta))
    _show_history(book, cohort)


def _change(cohort: CohortIdentity, wanted: tuple[float, float] | None) -> None:
    from mammo_core.ledger.book import Budget

    try:
        budget = wanted and Budget(epsilon=wanted[0], delta=wanted[1])
        resources.ledger().set_budget(cohort, budget)
    except MammoError as error:
        st.error(escape_markdown(error, longest=2000), icon=":material/error:")
        return
    st.rerun()


def _show_history(book: LedgerBook, cohort: CohortIdentity) -> None:
    import pandas as pd

    changes = [change for change in book.budget_changes if change.cohort == cohort.key]
    if changes:
        rows = [
            {
                "when (UTC)": pd.Timestamp(change.made, unit="s").floor("s"),
                "budget ε": "removed" if change.budget is None else f"{change.budget.epsilon:g}",
                "at δ": "" if change.budget is None else f"{change.budget.delta:g}",
            }
            for change in changes[::-1]
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="ledger_budget_history")
