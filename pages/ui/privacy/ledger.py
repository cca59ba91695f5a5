"""The tab Ledger: what was released from a cohort, its privacy cost in total, and what is left of its budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.config.runs import PAPER_DELTA
from mammo_core.figures.ledger import ledger_figure
from mammo_core.figures.provenance import Provenance
from mammo_core.system.paths import models_dir
from mammo_core.text.numbers import counted
from pages.ui.components.charts import chart
from pages.ui.components.export import ExportBundle, export_button
from pages.ui.components.inputs import choose_one, number_box
from pages.ui.components.links import linked
from pages.ui.components.messages import escape_markdown, show_ledger_warnings
from pages.ui.privacy.ledger_plan import show_budget_form, show_what_if
from pages.ui.state import resources

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from mammo_core.ledger.book import LedgerBook
    from mammo_core.ledger.releases import CohortIdentity, Release

_BY_TIME, _BY_NUMBER = "over time", "in order"
_COLUMNS = {
    "made": "when (UTC)",
    "release": "release",
    "unit": "unit",
    "epsilon_alone": "ε alone, per patient",
    "epsilon_total": "ε of all so far with DP",
    "origin": "from",
    "noise": "noise",
    "reason": "why beyond the budget",
    "kind": "kind",
    "training data": "training data",
    "job": "job",
    "cohort": "cohort",
}


def show_ledger() -> None:
    """Draws the ledger of the cohort that is chosen."""
    st.markdown(
        "Every training on this machine is written down **before** it begins: single runs, "
        "sweeps, moves of the *Live* slider, generators. So is what is measured on training patients "
        "without noise: attacks, evaluations, nearest masses. Deleting a run removes nothing here. "
        "Totals are composed by mechanism, never by adding ε. They hold for a whole patient and "
        "over all cohorts that share one."
    )
    book = resources.ledger().book()
    if not book.cohorts:
        show_ledger_warnings(book)
        st.info(
            "Nothing was released from any cohort on this machine yet. Every training will be "
            "listed here.",
            icon=":material/menu_book:",
        )
        return
    cohort = _choose_cohort(book)
    show_ledger_warnings(book, cohort)
    if cohort.is_demonstration:
        st.caption("Demonstration: these patients were drawn by a generator.")
    budget = book.budget_of(cohort.key)
    delta = budget.delta if budget else PAPER_DELTA
    others = _other_generators(book, cohort)
    _show_total(book, cohort, delta, others)
    _show_releases(book, cohort, delta)
    _show_imported()
    left, right = st.columns(2, gap="large")
    with left:
        show_what_if(book, cohort, delta, others)
    with right:
        show_budget_form(book, cohort)
    st.caption(
        "A ledger cannot know releases from other machines or copies of the run store. It does "
        "not know what validation labels and test scores reveal. It knows a "
        "patient by id and by pictures with the very same pixels. Processes on this machine "
        "cannot together exceed a budget. Several machines on one MLflow server can."
    )


def _choose_cohort(book: LedgerBook) -> CohortIdentity:
    from mammo_core.ledger.table import cohort_label

    newest_first = list(book.cohorts)[::-1]
    key = linked(st.selectbox)(
        "Cohort",
        newest_first,
        format_func=lambda key: cohort_label(book, key),
        key="ledger_cohort",
        width=520,
    )
    return book.cohorts[key]


def _other_generators(book: LedgerBook, cohort: CohortIdentity) -> list[Release]:
    """Lists generators of these patients that came from elsewhere; returns those to count in."""
    from mammo_core.ledger.foreign_generators import other_generators

    found = other_generators(book, cohort.patients, models_dir())
    if not found:
        return []
    lines = [
        f"- **{escape_markdown(other.name)}** {escape_markdown(other.learned_from)}. Its "
        f"guarantee: {escape_markdown(other.promise)}"
        + ("" if other.is_composed else " (counted in, it counts as without DP)")
        for other in found
    ]
    with st.container(border=True):
        st.markdown(
            "Installed here, but **not released from this machine** and in no total below:\n\n"
            + "\n".join(lines)
        )
        counted = linked(st.toggle)("Count them in", key="ledger_count_others", value=False)
    return [other.release for other in found] if counted else []


def _show_total(
    book: LedgerBook, cohort: CohortIdentity, delta: float, others: Sequence[Release]
) -> None:
    from mammo_core.ledger.words import budget_sentence, total_sentences

    total = book.total(cohort.members, delta, others)
    with st.container(horizontal=True, key="ledger_numbers"):
        number_box(
            "Total ε, with DP",
            f"{total.covered_epsilon:.4g}",
            f"for a whole patient, δ = {delta:g}",
            width="content",
            explained=(
                "The total cost of all releases with differential privacy, if all were published, "
                "for the patient with the highest cost."
            ),
        )
        number_box(
            "Releases",
            total.num_releases,
            f"{total.num_reproducible} with reproducible noise",
            width="content",
        )
        number_box(
            "Without DP",
            total.num_without_dp,
            "covered by no ε" if total.num_without_dp else "none",
            width="content",
            explained=(
                "No ε covers these releases. With one of them, all releases together guarantee "
                "nothing."
            ),
        )
    for sentence in total_sentences(total, delta):
        st.markdown(f"- {sentence}")
    for state in book.budget_states(cohort.members, others):
        st.progress(
            min(state.spent / state.budget.epsilon, 1.0),
            escape_markdown(budget_sentence(state), longest=300),
        )
        if state.is_exceeded:
            st.error(
                "More was released than the budget allows.", icon=":material/hourglass_disabled:"
            )
        elif state.is_nearly_used:
            st.warning("80 % or more of the budget is used.", icon=":material/hourglass_bottom:")


def _show_imported() -> None:
    count = resources.archive().count_imported()
    if count:
        st.info(
            f"Imported from another installation: {counted(count, 'run')}. The ledger **there** recorded "
            "them. They are in no total here. Files of runs do not say whose data they are from: if from these "
            "patients, look at both ledgers together.",
            icon=":material/move_to_inbox:",
        )


def _show_releases(book: LedgerBook, cohort: CohortIdentity, delta: float) -> None:
    from mammo_core.ledger.table import ledger_table

    table = ledger_table(book, cohort.members, delta)
    if table.empty:
        return
    budget = book.budget_of(cohort.key)
    axis = choose_one("Releases", (_BY_NUMBER, _BY_TIME), "ledger_axis", show_label=False)
    when = table["made"] if axis == _BY_TIME else pd.Series(range(1, len(table) + 1))
    figure = ledger_figure(
        when.tolist(),
        table["release"].tolist(),
        table["epsilon_alone"].tolist(),
        table["epsilon_total"].tolist(),
        budget=budget.epsilon if budget else None,
    )
    chart(
        figure,
        key="ledger_figure",
        alt=f"ε of each of {len(table)} releases from {cohort.name}, and of all with DP together",
    )
    export_button(_bundle(cohort, delta, figure, table))
    shown = _filtered(table)
    st.dataframe(_for_reading(shown), hide_index=True, key="ledger_table")


def _bundle(
    cohort: CohortIdentity, delta: float, figure: go.Figure, table: pd.DataFrame
) -> ExportBundle:
    """Bundles all releases of the cohort, whatever the filters below show."""
    name = f"mammo_privacy_ledger_{cohort.key[:6]}"
    title = f"Releases from {cohort.name}"
    notes = (
        f"{len(cohort.patients)} patients, {cohort.num_masses} masses, key {cohort.key}. ε at δ = "
        f"{delta:g}, for the patient with the highest cost. Totals are composed by mechanism, "
        "over all cohorts that share a patient.",
    )
    return ExportBundle(
        name=name,
        provenance=Provenance(title=title, notes=notes),
        figures={title: figure},
        tables={name: table},
    )


def _filtered(table: pd.DataFrame) -> pd.DataFrame:
    """Keeps the rows that match every filter; an empty filter keeps all."""
    keep = pd.Series(True, index=table.index)
    with st.container(horizontal=True):
        for column, label in (
            ("kind", "Kind"),
            ("training data", "Training data"),
            ("unit", "Unit"),
            ("origin", "From"),
            ("job", "Job"),
        ):
            values = [value for value in table[column].unique() if value]
            wanted = st.multiselect(
                label, values, key=f"ledger_{column.split()[0]}", persist_state="session", width=220
            )
            if wanted:
                keep &= table[column].isin(wanted)
    return table[keep]


def _for_reading(table: pd.DataFrame) -> pd.DataFrame:
    """Prepares the table for reading, the newest first."""
    shown = table[list(_COLUMNS)].rename(columns=_COLUMNS)[::-1]
    shown["when (UTC)"] = table["made"].dt.tz_localize(None)
    shown["ε alone, per patient"] = table["epsilon_alone"].map(_epsilon)
    shown["ε of all so far with DP"] = table["epsilon_total"].map(_epsilon)
    return shown


def _epsilon(epsilon: float) -> str:
    return "∞ (not DP)" if math.isinf(epsilon) else f"{epsilon:.4g}"
