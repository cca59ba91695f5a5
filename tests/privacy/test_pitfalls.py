"""Known ways to break private training that no other test covers; `privacy.pitfalls` names them all.

Those of runs and of generators are in `tests/experiments` and `tests/synthesis`. Each test fails when the prevention it is named for is taken away.
"""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from mammo_core.config.runs import HeadRecipe
from mammo_core.errors import PrivacyError
from mammo_core.privacy.heads.opacus import train_head
from mammo_core.privacy.heads.vectorised import HeadSettings, train_heads
from mammo_core.privacy.networks.noisy_gradients import NoisyGradients
from mammo_core.privacy.noise.grid import add_noise
from mammo_core.privacy.noise.sources import ReproducibleNoise, SecretNoise
from tests.privacy.heads.test_training import make_problem

RECIPE = HeadRecipe(steps=40, learning_rate=2.0, max_grad_norm=0.3, averaged_share=1.0)


def train_opacus(problem, recipe, job, on_step=None):
    return train_head(problem, recipe, job, on_step=on_step)[0]


def train_vectorised(problem, recipe, job, on_step=None):
    return train_heads(problem, recipe, [job], on_step=on_step)[0]


engines = pytest.mark.parametrize("train", [train_opacus, train_vectorised])


def noise_only(train, seed=None, dims=400):
    """(T, K): what each step adds when there is nothing to learn."""
    problem = replace(
        make_problem(dims=dims, patients=12),
        vectors=torch.zeros(36, dims),
        initial_weights=torch.zeros(dims),
    )
    iterates = [torch.zeros(dims)]
    job = HeadSettings(noise_multiplier=2.0, learning_rate=2.0, seed=seed)
    train(problem, RECIPE, job, on_step=lambda _, weights: iterates.append(weights[0].clone()))
    return torch.stack(iterates).diff(dim=0)


@pytest.mark.pitfall("Random numbers used twice")
@engines
@pytest.mark.parametrize("seed", [None, 5])
def test_every_step_draws_noise_of_its_own(train, seed):
    steps = noise_only(train, seed)

    correlations = torch.corrcoef(steps)[~torch.eye(len(steps), dtype=torch.bool)]
    assert correlations.abs().max() < 6 / 400**0.5
    assert steps.std() == pytest.approx(2.0 * 2.0 / make_problem(patients=12).num_units, rel=0.05)


@pytest.mark.pitfall("Random numbers used twice")
def test_heads_trained_together_draw_noise_of_their_own():
    problem = replace(make_problem(dims=4000, patients=12), vectors=torch.zeros(36, 4000))
    jobs = [HeadSettings(noise_multiplier=2.0, learning_rate=2.0, seed=None) for _ in range(4)]

    moved = train_heads(problem, replace(RECIPE, steps=2), jobs) - problem.initial_weights

    correlations = torch.corrcoef(moved)[~torch.eye(4, dtype=torch.bool)]
    assert correlations.abs().max() < 6 / 4000**0.5


@pytest.mark.pitfall("Seeds of 32 bits")
@engines
def test_secret_noise_does_not_come_from_torch(train):
    """Opacus' own noise does: a seeded torch, and every training would add the same."""
    torch.manual_seed(0)
    first = noise_only(train)
    torch.manual_seed(0)
    second = noise_only(train)

    assert not torch.allclose(first, second)


@pytest.mark.pitfall("Seeds of 32 bits")
def test_secret_noise_leaves_torchs_randomness_alone():
    before = torch.get_rng_state()

    SecretNoise().words(100)
    SecretNoise().uniform(100)

    assert torch.equal(before, torch.get_rng_state())


def moved_by(layers, inputs, noise_multiplier=0.0, max_grad_norm=1.0):
    """What one plain step of rate 1 moves all weights by; a unit's loss is the output."""
    before = [parameter.detach().clone() for parameter in layers.parameters()]
    noisy = NoisyGradients(
        layers,
        torch.optim.SGD(layers.parameters(), lr=1.0),
        noise_multiplier=noise_multiplier,
        max_grad_norm=max_grad_norm,
        expected_units=4,
        noise=ReproducibleNoise(0),
        example=lambda units: layers(torch.eye(3, 6)[units]).squeeze(1),
    )
    public = [torch.zeros_like(parameter) for parameter in before]
    noisy.step(lambda: layers(inputs).squeeze(1), len(inputs), public)
    after = [parameter.detach() for parameter in layers.parameters()]
    return torch.cat([(a - b).flatten() for a, b in zip(after, before, strict=True)])


def two_layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))


@pytest.mark.pitfall("Clipping layer by layer, noise for all")
def test_clipping_bounds_all_layers_together():
    """Clipped layer by layer, a unit would move two layers by √2 times what the noise is made for."""
    inputs = 50 * torch.randn(3, 6)

    moved = moved_by(two_layers(), inputs[:1]) * 4

    assert moved.norm() == pytest.approx(1.0, rel=1e-3)
    assert (moved_by(two_layers(), inputs) * 4 - moved).norm() <= 2 + 1e-4


@pytest.mark.pitfall("Clipping layer by layer, noise for all")
def test_noise_is_of_one_size_in_all_layers():
    moved = moved_by(two_layers(), torch.zeros(0, 6), noise_multiplier=8.0, max_grad_norm=0.5)

    drawn = ReproducibleNoise(0)
    noise = [
        add_noise(torch.zeros(part.shape), 8.0 * 0.5, drawn).flatten()
        for part in two_layers().parameters()
    ]
    torch.testing.assert_close(moved, -torch.cat(noise).float() / 4)


@pytest.mark.pitfall("Batch norm and other mixing of patients")
def test_batch_norm_is_refused():
    """It makes one patient's gradient depend on who else was sampled."""
    layers = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 1))

    with pytest.raises(PrivacyError, match="BatchNorm1d.*statistics of the whole batch"):
        moved_by(layers, torch.randn(3, 6))


@pytest.mark.pitfall("Batch norm and other mixing of patients")
@engines
def test_a_patients_clipped_gradient_does_not_depend_on_who_else_is_there(train):
    problem = make_problem()
    one_step = HeadRecipe(steps=1, learning_rate=2.0, max_grad_norm=0.3)
    quiet = HeadSettings(noise_multiplier=0.0, learning_rate=2.0, seed=0)

    def effect_of_first(vectors):
        rows = problem.unit_rows[0][problem.unit_rows[0] >= 0]
        without = vectors.clone()
        without[rows] = 0
        ours, theirs = (
            train(replace(problem, vectors=part), one_step, quiet) for part in (vectors, without)
        )
        return ours - theirs

    others = 3 * problem.vectors.flip(0)
    rows = problem.unit_rows[0][problem.unit_rows[0] >= 0]
    others[rows] = problem.vectors[rows]
    torch.testing.assert_close(
        effect_of_first(problem.vectors), effect_of_first(others), rtol=1e-3, atol=1e-5
    )


@pytest.mark.pitfall("Features that are not finite")
def test_masses_with_broken_features_are_refused():
    """One NaN would spread to every weight and tell that its patient took part."""
    problem = make_problem()
    broken = problem.vectors.clone()
    broken[3, 0] = math.nan

    with pytest.raises(PrivacyError, match="finite features; got 1 mass"):
        replace(problem, vectors=broken)
