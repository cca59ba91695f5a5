"""The tab Unit: what a guarantee per mass is worth to a patient who has many."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.figures.budget_curves import budget_curves_figure
from mammo_core.figures.unit_sizes import unit_sizes_figure
from mammo_core.privacy.accounting.gaussian import spent_epsilon
from pages.ui.components.charts import chart
from pages.ui.components.messages import shown_errors
from pages.ui.privacy.controls import PrivacyChoices, bundle, camera, choose_source
from pages.ui.privacy.words import odds_sentence
from pages.ui.state import resources


def show_unit(choices: PrivacyChoices) -> None:
    """Draws the tab."""
    st.markdown(
        "An ε per **patient** protects everything that a patient contributed. An ε per "
        "**image**, as in the paper, protects one mass at a time. A patient with k masses needs "
        "all k protected together. By group privacy this costs k times the μ (Dong, Roth and Su "
        "2019, theorem 6)."
    )
    source = choose_source()
    with shown_errors("This cohort cannot be used"):
        counts = _masses_of_patients(source)
    most = len(counts)
    sizes, worth = st.columns(2, gap="medium")
    with sizes:
        st.header("Masses per patient")
        chart(
            unit_sizes_figure(counts.tolist()),
            key="unit_sizes",
            alt=f"Patients by number of masses, 1 to {most}",
            toolbar=camera("masses_per_patient"),
            bundle=bundle(choices, "masses_per_patient", f"Masses per patient, {source.name}"),
        )
        st.caption(
            f"{counts.sum()} training patients. {counts[1:].sum()} have more than one mass. The "
            f"largest number is {most}."
        )
    with worth:
        st.header("What ε per image is worth")
        if choices.is_private:
            _show_worth(choices, most)
        else:
            st.info("Without privacy no unit is protected. Choose a finite ε.")


def _show_worth(choices: PrivacyChoices, most: int) -> None:
    table = group_table(choices, most)
    worst = table["ε of the patient"].iloc[-1]
    chart(
        budget_curves_figure(
            {
                f"ε = {choices.epsilon:g} per image": (table["masses"], table["ε of the patient"]),
                f"ε = {choices.epsilon:g} per patient": (
                    table["masses"],
                    [choices.epsilon] * most,
                ),
            },
            x_title="masses of the patient",
            y_title="ε of the patient (log scale)",
            marks=[(most, worst, f"the patient with {most}: ε = {worst:.4g}")],
            log_y=True,
            dots=True,
        ),
        key="unit_worth",
        alt=(
            "ε of a patient over the number of the patient's masses, for a guarantee per image and "
            "per patient"
        ),
        toolbar=camera("unit"),
        bundle=bundle(choices, "unit", "ε of a patient with several masses", {"unit": table}),
    )
    needed = spent_epsilon(choices.mu / most, choices.delta)
    st.markdown(
        f"- A guarantee of {choices.name} **per image** is worth **ε = {worst:.4g}** to the "
        f"patient with {most} masses. {odds_sentence(choices.mu * most, 'such patients')}\n"
        f"- To guarantee {choices.name} to every patient by protecting single images, each image "
        f"would need ε = {needed:.3g}.\n"
        f"- With the **patient** as the unit, {choices.name} holds for all of them, however many "
        "masses they have. Their gradients are clipped together."
    )


def group_table(choices: PrivacyChoices, most: int) -> pd.DataFrame:
    """Computes what ε per image is worth to patients with 1 … `most` masses: masses, ε of the patient."""
    masses = range(1, most + 1)
    return pd.DataFrame(
        {
            "masses": masses,
            "ε of the patient": [spent_epsilon(k * choices.mu, choices.delta) for k in masses],
        }
    )


def _masses_of_patients(source: DataSource) -> np.ndarray:
    """Counts training patients with 1, 2, … masses; of the demo none is drawn for it."""
    if source.is_demo:
        from mammo_core.cohorts.demo import demo_training_patients

        patients = demo_training_patients()
    else:
        real = resources.loaded_data(source).real
        patients = real.select(site=real.training_site(source.site), split="train").patient_ids
    _, masses = np.unique(patients, return_counts=True)
    return np.bincount(masses)[1:]
