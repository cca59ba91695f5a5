"""Moves a mass through the latent space: to another seed, and along directions of strong change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mammo_core.synthesis.mass_id import MassId
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.components.inputs import number_input
from pages.ui.components.links import linked
from pages.ui.components.messages import escape_markdown
from pages.ui.masses import drawing
from pages.ui.masses.controls import LAST_SEED

if TYPE_CHECKING:
    from mammo_core.synthesis.latent.directions import Directions

_THUMBNAIL_PX = 72
_HOW_MEASURED = (
    "In standard deviations (SD) of the numbers that a mass is drawn from; 0 is the mass as drawn. From the left to the right "
    "end it changes, in standard deviations between masses:"
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
    """Shows the mass and its twin, moved by sliders that are named by what they change."""
    if not drawing.has_directions(name):
        st.info(
            f"**{escape_markdown(name)} has no directions to move along:** it draws masses from too few numbers. The other "
            "tabs show what it can do.",
            icon=":material/block:",
        )
        return
    sliders = _sliders(name)
    pictures, choices = st.columns([1, 2], gap="medium")
    with choices:
        offsets = _offsets(sliders, drawing.ends_of_directions(name, mass))
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
            tile="10rem",
            columns=2,
        )
    st.caption(
        "This mass is computed from the properties that a report describes. The sliders set them. The small pictures show "
        "this mass at both ends."
        if drawing.is_simulator(name)
        else "Each slider is named by what it changes most, as measured. The small pictures show this mass at both ends. The "
        "directions have no medical meaning."
    )


@dataclass(frozen=True)
class _Slider:
    """What a slider changes, and what a mass is at its left and at its right end."""

    key: str
    label: str
    left: str
    right: str
    help: str


def _offsets(sliders: Sequence[_Slider], ends: np.ndarray) -> tuple[float, ...]:
    """Draws the sliders between pictures of their ends (K, 2, H, W), and returns where they stand."""
    from mammo_core.synthesis.latent.directions import REACH

    offsets = []
    with st.grid(min_column_width=300, gap="small"):
        for slider, (left, right) in zip(sliders, ends, strict=True):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _thumbnail(left, slider.left, slider.label)
                offsets.append(
                    linked(st.slider)(
                        slider.label,
                        *(-REACH, REACH, 0.0, 0.25),
                        format="%.2f SD",
                        key=slider.key,
                        help=slider.help,
                    )
                )
                _thumbnail(right, slider.right, slider.label)
        st.button(
            "Back to the mass as drawn", key="reset_directions", on_click=_reset, args=(sliders,)
        )
    return tuple(offsets)


def _thumbnail(image: np.ndarray, what: str, label: str) -> None:
    st.image(image, what, _THUMBNAIL_PX, alt=f"{label}: the mass {what}")


def _sliders(name: str) -> list[_Slider]:
    sliders = (
        _parameter_sliders()
        if drawing.is_simulator(name)
        else _measured_sliders(drawing.directions(name))
    )
    often = Counter(slider.label for slider in sliders)
    seen: Counter[str] = Counter()
    for place, slider in enumerate(sliders):
        if often[slider.label] > 1:
            seen[slider.label] += 1
            sliders[place] = replace(slider, label=f"{slider.label} {seen[slider.label]}")
    return sliders


def _parameter_sliders() -> list[_Slider]:
    """Names the parameters of a simulator."""
    from mammo_core.synthesis.simulator import PARAMETERS

    return [
        _Slider(
            _key(index),
            parameter.name.capitalize(),
            *("less", "more"),
            f"{parameter.in_words.capitalize()}. 1 SD more is {parameter.ratio:g} times as much.",
        )
        for index, parameter in enumerate(PARAMETERS[: drawing.NUM_PARAMETERS])
    ]


def _measured_sliders(directions: Directions) -> list[_Slider]:
    """Names directions by what they change most; their help has every measure."""
    from mammo_core.evaluation.appearance import APPEARANCES

    sliders = []
    for index, changes in enumerate(directions.changes.tolist()):
        named = directions.named(index)
        label = named.name.capitalize() if named else "Hardly a change"
        ends = (named.less, named.more) if named else ("at the left", "at the right")
        if index == 0:
            label = f"Towards malignant ({label.lower()})"
            ends = ends if max(changes, key=abs) >= 0 else ends[::-1]
        measured = "\n".join(
            f"- {measure.name} ({measure.in_words}): {change:+.1f}"
            for measure, change in zip(APPEARANCES, changes, strict=True)
        )
        help_text = f"{_HOW_MEASURED}\n\n{measured}"
        sliders.append(_Slider(_key(index), label, ends[0], ends[1], help_text))
    return sliders


def _key(index: int) -> str:
    return f"direction{index}" if index else "to_malignant"


def _reset(sliders: Sequence[_Slider]) -> None:
    for slider in sliders:
        st.session_state[slider.key] = 0.0
