import numpy as np
import pytest

from mammo_core.errors import InvalidRequestError
from mammo_core.synthesis.radiomics import FEATURE_NAMES, frechet_distance, radiomics


def named(image):
    return dict(zip(FEATURE_NAMES, radiomics(image[None])[0], strict=True))


def test_first_order_features_of_a_known_image():
    image = np.repeat(np.array([0, 200], np.uint8), 128).reshape(16, 16)

    found = named(image)

    assert found["mean"] == 100
    assert found["deviation"] == 100
    assert found["skewness"] == 0
    assert found["entropy"] == pytest.approx(np.log(2))
    assert found["percentile 10"] == 0


def test_texture_tells_a_chessboard_from_a_flat_image():
    board = (np.indices((16, 16)).sum(0) % 2 * 248).astype(np.uint8)
    flat = np.full((16, 16), 120, np.uint8)

    assert named(flat)["contrast at 1 px"] == 0
    assert named(board)["contrast at 1 px"] == pytest.approx(
        31**2 / 2
    )  # straight: all, diagonal: none
    assert named(board)["contrast at 2 px"] == 0
    assert np.isfinite(list(named(flat).values())).all()


def test_frechet_distance_of_known_distributions():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(20_000, 3)) * [1, 10, 100]
    shifted = rng.normal(size=(20_000, 3)) * [1, 10, 100] + [2, 0, 0]
    wider = rng.normal(size=(20_000, 3)) * [1, 10, 300]

    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-4)
    assert frechet_distance(real, shifted) == pytest.approx(2, abs=0.05)
    assert frechet_distance(real, wider) == pytest.approx(2, abs=0.05)


def test_too_few_masses_for_a_covariance_are_refused():
    with pytest.raises(InvalidRequestError, match="more than 3 masses"):
        frechet_distance(np.ones((3, 3)), np.ones((9, 3)))
