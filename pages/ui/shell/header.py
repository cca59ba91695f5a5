"""Writes the head of every page: its title, what it is for, and what it must never be used for."""

import streamlit as st

# white on the dark theme's light pink is hard to read
_READABLE_BUTTONS = """<style>
[data-testid="stBaseButton-primary"]:not(:disabled) { color: light-dark(#ffffff, #141217); }
</style>"""


def page_header(title: str, lead: str) -> None:
    """Writes title, lead and the research-use note."""
    st.title(title)
    st.markdown(lead)
    st.caption("Research use only, not for diagnosis.")
    st.html(_READABLE_BUTTONS)
