"""Attacks: find those who took part where there is something to find, and nothing where there is not."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from mammo_core.auditing import membership as attacks
from mammo_core.auditing.shadow_models import train_batched, train_shadows
from mammo_core.config.runs import HeadRecipe
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.heads.vectorised import HeadSettings, TakingPart, train_heads
from tests.privacy.heads.test_training import make_problem

RECIPE = HeadRecipe(steps=30, learning_rate=4.0, max_grad_norm=0.3)
OPEN = HeadSettings(noise_multiplier=None, learning_rate=1.0, seed=0)
NOISY = HeadSettings(noise_multiplier=1e4, learning_rate=1e-3, seed=0)


def auc(scores, took_part):
    return roc_auc_score(took_part.numpy().ravel(), scores.numpy().ravel())


def test_each_shadow_is_the_head_of_its_half_alone():
    """As if the others' masses did not exist."""
    problem = make_problem("image")
    shadows = train_shadows(problem, RECIPE, OPEN, 3, seed=4)

    for weights, took_part in zip(shadows.weights, shadows.took_part, strict=True):
        rows = took_part.nonzero()[:, 0]
        assert len(rows) == problem.num_units // 2
        alone = type(problem)(
            vectors=problem.vectors[rows],
            labels=problem.labels[rows],
            unit_rows=torch.arange(len(rows))[:, None],
            initial_weights=problem.initial_weights,
        )
        torch.testing.assert_close(weights, train_heads(alone, RECIPE, [OPEN])[0])


def test_batches_give_what_one_training_gives():
    problem = make_problem()
    units = torch.rand(300, problem.num_units) < 0.5
    jobs = [HeadSettings(1.0, 1.0, seed) for seed in range(300)]
    part = TakingPart(units, 20)

    torch.testing.assert_close(
        train_batched(problem, RECIPE, jobs, part),
        train_heads(problem, RECIPE, jobs, taking_part=part),
    )


def test_shadows_with_another_seed_have_other_halves_and_noise():
    problem = make_problem()
    first, again, other = (
        train_shadows(problem, RECIPE, NOISY, 2, seed=seed) for seed in (1, 1, 2)
    )

    assert torch.equal(first.weights, again.weights)
    assert not torch.equal(first.took_part, other.took_part)
    assert not torch.equal(first.weights[0], first.weights[1])
    with pytest.raises(InvalidRequestError, match="count >= 2"):
        train_shadows(problem, RECIPE, OPEN, 1, seed=0)


def scores_of_all_attacks(problem, job, count=128):
    shadows = train_shadows(problem, RECIPE, job, count, seed=1)
    effects = attacks.unit_effects(problem, RECIPE, job, 256, seed=2)
    margins = attacks.mass_margins(problem, shadows.weights)
    typical = attacks.unit_mean(margins, problem.unit_rows)
    projected = attacks.weight_projections(shadows.weights, effects)
    return shadows.took_part, {
        "loss": attacks.unit_mean(attacks.loss_scores(margins), problem.unit_rows),
        "ratio": attacks.likelihood_ratio(typical, shadows.took_part),
        "weights": attacks.joint_likelihood_ratio([typical, projected], shadows.took_part),
    }


def test_attacks_on_a_head_without_privacy_find_patients_and_the_stronger_find_more():
    took_part, scores = scores_of_all_attacks(make_problem(dims=40), OPEN)

    reached = {name: auc(values, took_part) for name, values in scores.items()}

    assert 0.53 < reached["loss"] < reached["ratio"] < reached["weights"]
    assert reached["weights"] > 0.9


def test_attacks_on_a_head_of_noise_find_nobody():
    took_part, scores = scores_of_all_attacks(make_problem(), NOISY)

    for name, values in scores.items():
        assert abs(auc(values, took_part) - 0.5) < 0.025, name


def test_likelihood_ratio_leaves_the_attacked_head_out():
    """With what a head itself shows in its own fit, pure noise would look like membership."""
    rng = torch.Generator().manual_seed(0)
    observed = torch.randn(24, 4000, generator=rng)
    took_part = torch.rand(24, 4000, generator=rng) < 0.5

    assert abs(auc(attacks.likelihood_ratio(observed, took_part), took_part) - 0.5) < 0.01


def test_likelihood_ratio_reaches_what_is_optimal_for_normal_numbers():
    rng = torch.Generator().manual_seed(0)
    took_part = torch.rand(400, 50, generator=rng) < 0.5
    offset, scale = 5 * torch.randn(50, generator=rng), 0.1 + torch.rand(50, generator=rng)
    observed = offset + scale * (torch.randn(400, 50, generator=rng) + 1.5 * took_part)

    found = auc(attacks.likelihood_ratio(observed, took_part), took_part)

    assert found == pytest.approx(norm.cdf(1.5 / math.sqrt(2)), abs=0.015)


def test_effects_are_what_leaving_a_unit_out_changes():
    problem = make_problem(dims=6, patients=15)
    effects = attacks.unit_effects(problem, RECIPE, OPEN, 400, seed=0)
    everyone = torch.ones(problem.num_units + 1, problem.num_units, dtype=torch.bool)
    everyone[range(problem.num_units), range(problem.num_units)] = False
    weights = train_heads(
        problem,
        RECIPE,
        [OPEN] * len(everyone),
        taking_part=TakingPart(everyone, problem.num_units // 2),
    )
    changes = weights[-1] - weights[:-1]

    correlation = np.corrcoef(effects.numpy().ravel(), changes.numpy().ravel())[0, 1]
    assert correlation > 0.7  # halves are not everyone but one
