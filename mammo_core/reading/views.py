"""Two views of one patient: whether they may be read together, what they are called, and how they are hung.

Averaging their answers is `case.read_patient`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammo_core.errors import InvalidRequestError
from mammo_core.ingestion.images.grey import GreyImage
from mammo_core.ingestion.imports.patients import is_placeholder

MOST_VIEWS = 2
_SIDES = {"R": "right", "L": "left"}
_CHEST_WALL = {"R": "right", "L": "left"}  # as radiologists hang them: the breasts back to back
_SAMPLED = 8  # every so many rows and columns


@dataclass(frozen=True)
class BreastView:
    """Which breast a mammogram shows, and from where.

    Attributes:
        laterality: "R" or "L"; "" if not known.
        view: For example "CC" or "MLO"; "" if not known.

    Example:
        >>> BreastView("R", "CC").name
        'right CC'
    """

    laterality: str = ""
    view: str = ""

    @property
    def name(self) -> str:
        """Names breast and view; "" if neither is known."""
        return " ".join(filter(None, (_SIDES.get(self.laterality, ""), self.view)))


@dataclass(frozen=True)
class HungPicture:
    """The place of a picture side by side with another.

    Attributes:
        index: Of the picture among those that were given.
        mirrored: Whether it is shown mirrored. Its pixels stay as they are.
    """

    index: int
    mirrored: bool


def breast_view(picture: GreyImage) -> BreastView:
    """Reads from a picture's header which breast it shows, and from where."""
    laterality = picture.facts.get("laterality", "")
    return BreastView(laterality if laterality in _SIDES else "", picture.facts.get("view", ""))


def view_names(views: Sequence[BreastView]) -> list[str]:
    """Names views so that no two names are the same.

    Example:
        >>> view_names([BreastView("L", "CC"), BreastView()])
        ['left CC', 'view 2']
    """
    names = [view.name for view in views]
    return [
        name if name and names.count(name) == 1 else f"{name or 'view'} {number}"
        for number, name in enumerate(names, start=1)
    ]


def require_few(num_images: int) -> None:
    """Raises InvalidRequestError for more images than are read together."""
    if num_images > MOST_VIEWS:
        raise InvalidRequestError(
            f"Expected one image, or two views of one patient; got {num_images} images. Leave out the others."
        )


def shows_two_breasts(views: Sequence[BreastView]) -> bool:
    """Checks whether views show both breasts: their masses are then different ones."""
    return {"R", "L"} <= {view.laterality for view in views}


def needs_statement(pictures: Sequence[GreyImage]) -> bool:
    """Checks whether headers leave open that all pictures are of one patient: a person must say so then."""
    return len(pictures) > 1 and not all(map(_patient, pictures))


def require_one_patient(pictures: Sequence[GreyImage], *, stated: bool) -> None:
    """Refuses pictures that may not be read together.

    Args:
        stated: Whether a person says that all are of one patient. Headers that name different ones count more.

    Raises:
        InvalidRequestError: If two are the same, of different patients, or of patients nobody names.
            The message holds no identifier.
    """
    for number, one in enumerate(pictures):
        if any(_is_same(one, other) for other in pictures[:number]):
            raise InvalidRequestError(
                "Expected two different views; got the same image twice. Leave one out, or give the other view."
            )
    if len({_patient(one) for one in pictures} - {""}) > 1:
        raise InvalidRequestError(
            "Expected two views of one patient; the headers of these images name different patients. "
            "Leave one out, or give another view of the same patient."
        )
    if needs_statement(pictures) and not stated:
        raise InvalidRequestError(
            "Expected headers that name one patient for both views; at least one image names none. "
            "If both are of one patient, say so (on the command line: --same-patient)."
        )


def hang(pictures: Sequence[GreyImage], views: Sequence[BreastView]) -> list[HungPicture]:
    """Orders pictures from left to right as radiologists hang them.

    The right breast is on the left of the screen with its chest wall to the right, the left breast on the right
    with its chest wall to the left. Of one breast, CC comes before MLO. A picture of an unknown breast is shown
    as it is.
    """
    places = sorted(
        range(len(pictures)),
        key=lambda index: (views[index].laterality == "L", views[index].view == "MLO"),
    )
    return [HungPicture(index, _is_mirrored(pictures[index], views[index])) for index in places]


def chest_side(picture: GreyImage) -> str:
    """Returns on which side of the pixels the chest wall is, "left" or "right": by the header, else the brighter half."""
    told = picture.facts.get("chest_wall", "")
    if told:
        return told
    grey = picture.grey()[::_SAMPLED, ::_SAMPLED]
    middle = grey.shape[1] // 2
    return "right" if grey[:, middle:].mean() > grey[:, : max(1, middle)].mean() else "left"


def _patient(picture: GreyImage) -> str:
    """Returns the patient's identifier; "" if the header has none, or a word that stands for none."""
    return "" if is_placeholder(picture.patient_id) else picture.patient_id


def _is_mirrored(picture: GreyImage, view: BreastView) -> bool:
    wanted = _CHEST_WALL.get(view.laterality)
    return wanted is not None and chest_side(picture) != wanted


def _is_same(one: GreyImage, other: GreyImage) -> bool:
    is_same_file = bool(one.image_id) and one.image_id == other.image_id
    return is_same_file or np.array_equal(one.stored, other.stored)
