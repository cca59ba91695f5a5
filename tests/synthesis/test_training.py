import dataclasses

import pytest
import torch

from mammo_core.synthesis.augment import all_turns
from mammo_core.synthesis.sampling import from_uint8, sample_masses
from tests.conftest import make_cohort
from tests.synthesis.conftest import TINY, make_trainer


def weights(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.averaged.parameters()])


def test_training_changes_both_networks_and_the_average(trained_config):
    trainer = make_trainer(trained_config)
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


def test_resumed_training_ends_with_the_very_same_weights(trained_config, tmp_path):
    whole = make_trainer(trained_config)
    whole.train(24)
    first = make_trainer(trained_config)
    first.train(12)
    first.save(tmp_path / "state.pt")

    resumed = make_trainer(trained_config)
    resumed.load(tmp_path / "state.pt")
    resumed.train(24)

    assert torch.equal(weights(resumed), weights(whole))


def test_same_seed_trains_the_same_and_leaves_global_randomness_alone(trained_config):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    ours, theirs = make_trainer(trained_config), make_trainer(trained_config)
    ours.train(8)
    theirs.train(8)

    assert torch.equal(weights(ours), weights(theirs))
    assert torch.equal(torch.rand(1), expected)


def test_state_is_replaced_whole_and_leaves_no_rubbish(trained_config, tmp_path):
    trainer = make_trainer(trained_config)

    trainer.save(tmp_path / "state.pt")
    trainer.save(tmp_path / "state.pt")

    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def dark_cohort():
    """Real masses all of one dark grey but for a little noise."""
    cohort = make_cohort(20)
    noise = torch.randint(0, 8, cohort.images.shape, generator=torch.Generator().manual_seed(0))
    return dataclasses.replace(cohort, images=(30 + noise).to(torch.uint8).numpy())


@pytest.mark.slow
def test_training_moves_the_detail_towards_that_of_real_masses():
    """Real masses are dark grey with noise of a deviation of 2.3; how rough the detail begins, processors decide."""
    config = dataclasses.replace(TINY["cascade"], structure_images=400, ema_half_life=100)
    trainer = make_trainer(config, dark_cohort())

    def roughness():
        masses = sample_masses(trainer.averaged, [0, 1] * 8, range(16)).float()
        return (masses[..., 1:] - masses[..., :-1]).abs().mean().item()

    before = roughness()
    trainer.train(400)

    masses = sample_masses(trainer.averaged, [0, 1] * 8, range(16)).float()
    assert masses.mean().item() == pytest.approx(33.5, abs=3)
    assert abs(roughness() - 2.6) < abs(before - 2.6)


def test_structure_is_left_alone_after_its_share_of_the_training():
    trainer = make_trainer(TINY["cascade"])
    trainer.train(16)
    learned = [p.detach().clone() for p in trainer.generator.structure.parameters()]
    detail = trainer.generator.detail.to_grey.weight.detach().clone()

    trainer.train(24)

    now = trainer.generator.structure.parameters()
    assert all(torch.equal(was, is_) for was, is_ in zip(learned, now, strict=True))
    assert not torch.equal(detail, trainer.generator.detail.to_grey.weight)


def test_rates_fall_to_a_tenth():
    trainer = make_trainer(dataclasses.replace(TINY["cascade"], decay_images=8))

    trainer.train(16)

    (group,) = trainer._discriminator_optimizer.param_groups
    assert group["lr"] == pytest.approx(0.1 * trainer.config.discriminator_rate)


def test_discriminator_learns_from_the_same_step_as_the_generator_but_not_for_it():
    """One pass over synthetic features serves both: each network must get its own gradient."""
    trainer = make_trainer(dataclasses.replace(TINY["cascade"], discriminator_rate=1e-12))
    images = from_uint8(trainer._images[:8])
    labels = trainer._labels[:8]

    trainer._adversarial_step(images, labels)

    with torch.no_grad():
        assert all(p.grad is None for p in trainer.features.parameters())
    assert all(p.grad is not None for p in trainer.generator.detail.parameters())
    assert all(p.grad is not None for p in trainer.discriminator.parameters())


def test_all_turns_are_the_eight_different_views():
    image = torch.arange(16.0).view(1, 1, 4, 4)

    views = all_turns(image)[0]

    assert torch.equal(views[0], image[0])
    assert len({tuple(view.flatten().tolist()) for view in views}) == 8
