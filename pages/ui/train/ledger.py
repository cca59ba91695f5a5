"""What a plan or a network adds to its cohort's ledger, and going beyond a budget knowingly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.config.runs import PAPER_DELTA
from pages.ui.components.budget import ask_to_exceed, members_of
from pages.ui.components.messages import show_ledger_warnings
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource
    from mammo_core.jobs.requests import NetworkRequest
    from mammo_core.ledger.releases import Release
    from mammo_core.privacy.statements.training_data import TrainingData
    from mammo_core.training.heads.sweep import SweepPlan


def show_ledger_line(source: DataSource, asked: SweepPlan | NetworkRequest) -> str | None:
    """Says what everything released from these patients costs now, and after what was asked for.

    Returns:
        Why it may exceed a budget, as typed, empty if it need not; None if it would and there is no reason.
    """
    from mammo_core.ledger.words import short_total

    data = resources.training_data(source)
    more = _planned(asked, data)
    if not more:
        st.caption("These runs never read this cohort's patients. They add nothing to its ledger.")
        return ""
    book = resources.ledger().book()
    members, cohort = members_of(source, book)
    show_ledger_warnings(book, cohort)
    before, after = (short_total(book.total(members, PAPER_DELTA, added)) for added in ((), more))
    st.caption(
        f"Ledger of this cohort, per patient at δ = {PAPER_DELTA:g}. So far: {before}. After this, at most: {after}. "
        "A run that is already recorded is not trained again and adds nothing."
    )
    return ask_to_exceed(book, members, more, "train_beyond_budget")


def _planned(asked: SweepPlan | NetworkRequest, data: TrainingData) -> list[Release]:
    from mammo_core.jobs.requests import NetworkRequest
    from mammo_core.ledger.releases import cost_of_run, planned_releases
    from mammo_core.privacy.accounting.calibration import calibrate_run

    if isinstance(asked, NetworkRequest):
        configs, count = [asked.config], 1
    else:
        configs = [config for config in asked.configs()]
        configs = [config for config in configs if config.seed == asked.seeds[0]]
        count = len(asked.seeds)
    releases: list[Release] = []
    for config in configs:
        cost = cost_of_run(config, data.largest_patient or 1, calibrate_run(config))
        releases += planned_releases(cost, count) if cost else []
    return releases
