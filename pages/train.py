"""Train: choose a guarantee, see what it means, start, watch. The work goes on without the page."""

import streamlit as st

from mammo_core.training.heads.sweep import SweepPlan
from pages.ui.components.cohort_choice import choose_site, choose_source
from pages.ui.components.job_panel import show_job
from pages.ui.components.messages import GET_DATA, shown_errors
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave
from pages.ui.state import jobs
from pages.ui.train.head_form import choose_kind, choose_plan
from pages.ui.train.head_preview import show_meaning
from pages.ui.train.jobs import choose_job, show_python, start_label, start_training
from pages.ui.train.ledger import show_ledger_line
from pages.ui.train.network_form import choose_network
from pages.ui.train.network_preview import show_network_meaning
from pages.ui.train.results import show_results

enter()
page_header(
    "Train",
    "Train a classifier at a privacy budget ε of your choice, by **DP-SGD**. This gradient descent limits the "
    "influence of each patient and adds noise. Training continues when you reload or close this page.",
)

choices, meaning = st.columns([2, 3], gap="large")
with choices:
    source = choose_source(
        "train_cohort",
        help="Real cohorts found in the data folder, and the built-in demo of synthetic masses.",
    )
    source = choose_site(source, "train_site")
    if source.is_demo:
        st.caption(
            "This is the built-in demo cohort of synthetic masses. Its numbers say nothing about real patients."
        )
    with shown_errors("These choices cannot be trained"):
        asked = choose_network(source) if choose_kind() else choose_plan(source)
with meaning:
    st.header("What this choice means")
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
    show_python(source, asked)

jobs.prepare()
st.header("Jobs", anchor="jobs")
job_id = choose_job()
if job_id is None:
    st.info(
        "Nothing was trained here yet. Choose above and press *Start training*. Progress, a live curve and "
        "the result then appear here. " + (GET_DATA if source.is_demo else ""),
        icon=":material/model_training:",
    )
else:
    job = show_job(job_id)
    if job.is_over and job.progress.total:
        show_results(job)
leave()
