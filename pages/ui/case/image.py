"""Asks for the mass to read: an upload, whole or cut out, or a synthetic mass.

Only the memory of the session holds the decoded picture. It goes with the upload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mammo_core.labels import BENIGN, CLASS_NAMES
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import DEFAULT_GENERATOR
from pages.ui.components.box_editor import box_on_picture, forget_box
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.components.inputs import choose_one, number_input
from pages.ui.components.links import linked
from pages.ui.masses import drawing
from pages.ui.masses.controls import LAST_SEED

if TYPE_CHECKING:
    from mammo_core.ingestion.images.formats import GreyImage

UPLOAD, EXAMPLE = "Your own image", "An example (synthetic)"
_WHOLE, _CUT = "a mammogram", "a mass already cut out"
_CUT_UP_TO_PX = 512  # images no larger are taken for cut-out masses, unless told otherwise
_PICTURE, _BOX = "case_picture", "case_box"
_RECIPES = {
    "as for the shipped models": "paper",
    "around the middle of the box": "standard",
}


@dataclass(frozen=True, eq=False)
class Case:
    """The mass to read.

    Attributes:
        image: (S, S) uint8, as models see it.
        what: For captions.
        example: The seed and class it was drawn from; None of an upload.
    """

    image: np.ndarray
    what: str
    example: MassId | None = None


def choose_case() -> Case | None:
    """Asks for a mass and shows it; None until there is one.

    Raises:
        IngestionError: If an upload cannot be used.
    """
    source = choose_one("Mass to read", (UPLOAD, EXAMPLE), "case_source", show_label=False)
    if source == UPLOAD:
        return _upload()
    _forget()
    return _example()


def show_case(case: Case) -> None:
    """Shows the mass as the models see it."""
    side = case.image.shape[0]
    image_grid(
        [Tile("case", case.image, case.what, f"The mass that is read: {case.what}")],
        key="case_mass",
        label="The mass as the models see it",
        tile="16rem",
        columns=1,
        tools=False,
    )
    st.caption(f"As the models see it: {side} × {side} pixels, grey only.")


def _example() -> Case:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = linked(number_input)("Seed", 0, LAST_SEED, 7, key="case_seed", width=160)
        class_name = choose_one(
            "Drawn as", list(CLASS_NAMES.values()), "case_class", default=CLASS_NAMES[BENIGN]
        )
    mass = MassId.from_key(f"{seed}-{class_name}", 1.0)
    (image,) = drawing.draw(DEFAULT_GENERATOR, [mass])
    return Case(image, f"synthetic, drawn as {class_name}, seed {seed}", mass)


def _upload() -> Case | None:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    file = left.file_uploader(
        "DICOM, PNG, JPEG or TIFF of one image",
        key="case_file",
        help="A separate process on the computer that runs this app decodes your image. It is never "
        "sent elsewhere and never written to disk. It is gone when you remove it, upload another "
        "or close this tab.",
    )
    if file is None:
        _forget()
        st.caption(
            "Nothing you upload is kept: no file, no copy, no log. It stays in the memory of "
            "this session."
        )
        return None
    picture = _picture(file.file_id, file.getvalue())
    is_small = max(picture.shape) <= _CUT_UP_TO_PX
    shown = right.segmented_control(
        "The image shows",
        (_WHOLE, _CUT),
        default=_CUT if is_small else _WHOLE,
        required=True,
        key=f"case_shows_{file.file_id}",
    )
    _tell(picture)
    return _whole(picture) if shown == _CUT else _boxed(picture, file.file_id)


def _picture(file_id: str, content: bytes) -> GreyImage:
    """The decoded upload; only the last one is remembered."""
    from mammo_core.ingestion.images.sandbox import read_safely

    known_id, known = st.session_state.get(_PICTURE, (None, None))
    if known_id == file_id:
        return known
    _forget()
    with st.spinner("Reading the image in a separate process"):
        picture = read_safely(content, name="your file")
    st.session_state[_PICTURE] = file_id, picture
    return picture


def _forget() -> None:
    st.session_state.pop(_PICTURE, None)
    forget_box(_BOX)


def _tell(picture: GreyImage) -> None:
    facts = [f"{name} {value}" for name, value in picture.facts.items()]
    size = f"{picture.shape[1]} × {picture.shape[0]} pixels"
    st.caption(" · ".join([size, *facts]))
    for warning in picture.warnings:
        st.warning(warning, icon=":material/warning:")


def _whole(picture: GreyImage) -> Case:
    from mammo_core.ingestion.images.crops import WHOLE, mass_crop
    from mammo_core.ingestion.images.formats import Box

    image = mass_crop(picture, Box(0, 0, *picture.shape), WHOLE)
    return Case(image, "your image, whole")


def _boxed(picture: GreyImage, picture_key: str) -> Case | None:
    from mammo_core.ingestion.images.crops import RECIPES, mass_crop

    box = box_on_picture(picture, key=_BOX, picture_key=picture_key)
    how = st.selectbox(
        "Cut out",
        list(_RECIPES),
        key="case_recipe",
        persist_state="session",
        help="The shipped models learned from masses with a wide margin, most of them below the "
        "middle of the crop. Grey ran from the darkest to the brightest pixel of the mammogram. "
        "For models of your own cohort, cut the mass as that cohort was cut.",
    )
    if box is None:
        st.info("Draw a box around the mass to have it read.", icon=":material/crop_free:")
        return None
    return Case(mass_crop(picture, box, RECIPES[_RECIPES[how]]), "cut from your mammogram")
