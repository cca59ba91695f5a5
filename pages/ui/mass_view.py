"""One mass, large: with its twin of the other class, on the way to another seed, moved, and beside real ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.mass_id import MassId
from pages.ui import mass_drawing
from pages.ui.errors import shown_errors
from pages.ui.mass_board import Tile, mass_board
from pages.ui.mass_latent import show_directions, show_way
from pages.ui.mass_nearest import show_nearest
from pages.ui.mass_request import LAST_SEED, MassRequest

_TABS = ("Twins", "To another seed", "Directions", "Nearest real masses")


def open_by_seed() -> int | None:
    """The seed of the mass to show large, from the URL, a click or this field; None shows the grid only."""
    return st.number_input(
        "Open a mass by its seed",
        0,
        LAST_SEED,
        None,
        key="mass",
        bind="query-params",
        placeholder="for example 7",
        help="Shows it large, with its twin of the other class. A click on a mass does the same.",
    )


def open_mass(key: str) -> None:
    """Opens a tile of a board; for `mass_board(on_opened=…)`."""
    mass = MassId.from_key(key)
    st.session_state["mass"] = mass.seed
    st.session_state["mass_class"] = mass.class_name


def show_large(request: MassRequest, seed: int) -> None:
    """Shows the dialog."""
    title = f"Synthetic mass, seed {seed}"
    st.dialog(title, width="large", on_dismiss=_close)(_content)(request, seed)


def captioned(mass: MassId, image: np.ndarray, caption: str = "", role: str = "") -> Tile:
    """A tile of a synthetic mass; caption and key as usual unless given."""
    alt = f"Synthetic {mass.class_name} mass, seed {mass.seed}{f', {role}' if role else ''}"
    return Tile(role or mass.key, image, caption or caption_of(mass), alt)


def caption_of(mass: MassId) -> str:
    """Class and seed; the sign tells classes apart without colour."""
    return f"{'●' if mass.label else '○'} {mass.class_name}, seed {mass.seed}"


def _close() -> None:
    st.session_state["mass"] = None


def _content(request: MassRequest, seed: int) -> None:
    with shown_errors("This mass cannot be shown"):
        _step_buttons(request.ids, seed)
        mass_class = st.segmented_control(
            "Class of the mass",
            list(CLASS_NAMES.values()),
            default=CLASS_NAMES[0],
            required=True,
            key="mass_class",
            bind="query-params",
            label_visibility="collapsed",
        )
        mass = MassId.from_key(f"{seed}-{mass_class}", request.truncation)
        for name, tab in zip(
            _TABS,
            st.tabs(_TABS, key="mass_view", bind="query-params", on_change="rerun"),
            strict=True,
        ):
            if tab.open:
                with tab:
                    _SHOWN[name](request.generator, mass)
    st.caption("Synthetic, research use only, not for diagnosis.")


def _step_buttons(ids: Sequence[MassId], seed: int) -> None:
    """To the masses before and after this one in the grid, if it is there."""
    seeds = [id.seed for id in ids]
    if seed not in seeds:
        return
    index = seeds.index(seed)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        for label, goal, shortcut in (
            ("Previous", index - 1, "Left"),
            ("Next", index + 1, "Right"),
        ):
            if st.button(
                label,
                key=f"mass_{label.lower()}",
                shortcut=shortcut,
                disabled=not 0 <= goal < len(ids),
                on_click=open_mass,
                args=(ids[min(max(goal, 0), len(ids) - 1)].key,),
            ):
                st.rerun()


def _show_twins(name: str, mass: MassId) -> None:
    pair = [mass, mass.twin]
    mass_board(
        [
            captioned(id, image)
            for id, image in zip(pair, mass_drawing.draw(name, pair), strict=True)
        ],
        key="twins",
        label="The mass and its twin",
        tile="13rem",
        few=True,
        tools=True,
    )
    st.markdown(
        "**Twins** are drawn from the same seed, the second in the other class: whatever differs is "
        "what the generator takes for the difference between benign and malignant. It has learned "
        "little of it, see *How good they are*."
    )


_SHOWN = dict(zip(_TABS, (_show_twins, show_way, show_directions, show_nearest), strict=True))
