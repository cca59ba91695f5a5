"""Both engines, held to each other, to a gradient written out by hand, and to what privacy demands."""

import math
from dataclasses import replace

import numpy as np
import opacus
import pytest
import torch

from mammo_core.config.runs import HeadRecipe
from mammo_core.errors import PrivacyError
from mammo_core.privacy.heads import vectorised
from mammo_core.privacy.heads.opacus import train_head
from mammo_core.privacy.heads.problem import HeadTrainingData, rows_of_units
from mammo_core.privacy.heads.vectorised import HeadSettings, train_heads
from mammo_core.privacy.noise.kinds import CLIP_MARGIN
from tests.helpers.emptied import empty

RECIPE = HeadRecipe(steps=12, learning_rate=2.0, max_grad_norm=0.3)
ONE_STEP = HeadRecipe(steps=1, learning_rate=2.0, max_grad_norm=0.3)


def make_problem(unit="patient", *, public=False, seed=0, dims=9, patients=40):
    rng = torch.Generator().manual_seed(seed)
    patient_ids = np.random.default_rng(seed).integers(0, patients, 3 * patients).astype(str)
    vectors = torch.randn(len(patient_ids), dims, generator=rng)
    return HeadTrainingData(
        vectors=vectors,
        labels=(vectors[:, 0] > 0).float(),
        unit_rows=rows_of_units(patient_ids, unit),
        initial_weights=0.1 * torch.randn(dims, generator=rng),
        public_vectors=torch.randn(20, dims, generator=rng) if public else None,
        public_labels=(torch.arange(20) % 2).float() if public else None,
        public_weight=0.5 if public else 0.0,
    )


def train_opacus(problem, recipe, job):
    return train_head(problem, recipe, job)[0]


def train_vectorised(problem, recipe, job):
    return train_heads(problem, recipe, [job])[0]


engines = pytest.mark.parametrize("train", [train_opacus, train_vectorised])


def unit_gradients(problem, weights):
    """(U, K): the summed logistic gradient of each unit, written out."""
    return torch.stack(
        [
            sum(
                (torch.sigmoid(problem.vectors[row] @ weights) - problem.labels[row])
                * problem.vectors[row]
                for row in bag[bag >= 0]
            )
            for bag in problem.unit_rows
        ]
    )


@pytest.mark.pitfall("Noise or clipping missing or too small")
@pytest.mark.parametrize("unit", ["patient", "image"])
@pytest.mark.parametrize("public", [False, True])
def test_vectorised_weights_equal_those_of_opacus_step_by_step(unit, public):
    problem = make_problem(unit, public=public)
    job = HeadSettings(noise_multiplier=1.5, learning_rate=2.0, seed=3)
    ours, theirs = [], []

    train_heads(problem, RECIPE, [job], on_step=lambda _, weights: ours.append(weights[0].clone()))
    train_head(problem, RECIPE, job, on_step=lambda _, weights: theirs.append(weights[0].clone()))

    torch.testing.assert_close(torch.stack(ours), torch.stack(theirs), rtol=1e-4, atol=1e-5)


def test_units_taken_in_parts_give_the_same_weights(monkeypatch):
    problem = make_problem()
    job = HeadSettings(noise_multiplier=1.5, learning_rate=2.0, seed=3)
    at_once = train_vectorised(problem, RECIPE, job)

    monkeypatch.setattr(vectorised, "_UNITS_AT_ONCE", 7)

    torch.testing.assert_close(train_vectorised(problem, RECIPE, job), at_once)


@engines
def test_without_noise_the_update_is_the_clipped_gradient_written_out(train):
    problem = make_problem()
    gradients = unit_gradients(problem, problem.initial_weights)
    norms = gradients.norm(dim=1, keepdim=True)
    clipped = gradients * (0.3 * (1 - CLIP_MARGIN) / norms).clamp(max=1)
    assert (norms > 0.3).any(), "the test should clip something"

    weights = train(
        problem, ONE_STEP, HeadSettings(noise_multiplier=0.0, learning_rate=2.0, seed=0)
    )

    expected = problem.initial_weights - 2.0 / 0.3 * clipped.sum(0) / problem.num_units
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.pitfall("A huge ε in place of no privacy")
def test_without_privacy_the_update_is_the_plain_gradient():
    problem = make_problem()
    gradients = unit_gradients(problem, problem.initial_weights)

    job = HeadSettings(noise_multiplier=None, learning_rate=2.0, seed=0)
    weights = train_vectorised(problem, ONE_STEP, job)

    expected = problem.initial_weights - 2.0 * gradients.sum(0) / problem.num_units
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.pitfall("Noise or clipping missing or too small")
@engines
def test_noise_has_the_claimed_standard_deviation(train):
    problem = make_problem(dims=20_000, patients=12)
    quiet = train(problem, ONE_STEP, HeadSettings(noise_multiplier=0.0, learning_rate=2.0, seed=0))

    noisy = train(problem, ONE_STEP, HeadSettings(noise_multiplier=4.0, learning_rate=2.0, seed=0))

    # weights move by rate / clip times noise / units, and noise is multiplier * clip
    claimed = 2.0 * 4.0 / problem.num_units
    measured = (noisy - quiet).std().item()
    assert measured == pytest.approx(claimed, rel=4 / math.sqrt(2 * 20_000))


@pytest.mark.pitfall("Another neighbouring relation than stated")
@engines
def test_emptying_a_patient_moves_the_sum_and_neither_divisor_nor_noise(train):
    problem = make_problem()
    noisy = HeadSettings(noise_multiplier=50.0, learning_rate=2.0, seed=0)
    whole = train(problem, ONE_STEP, noisy)
    bound = (
        2.0 / problem.num_units
    )  # rate / clip times clip over units; another divisor moves noise by 4 of it
    grid = 2.0 / 0.3 * 50.0 * 0.3 / 1024 * math.sqrt(len(whole)) / problem.num_units
    for unit in range(5):
        kept, unit_rows = empty(problem.unit_rows, unit)
        neighbour = replace(
            problem,
            vectors=problem.vectors[kept],
            labels=problem.labels[kept],
            unit_rows=unit_rows,
        )

        moved = (whole - train(neighbour, ONE_STEP, noisy)).norm()

        assert 0 < moved <= bound + grid


@pytest.mark.pitfall("Noise or clipping missing or too small")
@pytest.mark.pitfall("Clipping per crop, guarantee per patient")
@pytest.mark.pitfall("Another neighbouring relation than stated")
@engines
@pytest.mark.parametrize("size", [1.0, 1e6])
def test_no_patient_moves_a_step_by_more_than_the_clipping_bound(train, size):
    problem = make_problem()
    job = HeadSettings(noise_multiplier=0.0, learning_rate=2.0, seed=0)
    with_all = train(problem, ONE_STEP, job)
    for unit in range(5):
        extreme = problem.vectors.clone()
        rows = problem.unit_rows[unit][problem.unit_rows[unit] >= 0]
        extreme[rows] = size * torch.randn(len(rows), extreme.shape[1])
        empty = problem.vectors.clone()
        empty[rows] = 0  # contributes nothing, as if the patient had not come

        changed = train(replace(problem, vectors=extreme), ONE_STEP, job)
        without = train(replace(problem, vectors=empty), ONE_STEP, job)

        bound = 2.0 / problem.num_units  # rate / clip times clip over units
        in_float32 = 1e-6 * with_all.norm()  # of the weights
        assert (changed - without).norm() <= bound + in_float32
        assert (with_all - without).norm() <= bound + in_float32


@engines
def test_same_seed_gives_the_same_weights_and_another_seed_others(train):
    problem = make_problem()
    job = HeadSettings(noise_multiplier=1.0, learning_rate=2.0, seed=7)

    again = train(problem, RECIPE, job)

    assert torch.equal(train(problem, RECIPE, job), again)
    other = HeadSettings(noise_multiplier=1.0, learning_rate=2.0, seed=8)
    assert not torch.allclose(train(problem, RECIPE, other), again)


def test_a_job_gives_the_same_weights_whatever_jobs_run_beside_it():
    problem = make_problem()
    jobs = [
        HeadSettings(noise_multiplier=noise, learning_rate=2.0, seed=seed)
        for noise in (None, 0.5, 8.0)
        for seed in (1, 2)
    ]

    together = train_heads(problem, RECIPE, jobs)

    for row, job in enumerate(jobs):
        alone = train_heads(problem, RECIPE, [job])[0]
        torch.testing.assert_close(together[row], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.pitfall("A sampling rate or number of steps other than accounted")
def test_opacus_accountant_saw_every_step_at_full_batch():
    _, accountant = train_head(
        make_problem(), RECIPE, HeadSettings(noise_multiplier=1.5, learning_rate=2.0, seed=0)
    )

    assert accountant.history == [(1.5, 1.0, RECIPE.steps)]


@pytest.mark.pitfall("Early stopping and keeping the best step")
def test_averaging_takes_the_last_half_of_the_iterates():
    problem, iterates = make_problem(), []
    job = HeadSettings(noise_multiplier=1.0, learning_rate=2.0, seed=0)

    weights = train_heads(
        problem, RECIPE, [job], on_step=lambda _, w: iterates.append(w[0].clone())
    )

    torch.testing.assert_close(weights[0], torch.stack(iterates[6:]).mean(0))


@pytest.mark.pitfall("Clipping per crop, guarantee per patient")
def test_patient_bags_hold_every_mass_once():
    patient_ids = np.array(list("abacbadefghijk"))

    unit_rows = rows_of_units(patient_ids, "patient")

    assert sorted(unit_rows[unit_rows >= 0].tolist()) == list(range(len(patient_ids)))
    for bag in unit_rows:
        assert len(set(patient_ids[bag[bag >= 0]])) == 1
    assert len(unit_rows) == len(set(patient_ids))
    assert rows_of_units(patient_ids, "image").shape == (len(patient_ids), 1)


def test_too_few_patients_are_refused():
    with pytest.raises(PrivacyError, match="at least 10 patients to hide one among; got 9"):
        rows_of_units(np.repeat(list("abcdefghi"), 5), "patient")


@pytest.mark.pitfall("Wrong gradients of single patients")
@pytest.mark.parametrize("masses", [1, 3])
def test_an_engine_that_clips_too_little_trains_nothing(masses, monkeypatch):
    right = vectorised._unit_gradient_norms
    monkeypatch.setattr(vectorised, "_unit_gradient_norms", lambda *given: 0.9 * right(*given))
    unit = "image" if masses == 1 else "patient"

    with pytest.raises(PrivacyError, match="those of weights are others"):
        train_vectorised(make_problem(unit), RECIPE, HeadSettings(1.5, 2.0, 3))


@pytest.mark.pitfall("Wrong gradients of single patients")
def test_an_opacus_whose_gradients_are_wrong_trains_nothing(monkeypatch):
    def wrong(layer, activations, backprops):
        (vectors,) = activations
        return {layer.weight: torch.einsum("nbi,nbj->nij", backprops, vectors.flip(1))}

    monkeypatch.setitem(opacus.GradSampleModule.GRAD_SAMPLERS, torch.nn.Linear, wrong)

    with pytest.raises(PrivacyError, match="those of weights are others"):
        train_opacus(make_problem(), RECIPE, HeadSettings(1.5, 2.0, 3))


@engines
def test_trying_an_engine_leaves_torchs_randomness_alone(train):
    before = torch.get_rng_state()

    train(make_problem(), ONE_STEP, HeadSettings(1.5, 2.0, 3))

    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("layout", ["transposed", "strided", "expanded"])
@engines
def test_vectors_of_any_layout_give_the_same_head(train, layout):
    problem = make_problem()
    if layout == "expanded":
        problem = replace(problem, vectors=problem.vectors[:, :1].repeat(1, 9))
    vectors = {
        "transposed": problem.vectors.T.contiguous().T,
        "strided": problem.vectors.repeat_interleave(2, 1)[:, ::2],
        "expanded": problem.vectors[:, :1].expand(-1, 9),
    }[layout]
    assert not vectors.is_contiguous()
    job = HeadSettings(noise_multiplier=1.5, learning_rate=2.0, seed=3)

    torch.testing.assert_close(
        train(replace(problem, vectors=vectors), RECIPE, job), train(problem, RECIPE, job)
    )
