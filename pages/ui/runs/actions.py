"""Compares, repeats and deletes chosen runs."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.config.runs import RunConfig
from mammo_core.figures.provenance import Provenance
from mammo_core.figures.roc import roc_figure
from mammo_core.privacy.statements.words import summary
from mammo_core.text.numbers import budget_name, counted
from pages.ui.components.charts import chart
from pages.ui.components.cohort_choice import choose_site, choose_source
from pages.ui.components.export import ExportBundle, export_button, slug, table_bundle
from pages.ui.components.inputs import ask
from pages.ui.components.messages import escape_markdown, shown_errors
from pages.ui.components.privacy_inputs import EPSILON_HELP, EPSILONS
from pages.ui.state import jobs, resources
from pages.ui.train.jobs import show_on_train

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource
    from mammo_core.evaluation.patients import EvaluationUnit
    from mammo_core.training.outcome import FinishedRun

_MAX_COMPARED = 5


def compare(run_ids: Sequence[str], names: dict[str, str], evaluated_per: EvaluationUnit) -> None:
    """Draws ROC curves of several runs on each test set they share, and where their configurations differ."""
    from mammo_core.evaluation.metrics import roc_points

    runs = {
        run_id: resources.stored_run(run_id).evaluated_per(evaluated_per)
        for run_id in run_ids[:_MAX_COMPARED]
    }
    if len(run_ids) > _MAX_COMPARED:
        st.caption(f"The figures show the first {_MAX_COMPARED} of {len(run_ids)} runs.")
    sites = [list(run.estimates) for run in runs.values()]
    shared = [site for site in sites[0] if all(site in other for other in sites)]
    if not shared:
        st.info("These runs share no test set.", icon=":material/difference:")
    for column, site in zip(st.columns(max(1, len(shared))), shared, strict=False):
        curves = {}
        for run_id, run in runs.items():
            label = f"{names[run_id]}: {run.estimates[site]['auroc'].value:.3f}"
            curves[label] = roc_points(*run.tested[site])
        column.markdown(f"**{escape_markdown(site)}**")
        figure = roc_figure(curves)
        figure.update_layout(legend={"orientation": "v", "y": -0.25, "yanchor": "top"}, height=560)
        with column:
            chart(
                figure,
                key=f"compare_{site}",
                alt=f"ROC curves of the chosen runs on {site}",
                toolbar=True,
                bundle=ExportBundle(
                    name=f"mammo_privacy_compared_{slug(site)}",
                    provenance=Provenance(
                        title=f"ROC curves per {evaluated_per} on {site}",
                        notes=tuple(
                            f"{names[key]}: {summary(run.statement)}" for key, run in runs.items()
                        ),
                    ),
                ),
            )
    differing = _differences({names[run_id]: run.config for run_id, run in runs.items()})
    st.markdown("**Where they differ**")
    st.dataframe(differing, key="compare_table")
    export_button(
        table_bundle(
            "mammo_privacy_differences",
            "Where the configurations of runs differ",
            differing.reset_index(names="setting"),
        )
    )


def _differences(configs: dict[str, RunConfig]) -> pd.DataFrame:
    from mammo_core.config.runs import to_dict

    table = pd.json_normalize([to_dict(config) for config in configs.values()]).astype(str)
    table.index = list(configs)
    return table.loc[:, table.nunique() > 1].T


def repeat(run_id: str) -> None:
    """Draws a form that trains the same run again at another ε, as a job."""
    run = resources.stored_run(run_id)
    with st.container(horizontal=True):
        source = _choose_data(run)
    with st.form("repeat", border=False):
        epsilons = st.multiselect(
            "At privacy budgets ε",
            EPSILONS,
            default=None,
            format_func=budget_name,
            key="repeat_epsilons",
            help=EPSILON_HELP,
        )
        if not st.form_submit_button("Start", icon=":material/play_arrow:", type="primary"):
            return
    if not epsilons:
        st.warning("Choose at least one ε.", icon=":material/touch_app:")
        return
    from mammo_core.jobs.requests import requests_like

    for request in requests_like(run.config, tuple(sorted(epsilons)), source):
        show_on_train(jobs.start(request))
    st.switch_page("pages/train.py")


def _choose_data(run: FinishedRun) -> DataSource:
    """The cohort and the training site: at first those of the run, as far as they are known here."""
    sources = resources.sources_of_visit()
    of_demo = run.statement.is_demonstration
    source = choose_source(
        f"repeat_cohort_{run.run_id}",
        in_link=False,
        index=len(sources) - 1 if of_demo else 0,
        width=360,
    )
    site = None
    if len(sources[source]) > 1:
        with shown_errors("This cohort cannot be used"):
            site = resources.site_of_runs(source, run.data_hash)
    chosen = choose_site(
        source, f"repeat_site_{run.run_id}", default=site, in_link=False, width=360
    )
    if chosen.site is not None and site is None:
        st.caption(
            "This run was trained on other masses than those of this cohort. Choose the site."
        )
    return chosen


def run_cards_zip(run_ids: Sequence[str]) -> bytes:
    """Packs the run cards (JSON) of several runs into one ZIP."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for run_id in run_ids:
            card = json.dumps(resources.stored_run(run_id).card, indent=2, ensure_ascii=False)
            archive.writestr(f"run_{run_id[:8]}.json", card)
    return packed.getvalue()


@st.dialog("Delete runs", icon=":material/delete:")
def confirm_delete(run_ids: Sequence[str]) -> None:
    """Asks before runs are deleted."""
    ask(
        f"Delete **{counted(len(run_ids), 'run')}**? Deleted runs disappear from every table and curve here. "
        "MLflow keeps them as deleted until its own clean-up. What was released stays released: "
        "deleting a run does not reduce the privacy cost.",
        "Delete",
        "delete",
        partial(_delete, run_ids),
    )


def _delete(run_ids: Sequence[str]) -> None:
    for run_id in run_ids:
        resources.archive().delete(run_id)
    resources.archive_rows.clear()
