"""Asks how real a mass looks and which class it looks like; keeps the answers for this session."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.mass_id import MassId
from pages.ui.components.export import export_button, table_bundle
from pages.ui.masses import drawing

_RATINGS = "mass_ratings"
_SCALE = (1, 2, 3, 4, 5)
_QUESTIONS = {
    "looks_real": ("Looks real (1 not at all, 5 entirely)", _SCALE),
    "looks_like": ("Looks to me", (*CLASS_NAMES.values(), "cannot tell")),
}


def show_rating(name: str, mass: MassId) -> None:
    """Asks two questions about a mass; an answer can be changed or removed."""
    given = ratings().get((name, mass), {})
    with st.container(horizontal=True):
        for question, (label, options) in _QUESTIONS.items():
            key = f"{question}_{name}_{mass.key}_{mass.truncation:g}"
            st.segmented_control(
                label,
                options,
                default=given.get(question),
                key=key,
                on_change=_remember,
                args=(name, mass, question, key),
            )


def show_ratings() -> None:
    """Shows all judgements of this session as a table to export."""
    table = ratings_table()
    if table.empty:
        st.markdown(
            "Open a mass and say how real it looks and which class it looks like. This "
            "list keeps your answers for this session. Nobody else sees them."
        )
        return
    st.dataframe(table, hide_index=True, key="ratings_table")
    export_button(
        table_bundle(
            "synthetic_mass_judgements",
            "Judgements of synthetic masses",
            table,
            ("Given with the class in view: no blind reading, no measure of skill.",),
        )
    )
    st.caption(
        "You gave these answers with the class in view. This is not a blind reading and no "
        "measure of diagnostic skill."
    )


def ratings() -> dict[tuple[str, MassId], dict[str, object]]:
    """Returns the answers of this session, by generator and mass."""
    return st.session_state.setdefault(_RATINGS, {})


def ratings_table() -> pd.DataFrame:
    """Makes a table of the answers, one row per mass, in the order of the first answer."""
    return pd.DataFrame(
        [
            {
                "generator": name,
                "generator_sha256": drawing.cards()[name].sha256,
                "class": mass.class_name,
                "seed": mass.seed,
                "truncation": mass.truncation,
                **{question: answers.get(question) for question in _QUESTIONS},
            }
            for (name, mass), answers in ratings().items()
        ]
    )


def _remember(name: str, mass: MassId, question: str, key: str) -> None:
    answers = ratings().setdefault((name, mass), {})
    answers[question] = st.session_state[key]
    if all(answer is None for answer in answers.values()):
        del ratings()[name, mass]
