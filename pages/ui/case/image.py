"""Asks for the mass to read: a synthetic one, or an upload."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mammo_core.labels import CLASS_NAMES, MALIGNANT
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import DEFAULT_GENERATOR
from pages.ui.case.mass import Case, Places, places_beside_mass
from pages.ui.case.upload import choose_upload, forget_upload
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.components.inputs import choose_one, number_input
from pages.ui.components.links import linked
from pages.ui.masses import drawing
from pages.ui.masses.controls import LAST_SEED

UPLOAD, EXAMPLE = "Your own image", "An example (synthetic)"
FIRST_EXAMPLE = 65  # a mass about which models at a small ε disagree


def choose_case() -> tuple[list[Case], Places] | None:
    """Asks for a mass, at first an example, and lays out the page for it; None until there is one.

    Returns:
        The mass, of two views one for each, and where the answer goes.

    Raises:
        MammoError: If an upload cannot be used.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = choose_one("Mass to read", (EXAMPLE, UPLOAD), "case_source")
        example = _example() if source == EXAMPLE else None
    if example is None:
        return choose_upload()
    forget_upload()
    return [example], places_beside_mass()


def show_case(cases: Sequence[Case]) -> None:
    """Shows the mass as the models see it, in every view."""
    image_grid(
        [
            Tile(
                f"case_{number}",
                case.image,
                ": ".join(filter(None, (case.name, case.what))),
                f"The mass that is read: {case.name or case.what}",
            )
            for number, case in enumerate(cases)
        ],
        key="case_mass",
        label="The mass as the models see it",
        tile="16rem",
        columns=len(cases),
        tools=False,
    )
    side = cases[0].image.shape[0]
    st.caption(f"As the models see it: {side} × {side} pixels, grey only.")


def _example() -> Case:
    seed = linked(number_input)("Seed", 0, LAST_SEED, FIRST_EXAMPLE, key="case_seed", width=160)
    class_name = choose_one(
        "Drawn as", list(CLASS_NAMES.values()), "case_class", default=CLASS_NAMES[MALIGNANT]
    )
    mass = MassId.from_key(f"{seed}-{class_name}", 1.0)
    (image,) = drawing.draw(DEFAULT_GENERATOR, [mass])
    return Case(image, f"synthetic, drawn as {class_name}, seed {seed}", example=mass)
