"""Train: choose a guarantee, see what it means, start, watch; the work survives the tab."""

import streamlit as st

from mammo_core.training.heads.sweep import SweepPlan
from pages.ui.components.cohort_choice import choose_site, choose_source
from pages.ui.components.job_panel import show_job
from pages.ui.components.messages import GET_DATA, shown_errors
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter
from pages.ui.state import jobs
from pages.ui.train.head_form import choose_kind, choose_plan
from pages.ui.train.head_preview import show_meaning
from pages.ui.train.jobs import choose_job, start_label, start_training
from pages.ui.train.ledger import show_ledger_line
from pages.ui.train.network_form import choose_network
from pages.ui.train.network_preview import show_network_meaning
from pages.ui.train.results import show_results

enter()
page_header(
    "Train",
    "Train classifiers by **DP-SGD** (gradient descent that bounds what any one patient can change, and adds "
    "noise) at a privacy budget ε of your choice. The work goes on when you reload or close this page.",
)

choices, meaning = st.columns([2, 3], gap="large")
with choices:
    source = choose_source(
        "train_cohort",
        persist_state="session",
        help="Real cohorts found in the data folder, and the built-in demo of synthetic masses.",
    )
    source = choose_site(source, "train_site", bind="query-params")
    if source.is_demo:
        st.caption(
            "The built-in demo cohort: synthetic masses and patients. Its numbers say nothing about real ones."
        )
    with shown_errors("These choices cannot be trained"):
        asked = choose_network(source) if choose_kind() else choose_plan(source)
with meaning:
    st.subheader("What this choice means")
    can_start = (
        show_meaning(source, asked) if isinstance(asked, SweepPlan) else show_network_meaning(asked)
    )
    beyond_budget = show_ledger_line(source, asked) if can_start else None
    st.button(
        start_label(asked),
        type="primary",
        icon=":material/play_arrow:",
        disabled=beyond_budget is None,
        key="train_start",
        on_click=start_training,
        args=(source, asked, beyond_budget),
    )

jobs.prepare()
st.subheader("Jobs", anchor="jobs")
job_id = choose_job()
if job_id is None:
    st.info(
        "Nothing was trained here yet. Choose above and press *Start*: progress, live curve and result "
        "appear here. " + (GET_DATA if source.is_demo else ""),
        icon=":material/model_training:",
    )
    st.stop()
job = show_job(job_id)
if job.is_over and job.progress.total:
    show_results(job)
