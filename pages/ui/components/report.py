"""Offers reports on a run: the privacy label, a methods paragraph and checklists, with a preview."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.system.paths import home_dir
from pages.ui.components.export import download
from pages.ui.components.messages import escape_markdown, shown_errors

if TYPE_CHECKING:
    from mammo_core.results.reporting.document import Document, ReportFormat, ReportKind

_HELP = (
    "**Privacy label**: the guarantee and its limits on one page. **Methods paragraph**: for a paper. "
    "**CLAIM 2024** and **TRIPOD+AI**: checklists with what the program knows. The rest is left to you."
)
_FORMAT_NAMES: dict[ReportFormat, str] = {
    "docx": "Word (DOCX)",
    "html": "Web page (HTML)",
    "md": "Markdown",
}
_LONGEST = 20_000  # of one text


def show_report(run_id: str) -> None:
    """Draws the choice of a report, its downloads and its preview."""
    from mammo_core.results.reporting.document import KIND_NAMES, KINDS
    from mammo_core.results.reporting.report import make_report
    from mammo_core.results.reporting.writers import write_report

    kind: ReportKind = st.segmented_control(
        "Report",
        KINDS,
        default=KINDS[0],
        required=True,
        format_func=lambda kind: KIND_NAMES[kind],
        key=f"report_{run_id}",
        help=_HELP,
    )
    with shown_errors("This report cannot be written"):
        document = make_report(home_dir(), run_id, kind)
    with st.container(horizontal=True):
        for ending, name in _FORMAT_NAMES.items():
            download(
                f"run_{run_id[:8]}_{kind}.{ending}",
                partial(write_report, document, ending),
                key=f"report_{run_id}_{kind}_{ending}",
                label=f":material/download: {name}",
            )
    with st.container(border=True, key=f"report_preview_{run_id}"):
        _show_document(document)


def _show_document(document: Document) -> None:
    from mammo_core.results.reporting.document import Bullets, Heading, Paragraph, Table

    st.markdown(f"**{escape_markdown(document.title)}**")
    for block in document.blocks:
        match block:
            case Heading(text):
                st.markdown(f"**{escape_markdown(text)}**")
            case Paragraph(text):
                st.markdown(escape_markdown(text, _LONGEST))
            case Bullets(items):
                st.markdown("\n".join(f"- {escape_markdown(item, _LONGEST)}" for item in items))
            case Table(columns=columns, rows=rows):
                cells = [[escape_markdown(cell, _LONGEST) for cell in row] for row in rows]
                table = pd.DataFrame(cells, columns=list(columns))
                st.table(table.set_index(columns[0]))
