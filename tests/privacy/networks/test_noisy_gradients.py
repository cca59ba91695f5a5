import pytest
import torch
from torch import nn

from mammo_core.errors import PrivacyError
from mammo_core.privacy.accounting.composition import composed_epsilon
from mammo_core.privacy.accounting.gaussian import spent_epsilon
from mammo_core.privacy.accounting.sampled import calibrate_sampled
from mammo_core.privacy.networks.noisy_gradients import NoisyGradients
from mammo_core.privacy.noise.grid import add_noise
from mammo_core.privacy.noise.kinds import CLIP_MARGIN
from mammo_core.privacy.noise.sources import ReproducibleNoise

DELTA = 1e-4


def test_a_single_release_spends_what_the_exact_curve_says():
    assert composed_epsilon([(2.0, 1.0, 1)], DELTA) == pytest.approx(
        spent_epsilon(0.5, DELTA), rel=0.02
    )


def test_two_releases_compose_as_gaussian_mechanisms_do():
    together = composed_epsilon([(2.0, 1.0, 1), (4.0, 1.0, 4)], DELTA)

    assert together == pytest.approx(spent_epsilon((0.25 + 4 / 16) ** 0.5, DELTA), rel=0.02)


@pytest.mark.pitfall("Rounding in the claimed ε")
def test_calibrated_noise_spends_the_target_and_never_more():
    before = [(1.5, 1.0, 1)]
    noise = calibrate_sampled(8.0, DELTA, before=before, sample_rate=0.2, steps=100)

    spent = composed_epsilon([*before, (noise, 0.2, 100)], DELTA)
    assert 7.9 < spent <= 8.0


def test_huge_budget_gets_the_least_noise_that_is_ever_used():
    noise = calibrate_sampled(1000.0, DELTA, before=[(5.0, 1.0, 1)], sample_rate=0.1, steps=1)

    assert noise == 0.3


def test_budget_that_is_spent_already_is_refused():
    with pytest.raises(PrivacyError, match="leaves something for 10 steps"):
        calibrate_sampled(1.0, DELTA, before=[(0.5, 1.0, 1)], sample_rate=0.1, steps=10)


def stepped(noise_multiplier, inputs, *, max_grad_norm=1.0, public=0.0, expected_units=4):
    """What one plain step of rate 1 moves the weights of a linear layer by; the loss is the output."""
    layer = nn.Linear(3, 1, bias=False)
    before = layer.weight.detach().clone()
    noisy = NoisyGradients(
        layer,
        torch.optim.SGD(layer.parameters(), lr=1.0),
        noise_multiplier=noise_multiplier,
        max_grad_norm=max_grad_norm,
        expected_units=expected_units,
        noise=ReproducibleNoise(0),
        example=lambda units: layer(torch.eye(3)[units]).squeeze(1),
    )
    noisy.step(
        lambda: layer(inputs).squeeze(1), len(inputs), [torch.full_like(before, float(public))]
    )
    return (before - layer.weight.detach())[0]


@pytest.mark.pitfall("Dividing by the real size of a batch")
def test_without_noise_a_step_is_the_clipped_sum_over_the_expected_number():
    inputs = torch.tensor([[0.5, 0, 0], [0, 30.0, 40.0]])  # the gradients of the two units

    moved = stepped(0.0, inputs, public=2.0)

    kept = 1 - CLIP_MARGIN
    torch.testing.assert_close(moved, torch.tensor([0.125, 0.15 * kept, 0.2 * kept]) + 2.0)


def test_a_unit_of_any_size_moves_the_step_by_the_bound_at_most():
    inputs = 1e3 * torch.randn(5, 3)

    difference = stepped(0.0, inputs) - stepped(0.0, inputs[:-1])

    assert difference.norm() <= 1 / 4 + 1e-6


@pytest.mark.pitfall("A step left out when nobody was sampled")
def test_a_step_without_units_is_noise_all_the_same():
    """Leaving such a step out would tell that nobody was sampled."""
    moved = stepped(3.0, torch.empty(0, 3))

    assert moved.abs().min() > 0


@pytest.mark.pitfall("Dividing by the real size of a batch")
def test_noise_has_the_calibrated_size_whoever_was_sampled():
    layers = [stepped(8.0, torch.zeros(units, 3), max_grad_norm=0.5) for units in (0, 1, 3)]

    drawn = add_noise(torch.zeros(3), 8.0 * 0.5, ReproducibleNoise(0)).float() / 4
    for moved in layers:
        torch.testing.assert_close(moved.abs(), drawn.abs())
