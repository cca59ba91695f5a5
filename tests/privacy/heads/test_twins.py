"""Masses of one patient that are alike but labelled apart: their gradients all but cancel, and the clipping bound holds.

A norm that cancellation makes too small lets the patient move the sum by more than the noise is made for: with norms
in single precision by 1.65 C at C = .001.
"""

from dataclasses import replace

import pytest
import torch

from mammo_core.config.runs import HeadRecipe
from mammo_core.errors import PrivacyError
from mammo_core.privacy.heads.problem import HeadTrainingData
from mammo_core.privacy.heads.vectorised import HeadSettings
from mammo_core.privacy.noise.kinds import CLIP_MARGIN
from tests.privacy.heads.test_training import engines

UNITS, DIMS = 50, 64
QUIET = HeadSettings(noise_multiplier=0.0, learning_rate=1.0, seed=0)


def with_twins(apart):
    """Patients of two masses each; those of the last differ by `apart` and have opposite labels."""
    rng = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(2 * UNITS, DIMS, generator=rng), dim=1)
    twin = vectors[-2] + apart * vectors[0]
    vectors[-1] = twin / twin.norm()
    labels = (torch.arange(2 * UNITS) % 2).float()
    return HeadTrainingData(
        vectors=vectors,
        labels=labels,
        unit_rows=torch.arange(2 * UNITS).view(UNITS, 2),
        initial_weights=torch.zeros(DIMS),
    )


def moved_by_the_last(train, problem, max_grad_norm):
    """How far the last patient moves the clipped sum: (K,) float64."""
    recipe = HeadRecipe(steps=1, max_grad_norm=max_grad_norm, averaged_share=1.0)
    job = replace(QUIET, learning_rate=max_grad_norm * UNITS)
    without = problem.vectors.clone()
    without[-2:] = 0
    problems = problem, replace(problem, vectors=without)
    with_it, others = (train(each, recipe, job).double() for each in problems)
    return others - with_it


def least_norm(problem):
    """The smallest clipping norm that is accepted, to a per cent."""
    low, high = 1e-12, 1.0
    while high / low > 1.01:
        middle = (low * high) ** 0.5
        try:
            problem.room_for_rounding(middle)
            high = middle
        except PrivacyError:
            low = middle
    return high


@pytest.mark.pitfall("Norms rounded down")
@engines
@pytest.mark.parametrize("clip_over_gradient", [0.3, 0.9, 1.0, 3.0])
@pytest.mark.parametrize("max_grad_norm", [0.1, 0.01, 0.003, 0.001, "least"])
def test_twins_move_the_sum_by_the_clipping_norm_at_most(train, max_grad_norm, clip_over_gradient):
    norm = least_norm(with_twins(0.1)) if max_grad_norm == "least" else max_grad_norm
    problem = with_twins(apart=2 * norm / clip_over_gradient)
    gradient = (problem.vectors[-2].double() - problem.vectors[-1].double()) / 2

    moved = moved_by_the_last(train, problem, norm).norm()

    shorter = min(norm * (1 - CLIP_MARGIN), float(gradient.norm()))
    least = 0.5 if max_grad_norm == "least" else 0.999  # norms are rounded up
    assert least * shorter <= moved <= shorter * (1 + 1e-5)
    assert moved <= norm * (1 - CLIP_MARGIN / 2), "the other half of the margin is for sums"


@pytest.mark.pitfall("Norms rounded down")
@pytest.mark.parametrize("max_grad_norm", [0.1, 0.01, 0.001, 1e-5])
def test_a_norm_is_never_smaller_than_that_of_exact_arithmetic(max_grad_norm):
    from mpmath import mp, mpf

    from mammo_core.privacy.heads import vectorised

    for apart in (2 * max_grad_norm, 0.5 * max_grad_norm, 0.0):
        problem = with_twins(apart).in_float64()
        residuals = torch.tensor([[0.5, -0.5]], dtype=torch.float64)
        pair = problem.vectors[-2:]
        gram = (pair @ pair.T)[None]

        found = vectorised._unit_gradient_norms(
            residuals[:, None], gram, gram.diagonal(0, 1, 2).sqrt(), DIMS
        ).item()

        with mp.workprec(200):
            parts = [(mpf(a) - mpf(b)) / 2 for a, b in zip(*pair.tolist(), strict=True)]
            exact = mp.sqrt(sum(part * part for part in parts))
        assert found >= exact
        assert found <= exact + 1e-6


@pytest.mark.pitfall("Norms rounded down")
@engines
def test_weights_too_long_for_the_margin_stop_the_training(train):
    problem = with_twins(0.1)
    norm = least_norm(problem)
    recipe = HeadRecipe(steps=3, max_grad_norm=norm, averaged_share=1.0)
    noise = replace(QUIET, noise_multiplier=1.0)

    train(problem, recipe, replace(noise, learning_rate=0.1))
    with pytest.raises(PrivacyError, match=r"weights of length up to 2\d\d; noise and steps made"):
        train(problem, recipe, replace(noise, learning_rate=1e4))


@pytest.mark.pitfall("Norms rounded down")
@engines
def test_a_clipping_norm_that_rounding_would_pass_is_refused(train):
    problem = with_twins(0.1)

    with pytest.raises(PrivacyError, match=r"max_grad_norm >= .* for 100 masses; got 1e-09"):
        moved_by_the_last(train, problem, 1e-9)
