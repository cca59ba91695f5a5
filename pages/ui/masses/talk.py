"""The page of synthetic masses on a big screen: a story of five steps."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mammo_core.labels import BENIGN, MALIGNANT
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import DEFAULT_GENERATOR
from pages.ui.components.image_grid import image_grid
from pages.ui.components.messages import shown_errors
from pages.ui.components.talk_mode import step_through, talk_frame
from pages.ui.masses import drawing
from pages.ui.masses.controls import promise_in_words
from pages.ui.masses.detail import captioned
from pages.ui.masses.latent import way_board

_STEPS = (
    "Benign masses",
    "Malignant masses",
    "Twins: one seed, both classes",
    "From one seed to another",
    "What a generator promises",
)
_SEEDS = (10, 67, 68, 76, 11, 14, 18, 63)  # with a mass to see; many have none to outline
_WAY = (68, 18)
_COLUMNS = 4
_HALF_A_SCREEN = "min(24vw, 27vh)"  # two rows and a line of text fit without scrolling


def show_story() -> None:
    """Draws the current step, without controls; masses can be dragged to change the window."""
    talk_frame()
    head = st.container()
    step = step_through(_STEPS, "synthetic_story")
    head.subheader(f"Synthetic masses: {_STEPS[step][0].lower()}{_STEPS[step][1:]}")
    names = list(drawing.cards())
    name = DEFAULT_GENERATOR if DEFAULT_GENERATOR in names else names[0]
    with shown_errors("These masses cannot be drawn"):
        (_show_benign, _show_malignant, _show_twins, _show_way, _show_promises)[step](name)
    st.caption("Synthetic, research use only, not for diagnosis.")


def _show_benign(name: str) -> None:
    _show(name, [MassId(BENIGN, seed) for seed in _SEEDS])
    st.markdown(
        "Drawn from numbers, the seeds; none was taken of a patient. Eight picked from the first eighty."
    )


def _show_malignant(name: str) -> None:
    _show(name, [MassId(MALIGNANT, seed) for seed in _SEEDS])
    st.markdown(
        "The same seeds, told to be malignant: often brighter and rounder. Spicules are rare."
    )


def _show_twins(name: str) -> None:
    half = _SEEDS[:_COLUMNS]
    benign, malignant = ([MassId(label, seed) for seed in half] for label in (BENIGN, MALIGNANT))
    _show(name, benign + malignant)
    st.markdown(
        "Above benign, below malignant: what differs is what the generator takes for the difference."
    )


def _show_way(name: str) -> None:
    for label in (BENIGN, MALIGNANT):
        start, goal = MassId(label, _WAY[0]), _WAY[1]
        way = drawing.on_the_way(name, start, goal)[::2]
        way_board(
            start, goal, way, key=f"story_way{label}", tile="min(19vw, 27vh)", columns=len(way)
        )
    st.markdown("Above benign, below malignant. Masses in between are as credible as the ends.")


def _show_promises(name: str) -> None:
    names = list(drawing.cards())
    seeds = _SEEDS[: _COLUMNS - 1]
    for column, other in zip(st.columns(len(names), gap="large"), names, strict=True):
        with column:
            _show(other, [MassId(MALIGNANT, seed) for seed in seeds], key=other, columns=len(seeds))
            st.markdown(promise_in_words(other))
    st.markdown(
        "Privacy has its price: the private masses have the grain of tissue, but hardly a mass to outline. "
        "Neither set is proof against every question; only ε bounds what masses can reveal of a patient."
    )


def _show(name: str, ids: Sequence[MassId], *, key: str = "", columns: int = _COLUMNS) -> None:
    images = drawing.draw(name, ids)
    image_grid(
        [captioned(id, image) for id, image in zip(ids, images, strict=True)],
        key=f"story{key}",
        label=f"{len(ids)} synthetic masses",
        tile=_HALF_A_SCREEN,
        columns=columns,
    )
