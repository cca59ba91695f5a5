import pytest
import torch

from mammo_core.synthesis.sampling import from_uint8
from mammo_core.synthesis.training import GanTrainer
from tests.conftest import make_cohort

CPU = torch.device("cpu")


def make_trainer(config):
    cohort = make_cohort(20)
    return GanTrainer(config, torch.from_numpy(cohort.images), torch.from_numpy(cohort.labels), CPU)


def weights(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.averaged.parameters()])


def test_training_changes_both_networks_and_the_average(config):
    trainer = make_trainer(config)
    before = [
        [p.detach().clone() for p in network.parameters()]
        for network in (trainer.generator, trainer.discriminator, trainer.averaged)
    ]

    trainer.train(12)

    assert trainer.images_seen == 12
    for old, network in zip(
        before, (trainer.generator, trainer.discriminator, trainer.averaged), strict=True
    ):
        assert any(
            not torch.equal(was, now) for was, now in zip(old, network.parameters(), strict=True)
        )


def test_resumed_training_ends_with_the_very_same_weights(config, tmp_path):
    whole = make_trainer(config)
    whole.train(24)
    first = make_trainer(config)
    first.train(12)
    first.save(tmp_path / "state.pt")

    resumed = make_trainer(config)
    resumed.load(tmp_path / "state.pt")
    resumed.train(24)

    assert torch.equal(weights(resumed), weights(whole))


def test_same_seed_trains_the_same_and_leaves_global_randomness_alone(config):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    ours, theirs = make_trainer(config), make_trainer(config)
    ours.train(8)
    theirs.train(8)

    assert torch.equal(weights(ours), weights(theirs))
    assert torch.equal(torch.rand(1), expected)


def test_state_is_replaced_whole_and_leaves_no_rubbish(config, tmp_path):
    trainer = make_trainer(config)

    trainer.save(tmp_path / "state.pt")
    trainer.save(tmp_path / "state.pt")

    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("config", ["resgan"], indirect=True)
def test_training_moves_the_generator_towards_the_real_masses(config):
    """Real masses all of one dark grey: the generator must get much darker than it began."""
    images = torch.full((40, 16, 16), 30, dtype=torch.uint8)
    trainer = GanTrainer(config, images, torch.arange(40) % 2, CPU)

    def brightness():
        labels = torch.arange(16) % 2
        return trainer._draw(labels).mean().item()

    before = brightness()
    trainer.train(1200)

    target = from_uint8(images)[0, 0, 0, 0].item()
    assert abs(brightness() - target) < 0.6 * abs(before - target)
