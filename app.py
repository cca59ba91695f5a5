"""Mammo Privacy Explorer: the entry point. Declares the pages and what every page shows."""

import streamlit as st

import mammo_core

st.set_page_config(
    page_title="Mammo Privacy Explorer",
    page_icon="🛡️",
    layout="wide",
    menu_items={"About": f"Mammo Privacy Explorer {mammo_core.__version__}. Research use only."},
)

page = st.navigation(
    [
        st.Page(
            "pages/home.py",
            title="Home",
            icon=":material/home:",
            url_path="home",
            default=True,
            help="What this is, what is installed here, and where to go.",
        ),
        st.Page(
            "pages/trade_off.py",
            title="Trade-off",
            icon=":material/show_chart:",
            url_path="trade_off",
            help="Diagnostic accuracy against privacy budget, measured, beside the paper's numbers.",
        ),
        st.Page(
            "pages/live.py",
            title="Live",
            icon=":material/tune:",
            url_path="live",
            help="Move the privacy budget and watch a classifier really retrain.",
        ),
    ]
)
page.run()
