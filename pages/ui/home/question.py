"""The question of the front page: four synthetic masses, of which one was drawn as malignant."""

import math

import numpy as np
import streamlit as st

from mammo_core.labels import BENIGN, CLASS_NAMES, MALIGNANT
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import DEFAULT_GENERATOR
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.components.messages import shown_errors
from pages.ui.masses import drawing
from pages.ui.state import resources

_NAMES = "ABCD"
_SEEDS = (  # with a mass to see
    *(45, 41, 20, 65, 43, 61, 0, 56, 54, 6, 23, 48, 7, 11, 35, 44, 31, 63, 13, 22, 17, 38, 69, 24),
)
_ROUND, _ANSWER = "question_round", "question_answer"


def show_question() -> None:
    """Draws the masses, takes a click as the answer, and says what is right; nothing without a generator."""
    if DEFAULT_GENERATOR not in drawing.cards():
        return
    number = st.session_state.setdefault(_ROUND, 0)
    right = place_of_malignant(number)
    ids = [
        MassId(MALIGNANT if place == right else BENIGN, seed)
        for place, seed in enumerate(_seeds(number))
    ]
    st.header("Which one is malignant?")
    with shown_errors("These masses cannot be drawn"):
        images = drawing.draw(DEFAULT_GENERATOR, ids)
    answer = st.session_state.get(_ANSWER)
    image_grid(
        [
            Tile(
                name,
                image,
                name if answer is None else f"{name}: drawn as {CLASS_NAMES[id.label]}",
                f"Synthetic mass {name}",
            )
            for name, id, image in zip(_NAMES, ids, images, strict=True)
        ],
        key="question",
        label="Four synthetic masses. Arrow keys move, Enter answers.",
        tile="9.5rem",
        columns=2,
        on_opened=_take_answer,
    )
    if answer is None:
        st.caption("Four synthetic masses. Click the one that you take for malignant.")
        return
    begin = "Yes" if answer == _NAMES[right] else "No"
    st.markdown(f"{begin}: **{_NAMES[right]}** was drawn as malignant. {_how_models_do()}")
    st.button("Four others", key="question_next", icon=":material/refresh:", on_click=_go_on)


def _seeds(number: int) -> list[int]:
    """Says which masses a question shows; every seed comes before one comes again."""
    first = len(_NAMES) * number
    return [_SEEDS[(first + place) % len(_SEEDS)] for place in range(len(_NAMES))]


def place_of_malignant(number: int) -> int:
    """Says where the malignant mass stands among the four of a question: 0 to 3, each as likely."""
    return int(np.random.default_rng(number).integers(len(_NAMES)))


def _how_models_do() -> str:
    points = resources.measured_points("auroc")
    best = points[(points["test_set"] == "cbis-ddsm") & (points["target_epsilon"] == math.inf)]
    return (
        f"It is hard for models, too: in {100 * best['mean'].max():.0f} of 100 pairs of real masses, our best "
        "scores the malignant one higher."
    )


def _take_answer(name: str) -> None:
    st.session_state[_ANSWER] = name


def _go_on() -> None:
    st.session_state[_ROUND] += 1
    st.session_state.pop(_ANSWER, None)
