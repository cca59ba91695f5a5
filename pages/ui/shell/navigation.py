"""Declares the pages of the app, and opens any of them by a link.

Until a script has called `st.navigation`, Streamlit takes a folder `pages` beside app.py for the whole app. A new
server that is asked for a page by its link would run this page alone, without navigation, titles and layout.
Every page therefore begins with `enter`, and ends with `leave`.
"""

from pathlib import Path

import streamlit as st

import mammo_core
from pages.ui.components import links
from pages.ui.components.messages import shown_errors
from pages.ui.shell.access_gate import require_access
from pages.ui.state import resources

_APP = "Mammo Privacy Explorer"
_ENTERED = "entered_by_navigation"
_SHOWN = "page_shown"
_SIDEBAR_PX = 210
_LOOK, _FRAME = (
    (Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("look.css", "frame.js")
)


def run_app() -> None:
    """Declares the pages, then runs the one that was asked for."""
    st.set_page_config(
        page_title=_APP,
        page_icon="🛡️",
        layout="wide",
        initial_sidebar_state=_SIDEBAR_PX,
        menu_items={
            "About": f"Mammo Privacy Explorer {mammo_core.__version__}. Research use only."
        },
    )
    require_access()
    page = st.navigation(
        {
            "": [
                st.Page(
                    "pages/home.py",
                    title="Home",
                    icon=":material/home:",
                    default=True,
                    help="What this is, what is installed here, and where to go.",
                ),
                st.Page(
                    "pages/glossary.py",
                    title="Glossary",
                    icon=":material/menu_book:",
                    url_path="glossary",
                    visibility="hidden",  # the head of every page leads there
                ),
            ],
            "Understand": [
                st.Page(
                    "pages/trade_off.py",
                    title="Trade-off",
                    icon=":material/show_chart:",
                    url_path="trade_off",
                    help="Measured diagnostic accuracy against the privacy budget, beside the paper's numbers.",
                ),
                st.Page(
                    "pages/live.py",
                    title="Live",
                    icon=":material/tune:",
                    url_path="live",
                    help="Move the privacy budget and watch a classifier retrain.",
                ),
                st.Page(
                    "pages/privacy.py",
                    title="Privacy",
                    icon=":material/shield_person:",
                    url_path="privacy",
                    help="What an attacker can learn about who took part, and what several releases cost.",
                ),
                st.Page(
                    "pages/lessons.py",
                    title="Lessons",
                    icon=":material/school:",
                    url_path="lessons",
                    help="Five short lessons: predict, try it out, and see whether you were right.",
                ),
            ],
            "Look": [
                st.Page(
                    "pages/synthetic.py",
                    title="Synthetic masses",
                    icon=":material/blur_circular:",
                    url_path="synthetic",
                    help="Masses that a generator draws, to browse, compare, judge and download.",
                ),
                st.Page(
                    "pages/read_case.py",
                    title="Read a case",
                    icon=":material/radiology:",
                    url_path="read_case",
                    help="What models at several budgets say of one mass, yours or a synthetic one.",
                ),
                st.Page(
                    "pages/reader_study.py",
                    title="Reader study",
                    icon=":material/visibility:",
                    url_path="reader_study",
                    help="Judge masses without knowing what they are, alone and with a model's help.",
                ),
            ],
            "Do": [
                st.Page(
                    "pages/train.py",
                    title="Train",
                    icon=":material/model_training:",
                    url_path="train",
                    help="Train at a privacy budget of your choice. Training continues when you close the page.",
                ),
                st.Page(
                    "pages/runs.py",
                    title="Runs",
                    icon=":material/table_rows:",
                    url_path="runs",
                    help="Everything that was trained here, to compare, repeat and export.",
                ),
                st.Page(
                    "pages/data.py",
                    title="Data",
                    icon=":material/database:",
                    url_path="data",
                    help="See what is installed, fetch the paper's data, import your own mammograms.",
                ),
            ],
        }
    )
    if page.url_path:  # Home, too, is called as the app
        st.set_page_config(page_title=f"{page.title} · {_APP}")
    st.session_state[_ENTERED] = True
    if st.session_state.get(_SHOWN) != page.url_path:
        st.session_state[_SHOWN] = page.url_path
        resources.begin_visit()
    with st.container(key="frame"):
        st.html(f"<style>{_LOOK}</style><script>{_FRAME}</script>", unsafe_allow_javascript=True)
    with shown_errors("This page cannot be shown"):
        page.run()


def enter() -> None:
    """Runs the whole app instead if Streamlit ran only this page; the first line of every page."""
    if _ENTERED not in st.session_state:
        run_app()
        st.stop()
    links.begin(st.session_state.get(_SHOWN, ""))


def leave() -> None:
    """Says what of the link had no effect; the last line of every page, which one that ends early does not reach."""
    links.end()
