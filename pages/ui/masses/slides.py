"""The slides of the page of synthetic masses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from mammo_core.labels import BENIGN, MALIGNANT
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import DEFAULT_GENERATOR
from pages.ui.components.image_grid import image_grid
from pages.ui.components.messages import shown_errors
from pages.ui.components.slides import Slide, show_slides
from pages.ui.masses import drawing
from pages.ui.masses.detail import captioned
from pages.ui.masses.latent import way_board

_STEPS = (
    "benign masses",
    "malignant masses",
    "twins: one seed, both classes",
    "from one seed to another",
    "what a generator guarantees",
)
_SYNTHETIC = "Synthetic masses, research use only, not for diagnosis."
_SEEDS = (43, 45, 65, 41, 20, 23, 56, 61)  # with a mass to see; many have none to outline
_WAY = (45, 20)
_COLUMNS = 4
_HALF_A_SCREEN = "min(24vw, 26vh)"  # two rows and a line of text fit without scrolling


def slides() -> dict[str, Callable[[], Slide]]:
    """Returns the slides by name; masses can be dragged to change the window."""
    names = list(drawing.cards())
    name = DEFAULT_GENERATOR if DEFAULT_GENERATOR in names else names[0]
    made = (_benign, _malignant, _twins, _interpolation, _guarantees)
    return {step: partial(make, name) for step, make in zip(_STEPS, made, strict=True)}


def show_talk() -> None:
    """Draws the slide that the URL names."""
    with shown_errors("These masses cannot be drawn"):
        show_slides("Synthetic masses", slides(), "synthetic_story")


def _benign(name: str) -> Slide:
    return Slide(
        "A generator drew these benign masses. None was taken of a patient.",
        "Each mass comes from a number, its seed. We picked eight of the first seventy.",
        partial(_show, name, [MassId(BENIGN, seed) for seed in _SEEDS]),
    )


def _malignant(name: str) -> Slide:
    return Slide(
        "The same seeds, drawn as malignant, are denser, with irregular margins and spicules.",
        f"The generator makes these signs plainer than they are in patients. {_SYNTHETIC}",
        partial(_show, name, [MassId(MALIGNANT, seed) for seed in _SEEDS]),
    )


def _twins(name: str) -> Slide:
    half = _SEEDS[:_COLUMNS]
    benign, malignant = ([MassId(label, seed) for seed in half] for label in (BENIGN, MALIGNANT))
    return Slide(
        "Twins share a seed and show what the generator takes for malignant.",
        f"Above: benign. Below: malignant. {_SYNTHETIC}",
        partial(_show, name, benign + malignant),
    )


def _interpolation(name: str) -> Slide:
    return Slide(
        "Masses between two seeds look as credible as the two ends.",
        f"Above: benign. Below: malignant. {_SYNTHETIC}",
        partial(_show_interpolation, name),
    )


def _guarantees(name: str) -> Slide:
    return Slide(
        "Privacy has a price: the private masses are hard to outline.",
        "The private masses keep the grain of tissue. The simulated ones learned from nobody. "
        f"{_SYNTHETIC}",
        _show_guarantees,
    )


def _show_interpolation(name: str) -> None:
    for label in (BENIGN, MALIGNANT):
        start, goal = MassId(label, _WAY[0]), _WAY[1]
        way = drawing.on_the_way(name, start, goal)[::2]
        way_board(
            start, goal, way, key=f"story_way{label}", tile="min(19vw, 27vh)", columns=len(way)
        )


def _show_guarantees() -> None:
    names = list(drawing.cards())
    seeds = _SEEDS[: _COLUMNS - 1]
    for column, other in zip(st.columns(len(names), gap="large"), names, strict=True):
        with column:
            _show(other, [MassId(MALIGNANT, seed) for seed in seeds], key=other, columns=len(seeds))
            told = drawing.cards()[other].guarantee_text
            st.markdown(f"**{other}**: {'no guarantee' if told == 'none' else told}")


def _show(name: str, ids: Sequence[MassId], *, key: str = "", columns: int = _COLUMNS) -> None:
    images = drawing.draw(name, ids)
    image_grid(
        [captioned(id, image) for id, image in zip(ids, images, strict=True)],
        key=f"story{key}",
        label=f"{len(ids)} synthetic masses",
        tile=_HALF_A_SCREEN,
        columns=columns,
    )
