"""Shows how good the masses of all generators are, beside the paper's and real ones, and what measures cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from mammo_core import reference
from mammo_core.generators.quality_table import (
    Column,
    QualityRow,
    QualityTable,
    SeenBy,
    quality_table,
)
from pages.ui.components.export import ExportBundle, export_button, table_bundle
from pages.ui.components.inputs import choose_one
from pages.ui.components.messages import escape_markdown
from pages.ui.masses import drawing

PAPER = "the paper's"
_SEEN_BY: dict[str, tuple[SeenBy, str]] = {
    "an independent network": (
        "judge",
        "Measured through EfficientNet-Lite2. No generator here learned through it.",
    ),
    "the network they learned through": (
        "full",
        "Measured through EfficientNet-Lite0. It flatters the generators that learned through it.",
    ),
    "without film grain": (
        "low-pass",
        "Measured through EfficientNet-Lite0 on pictures of half the size, so that only shapes count.",
    ),
}
_MARKS = (
    "★ is the best synthetic set of a column. ↑ more is better, ↓ less is better, → nearest to that number is best. Synthetic "
    "masses should come close to the held-out real ones."
)
_NO_GUARANTEE = "Finding no copies is **no privacy guarantee**: only training with differential privacy gives one."


def show_quality(name: str) -> None:
    """Shows the measures of all sets in one table, and what the card of one generator says."""
    chosen = choose_one("Measured through", list(_SEEN_BY), "quality_by")
    seen_by, through = _SEEN_BY[chosen]
    table = quality_table(_all_metrics(), seen_by)
    st.table(_for_reading(table))
    st.caption(f"{through} {_MARKS}")
    st.markdown(
        "\n".join(f"- **{escape_markdown(row.name)}**: {row.sentence}" for row in table.rows)
    )
    with st.container(horizontal=True):
        with st.popover("What the columns mean", icon=":material/help:", type="tertiary"):
            st.markdown(
                "\n".join(
                    f"- **{escape_markdown(column.name)}**: {column.meaning}"
                    for column in table.columns.values()
                )
            )
        export_button(_bundle())
    card = drawing.cards()[name]
    st.markdown(_NO_GUARANTEE)
    st.markdown(
        f"**The card of {escape_markdown(name)} says:** {escape_markdown(card.notes, longest=2000)}"
    )
    st.caption(
        f"{escape_markdown(card.licence, longest=500)}. The paper's masses: {reference.paper_masses()['provenance']}"
    )


def _all_metrics() -> Mapping[str, Mapping[str, Any]]:
    """Returns the measures of every installed generator and of the paper's set, by name."""
    return {name: card.metrics for name, card in drawing.cards().items()} | {
        PAPER: reference.paper_masses()
    }


def _for_reading(table: QualityTable) -> pd.DataFrame:
    """Writes the table in Markdown."""
    return pd.DataFrame(
        [
            {
                escape_markdown(column.name): _cell(row, key, column)
                for key, column in table.columns.items()
            }
            for row in table.rows
        ],
        index=[escape_markdown(row.name) for row in table.rows],
    )


def _cell(row: QualityRow, key: str, column: Column) -> str:
    """Writes one value; a star and bold type mark the best of a column."""
    text = column.text(row.numbers.get(key))
    return f"**{text} ★**" if key in row.best else text


def _bundle() -> ExportBundle:
    """Bundles the measures of every set through every network, with their words."""
    rows = []
    for through, (seen_by, _) in _SEEN_BY.items():
        table = quality_table(_all_metrics(), seen_by)
        rows += [
            {"measured through": through, "masses": row.name, "in words": row.sentence}
            | {column.name: row.numbers.get(key) for key, column in table.columns.items()}
            for row in table.rows
        ]
    notes = (
        "Measured against real masses without noise: no ε covers these numbers.",
        *(
            f"{name}: sha256 {card.sha256}. {card.provenance}"
            for name, card in drawing.cards().items()
        ),
    )
    return table_bundle(
        "synthetic_quality", "Measures of synthetic masses", pd.DataFrame(rows), notes
    )
