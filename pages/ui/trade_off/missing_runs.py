"""Finds points of the shown curves without a run on a cohort installed here, and starts a job for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import PAPER_DELTA, RunConfig, Strategy
from mammo_core.text.numbers import budget_name, counted
from pages.ui.components.cohort_choice import choose_site, choose_source
from pages.ui.components.inputs import choose_one
from pages.ui.components.job_panel import show_job
from pages.ui.components.links import linked
from pages.ui.components.messages import shown_errors
from pages.ui.state import jobs, resources
from pages.ui.trade_off.points import CurveChoices, shipped_budgets

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource
    from mammo_core.training.heads.sweep import SweepPlan

_FIRST_SEED = 42


def show_missing_runs(choices: CurveChoices) -> None:
    """Draws what is missing and the button that trains it; searches only when asked to."""
    if not linked(st.toggle)(
        "Train missing runs yourself",
        key="gaps",
        help="Finds the shown points that have no run on a cohort installed here, and trains exactly "
        "those, as a job.",
    ):
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = choose_source("gaps_source", width=260)
        source = choose_site(source, "gaps_site", width=260)
        num_seeds = choose_one(
            "Seeds per point",
            (1, 3, 10),
            "gaps_seeds",
            default=3,
            help="More seeds show how much the noise of training moves a point.",
        )
    if source.is_demo:
        st.caption("This is the built-in demo: synthetic masses, not mammograms.")
    with shown_errors("The missing runs cannot be found"):
        plan = _plan(choices, source, num_seeds)
        missing = _missing(source, plan)
    if missing:
        st.markdown(
            f"**{len(missing)} of {plan.num_runs} runs are missing**, "
            f"with the {choices.unit} as the unit:"
        )
        st.dataframe(_table(missing, plan), key="gaps_table")
        if plan.strategies != choices.strategies:
            st.caption("This cohort has no synthetic masses. Only *real only* can be trained.")
        if resources.count_missing(source):
            st.caption("The features of its masses are computed first, once.")
        if st.button(
            f"Train {counted(len(missing), 'run')}",
            type="primary",
            key="fill_gaps",
            icon=":material/playlist_add:",
        ):
            _start(source, plan)
    else:
        st.success("Every shown point has its runs on this cohort.", icon=":material/check:")
    _show_started()


def _plan(choices: CurveChoices, source: DataSource, num_seeds: int) -> SweepPlan:
    from mammo_core.training.heads.sweep import SweepPlan

    has_synthetic = source.is_demo or source.synthetic is not None
    strategies: tuple[Strategy, ...] = choices.strategies if has_synthetic else ("real",)
    return SweepPlan(
        strategies=strategies,
        units=(choices.unit,),
        epsilons=shipped_budgets(),
        seeds=tuple(range(_FIRST_SEED, _FIRST_SEED + num_seeds)),
        delta=PAPER_DELTA,
        backbone=resources.backbone_for(source),
    )


def _missing(source: DataSource, plan: SweepPlan) -> list[RunConfig]:
    """Returns the runs of the plan that the run store does not hold for exactly these masses."""
    from mammo_core.config.runs import run_key

    wanted = [config for config in plan.configs()]
    if resources.count_missing(source):
        return wanted  # nothing was ever trained on masses without features
    data_hash = resources.feature_dataset(source).data_hash
    finished = resources.archive().finished_keys(data_hash)
    return [config for config in wanted if run_key(config, data_hash) not in finished]


def _table(missing: list[RunConfig], plan: SweepPlan) -> pd.DataFrame:
    """Counts missing runs per strategy (down) and ε (across)."""
    counts = pd.crosstab(
        pd.Series([config.strategy for config in missing]),
        pd.Series([config.privacy.target_epsilon for config in missing]),
    )
    counts = counts.reindex(index=plan.strategies, columns=plan.epsilons, fill_value=0)
    counts.index = [STRATEGY_NAMES[strategy] for strategy in counts.index]
    counts.columns = [f"ε {budget_name(epsilon)}" for epsilon in plan.epsilons]
    return counts


def _start(source: DataSource, plan: SweepPlan) -> None:
    """Starts a job for the whole plan; it skips what the run store holds."""
    from mammo_core.jobs.requests import SweepRequest

    st.session_state["gaps_job"] = jobs.start(SweepRequest(source=source, plan=plan))


def _show_started() -> None:
    """Shows the job that was started here, until another one is."""
    job_id = st.session_state.get("gaps_job")
    if job_id is None:
        return
    job = show_job(job_id)
    if job.state == "finished" and st.session_state.get("gaps_job_read") != job_id:
        st.session_state["gaps_job_read"] = job_id
        resources.archive_rows.clear()
        resources.count_missing.clear()
        st.rerun()
    if job.state == "finished":
        st.caption("Choose the new runs above under *Your runs*.")
