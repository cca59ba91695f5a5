"""Fetches the paper's data in one step: shows their terms, then starts a job."""

from __future__ import annotations

import streamlit as st

from mammo_core.ingestion.download import paper_files
from mammo_core.ingestion.download.paper_data import FOLDER, FetchPlan
from mammo_core.ingestion.download.paper_files import TERMS
from mammo_core.ingestion.markers import is_ours
from mammo_core.system.paths import data_dir
from pages.ui.data.jobs import newest_job, show_newest
from pages.ui.data.paths import is_own_computer
from pages.ui.state import jobs, resources

_TERMS_PX = 320
_ACCEPTED = "data_terms_accepted"


def show_paper() -> None:
    """Draws terms, choices, the button and the job."""
    is_there = is_ours(data_dir() / FOLDER)
    st.markdown(
        "The paper trained and tested on these masses: 1,698 of CBIS-DDSM (892 patients), 1,106 "
        "of BCDR (394 patients) and 3,000 synthetic ones. They come from its public repository "
        "and take about 50 MB. Every file is compared with a list of checksums. Nothing is "
        "installed unless all files are correct."
    )
    if is_there:
        st.success(
            "The data are installed. Fetching again compares every file. It downloads only if a "
            "file is missing or damaged.",
            icon=":material/check:",
        )
    with st.expander("Terms and citations", icon=":material/gavel:", expanded=not is_there):
        st.container(height=_TERMS_PX, border=False).markdown(TERMS.partition("\n")[2])
    accepted = st.checkbox("I have read these terms and will follow them", key=_ACCEPTED)
    with_bcdr = st.checkbox(
        "Include the masses of BCDR, the other site",
        value=True,
        key="data_with_bcdr",
        persist_state="session",
        help=(
            "BCDR is not free. Include it only if its terms allow you to. Without it there is one "
            "test set instead of two."
        ),
    )
    source = _other_source() or paper_files.URL
    job = newest_job("fetch")
    st.button(
        "Compare every file again" if is_there else "Fetch the paper's data",
        type="secondary" if is_there else "primary",
        icon=":material/cloud_download:",
        key="data_fetch",
        disabled=not accepted or (job is not None and not job.is_over),
        on_click=_start,
        args=(FetchPlan(source=source, includes_bcdr=with_bcdr),),
    )
    show_newest(
        "fetch",
        cohort=lambda job: f"{FOLDER}/{paper_files.ROOTS[0].rstrip('/')}",
        finished="The paper's data are in place, every file as published.",
    )


def _other_source() -> str:
    """Asks for an address or path in place of the usual one; empty for the usual one."""
    with st.expander("No network here, or another source", icon=":material/lan:"):
        st.markdown("Download this file on another computer and bring it here:")
        st.code(paper_files.URL, language=None, wrap_lines=True)
        if not is_own_computer():
            st.markdown(
                "Others can reach this server, so it opens no files or addresses that visitors "
                "name. Whoever runs the server can fetch from the file:"
            )
            st.code("python -m mammo_core data fetch --from FILE.zip", language="bash")
            return ""
        return st.text_input(
            "Path of the ZIP file or of its unpacked folder, or another address",
            key="data_source",
            persist_state="session",
            placeholder="/home/me/mammo_dp.zip",
        ).strip()


def _start(plan: FetchPlan) -> None:
    from mammo_core.jobs.requests import FetchRequest

    resources.forget_cohorts()
    jobs.start(FetchRequest(plan=plan, data_dir=data_dir()))
