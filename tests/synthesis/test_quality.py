import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from mammo_core.errors import InvalidRequestError
from mammo_core.synthesis.quality import kernel_distance, neighbourhood, told_apart


def normal(count, dims=8, shift=0.0, scale=1.0, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return scale * torch.randn(count, dims, generator=rng) + shift


def test_distance_equals_the_formula_written_out_with_scikit_learn():
    real, synthetic = normal(40), normal(30, shift=0.5, seed=1)
    kernel = {"degree": 3, "gamma": 1 / 8, "coef0": 1}
    within = [polynomial_kernel(part.numpy(), **kernel) for part in (real, synthetic)]
    for matrix in within:
        np.fill_diagonal(matrix, 0)
    expected = sum(matrix.sum() / (len(matrix) * (len(matrix) - 1)) for matrix in within)
    expected -= 2 * polynomial_kernel(real.numpy(), synthetic.numpy(), **kernel).mean()

    assert kernel_distance(real, synthetic).value == pytest.approx(expected, rel=1e-4)


def test_distance_of_equal_distributions_is_zero_within_its_spread():
    distance = kernel_distance(normal(600), normal(600, seed=1))

    assert abs(distance.value) < 2 * distance.spread


def test_distance_grows_with_the_shift():
    values = [kernel_distance(normal(300), normal(300, shift=s, seed=1)).value for s in (0, 0.3, 1)]

    assert values[0] < values[1] < values[2]


def test_equal_distributions_are_covered_and_precise():
    around = neighbourhood(normal(800), normal(800, seed=1))

    assert around.precision > 0.8
    assert around.recall > 0.8
    assert around.density == pytest.approx(1, abs=0.15)
    assert around.coverage > 0.9


def test_collapsed_generator_is_precise_but_covers_nothing():
    real = normal(800)
    collapsed = real[:1] + 0.01 * normal(800, seed=1)

    around = neighbourhood(real, collapsed)

    assert around.precision == 1.0
    assert around.recall < 0.01
    assert around.coverage < 0.1


def test_far_away_masses_are_neither():
    around = neighbourhood(normal(200), normal(200, shift=50, seed=1))

    assert (around.precision, around.recall, around.density, around.coverage) == (0, 0, 0, 0)


def test_neighbourhoods_equal_those_of_scikit_learn():
    real, synthetic = normal(60), normal(50, shift=0.7, seed=1)
    radius = NearestNeighbors(n_neighbors=6).fit(real).kneighbors(real)[0][:, 5]
    distances = np.linalg.norm(real.numpy()[:, None] - synthetic.numpy()[None], axis=2)
    inside = distances < radius[:, None]

    around = neighbourhood(real, synthetic)

    assert around.precision == pytest.approx(inside.any(0).mean())
    assert around.coverage == pytest.approx(inside.any(1).mean())
    assert around.density == pytest.approx(inside.sum(0).mean() / 5)


def test_too_few_masses_or_other_features_are_refused():
    with pytest.raises(InvalidRequestError, match="at least 6 masses on each side; got 5 real"):
        neighbourhood(normal(5), normal(50))
    with pytest.raises(InvalidRequestError, match="features of one width"):
        kernel_distance(normal(5), normal(5, dims=9))


def each(count):
    return np.arange(count)


def test_equal_distributions_cannot_be_told_apart_and_shifted_ones_can():
    same = told_apart(normal(400), normal(300, seed=1), each(400), each(300))
    near, far = (
        told_apart(normal(400), normal(300, shift=shift, seed=1), each(400), each(300))
        for shift in (0.2, 3.0)
    )

    assert same == pytest.approx(0.5, abs=0.08)
    assert same < near < far
    assert far > 0.99


def test_a_patient_is_never_learned_and_asked_for_at_once():
    """Every patient has features of their own, the same on both sides: only knowing them again tells sides apart."""
    patients = np.repeat(each(40), 6)
    rng = torch.Generator().manual_seed(0)
    real, synthetic = (3 * torch.randn(40, 60, generator=rng)[patients] for _ in range(2))

    by_patient = told_apart(real, synthetic, patients, patients)
    by_mass = told_apart(real, synthetic, each(240), each(240))

    assert by_mass > 0.9
    assert by_patient < 0.7


def test_too_few_patients_for_the_folds_are_refused():
    with pytest.raises(InvalidRequestError, match="at least 5 patients.*got 4 real and 30"):
        told_apart(normal(40), normal(30, seed=1), np.arange(40) % 4, each(30))
