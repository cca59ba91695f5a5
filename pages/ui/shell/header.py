"""Writes the head of every page: its title, what it is for, and what it must never be used for."""

import streamlit as st


def page_header(title: str, lead: str) -> None:
    """Writes title, lead and the research-use note."""
    st.title(title)
    st.markdown(lead)
    st.caption("Research use only, not for diagnosis.")
