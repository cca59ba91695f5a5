"""Asks before the first training on patients whether its models are kept, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.text.numbers import counted
from pages.ui.components.messages import GLOSSARY
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.ledger.releases import CohortIdentity, Release
    from mammo_core.training.heads.feature_dataset import FeatureDataset

Keeping = Literal["scratch", "recorded"]
_KEEPING = "live_keeping"


class ScratchLedger:
    """Writes nothing down: this session's total counts what it lets through. For cohorts without a budget."""

    def require_room(self, cohort: CohortIdentity, releases: Sequence[Release]) -> None:
        """Lets every release through."""

    def record(self, cohort: CohortIdentity, releases: Sequence[Release]) -> None:
        """Writes nothing."""

    def note_generator(self, sha256: str) -> None:
        """Writes nothing."""


def of(source: DataSource, dataset: FeatureDataset) -> Keeping | None:
    """How models of this cohort are kept in this session; None before that was chosen, and where a budget forbids it."""
    if not has_patients(source):
        return "recorded"
    chosen = _chosen().get(source)
    return None if chosen == "scratch" and _has_budget(dataset) else chosen


def has_patients(source: DataSource) -> bool:
    """Whether training on this cohort can tell anything about anybody."""
    return not source.is_demo


def ask(source: DataSource, dataset: FeatureDataset) -> None:
    """Says what training on these patients means, and offers to keep models or not."""
    has_budget = _has_budget(dataset)
    with st.container(border=True, key="live_ask"):
        st.header("Nothing is trained yet", anchor=False)
        st.markdown(
            f"Each position of the slider trains a model on {counted(len(dataset.cohort_identity.patients), 'patient')}. Every model "
            "that somebody sees is a **release**: it can tell something about them, and the costs add up. "
            f"{GLOSSARY}"
        )
        scratch, recorded = st.columns(2)
        with scratch:
            st.button(
                "Only try it out",
                key="live_scratch",
                icon=":material/edit_note:",
                type="secondary" if has_budget else "primary",
                disabled=has_budget,
                on_click=lambda: _chosen().update({source: "scratch"}),
            )
            st.markdown(
                "This cohort has a budget, which only recorded models are counted against."
                if has_budget
                else "Models stay in memory. The total of this session counts them; *Runs* and the ledger do not. "
                "For those who may see these patients' data anyway. Show nobody else the screen."
            )
        with recorded:
            st.button(
                "Record every model",
                key="live_recorded",
                icon=":material/book:",
                type="primary" if has_budget else "secondary",
                on_click=lambda: _chosen().update({source: "recorded"}),
            )
            st.markdown(
                "Every model goes to *Runs*, and its cost to the ledger on the page *Privacy*. For models and "
                "figures that others will see."
            )


def show_choice(source: DataSource) -> None:
    """Says that models are not recorded, and offers to record from now on; nothing if they are."""
    if _chosen().get(source) != "scratch":
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            ":material/edit_note: Not recorded: these models stay in this program's memory until it ends.",
            width="content",
        )
        st.button(
            "Record from now on",
            key="live_record",
            on_click=lambda: _chosen().update({source: "recorded"}),
        )


def _has_budget(dataset: FeatureDataset) -> bool:
    return bool(resources.ledger().book().budget_states(dataset.cohort_identity.members))


def _chosen() -> dict[DataSource, Keeping]:
    return st.session_state.setdefault(_KEEPING, {})
