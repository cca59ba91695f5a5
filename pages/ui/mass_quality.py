"""How good the masses are: measures of this generator beside the other sets, and what they cannot say."""

from __future__ import annotations

import streamlit as st

from mammo_core import reference
from mammo_core.experiments.quality_table import quality_table
from pages.ui import mass_drawing

PAPER = "the paper's"
_DETAILS = {"as drawn": "full", "without film grain": "low-pass"}


def show_quality(name: str) -> None:
    """One small table a measure."""
    metrics = {name: mass_drawing.cards()[name].metrics, PAPER: reference.paper_masses()}
    chosen = st.segmented_control(
        "Compared",
        list(_DETAILS),
        default="as drawn",
        required=True,
        key="mass_detail",
        bind="query-params",
        help="Without film grain: pictures reduced to half their size first, so that only shapes count. "
        "It changes the first five measures.",
    )
    with st.grid(min_column_width=300, gap="small"):
        for measure in quality_table(metrics, _DETAILS[chosen]):
            with st.container(border=True, height="stretch"):
                head = " | ".join(measure.values)
                cells = " | ".join(
                    f"**{value}**" if column == name else value
                    for column, value in measure.values.items()
                )
                line = "|".join("---" for _ in measure.values)
                st.markdown(
                    f"**{measure.name}**  \n{measure.sentence}\n\n| {head} |\n|{line}|\n| {cells} |"
                )
    st.markdown(
        "**Limits.** The generators learned through the same network that the first five measures and the "
        "search for copies look through, so these flatter them; radiomics and the training of classifiers "
        "do not share its eyes. Held-out real masses are the mark to reach. Finding no copies is **no "
        "privacy guarantee**: only training with differential privacy gives one."
    )
    card = mass_drawing.cards()[name]
    st.markdown(f"**The card of {name} says:** {card.notes}")
    st.caption(f"{card.licence}. The paper's masses: {reference.paper_masses()['provenance']}")
