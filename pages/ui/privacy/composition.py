"""The tab Composition: what several models from the same patients reveal together."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from mammo_core.figures.budget_curves import budget_curves_figure
from mammo_core.privacy.accounting.gaussian import spent_epsilon
from pages.ui.components.charts import chart
from pages.ui.components.links import linked
from pages.ui.privacy.controls import PrivacyChoices, bundle, camera
from pages.ui.privacy.words import odds_sentence

_MOST = 50


def show_composition(choices: PrivacyChoices) -> None:
    """Draws the tab."""
    st.markdown(
        "Every published model adds to what can be learned about the same patients. This "
        "includes repetitions, other settings, and models shown in a talk. Adding up their ε "
        "gives a correct bound, but too large a one. Gaussian mechanisms compose exactly: their "
        "μ add up like the sides of a right-angled triangle, μ = √(μ₁² + μ₂² + …)."
    )
    if not choices.is_private:
        st.info(
            "Without privacy nothing adds up: one release already has no limit. Choose a finite ε."
        )
        return
    count = linked(st.slider)("Models released", 1, _MOST, 10, key="privacy_releases", width=460)
    table = composition_table(choices, _MOST)
    exact, added = table["exact"][count - 1], table["adding ε"][count - 1]
    each = spent_epsilon(choices.mu / math.sqrt(count), choices.delta)
    chart(
        budget_curves_figure(
            {name: (table["models"], table[name]) for name in ("exact", "adding ε")},
            x_title=f"models released at {choices.name} each",
            y_title="ε of all together",
            marks=[(count, exact, f"{count} models together: ε = {exact:.3g}")],
            dots=True,
        ),
        key="composition",
        alt=f"ε of 1 to {_MOST} models together: exact, and by adding ε, which grows faster",
        toolbar=camera("composition"),
        bundle=bundle(
            choices, "composition", "ε of several models together", {"composition": table}
        ),
    )
    st.markdown(
        f"- **{count} models at {choices.name}** spend **ε = {exact:.4g}** together at δ = "
        f"{choices.delta:g}. Adding gives {added:.4g}, and at {count} times that δ.\n"
        f"- To spend {choices.name} **in all**, each of {count} may spend ε = {each:.3g}.\n"
        f"- After {count} models: {odds_sentence(choices.mu * math.sqrt(count), choices.units)}"
    )


def composition_table(choices: PrivacyChoices, most: int) -> pd.DataFrame:
    """Computes ε of the first, the first two, … models: models, exact, adding ε."""
    counts = range(1, most + 1)
    return pd.DataFrame(
        {
            "models": counts,
            "exact": [
                spent_epsilon(choices.mu * math.sqrt(count), choices.delta) for count in counts
            ],
            "adding ε": [choices.epsilon * count for count in counts],
        }
    )
