"""Moves a mass through the latent space: to another seed, and along directions of strong change."""

from __future__ import annotations

import streamlit as st

from mammo_core.synthesis.mass_id import MassId
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.components.inputs import number_input
from pages.ui.components.links import linked
from pages.ui.masses import drawing
from pages.ui.masses.controls import LAST_SEED

REACH = 3.0
DIRECTION_KEYS = (
    "to_malignant",
    *(f"direction{i + 1}" for i in range(drawing.NUM_DIRECTIONS)),
)


def show_way(name: str, mass: MassId) -> None:
    """Shows masses on the way to another seed."""
    goal = linked(number_input)("Seed to go to", 0, LAST_SEED, 1, key="towards")
    way = drawing.on_the_way(name, mass, int(goal))
    way_board(mass, int(goal), way, key="way", tile="7rem")
    st.markdown(
        "The coarse look changes step by step on an arc through the latent space. The film grain "
        "stays. Masses in between look as credible as the ends. This speaks against a generator "
        "that only memorised its patients, but it is no proof."
    )


def way_board(mass: MassId, goal: int, way, *, key: str, tile: str, columns: int = 0) -> None:
    """Draws the grid of `show_way`, also for a big screen; `way` is (N, H, W) uint8."""
    last = len(way) - 1
    tiles = []
    for step, image in enumerate(way):
        share = f"{step / last:.0%}".replace("%", " %")
        caption = {0: f"seed {mass.seed}", last: f"seed {goal}"}.get(step, share)
        alt = (
            f"Synthetic {mass.class_name} mass, {share} of the way from seed {mass.seed} to {goal}"
        )
        tiles.append(Tile(str(step), image, caption, alt))
    label = f"The way from seed {mass.seed} to seed {goal}"
    image_grid(tiles, key=key, label=label, tile=tile, columns=columns)


def show_directions(name: str, mass: MassId) -> None:
    """Shows the mass and its twin, moved by sliders."""
    drawing.directions(name)  # once, with a note that it takes a while
    pictures, sliders = st.columns([1, 1], gap="medium")
    with sliders:
        offsets = tuple(
            linked(st.slider)(
                label,
                -REACH,
                REACH,
                0.0,
                0.25,
                format="%.2f SD",
                key=key,
                help=meaning,
            )
            for key, (label, meaning) in zip(DIRECTION_KEYS, _sliders(name), strict=True)
        )
        st.button("Back to the mass as drawn", key="reset_directions", on_click=_reset)
    with pictures:
        moved = drawing.moved_twins(name, mass, offsets)
        drawn = drawing.draw(name, [mass])[0]
        image_grid(
            [
                Tile("drawn", drawn, f"as drawn, {mass.class_name}", "The mass as drawn"),
                Tile("moved", moved[0], f"moved, {mass.class_name}", "The mass after the moves"),
                Tile(
                    "twin", moved[1], f"moved, {mass.twin.class_name}", "Its twin after the moves"
                ),
            ],
            key="moved",
            label="The mass as drawn, moved, and its moved twin",
            tile="13rem",
        )
    st.markdown(
        "This mass is computed, not learned. The sliders set what a report describes. A mass and its "
        "twin differ as BI-RADS describes malignant and benign masses."
        if drawing.is_simulator(name)
        else "*Towards malignant* follows the mean difference between twins. The other directions "
        "change the coarse look most. They have no medical meaning."
    )


def _sliders(name: str) -> list[tuple[str, str | None]]:
    """Returns label and help of each slider."""
    if drawing.is_simulator(name):
        from mammo_core.synthesis.simulator import PARAMETERS

        return [
            (
                parameter.name.capitalize(),
                f"{parameter.in_words.capitalize()}. 1 SD more is {parameter.ratio:g} times as much.",
            )
            for parameter in PARAMETERS[: len(DIRECTION_KEYS)]
        ]
    unit = "In standard deviations (SD) of the numbers that a mass is drawn from. 0 is the mass as drawn."
    others = [(f"Direction {index + 1}", None) for index in range(drawing.NUM_DIRECTIONS)]
    return [("Towards malignant", unit), *others]


def _reset() -> None:
    for key in DIRECTION_KEYS:
        st.session_state[key] = 0.0
