"""Takes the upload of Read a case: one image, or two views of one patient, with a box on what is not cut out yet.

Only the memory of the session holds the decoded pictures. They go with the upload.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pages.ui.case.mass import Case, Places, places_beside_mammogram, places_beside_mass
from pages.ui.components.box_editor import PictureView, boxes_on_pictures, forget_boxes
from pages.ui.components.messages import shown_errors

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from mammo_core.ingestion.images.formats import Box, GreyImage
    from mammo_core.reading.views import BreastView

_WHOLE, _CUT = "a mammogram", "a mass already cut out"
_CUT_UP_TO_PX = 512  # images no larger are taken for cut-out masses, unless told otherwise
_PICTURES, _BOX = "case_picture", "case_box"
_RECIPES = {
    "as for the shipped models": "paper",
    "around the middle of the box": "standard",
}
_UNKNOWN = "not known"


@dataclass(frozen=True, eq=False)
class _Upload:
    """An image as it is shown.

    Attributes:
        key: Of the file.
        name: Of the view, where there are two; else empty.
        is_cut: Whether it shows a mass already cut out.
    """

    key: str
    picture: GreyImage
    name: str
    mirrored: bool
    is_cut: bool


def choose_upload() -> tuple[list[Case], Places] | None:
    """Asks for one image or two views, and for a box on every mammogram; None until all is there.

    Raises:
        MammoError: If an upload cannot be used.
    """
    from mammo_core.reading.views import require_few

    place, beside = st.columns([3, 2], vertical_alignment="bottom")
    files = place.file_uploader(
        "DICOM, PNG, JPEG or TIFF of one image, or of two views of one patient",
        accept_multiple_files=True,
        key="case_file",
        help="A separate process on the computer that runs this app decodes your image. It is never "
        "sent elsewhere and never written to disk. It is gone when you remove it or close this tab.",
    )
    if not files:
        forget_upload()
        st.caption(
            "Nothing you upload is kept: no file, no copy, no log. It stays in the memory of "
            "this session."
        )
        return None
    require_few(len(files))
    pictures = _pictures(files)
    if not _are_of_one_patient(pictures):
        return None
    uploads = _hung(pictures, beside)
    for upload in uploads:
        _tell(upload)
    return _cases(uploads)


def forget_upload() -> None:
    """Forgets the pictures and their boxes."""
    st.session_state.pop(_PICTURES, None)
    forget_boxes(_BOX)


def _pictures(files: Sequence[UploadedFile]) -> dict[str, GreyImage]:
    """The decoded uploads by file; only the present ones are remembered."""
    from mammo_core.ingestion.images.sandbox import read_safely

    known: dict[str, GreyImage] = st.session_state.pop(_PICTURES, {})
    pictures: dict[str, GreyImage] = {}
    for number, file in enumerate(files, start=1):
        called = "your file" if len(files) == 1 else f"your file {number}"
        if file.file_id not in known:
            with st.spinner("Reading the image in a separate process"):
                known[file.file_id] = read_safely(file.getvalue(), name=called)
        pictures[file.file_id] = known[file.file_id]
    st.session_state[_PICTURES] = pictures
    return pictures


def _are_of_one_patient(pictures: dict[str, GreyImage]) -> bool:
    """Refuses images that cannot be read together; asks for what headers leave open."""
    from mammo_core.reading.views import needs_statement, require_one_patient

    with shown_errors("These images cannot be read together"):
        require_one_patient(list(pictures.values()), stated=True)
    if not needs_statement(list(pictures.values())):
        return True
    key = f"case_same_{'_'.join(pictures)}"
    is_stated = st.checkbox("Both images are of one patient", key=key)
    if not is_stated:
        st.info(
            "At least one image does not name its patient. If both are of one patient, say so "
            "above. Otherwise remove one.",
            icon=":material/person:",
        )
    return is_stated


def _hung(pictures: dict[str, GreyImage], place: DeltaGenerator) -> list[_Upload]:
    """The images from left to right, two of them as radiologists hang them."""
    from mammo_core.reading.views import HungPicture, hang, shows_two_breasts, view_names
    from mammo_core.reading.words import TWO_BREASTS

    keys, values = list(pictures), list(pictures.values())
    names, hung = [""], [HungPicture(0, False)]
    if len(pictures) > 1:
        views = [
            _view(key, pictures[key], number, column)
            for number, (key, column) in enumerate(zip(keys, st.columns(2), strict=True), start=1)
        ]
        names, hung = view_names(views), hang(values, views)
        if shows_two_breasts(views):
            st.warning(TWO_BREASTS, icon=":material/warning:")
    return [
        _Upload(
            keys[one.index],
            values[one.index],
            names[one.index],
            one.mirrored,
            _is_cut(keys[one.index], values[one.index], names[one.index], place),
        )
        for one in hung
    ]


def _view(key: str, picture: GreyImage, number: int, place: DeltaGenerator) -> BreastView:
    """Which breast an image shows, and from where; asked for where the header does not say."""
    from mammo_core.reading.views import BreastView, breast_view

    told = breast_view(picture)
    if told.laterality and told.view:
        return told
    views = [BreastView(side, view) for side in ("R", "L") for view in ("CC", "MLO")]
    names = {view.name: view for view in views}
    asked = place.selectbox(
        f"File {number} shows the view", [_UNKNOWN, *names], key=f"case_view_{key}"
    )
    view = names.get(asked, BreastView())
    return BreastView(told.laterality or view.laterality, told.view or view.view)


def _is_cut(key: str, picture: GreyImage, name: str, place: DeltaGenerator) -> bool:
    is_small = max(picture.shape) <= _CUT_UP_TO_PX
    shown = place.segmented_control(
        f"The image {name} shows" if name else "The image shows",
        (_WHOLE, _CUT),
        default=_CUT if is_small else _WHOLE,
        required=True,
        key=f"case_shows_{key}",
    )
    return shown == _CUT


def _tell(upload: _Upload) -> None:
    picture = upload.picture
    facts = [f"{name} {value}" for name, value in picture.facts.items()]
    size = f"{picture.shape[1]} × {picture.shape[0]} pixels"
    st.caption(" · ".join(filter(None, (upload.name, size, *facts))))
    for warning in picture.warnings:
        st.warning(f"{upload.name and f'{upload.name}: '}{warning}", icon=":material/warning:")


def _cases(uploads: Sequence[_Upload]) -> tuple[list[Case], Places] | None:
    """Cuts the masses out; None while a box is missing."""
    mammograms = [upload for upload in uploads if not upload.is_cut]
    if not mammograms:
        return [_case(upload, None) for upload in uploads], places_beside_mass()
    picture, beside = st.columns([5, 2] if len(mammograms) > 1 else [3, 2], gap="medium")
    with picture:
        boxes = _boxes(mammograms)
    if None in boxes.values():
        each = " in each view" if len(mammograms) > 1 else ""
        beside.info(
            f"Draw a box around the mass{each} to have it read.", icon=":material/crop_free:"
        )
        return None
    cases = [_case(upload, boxes.get(upload.key)) for upload in uploads]
    return cases, places_beside_mammogram(beside)


def _boxes(mammograms: Sequence[_Upload]) -> dict[str, Box | None]:
    """Shows the mammograms and asks for a box on each, by file."""
    views = [PictureView(one.key, one.picture, one.name, one.mirrored) for one in mammograms]
    boxes = boxes_on_pictures(views, key=_BOX)
    if any(one.mirrored for one in mammograms):
        st.caption(
            "Views are shown as radiologists hang them: the right breast on the left, its chest "
            "wall to the right. Mirroring is for display only. The box and what the models see "
            "keep the pixels of the file."
        )
    st.selectbox(
        "Cut out",
        list(_RECIPES),
        key="case_recipe",
        persist_state="session",
        help="The shipped models learned from masses with a wide margin, most of them below the "
        "middle of the crop. Grey ran from the darkest to the brightest pixel of the mammogram. "
        "For models of your own cohort, cut the mass as that cohort was cut.",
    )
    return {one.key: box for one, box in zip(mammograms, boxes, strict=True)}


def _case(upload: _Upload, box: Box | None) -> Case:
    """Cuts a mass out of its box; without one, takes the whole image."""
    from mammo_core.ingestion.images.crops import RECIPES, WHOLE, mass_crop
    from mammo_core.ingestion.images.formats import Box

    picture = upload.picture
    if box is None:
        whole = mass_crop(picture, Box(0, 0, *picture.shape), WHOLE)
        return Case(whole, "your image, whole", upload.name)
    recipe = RECIPES[_RECIPES[st.session_state["case_recipe"]]]
    return Case(mass_crop(picture, box, recipe), "cut from your mammogram", upload.name)
