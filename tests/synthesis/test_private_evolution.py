import dataclasses
import math

import numpy as np
import pytest
import torch

from mammo_core.auditing.bounds import ErrorCounts, mu_from_errors
from mammo_core.errors import CheckpointError, InvalidRequestError
from mammo_core.privacy.accounting.composition import composed_epsilon
from mammo_core.privacy.accounting.cost import PrivacyCost, total_epsilon
from mammo_core.privacy.noise.noisy_sum import noisy_sum, unit_means
from mammo_core.synthesis import private_evolution
from mammo_core.synthesis.private_evolution import ROUNDS, PrivateEvolutionTrainer
from mammo_core.synthesis.private_training import PrivateMasses
from mammo_core.synthesis.sampling import build_generator, sample_masses
from mammo_core.synthesis.simulator import PARAMETERS
from tests.conftest import make_cohort
from tests.synthesis.conftest import CPU, TINY_SIMULATOR, public_network
from tests.synthesis.test_private_training import PRIVACY, private_masses, with_one_patient_emptied

CANDIDATES = 48
CONFIG = dataclasses.replace(TINY_SIMULATOR, batch_size=12)
BRIGHTNESS = [parameter.name for parameter in PARAMETERS].index("brightness")
BOUND = 5**-0.5  # of one patient's votes: each mass gives five of 1 / 5
PLANTED = {
    "black": np.zeros((1, 16, 16)),
    "white": np.full((1, 16, 16), 255),
    "many of one kind": np.tile(np.arange(256).reshape(1, 16, 16), (40, 1, 1)),
    "many of all kinds": np.random.default_rng(0).integers(0, 256, (40, 16, 16)),
}


@pytest.fixture(autouse=True)
def plain_description(monkeypatch):
    """A public description that costs nothing: pixels of a small picture. One test has the network's."""
    monkeypatch.setattr(PrivateEvolutionTrainer, "_describe", lambda self, images: shrunk(images))


network_description = PrivateEvolutionTrainer._describe


def shrunk(images):
    return torch.nn.functional.avg_pool2d(images, 4).flatten(1)


def begin(masses=None, privacy=PRIVACY, candidates=CANDIDATES, config=CONFIG):
    masses = masses or private_masses(make_cohort(20))
    network = torch.nn.Identity()
    return PrivateEvolutionTrainer(config, masses, privacy, CPU, network, candidates)


@pytest.fixture
def released(monkeypatch):
    """Every noisy sum: what units gave, its bound, its noise multiplier and what left."""
    seen = []

    def spied(contributions, max_norm, noise_multiplier, noise):
        out = noisy_sum(contributions, max_norm, noise_multiplier, noise)
        seen.append((contributions, max_norm, noise_multiplier, out))
        return out

    monkeypatch.setattr(private_evolution, "noisy_sum", spied)
    return seen


def with_planted(images, label=1):
    """The usual patients, and one more with these masses."""
    usual = private_masses(make_cohort(20))
    count = len(images)
    width = max(count, usual.unit_rows.shape[1])
    rows = torch.full((21, width), -1)
    rows[:20, : usual.unit_rows.shape[1]] = usual.unit_rows
    rows[20, :count] = len(usual.labels) + torch.arange(count)
    return PrivateMasses(
        images=torch.cat([usual.images, torch.as_tensor(images).to(torch.uint8)]),
        labels=torch.cat([usual.labels, torch.full((count,), label)]),
        unit_rows=rows,
    )


@pytest.mark.pitfall("Clipping per crop, guarantee per patient")
@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_patient_moves_the_votes_by_the_bound_at_most(released, planted):
    begin(with_planted(PLANTED[planted])).train(CANDIDATES)

    assert len(released) == ROUNDS
    for contributions, bound, *_ in released:
        assert bound == pytest.approx(BOUND)
        assert 0 < contributions[20].norm() <= BOUND * (1 + 1e-6)
        assert contributions[20].sum() == pytest.approx(1)
        without = contributions.clone()
        without[20] = 0
        moved = noisy_sum(contributions, bound, 0.0, None) - noisy_sum(without, bound, 0.0, None)
        assert moved.norm() <= BOUND


def test_a_mass_votes_for_the_nearest_candidates_of_its_class_whoever_else_votes(released):
    masses = with_planted(PLANTED["white"], label=0)
    trainer = begin(masses)
    trainer.train(CANDIDATES // ROUNDS)

    ((contributions, *_),) = released
    round_ = trainer._round
    alone = round_.votes(trainer._described_masses()[-1:], torch.tensor([0]))
    assert torch.equal(contributions[20], alone[0])
    chosen = alone[0] > 0
    assert chosen.sum() == 5 and not round_.labels[chosen].any()
    brightness = round_.features.mean(dim=1)
    assert brightness[chosen].mean() > brightness[round_.labels == 0].mean()


@pytest.mark.pitfall("Another neighbouring relation than stated")
def test_an_emptied_patient_votes_for_nothing_and_changes_neither_bound_nor_noise(released):
    cohort = make_cohort(20)
    whole = begin(private_masses(cohort))
    whole.train(CANDIDATES // ROUNDS)
    neighbour = begin(with_one_patient_emptied(cohort))
    neighbour.train(CANDIDATES // ROUNDS)

    first, second = released
    kept = (torch.arange(20) != 3)[:, None]
    torch.testing.assert_close(second[0], first[0] * kept, check_dtype=False)
    assert first[1:3] == second[1:3]
    assert neighbour.guarantee == whole.guarantee
    assert neighbour.noisy_steps == whole.noisy_steps


@pytest.mark.pitfall("Noise or clipping missing or too small")
def test_rounds_spend_together_what_is_claimed(released):
    trainer = begin(private_masses(make_cohort(20, masses_each=3)))
    trainer.train(CANDIDATES)

    assert [len(contributions) for contributions, *_ in released] == [20] * ROUNDS
    history = [(noise, 1.0, 1) for _, _, noise, _ in released]
    assert trainer.guarantee.epsilon == pytest.approx(composed_epsilon(history, 1e-3), rel=0.02)
    assert 7.99 < trainer.guarantee.epsilon <= 8.0
    cost = PrivacyCost(steps=trainer.noisy_steps, unit="patient", largest_patient=3)
    assert total_epsilon([cost], 1e-3) == pytest.approx(trainer.guarantee.epsilon, rel=1e-6)
    assert "votes" in trainer.guarantee.mechanism
    assert trainer.guarantee.arithmetic == "grid"


@pytest.mark.pitfall("Noise or clipping missing or too small")
def test_what_leaves_differs_from_the_votes_by_the_noise_that_is_claimed(released):
    trainer = begin(candidates=2400)
    trainer.train(1200)

    contributions, bound, multiplier, out = released[0]
    noise = (out - contributions.sum(dim=0)).numpy()
    assert multiplier == trainer.noisy_steps[0].noise_multiplier
    assert noise.std() == pytest.approx(bound * multiplier, rel=0.15)
    assert abs(noise.mean()) < 5 * noise.std() / math.sqrt(len(noise))


@pytest.mark.pitfall("Noise or clipping missing or too small")
@pytest.mark.parametrize(("fault", "is_caught"), [(1.0, False), (0.25, True)])
def test_an_audit_by_a_planted_patient_refutes_too_little_noise_and_no_honest_claim(
    fault, is_caught
):
    """The attacker sees what leaves and knows everybody else: the best test there is of one release."""
    trainer = begin(with_planted(PLANTED["white"]))
    trainer.train(CANDIDATES // ROUNDS - CONFIG.batch_size)
    trainer._vote = lambda: None
    trainer.train(CANDIDATES // ROUNDS)
    votes = trainer._round.votes(trainer._described_masses(), trainer._labels)
    contributions = unit_means(votes, trainer._unit_rows)
    canary, claimed = contributions[20].double(), trainer.noisy_steps[0]
    emptied = contributions.clone()
    emptied[20] = 0

    def scores(rows):
        rest = emptied.sum(dim=0).double()
        noise = fault * claimed.noise_multiplier
        return np.array(
            [
                float((noisy_sum(rows, BOUND, noise, trainer._secret).double() - rest) @ canary)
                for _ in range(600)
            ]
        )

    there, away = scores(contributions), scores(emptied)
    threshold = float(canary @ canary) / 2
    errors = ErrorCounts(int((away > threshold).sum()), 600, int((there <= threshold).sum()), 600)

    audited = mu_from_errors(errors, confidence=0.999)

    assert (audited > 1 / claimed.noise_multiplier) == is_caught
    assert audited > 0.5 / claimed.noise_multiplier


@pytest.mark.pitfall("Statistics of private data before training")
def test_generator_follows_from_the_released_votes_alone(monkeypatch):
    """Post-processing: with the same releases, other real masses give the very same generator."""
    monkeypatch.setattr(
        private_evolution, "noisy_sum", lambda rows, *_: torch.arange(rows.shape[1]) / 10
    )
    ours, theirs = (begin(private_masses(make_cohort(20, seed=seed))) for seed in (0, 5))

    ours.train(CANDIDATES)
    theirs.train(CANDIDATES)

    assert torch.equal(ours.generator.centre, theirs.generator.centre)
    assert torch.equal(ours.generator.spread, theirs.generator.spread)


@pytest.mark.pitfall("Seeds that repeat noise")
def test_noise_of_two_trainings_differs_though_the_seed_is_one(released):
    for _ in range(2):
        begin().train(CANDIDATES // ROUNDS)

    (first, *_, first_out), (second, *_, second_out) = released
    assert torch.equal(first, second)
    assert not torch.equal(first_out, second_out)


@pytest.mark.pitfall("A release repeated when a training goes on")
def test_a_resumed_training_keeps_what_was_released_and_votes_in_the_rounds_left(
    released, tmp_path
):
    first = begin()
    first.train(CANDIDATES // ROUNDS + CONFIG.batch_size)
    first.save(tmp_path / "state.pt")

    resumed = begin()
    resumed.load(tmp_path / "state.pt")

    assert torch.equal(first.generator.centre, resumed.generator.centre)
    assert torch.equal(first._round.features, resumed._round.features)
    assert len(released) == 1
    resumed.train(CANDIDATES)
    assert len(released) == ROUNDS
    resumed.train(2 * CANDIDATES)  # a plan that was lengthened
    assert len(released) == ROUNDS


def test_a_state_of_another_training_is_refused(tmp_path):
    begin(candidates=2 * CANDIDATES).save(tmp_path / "state.pt")

    with pytest.raises(CheckpointError, match="another's"):
        begin().load(tmp_path / "state.pt")


def test_with_little_noise_simulated_masses_become_like_those_of_the_patients():
    bright = build_generator(CONFIG)
    bright.centre[:, BRIGHTNESS] += 2.0
    labels = [0, 1] * 40
    masses = PrivateMasses(
        images=sample_masses(bright, labels, range(80)),
        labels=torch.tensor(labels),
        unit_rows=torch.arange(80)[:, None],
    )
    privacy = dataclasses.replace(PRIVACY, target_epsilon=200.0)
    trainer = begin(masses, privacy, candidates=600)

    trainer.train(600)

    assert (trainer.averaged.centre[:, BRIGHTNESS] > 1.2).all()
    made = sample_masses(trainer.averaged, labels, range(80)).float()
    plain = sample_masses(build_generator(CONFIG), labels, range(80)).float()
    wanted = masses.images.float().mean()
    assert (made.mean() - wanted).abs() < (plain.mean() - wanted).abs() / 2


def test_votes_drowned_in_noise_leave_a_usable_simulator(monkeypatch):
    monkeypatch.setattr(private_evolution, "noisy_sum", lambda rows, *_: rows.sum(dim=0) - 1e6)
    trainer = begin()

    trainer.train(CANDIDATES)

    assert trainer.averaged.centre.isfinite().all()
    assert torch.linalg.matrix_rank(trainer.averaged.spread).tolist() == [len(PARAMETERS)] * 2
    assert sample_masses(trainer.averaged, [0, 1], [0, 1]).float().std() > 2


def test_too_few_candidates_are_refused():
    with pytest.raises(InvalidRequestError, match="at least 24 simulated masses.*got 23"):
        begin(candidates=23)


def test_masses_are_described_by_the_public_network_one_by_one():
    trainer = PrivateEvolutionTrainer(
        CONFIG, private_masses(make_cohort(10, 1)), PRIVACY, CPU, public_network(), CANDIDATES
    )
    images = trainer._images[:, None] / 127.5 - 1

    together = network_description(trainer, images)

    assert together.shape[0] == len(images) and together.isfinite().all()
    torch.testing.assert_close(
        together[:1], network_description(trainer, images[:1]), rtol=0.05, atol=0.02
    )
