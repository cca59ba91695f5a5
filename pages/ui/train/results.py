"""What a finished, or half finished, training job has reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.evaluation.curves import curve_points
from mammo_core.figures.provenance import Provenance
from mammo_core.figures.trade_off import trade_off_figure
from mammo_core.system.secret_key import sealed_identity
from mammo_core.text.numbers import budget_name, counted
from pages.ui.components.charts import chart
from pages.ui.components.export import ExportBundle, slug
from pages.ui.components.inputs import choose_evaluation_unit
from pages.ui.components.messages import INTERVALS, escape_markdown
from pages.ui.components.run_card import show_run_card
from pages.ui.privacy.own_audit import show_audit_results
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.config.runs import RunConfig
    from mammo_core.evaluation.patients import EvaluationUnit
    from mammo_core.jobs.store import JobView


def show_results(job: JobView) -> None:
    """Draws what the runs of a job reached: a card of one, curves and a choice of cards of several."""
    from mammo_core.jobs.requests import AuditRequest, NetworkRequest, SweepRequest

    if isinstance(job.request, AuditRequest):
        show_audit_results(job)
        return
    if isinstance(job.request, NetworkRequest):
        _show_network(job, job.request.config)
        return
    if not isinstance(job.request, SweepRequest):
        if job.state == "finished":
            st.success("The features are ready.", icon=":material/check:")
        return
    rows = resources.archive().rows_of_plan(job.request.plan, job.data_hash)
    if rows.empty:
        st.info("No run was finished.", icon=":material/hourglass_empty:")
        return
    run_ids = list(rows["run_id"].unique())
    if len(run_ids) == 1:
        show_run_card(run_ids[0])
        return
    st.header(counted(len(run_ids), "run"))
    per = choose_evaluation_unit("results_evaluated_per")
    evaluated = resources.archive().rows_of_plan(job.request.plan, job.data_hash, per)
    if evaluated.empty:
        st.info(
            "No test set has patients of both classes. Evaluate per mass.",
            icon=":material/group_off:",
        )
    for unit, of_unit in evaluated.groupby("unit"):
        _show_curves(str(unit), of_unit, per)
    st.caption(INTERVALS)
    st.page_link("pages/runs.py", label="Compare and export all runs", icon=":material/table_rows:")
    names = _names(rows)
    show_run_card(
        st.selectbox(
            "Run",
            list(names),
            format_func=lambda run_id: names[run_id],
            key=f"card_of_{job.id}",
            persist_state="session",
        ),
        per,
    )


def _show_network(job: JobView, config: RunConfig) -> None:
    run_id = resources.archive().id_of(config, job.data_hash)
    if run_id is None:
        st.info(
            "The run is not finished. *Continue* resumes from its last checkpoint.",
            icon=":material/hourglass_empty:",
        )
        return
    show_run_card(run_id)


def _show_curves(unit: str, rows: pd.DataFrame, evaluated_per: EvaluationUnit) -> None:
    st.markdown(f"Unit of privacy: **{unit}**")
    points = curve_points(rows)
    value_range = (points["low"].min() - 0.02, min(1.0, points["high"].max() + 0.02))
    sites = list(points["test_set"].unique())
    for column, site in zip(st.columns(len(sites)), sites, strict=True):
        with column:
            chart(
                trade_off_figure(
                    points[points["test_set"] == site],
                    evaluated_per=evaluated_per,
                    value_range=value_range,
                ),
                key=f"curves_{unit}_{site}",
                alt=f"AUROC against privacy budget on {site}",
                toolbar=True,
                bundle=_bundle(unit, site, rows[rows["test_set"] == site]),
            )
            st.caption(escape_markdown(site))


def _bundle(unit: str, site: str, rows: pd.DataFrame) -> ExportBundle:
    """The figure with the runs behind it."""
    name = f"mammo_privacy_{unit}_{slug(site)}"
    notes = (
        f"Unit of privacy: {unit}. Each ε is of one run. The card of each run states what it covers.",
        INTERVALS.replace("**", ""),
        f"Data {sealed_identity(rows['data_hash'].iloc[0])}.",
    )
    provenance = Provenance(title=f"AUROC against privacy budget on {site}", notes=notes)
    return ExportBundle(name=name, provenance=provenance, tables={name: rows})


def _names(rows: pd.DataFrame) -> dict[str, str]:
    """What to call each run, by id."""
    ordered = rows.drop_duplicates("run_id").sort_values(
        ["strategy", "unit", "target_epsilon", "seed"]
    )
    runs = cast("list[dict[str, Any]]", ordered.to_dict("records"))
    return {
        row["run_id"]: f"{STRATEGY_NAMES[row['strategy']]}, {row['unit']}, "
        f"ε = {budget_name(row['target_epsilon'])}, seed {row['seed']}"
        for row in runs
    }
