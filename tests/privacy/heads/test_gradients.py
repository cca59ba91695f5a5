import math

import pytest
import torch
from torch import nn

from mammo_core.config.runs import HeadRecipe
from mammo_core.privacy.heads.gradients import clipped_step, unit_gradients, weights_over_steps
from mammo_core.privacy.heads.problem import HeadTrainingData, rows_of_units
from mammo_core.privacy.heads.vectorised import HeadSettings, train_heads
from mammo_core.privacy.noise.kinds import CLIP_MARGIN


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(0)
    patients = [f"p{index % 12}" for index in range(30)]
    return HeadTrainingData(
        vectors=torch.randn(30, 4, generator=generator),
        labels=(torch.rand(30, generator=generator) > 0.5).float(),
        unit_rows=rows_of_units(patients, "patient"),
        initial_weights=torch.tensor([0.1, -0.2, 0.3, 0.0]),
    )


def test_unit_gradients_are_autograds_of_each_units_summed_loss(problem):
    weights = torch.tensor([0.5, -1.0, 0.2, 0.1])

    gradients = unit_gradients(problem, weights)

    for bag, gradient in zip(problem.unit_rows, gradients, strict=True):
        rows = bag[bag >= 0]
        leaf = weights.clone().requires_grad_()
        loss = nn.functional.binary_cross_entropy_with_logits(
            problem.vectors[rows] @ leaf, problem.labels[rows], reduction="sum"
        )
        loss.backward()
        assert torch.allclose(gradient, leaf.grad, atol=1e-6)


def test_weights_over_steps_are_those_of_the_training_from_its_start(problem):
    recipe = HeadRecipe(steps=6, averaged_share=0.5)
    job = HeadSettings(noise_multiplier=2.0, learning_rate=1.0, seed=3)

    weights = weights_over_steps(problem, recipe, job)

    assert weights.shape == (7, 4)
    assert torch.equal(weights[0], problem.initial_weights)
    trained = train_heads(problem, recipe, [job])[0]
    assert torch.allclose(weights[4:].mean(dim=0), trained, atol=1e-6)


def test_one_noiseless_step_moves_along_the_clipped_sum(problem):
    recipe = HeadRecipe(steps=1, max_grad_norm=0.5)
    job = HeadSettings(noise_multiplier=1e-12, learning_rate=1.0, seed=0)

    before, after = weights_over_steps(problem, recipe, job)

    step = clipped_step(unit_gradients(problem, before), 0.5, 1e-12)
    assert float((after - before).norm()) == pytest.approx(
        step.signal / 0.5 / problem.num_units, rel=1e-4
    )


def test_clipped_step_by_hand():
    gradients = torch.tensor([[3.0, 4.0], [0.0, 0.5]])

    step = clipped_step(gradients, max_grad_norm=1.0, noise_multiplier=2.0)

    assert step.clipped_share == 0.5
    clipped = [0.6 * (1 - CLIP_MARGIN), 0.8 * (1 - CLIP_MARGIN) + 0.5]
    assert step.signal == pytest.approx(math.hypot(*clipped))
    assert step.noise_along == 2.0
    assert step.noise_length == pytest.approx(2 * math.sqrt(2))
    assert step.ratio == pytest.approx(step.signal / 2)
    cosine = (clipped[0] * 3 + clipped[1] * 4.5) / (math.hypot(*clipped) * math.hypot(3, 4.5))
    assert step.agreement == pytest.approx(cosine)


def test_without_noise_the_signal_has_no_rival_and_a_large_clipping_norm_changes_nothing():
    step = clipped_step(torch.tensor([[3.0, 4.0], [0.0, 0.5]]), 100.0, None)

    assert step.ratio == math.inf
    assert step.clipped_share == 0
    assert step.agreement == pytest.approx(1.0)
    assert step.signal == pytest.approx(math.hypot(3, 4.5))
