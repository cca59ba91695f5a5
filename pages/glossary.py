"""Glossary: says what the words on screen mean; help texts and the head of every page lead here."""

from pathlib import Path

import streamlit as st

from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave

_WORDS = Path(__file__).parent / "ui" / "shell" / "glossary.md"

enter()
page_header("Glossary", "What the words on these pages mean.")
head, rule, *rows = _WORDS.read_text(encoding="utf-8").splitlines()
asked = st.text_input("Search", key="glossary_search", placeholder="part of a word").strip()
found = [row for row in rows if asked.casefold() in row.casefold()]
if found:
    st.markdown("\n".join([head, rule, *found]))
else:
    st.info("No entry has these letters.", icon=":material/search_off:")
leave()
