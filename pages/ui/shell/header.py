"""Writes the head of every page: its title, what it is for, and what it must never be used for."""

import streamlit as st

from pages.ui.components.talk_mode import talk_link


def page_header(title: str, lead: str, *, with_talk: bool = False) -> None:
    """Writes title, research-use note and lead.

    Args:
        lead: What the page is for, in one or two sentences.
        with_talk: Whether the page has a talk mode, which the button at the right begins.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="page_head"):
        st.title(title, width="content")
        st.caption("Research use only, not for diagnosis.", width="content")
        with st.container(
            horizontal=True,
            vertical_alignment="center",
            gap="small",
            width="content",
            key="page_links",
        ):
            if with_talk:
                talk_link()
            st.page_link("pages/glossary.py", label="Glossary", icon=":material/menu_book:")
    with st.container(key="page_lead"):
        st.markdown(lead)
