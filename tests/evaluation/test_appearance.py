import numpy as np
import pytest
from scipy import ndimage

from mammo_core.evaluation.appearance import APPEARANCES, appearance

SIDE = 64


def disc(radius=0.25, mass=180.0, tissue=90.0, blur_px=0.0):
    """A bright disc on grey tissue with a fixed grain."""
    places = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    inside = 1 / (1 + np.exp((np.hypot(places[:, None], places) - radius) / 0.01))
    grain = np.random.default_rng(0).normal(0, 2, (SIDE, SIDE))
    image = ndimage.gaussian_filter(tissue + (mass - tissue) * inside + grain, blur_px)
    return image.clip(0, 255).astype(np.uint8)


def measured(**values):
    (found,) = appearance(disc(**values)[None])
    return dict(zip((one.name for one in APPEARANCES), found, strict=True))


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("brightness", {}, {"mass": 220.0, "tissue": 130.0}),
        ("size", {}, {"radius": 0.35}),
        ("sharpness", {"blur_px": 1.0}, {}),
        ("density", {}, {"mass": 230.0}),
    ],
)
def test_each_measure_grows_with_what_it_is_called(name, less, more):
    assert measured(**more)[name] > 1.1 * measured(**less)[name]


def test_size_is_the_radius_of_the_disc_whatever_its_brightness():
    assert measured()["size"] == pytest.approx(0.25, rel=0.1)
    assert measured(mass=230.0, tissue=140.0)["size"] == pytest.approx(0.25, rel=0.1)


def test_density_is_the_difference_between_mass_and_tissue():
    assert measured()["density"] == pytest.approx(90, abs=5)
    assert measured(mass=90.0, tissue=180.0)["density"] == pytest.approx(-90, abs=5)


@pytest.mark.parametrize("grey", [0, 128])
def test_a_picture_of_one_grey_has_no_mass(grey):
    (found,) = appearance(np.full((1, SIDE, SIDE), grey, dtype=np.uint8))

    assert found.tolist() == [grey, 0, 0, 0]
