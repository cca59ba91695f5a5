"""The audit believes an honest trainer and catches broken ones; the numbers are chosen before looking."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mammo_core.auditing.canaries import (
    CanaryScores,
    audit_bounds,
    guess_extremes,
    insert_canaries,
    score_canaries,
)
from mammo_core.auditing.shadow_models import train_batched
from mammo_core.config.runs import HeadRecipe
from mammo_core.privacy.accounting import gaussian
from mammo_core.privacy.heads.opacus import train_head
from mammo_core.privacy.heads.vectorised import HeadSettings, TakingPart
from tests.privacy.heads.test_training import make_problem

DELTA = 1e-4
EPSILON = 8.0
RECIPE = HeadRecipe(steps=40, learning_rate=6.0, max_grad_norm=0.1)
JOB = HeadSettings(gaussian.calibrate_gaussian(EPSILON, DELTA, RECIPE.steps), 6.0, 0)
CLAIMED_MU = gaussian.mu_of_steps(JOB.noise_multiplier, RECIPE.steps)


def audited(train, *, job=JOB, trainings=500):
    """The lower bounds on μ by method."""
    problem = make_problem(dims=60, patients=80)
    seen = score_canaries(
        problem, RECIPE, job, trainings=trainings, canaries=16, seed=3, train=train
    )
    return {bound.method: bound for bound in audit_bounds(seen, DELTA)}


def without_noise(problem, recipe, jobs, part):
    return train_batched(
        problem, recipe, [replace(job, noise_multiplier=0.0) for job in jobs], part
    )


def with_half_the_noise(problem, recipe, jobs, part):
    halved = [replace(job, noise_multiplier=job.noise_multiplier / 2) for job in jobs]
    return train_batched(problem, recipe, halved, part)


def without_clipping(problem, recipe, jobs, part):
    """Any gradient passes; noise and steps stay what they are."""
    loose = replace(recipe, max_grad_norm=1e4 * recipe.max_grad_norm)
    jobs = [
        replace(
            job,
            noise_multiplier=job.noise_multiplier / 1e4,
            learning_rate=1e4 * job.learning_rate,
        )
        for job in jobs
    ]
    return train_batched(problem, loose, jobs, part)


def with_weighted_sampling(problem, recipe, jobs, part):
    """Units of the class asked for are drawn three times as often, as a weighted sampler would."""
    first, extra = len(problem.labels), 2
    rare = (problem.labels[problem.unit_rows[:, 0]] == 1).nonzero()[:, 0]
    repeated = [rare] * extra
    grown = replace(
        problem, unit_rows=torch.cat([problem.unit_rows, *[problem.unit_rows[rare]] * extra])
    )
    assert first == len(grown.labels)
    units = torch.cat([part.units, *[part.units[:, rows] for rows in repeated]], dim=1)
    return _train_units(grown, recipe, jobs, TakingPart(units, part.expected_units))


def _train_units(problem, recipe, jobs, part):
    """Masses copied so that every bag has its own, which repeated units need."""
    mask = problem.unit_rows >= 0
    rows = problem.unit_rows[mask]
    unit_rows = torch.full_like(problem.unit_rows, -1)
    unit_rows[mask] = torch.arange(len(rows))
    copied = replace(
        problem, vectors=problem.vectors[rows], labels=problem.labels[rows], unit_rows=unit_rows
    )
    return train_batched(copied, recipe, jobs, part)


@pytest.mark.pitfall("A wrong formula in the accountant")
def test_honest_trainer_is_believed_and_the_bound_comes_near_the_claim():
    bounds = audited(train_batched)

    for method, bound in bounds.items():
        assert bound.epsilon < EPSILON, method
        assert bound.mu is None or bound.mu < CLAIMED_MU, method
    assert bounds["many runs, Gaussian DP"].mu > 0.5 * CLAIMED_MU


@pytest.mark.pitfall("Noise or clipping missing or too small")
@pytest.mark.pitfall("Weighted sampling")
@pytest.mark.parametrize(
    "train", [without_noise, with_half_the_noise, without_clipping, with_weighted_sampling]
)
def test_broken_trainer_is_caught(train):
    bounds = audited(train)

    assert bounds["many runs, Gaussian DP"].mu > CLAIMED_MU
    assert bounds["many runs, Gaussian DP"].epsilon > EPSILON


def test_training_without_privacy_leaks_far_more_than_any_budget_of_the_slider():
    bounds = audited(train_batched, job=HeadSettings(None, 1.0, 0), trainings=400)

    assert bounds["many runs, Gaussian DP"].epsilon > 15
    assert bounds["all runs pooled, (ε, δ)"].epsilon > 2.5


def test_opacus_itself_is_believed():
    """The engine of single runs, trained on each coin's units."""

    def train(problem, recipe, jobs, part):
        heads = []
        for job, units in zip(jobs, part.units, strict=True):
            chosen = replace(problem, unit_rows=problem.unit_rows[units])
            heads.append(train_head(chosen, recipe, job)[0])
        return torch.stack(heads)

    problem = make_problem(dims=20, patients=20)
    recipe = replace(RECIPE, steps=5)
    job = HeadSettings(gaussian.calibrate_gaussian(EPSILON, DELTA, 5), 6.0, 0)
    seen = score_canaries(problem, recipe, job, trainings=60, canaries=8, seed=0, train=train)

    bounds = {bound.method: bound for bound in audit_bounds(seen, DELTA)}
    assert all(bound.epsilon < EPSILON for bound in bounds.values())
    assert bounds["all runs pooled, Gaussian DP"].mu > 0.2


def test_canaries_point_where_patients_hardly_vary_and_are_units_of_their_own():
    problem = make_problem(dims=30)
    grown = insert_canaries(problem, 4, 0.1)
    canaries = grown.vectors[-4:]

    assert grown.num_units == problem.num_units + 4
    assert (grown.unit_rows[-4:] >= 0).sum(dim=1).tolist() == [1] * 4
    lengths = canaries.norm(dim=1)
    torch.testing.assert_close(lengths, torch.tensor([0.46, 0.46, 0.46, 100.0]))
    directions = canaries / lengths[:, None]
    torch.testing.assert_close(directions @ directions.T, torch.eye(4), atol=1e-5, rtol=0)
    spread = (problem.vectors @ directions.T).square().mean()
    assert spread < problem.vectors.square().mean()
    with pytest.raises(ValueError, match="at most 30 canaries"):
        insert_canaries(problem, 31, 0.1)


def test_guesses_are_made_from_both_ends():
    seen = CanaryScores(
        np.array([[4.0, 3, 2, 1, 0, -1, -2, -3]]),
        np.array([[True, True, False, True, False, True, False, False]]),
        np.zeros(8),
    )

    guesses = guess_extremes(seen, 0.5)

    assert (guesses.canaries, guesses.made, guesses.right) == (8, 4, 4)
    assert guess_extremes(seen, 1.0).right == 6


def test_claim_in_these_tests_is_what_the_accountant_says():
    assert gaussian.spent_epsilon(CLAIMED_MU, DELTA) == pytest.approx(EPSILON, rel=1e-4)
    assert math.isfinite(CLAIMED_MU)
