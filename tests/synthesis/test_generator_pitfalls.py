"""Known ways to break private training of a generator that no other test covers, see `privacy.pitfalls`."""

import numpy as np
import pytest
import torch

from mammo_core.privacy.accounting.composition import composed_epsilon
from mammo_core.privacy.noise.noisy_sum import noisy_sum
from mammo_core.synthesis import private_training
from tests.conftest import make_cohort
from tests.synthesis.test_private_training import (
    CONFIG,
    PRIVACY,
    detail_weights,
    discriminator_trainer,
    moments_trainer,
)


@pytest.mark.pitfall("A sampling rate or number of steps other than accounted")
def test_sampling_is_accounted_at_the_rate_at_which_it_happens(monkeypatch):
    accounted = []

    def note(history, delta):
        accounted.append(history)
        return composed_epsilon(history, delta)

    monkeypatch.setattr(private_training, "composed_epsilon", note)
    trainer = discriminator_trainer(make_cohort(40), steps=8)
    sampled = np.mean([len(trainer._sample_units()) for _ in range(300)]) / 40
    trainer.images_seen = 7 * CONFIG.batch_size

    assert trainer.guarantee.epsilon < PRIVACY.target_epsilon
    (_, (noise, rate, steps)) = accounted[-1]
    assert rate == pytest.approx(sampled, rel=0.08)
    assert noise == trainer.noise_multiplier == trainer._noisy._optimizer.noise_multiplier
    assert steps == 7
    assert trainer._noisy._optimizer.expected_batch_size == pytest.approx(40 * rate)


@pytest.mark.pitfall("Weighted sampling")
def test_every_patient_is_sampled_alike_whatever_the_class():
    """Weighting rare classes up would sample their patients more often than accounted."""
    cohort = make_cohort(40)
    trainer = discriminator_trainer(cohort)
    taken = np.zeros(40)
    for _ in range(1500):
        rows = trainer._sample_units().numpy()
        taken[np.unique(cohort.patient_ids, return_inverse=True)[1][rows]] += 1

    rate = trainer._sample_rate
    deviations = (taken - 1500 * rate) / (1500 * rate * (1 - rate)) ** 0.5
    assert np.abs(deviations).max() < 4.5
    assert deviations.std() == pytest.approx(1.0, abs=0.4)


@pytest.mark.pitfall("Random state that tells who was sampled")
def test_random_numbers_that_are_kept_do_not_tell_who_was_sampled():
    """The state that is saved depends on how many numbers were drawn, so never on the private batch."""
    few, many = discriminator_trainer(), discriminator_trainer()
    few._sample_units = lambda: torch.arange(3)
    many._sample_units = lambda: torch.arange(11)

    few.step()
    many.step()

    assert torch.equal(few._rng.get_state(), many._rng.get_state())


@pytest.mark.pitfall("Loss curves, thresholds and scores")
def test_reported_loss_is_of_synthetic_masses_only(monkeypatch):
    monkeypatch.setattr(private_training, "fit_private_structure", lambda *args, **more: None)

    reports = [discriminator_trainer(make_cohort(20, seed=seed)).step() for seed in (0, 5)]

    assert reports[0] == reports[1]


@pytest.mark.pitfall("Statistics of private data before training")
def test_public_scaling_of_moments_looks_at_no_real_mass(monkeypatch):
    monkeypatch.setattr(private_training, "fit_private_structure", lambda *args, **more: None)

    ours, theirs = (moments_trainer(make_cohort(20, seed=seed)).moments for seed in (0, 5))

    assert torch.equal(ours.offset, theirs.offset)
    assert torch.equal(ours.scale, theirs.scale)
    assert not torch.equal(ours.target, theirs.target)


@pytest.mark.pitfall("Noise or clipping missing or too small")
@pytest.mark.pitfall("Clipping per crop, guarantee per patient")
@pytest.mark.parametrize("begin", [discriminator_trainer, moments_trainer])
def test_releases_have_one_row_a_patient_and_spend_together_what_is_claimed(monkeypatch, begin):
    """However many masses a patient has; 1 / noise multiplier is the μ of a release."""
    released = []

    def note(contributions, max_norm, noise_multiplier, noise):
        released.append((len(contributions), noise_multiplier))
        return noisy_sum(contributions, max_norm, noise_multiplier, noise)

    monkeypatch.setattr(private_training, "noisy_sum", note)

    trainer = begin(make_cohort(20, masses_each=3))

    assert {rows for rows, _ in released} == {20}
    history = [(noise, 1.0, 1) for _, noise in released]
    assert trainer.guarantee.epsilon == pytest.approx(composed_epsilon(history, 1e-3), rel=0.02)
    assert len(released) == (2 if begin is moments_trainer else 1)


@pytest.mark.pitfall("Statistics of private data before training")
def test_detail_of_a_moments_generator_follows_from_what_was_released(monkeypatch):
    """Post-processing: with the same releases, other real masses give the very same generator."""
    monkeypatch.setattr(private_training, "fit_private_structure", lambda *args, **more: None)
    monkeypatch.setattr(private_training, "noisy_sum", lambda rows, *_: torch.ones(rows.shape[1]))
    ours, theirs = (moments_trainer(make_cohort(20, seed=seed)) for seed in (0, 5))

    ours.train(12)
    theirs.train(12)

    assert torch.equal(detail_weights(ours), detail_weights(theirs))
