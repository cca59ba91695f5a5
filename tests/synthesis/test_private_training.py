import itertools

import numpy as np
import pytest
import torch

from mammo_core.config.runs import PrivacyConfig
from mammo_core.errors import PrivacyError
from mammo_core.privacy.heads.problem import rows_of_units
from mammo_core.privacy.networks import layer_gradients, noisy_gradients
from mammo_core.privacy.networks.unit_gradients import UnitGradients
from mammo_core.privacy.noise.kinds import CLIP_MARGIN
from mammo_core.privacy.noise.noisy_sum import noisy_sum
from mammo_core.privacy.noise.sources import ReproducibleNoise
from mammo_core.synthesis import private_training
from mammo_core.synthesis.private_training import (
    NoisyMomentsTrainer,
    PrivateDiscriminatorTrainer,
    PrivateMasses,
    expected_deviation,
    fit_private_structure,
)
from mammo_core.synthesis.projected import MIXED_CHANNELS
from mammo_core.synthesis.structure import NormalStructure
from tests.conftest import make_cohort
from tests.helpers.emptied import empty
from tests.synthesis.conftest import CPU, TINY, public_network

CONFIG = TINY["cascade"]
PRIVACY = PrivacyConfig(target_epsilon=8.0, target_delta=1e-3)


def private_masses(cohort):
    return PrivateMasses(
        images=torch.from_numpy(cohort.images),
        labels=torch.from_numpy(cohort.labels),
        unit_rows=rows_of_units(cohort.patient_ids, "patient"),
    )


def discriminator_trainer(cohort=None, steps=3):
    masses = private_masses(cohort or make_cohort(20))
    return PrivateDiscriminatorTrainer(CONFIG, masses, PRIVACY, CPU, public_network(), steps)


LAYOUTS = {
    "contiguous": lambda maps: maps.contiguous(),
    "channels last": lambda maps: maps.to(memory_format=torch.channels_last),
    "strided": lambda maps: maps.repeat_interleave(2, -1)[..., ::2],
    "expanded": lambda maps: maps[:, :1, :1].expand(maps.shape),
}


@pytest.fixture(scope="module")
def discriminator():
    """A discriminator and its losses of five made-up units, in a layout."""
    trainer = discriminator_trainer()
    rng = torch.Generator().manual_seed(3)
    maps = trainer._shown(torch.rand(5, 1, 16, 16, generator=rng) * 2 - 1, rng)
    labels = torch.tensor([0, 1, 1, 0, 1])

    def losses(layout, count):
        shown = [LAYOUTS[layout](part[:count]) for part in maps]
        return trainer._losses(shown, labels[:count])

    return trainer.discriminator, losses


def clipped_sum(discriminator, losses, bound=0.3):
    gradients = UnitGradients(discriminator, max_grad_norm=bound)
    gradients.add(losses)
    return torch.cat([part.flatten() for part in gradients.take()])


@pytest.mark.pitfall("Wrong gradients of single patients")
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_clipped_sums_of_the_discriminator_are_those_of_one_backward_pass_per_unit(
    discriminator, layout, count
):
    network, losses = discriminator
    expected = 0
    for loss in losses(layout, count):
        parts = torch.autograd.grad(loss, [*network.parameters()], retain_graph=True)
        gradient = torch.cat([part.flatten() for part in parts]).double()
        assert gradient.norm() > 0.3, "the test should clip"
        expected = expected + gradient * 0.3 * (1 - CLIP_MARGIN) / gradient.norm()

    found = clipped_sum(network, lambda: losses(layout, count))

    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.pitfall("Wrong gradients of single patients")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_unit_more_moves_the_discriminators_sum_by_the_bound_at_most(discriminator, layout):
    network, losses = discriminator
    sums = [clipped_sum(network, lambda n=n: losses(layout, n)) for n in range(1, 6)]

    for fewer, more in itertools.pairwise([torch.zeros_like(sums[0]), *sums]):
        assert (more - fewer).norm() <= 0.3


@pytest.mark.pitfall("Wrong gradients of single patients")
@pytest.mark.parametrize("wrong_batch", [1, 3])
def test_a_discriminator_whose_gradients_are_wrong_is_not_trained(monkeypatch, wrong_batch):
    """As by rules that take maps with channels last for contiguous ones."""
    right = layer_gradients._convolution

    def misread(layer, inputs, gradients):
        found = right(layer, inputs, gradients)
        if len(inputs) == wrong_batch:
            weight = found["weight"]
            found["weight"] = weight.transpose(2, -1).reshape(weight.shape)
        return found

    monkeypatch.setattr(layer_gradients, "_convolution", misread)

    with pytest.raises(PrivacyError, match=r"those of heads\.\d.* are others"):
        discriminator_trainer()


def test_trying_the_gradients_draws_nothing_of_what_the_training_draws(monkeypatch):
    torch.manual_seed(5)
    tried = discriminator_trainer()
    after = torch.get_rng_state()
    monkeypatch.setattr(noisy_gradients, "require_right_gradients", lambda *_: None)
    torch.manual_seed(5)
    untried = discriminator_trainer()

    assert torch.equal(after, torch.get_rng_state())
    assert torch.equal(tried._rng.get_state(), untried._rng.get_state())
    for one, other in zip(
        tried.discriminator.parameters(), untried.discriminator.parameters(), strict=True
    ):
        assert torch.equal(one, other) and one.grad is None


def moments_trainer(cohort=None):
    masses = private_masses(cohort or make_cohort(20))
    return NoisyMomentsTrainer(CONFIG, masses, PRIVACY, CPU, public_network())


def detail_weights(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.generator.detail.parameters()])


def test_with_little_noise_the_structure_has_the_means_and_deviations_of_its_classes():
    rng = torch.Generator().manual_seed(0)
    guess = expected_deviation(5, 16)
    labels = torch.arange(4000) % 2
    shift = torch.tensor([0.0, 0.5, 0, 0, 0])
    values = guess * (0.5 * torch.randn(4000, 5, generator=rng) + labels[:, None] * shift)
    structure = NormalStructure(5)

    fit_private_structure(
        structure,
        values,
        labels,
        torch.arange(4000)[:, None],
        image_size_px=16,
        noise_multiplier=0.01,
        noise=ReproducibleNoise(0),
    )

    torch.testing.assert_close(structure.mean[1] / guess, shift, atol=0.05, rtol=0)
    torch.testing.assert_close(
        structure.deviation / guess, torch.full((2, 5), 0.5), atol=0.07, rtol=0
    )


def test_overwhelming_noise_leaves_a_usable_structure():
    structure = NormalStructure(5)

    fit_private_structure(
        structure,
        torch.randn(20, 5),
        torch.arange(20) % 2,
        torch.arange(20)[:, None],
        image_size_px=16,
        noise_multiplier=1e4,
        noise=ReproducibleNoise(0),
    )

    assert structure.mean.isfinite().all()
    assert (structure.deviation > 0).all()


@pytest.mark.parametrize("begin", [discriminator_trainer, moments_trainer])
def test_training_keeps_its_promise_and_moves_the_detail(begin):
    trainer = begin()
    before = detail_weights(trainer)

    trainer.train(12)

    promise = trainer.guarantee
    assert promise.epsilon <= 8.0
    assert (promise.delta, promise.unit, promise.num_units) == (1e-3, "patient", 20)
    assert not torch.equal(before, detail_weights(trainer))
    assert detail_weights(trainer).isfinite().all()


def with_one_patient_emptied(cohort, patient=3):
    masses = private_masses(cohort)
    kept, unit_rows = empty(masses.unit_rows, patient)
    return PrivateMasses(
        images=masses.images[kept], labels=masses.labels[kept], unit_rows=unit_rows
    )


@pytest.mark.pitfall("Another neighbouring relation than stated")
def test_an_emptied_patient_is_zero_in_noisy_sums_and_changes_neither_bound_nor_noise(monkeypatch):
    released = []

    def spied(contributions, max_norm, noise_multiplier, noise):
        released.append((contributions, max_norm, noise_multiplier))
        return noisy_sum(contributions, max_norm, noise_multiplier, noise)

    monkeypatch.setattr(private_training, "noisy_sum", spied)
    cohort = make_cohort(20)
    whole = moments_trainer(cohort)
    neighbour = NoisyMomentsTrainer(
        CONFIG, with_one_patient_emptied(cohort), PRIVACY, CPU, public_network()
    )

    (structure, moments), (other_structure, other_moments) = released[:2], released[2:]
    torch.testing.assert_close(
        other_structure[0], structure[0] * (torch.arange(20) != 3)[:, None], check_dtype=False
    )
    assert other_structure[1:] == structure[1:] and other_moments[1:] == moments[1:]
    assert len(other_moments[0]) == 20 and not other_moments[0][3].any()
    assert neighbour.guarantee == whole.guarantee


@pytest.mark.pitfall("Another neighbouring relation than stated")
def test_an_emptied_patient_is_in_no_sample_and_changes_neither_divisor_nor_noise():
    cohort = make_cohort(20)
    masses = with_one_patient_emptied(cohort)
    whole = discriminator_trainer(cohort)
    neighbour = PrivateDiscriminatorTrainer(CONFIG, masses, PRIVACY, CPU, public_network(), 3)

    sampled = torch.cat([neighbour._sample_units() for _ in range(50)])

    assert set(sampled.tolist()) <= set(range(len(masses.labels)))
    assert neighbour.noisy_steps == whole.noisy_steps
    assert (
        neighbour._noisy._optimizer.expected_batch_size
        == whole._noisy._optimizer.expected_batch_size
    )


@pytest.mark.pitfall("A sampling rate or number of steps other than accounted")
def test_dp_sgd_spends_with_every_step_and_stops_when_all_is_spent():
    trainer = discriminator_trainer()
    structure_only = trainer.guarantee.epsilon
    trainer.train(4)
    after_one = trainer.guarantee.epsilon
    trainer.train(12)

    assert structure_only < after_one < trainer.guarantee.epsilon <= 8.0
    assert trainer.guarantee.epsilon > 7.5
    with pytest.raises(PrivacyError, match="spent"):
        trainer.step()


@pytest.mark.pitfall("Clipping per crop, guarantee per patient")
@pytest.mark.pitfall("Shuffling accounted as random sampling")
def test_a_step_takes_one_mass_of_a_sampled_patient_and_nobody_always():
    cohort = make_cohort(40, masses_each=3)
    trainer = discriminator_trainer(cohort)
    sizes, seen = [], set()
    for _ in range(200):
        rows = trainer._sample_units().numpy()
        patients = cohort.patient_ids[rows]
        assert len(set(patients)) == len(patients)
        sizes.append(len(rows))
        seen |= set(rows.tolist())

    expected = 4 * CONFIG.batch_size  # of 40 patients
    assert np.mean(sizes) == pytest.approx(expected, rel=0.1)
    assert np.std(sizes) > 1  # a Poisson sample has no fixed size
    assert len(seen) == len(cohort)


@pytest.mark.pitfall("Statistics of private data before training")
def test_generator_learns_from_the_discriminator_only(monkeypatch):
    """With the discriminator's private steps left out, other real masses must change nothing."""
    monkeypatch.setattr(PrivateDiscriminatorTrainer, "_private_step", lambda self, public: None)
    monkeypatch.setattr(private_training, "fit_private_structure", lambda *args, **more: None)
    ours = discriminator_trainer(make_cohort(20))
    theirs = discriminator_trainer(make_cohort(20, seed=5))

    ours.train(12)
    theirs.train(12)

    assert torch.equal(detail_weights(ours), detail_weights(theirs))


@pytest.mark.pitfall("Seeds of 32 bits")
def test_how_real_masses_are_shown_follows_from_no_seed(monkeypatch):
    """Nor from a generator whose draws for one mass depend on how many stand before it."""
    trainer = discriminator_trainer()
    images = trainer._images[:6, None] / 127.5 - 1
    monkeypatch.setattr(torch, "randint", lambda *_, **__: pytest.fail("drawn from torch"))
    monkeypatch.setattr(torch, "rand", lambda *_, **__: pytest.fail("drawn from torch"))
    seeded = trainer._rng.get_state()

    first, second = (trainer._shown(images, trainer._secret) for _ in range(2))

    assert not torch.equal(first[0], second[0])
    assert torch.equal(seeded, trainer._rng.get_state())


def test_moments_are_released_once_and_real_masses_not_looked_at_again():
    trainer = moments_trainer()
    trainer._images = trainer._labels = trainer._unit_rows = None

    trainer.step()

    assert trainer.images_seen == CONFIG.batch_size


def test_with_little_noise_the_released_moments_are_those_of_the_class(monkeypatch):
    cohort = make_cohort(30)
    monkeypatch.setattr(private_training, "noisy_sum", lambda rows, *_: rows.sum(dim=0))
    monkeypatch.setattr(private_training, "_FEATURE_BOUND", 1e9)
    trainer = moments_trainer(cohort)

    from mammo_core.synthesis.augment import all_turns
    from mammo_core.synthesis.sampling import from_uint8

    with torch.no_grad():
        views = all_turns(from_uint8(torch.from_numpy(cohort.images[cohort.labels == 1])))
        expected = trainer._describe(views.flatten(0, 1)).mean(dim=0)
    torch.testing.assert_close(trainer.moments.target[1], expected, atol=1e-3, rtol=1e-2)


@pytest.mark.pitfall("Seeds that repeat noise")
def test_noise_of_two_trainings_differs_though_the_seed_is_one():
    first, second = moments_trainer(), moments_trainer()

    assert not torch.equal(first.moments.target, second.moments.target)
    assert not torch.equal(first.generator.structure.mean, second.generator.structure.mean)


def test_maps_that_stay_dark_pull_nowhere():
    trainer = moments_trainer()
    maps = [torch.zeros(2, count, 3, 3, requires_grad=True) for count in MIXED_CHANNELS]

    trainer.moments(maps).square().sum().backward()

    for part in maps:
        assert torch.equal(part.grad.isfinite(), torch.ones_like(part, dtype=torch.bool))


@pytest.mark.pitfall("A release repeated when a training goes on")
@pytest.mark.parametrize("begin", [discriminator_trainer, moments_trainer])
def test_resumed_training_keeps_the_structure_that_was_released(begin, tmp_path):
    first = begin()
    first.train(4)
    first.save(tmp_path / "state.pt")

    resumed = begin()
    resumed.load(tmp_path / "state.pt")

    assert torch.equal(first.generator.structure.mean, resumed.generator.structure.mean)
    assert resumed.guarantee.epsilon == first.guarantee.epsilon
    assert torch.equal(detail_weights(first), detail_weights(resumed))
