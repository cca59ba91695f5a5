"""Shows a privacy statement: one sentence, and its table and limits to unfold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.ui.components.messages import escape_markdown

if TYPE_CHECKING:
    from mammo_core.privacy.statements.statement import Statement

_ICONS = {
    "end to end": ":material/shield:",
    "nobody": ":material/shield:",
    "training step only": ":material/gpp_maybe:",
    "generator only": ":material/gpp_maybe:",
}


def show_statement(statement: Statement, key: str) -> None:
    """Draws a statement; its container and expander are named after the key."""
    from mammo_core.privacy.statements.table import table
    from mammo_core.privacy.statements.words import caveats, summary

    kind = statement.coverage.split(",")[0]
    with st.container(key=f"statement_{key}"):
        st.markdown(
            f"{_ICONS.get(kind, ':material/remove_moderator:')} {escape_markdown(summary(statement), longest=4000)}"
        )
        with st.expander(
            "What this guarantee assumes, and what it does not cover", key=f"{key}_all"
        ):
            rows = [
                {
                    column: escape_markdown(cell, longest=1000)
                    for column, cell in row._asdict().items()
                }
                for row in table(statement)
            ]
            st.table(pd.DataFrame(rows).set_index("name"))
            st.markdown(
                "\n".join(
                    f"- {escape_markdown(caveat, longest=2000)}" for caveat in caveats(statement)
                )
            )
