"""Shows one mass large: with its twin, towards another seed, moved along directions, and beside real masses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.mass_id import MassId
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.components.inputs import choose_one, draw_open_tab, number_input
from pages.ui.components.links import linked
from pages.ui.components.messages import shown_errors
from pages.ui.masses import drawing
from pages.ui.masses.controls import LAST_SEED, MassRequest
from pages.ui.masses.latent import show_directions, show_way
from pages.ui.masses.nearest import show_nearest
from pages.ui.masses.rating import show_rating


def mass_to_open(truncation: float) -> MassId | None:
    """Returns the mass to show large, from the URL, a click or these fields; None shows the grid only."""
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    with left:
        seed = linked(number_input)(
            "Open a mass by its seed",
            *(0, LAST_SEED, None),
            key="mass",
            placeholder="for example 7",
            help="Shows the mass large, with its twin of the other class. A click on a mass does the same.",
        )
    with right:
        class_name = choose_one(
            "Class of the mass", list(CLASS_NAMES.values()), "mass_class", show_label=False
        )
    return None if seed is None else MassId.from_key(f"{seed}-{class_name}", truncation)


def open_mass(key: str) -> None:
    """Opens a tile of a grid; for callbacks."""
    mass = MassId.from_key(key)
    st.session_state["mass"] = mass.seed
    st.session_state["mass_class"] = mass.class_name


def show_large(request: MassRequest, mass: MassId) -> None:
    """Shows the dialog."""
    title = f"Synthetic {mass.class_name} mass, seed {mass.seed}"
    st.dialog(title, width="large", on_dismiss=_close)(_content)(request, mass)


def captioned(mass: MassId, image: np.ndarray) -> Tile:
    """Makes a tile of a synthetic mass; the sign in its caption tells classes apart without colour."""
    caption = f"{'●' if mass.label else '○'} {mass.class_name} · {mass.seed}"
    return Tile(mass.key, image, caption, f"Synthetic {mass.class_name} mass, seed {mass.seed}")


def _close() -> None:
    st.session_state["mass"] = None


def _content(request: MassRequest, mass: MassId) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _go_on(request.ids, mass)
        show_rating(request.generator, mass)
    with shown_errors("This mass cannot be shown"):
        draw_open_tab(
            {name: partial(show, request.generator, mass) for name, show in _TABS.items()},
            "mass_view",
        )
    st.caption("Synthetic masses: research use only, not for diagnosis.")


def _go_on(ids: Sequence[MassId], mass: MassId) -> None:
    """Buttons to the twin, and to the masses before and after this one in the grid."""
    places = {id.seed: index for index, id in enumerate(ids)}
    place = places.get(mass.seed)
    with st.container(horizontal=True, width="content"):
        _goal("Previous", "Left", ids, None if place is None else place - 1)
        _goal("Twin", "T", [mass.twin], 0)
        _goal("Next", "Right", ids, None if place is None else place + 1)


def _goal(label: str, shortcut: str, ids: Sequence[MassId], place: int | None) -> None:
    """A button to one of several masses, disabled where there is none."""
    goal = ids[place].key if place is not None and 0 <= place < len(ids) else None
    if st.button(
        label,
        key=f"mass_go_{shortcut.lower()}",
        shortcut=shortcut,
        disabled=goal is None,
        on_click=open_mass,
        args=(goal,),
    ):
        st.rerun()


def _show_twins(name: str, mass: MassId) -> None:
    pair = [mass, mass.twin]
    image_grid(
        [captioned(id, image) for id, image in zip(pair, drawing.draw(name, pair), strict=True)],
        key="twins",
        label="The mass and its twin",
        tile="13rem",
        few=True,
        tools=True,
    )
    st.markdown(
        "**Twins** are drawn from the same seed, the second in the other class. "
        + (
            "Their difference begins with how BI-RADS tells malignant from benign masses: in margin, outline, "
            "density and spicules. Patients add to it where the generator learned from any."
            if drawing.is_simulator(name)
            else "Their difference is what the generator takes for the difference between benign and "
            "malignant. *How good they are* says how plainly its masses show their class."
        )
    )


_TABS = {
    "Twins": _show_twins,
    "To another seed": show_way,
    "Directions": show_directions,
    "Nearest real masses": show_nearest,
}
