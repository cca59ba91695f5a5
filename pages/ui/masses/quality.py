"""Shows measures of this generator beside other sets of masses, and what the measures cannot say."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mammo_core import reference
from mammo_core.generators.quality_table import Detail, quality_table
from pages.ui.components.export import ExportBundle, export_button, slug, table_bundle
from pages.ui.components.inputs import choose_one
from pages.ui.components.messages import escape_markdown
from pages.ui.masses import drawing

PAPER = "the paper's"
_DETAILS: dict[str, Detail] = {"as drawn": "full", "without film grain": "low-pass"}


def show_quality(name: str) -> None:
    """Shows one small table per measure."""
    metrics = {name: drawing.cards()[name].metrics, PAPER: reference.paper_masses()}
    chosen = choose_one(
        "Compared",
        list(_DETAILS),
        "mass_detail",
        default="as drawn",
        help="*Without film grain* halves the size of the pictures first, so that only shapes count. "
        "It changes the first five measures.",
    )
    with st.grid(min_column_width=300, gap="small"):
        for measure in quality_table(metrics, _DETAILS[chosen]):
            with st.container(border=True, height="stretch"):
                head = " | ".join(map(escape_markdown, measure.values))
                cells = " | ".join(
                    f"**{value}**" if column == name else value
                    for column, value in measure.values.items()
                )
                line = "|".join("---" for _ in measure.values)
                st.markdown(
                    f"**{measure.name}**  \n{measure.sentence}\n\n| {head} |\n|{line}|\n| {cells} |"
                )
    export_button(_bundle(name))
    st.markdown(
        "**Limits.** The first five measures and the search for copies use the network that the "
        "generators learned through. They therefore flatter the generators. Radiomics and the "
        "training of classifiers do not use this network. A generator should come close to the "
        "held-out real masses. Finding no copies is **no privacy guarantee**: only training with "
        "differential privacy gives one."
    )
    card = drawing.cards()[name]
    st.markdown(
        f"**The card of {escape_markdown(name)} says:** {escape_markdown(card.notes, longest=2000)}"
    )
    st.caption(
        f"{escape_markdown(card.licence, longest=500)}. The paper's masses: {reference.paper_masses()['provenance']}"
    )


def _bundle(name: str) -> ExportBundle:
    """Bundles the measures of every set, in both details, with their words."""
    metrics = {name: drawing.cards()[name].metrics, PAPER: reference.paper_masses()}
    rows = [
        {"detail": shown, "measure": measure.name, "meaning": measure.sentence} | measure.values
        for shown, detail in _DETAILS.items()
        for measure in quality_table(metrics, detail)
    ]
    stem = f"synthetic_quality_{slug(name)}"
    card = drawing.cards()[name]
    notes = (
        f"Generator sha256 {card.sha256}. {card.provenance}",
        "Measured against real masses without noise: no ε covers these numbers.",
    )
    return table_bundle(stem, f"Measures of the masses of {name}", pd.DataFrame(rows), notes)
