import numpy as np
import pytest

from mammo_core.errors import InvalidRequestError
from mammo_core.ingestion.images.grey import Coding, GreyImage
from mammo_core.reading.views import (
    BreastView,
    HungPicture,
    breast_view,
    chest_side,
    hang,
    needs_statement,
    require_few,
    require_one_patient,
    shows_two_breasts,
    view_names,
)


def picture(patient="", *, bright="left", grey=200, image_id="", **facts):
    """A mammogram of 32 × 64 pixels with its tissue in one half."""
    stored = np.zeros((32, 64), np.uint8)
    stored[:, slice(32) if bright == "left" else slice(32, 64)] = grey
    return GreyImage(
        stored=stored,
        table=np.arange(256, dtype=np.uint8),
        coding=Coding(bits=8),
        kind="dicom",
        patient_id=patient,
        image_id=image_id,
        facts=facts,
    )


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"laterality": "R", "view": "CC"}, "right CC"),
        ({"laterality": "L"}, "left"),
        ({"laterality": "B", "view": "MLO"}, "MLO"),
        ({}, ""),
    ],
)
def test_view_is_named_by_the_header(facts, name):
    assert breast_view(picture(**facts)).name == name


def test_no_two_views_have_one_name():
    right = BreastView("R", "CC")

    assert view_names([right, BreastView("R", "MLO")]) == ["right CC", "right MLO"]
    assert view_names([right, right]) == ["right CC 1", "right CC 2"]
    assert view_names([BreastView(), right]) == ["view 1", "right CC"]


def test_views_of_one_patient_by_their_headers_need_nobody_to_say_so():
    views = [picture("P1", grey=100), picture("P1", grey=200)]

    assert not needs_statement(views)
    require_one_patient(views, stated=False)


@pytest.mark.parametrize(("one", "other"), [("", ""), ("P1", ""), ("ANONYMOUS", "ANONYMOUS")])
def test_views_whose_headers_name_nobody_need_a_person_to_say_whose_they_are(one, other):
    views = [picture(one, grey=100), picture(other, grey=200)]

    assert needs_statement(views)
    with pytest.raises(InvalidRequestError, match="at least one image names none. If both are"):
        require_one_patient(views, stated=False)
    require_one_patient(views, stated=True)


def test_views_of_two_patients_are_refused_whatever_is_said_and_no_identifier_is_told():
    views = [picture("HOSP-1", grey=100), picture("HOSP-2", grey=200)]

    with pytest.raises(
        InvalidRequestError, match="one patient; the headers of these images name different"
    ) as caught:
        require_one_patient(views, stated=True)

    assert "HOSP" not in str(caught.value)


@pytest.mark.parametrize(
    "views",
    [
        [picture("P1"), picture("P1")],
        [picture("P1", grey=1, image_id="1.2"), picture("P1", grey=2, image_id="1.2")],
    ],
)
def test_one_image_given_twice_is_refused(views):
    with pytest.raises(InvalidRequestError, match="two different views; got the same image twice"):
        require_one_patient(views, stated=True)


def test_single_image_is_nobody_elses():
    assert not needs_statement([picture()])
    require_one_patient([picture()], stated=False)


def test_three_images_are_too_many():
    require_few(2)
    with pytest.raises(InvalidRequestError, match="two views of one patient; got 3 images"):
        require_few(3)


def test_both_breasts_are_told_from_two_views_of_one():
    right, left = BreastView("R", "CC"), BreastView("L", "CC")

    assert shows_two_breasts([left, right])
    assert not shows_two_breasts([right, BreastView("R", "MLO")])
    assert not shows_two_breasts([right, BreastView()])


def test_chest_wall_is_where_the_header_says_else_where_the_picture_is_brighter():
    assert [chest_side(picture(bright=side)) for side in ("left", "right")] == ["left", "right"]
    assert chest_side(picture(bright="left", chest_wall="right")) == "right"


def test_breasts_hang_back_to_back_the_right_one_on_the_left():
    left, right = picture(bright="left"), picture(bright="right")

    hung = hang([left, right], [BreastView("L", "CC"), BreastView("R", "CC")])

    assert hung == [HungPicture(1, False), HungPicture(0, False)]


def test_chest_walls_of_one_breast_are_on_one_side_and_cc_comes_first():
    mlo, cc = picture(bright="left"), picture(bright="right")

    right = hang([mlo, cc], [BreastView("R", "MLO"), BreastView("R", "CC")])
    left = hang([mlo, cc], [BreastView("L", "MLO"), BreastView("L", "CC")])

    assert right == [HungPicture(1, False), HungPicture(0, True)]
    assert left == [HungPicture(1, True), HungPicture(0, False)]


def test_picture_of_an_unknown_breast_is_shown_as_it_is():
    hung = hang([picture(bright="right"), picture(bright="left")], [BreastView(), BreastView()])

    assert hung == [HungPicture(0, False), HungPicture(1, False)]
