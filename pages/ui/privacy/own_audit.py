"""Attacks models of one's own cohort: starts a job and shows the tables of those that were started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.text.numbers import budget_name
from pages.ui.components.budget import ask_to_exceed, members_of
from pages.ui.components.job_panel import show_job
from pages.ui.components.messages import shown_errors
from pages.ui.components.privacy_inputs import EPSILON_HELP, EPSILONS
from pages.ui.privacy.attacks import show_attacks
from pages.ui.privacy.controls import PrivacyChoices, choose_source
from pages.ui.state import jobs, resources

if TYPE_CHECKING:
    from mammo_core.jobs.requests import JobRequest
    from mammo_core.jobs.store import JobView

_USUAL = (1.0, 6.0, 20.0, 60.0, EPSILONS[-1])
_ABOUT = (
    "This job trains some thousand models on random halves of a cohort's patients, with "
    "canaries, and attacks them. It takes minutes. **The results are computed from the patients "
    "without noise**, so no ε covers them. They are for those who hold the data. The ledger "
    "records them as a release without DP."
)
_CHOSEN = "own_audit_job"


def show_own_audit(choices: PrivacyChoices) -> None:
    """Draws the form and, where there is one, an audit job."""
    st.header("Attack models of your own cohort")
    st.markdown(_ABOUT)
    source = choose_source()
    epsilons = st.multiselect(
        "Privacy budgets ε to attack",
        EPSILONS,
        default=_USUAL,
        format_func=budget_name,
        key="own_audit_epsilons",
        persist_state="session",
        help=EPSILON_HELP,
    )
    with shown_errors("This audit cannot be made"):
        from mammo_core.auditing.heads import AuditPlan
        from mammo_core.jobs.requests import AuditRequest
        from mammo_core.ledger.releases import release_of_measures

        plan = AuditPlan(
            strategy=choices.strategy,
            epsilons=tuple(sorted(epsilons)),
            unit=choices.unit,
            delta=choices.delta,
            backbone=resources.backbone_for(source),
        )
        book = resources.ledger().book()
        measures = release_of_measures("attacks")
        reason = ask_to_exceed(
            book, members_of(source, book)[0], [measures], "own_audit_beyond_budget"
        )
        st.button(
            "Start the attacks",
            icon=":material/security:",
            key="own_audit_start",
            disabled=reason is None,
            on_click=_start,
            args=(AuditRequest(source=source, plan=plan, beyond_budget=reason or ""),),
        )
    job_id = _choose_job()
    if job_id is not None:
        job = show_job(job_id)
        if job.is_over:
            show_audit_results(job)


def show_audit_results(job: JobView) -> None:
    """Draws the tables of an audit job, as far as it came."""
    from mammo_core.jobs.requests import AuditRequest

    assert isinstance(job.request, AuditRequest)
    tables = jobs.job_queue().store.tables(job.id)
    if not tables:
        st.info("No budget was finished.", icon=":material/hourglass_empty:")
        return
    epsilon = st.pills(
        "ε to look at closely",
        sorted(tables["attacks"]["target_epsilon"].unique()),
        default=tables["attacks"]["target_epsilon"].iloc[0],
        required=True,
        format_func=budget_name,
        key=f"epsilon_{job.id}",
    )
    show_attacks(
        tables["attacks"],
        tables["audits"],
        tables["roc"],
        job.request.plan.unit,
        epsilon,
        key=f"own_{job.id[:8]}",
    )


def _start(request: JobRequest) -> None:
    st.session_state[_CHOSEN] = jobs.start(request)


def _choose_job() -> str | None:
    """Returns the audit started last, or another one; None if there is none."""
    views = {view.id: view for view in jobs.views() if view.request.kind == "audit"}
    if len(views) < 2:
        return next(iter(views), None)
    if st.session_state.get(_CHOSEN) not in views:
        st.session_state[_CHOSEN] = next(iter(views))
    return st.selectbox(
        "Audit", list(views), format_func=lambda job_id: jobs.job_name(views[job_id]), key=_CHOSEN
    )
