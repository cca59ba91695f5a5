import copy
import math

import pytest
import torch
from torch import nn

from tests.conftest import make_cohort

pytestmark = pytest.mark.gpu

MASSES, PIXELS = 12, 32


def classifier():
    from mammo_core.classifiers.networks.building import build_classifier
    from mammo_core.config.network_recipe import NetworkRecipe
    from mammo_core.config.runs import BackboneConfig

    backbone = BackboneConfig(
        name="test_efficientnet", weights="random", image_size_px=PIXELS, views=1
    )
    return build_classifier(backbone, NetworkRecipe(), seed=0)


def source_on(device, built):
    from mammo_core.classifiers.networks.sources import MassSource

    cohort = make_cohort(MASSES, 2, size=PIXELS)
    return MassSource(
        cohort.images,
        cohort.labels,
        cohort.patient_ids,
        unit="patient",
        augmentation="turns",
        views=2,
        mean=built.mean,
        std=built.std,
        image_size_px=PIXELS,
        device=device,
    )


def trained_on(device, *, noise_multiplier=1.0, autocast=None, steps=3):
    """The parameters after some steps with the same noise and views."""
    from mammo_core.privacy.networks.network_training import NetworkTraining, train_network
    from mammo_core.privacy.noise.sources import ReproducibleNoise

    built = classifier()
    network = built.network.to(device)
    training = NetworkTraining(
        steps=steps,
        sample_rate=1.0,
        noise_multiplier=noise_multiplier,
        max_grad_norm=1.0,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=0.0,
        label_smoothing=0.0,
        ema_decay=None,
        autocast=autocast,
    )
    train_network(
        network,
        source_on(device, built),
        training,
        noise=ReproducibleNoise(0),
        device=device,
        seed=0,
    )
    return torch.cat([one.detach().cpu().flatten() for one in network.parameters()])


def start():
    return torch.cat([one.detach().flatten() for one in classifier().network.parameters()])


def test_private_steps_are_those_of_the_processor(gpu, cpu):
    pytest.importorskip("opacus")
    on_cpu, on_gpu = trained_on(cpu), trained_on(gpu)

    moved = (on_cpu - start()).norm()
    assert moved > 0.1, "the test should move something"
    assert (on_gpu - on_cpu).norm() < 0.01 * moved


def test_noise_free_steps_in_bfloat16_go_the_way_of_float32(gpu):
    pytest.importorskip("opacus")
    exact = trained_on(gpu, noise_multiplier=None, steps=1) - start()
    rounded = trained_on(gpu, noise_multiplier=None, steps=1, autocast=torch.bfloat16) - start()

    assert torch.cosine_similarity(exact, rounded, dim=0) > 0.9


@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
def test_clipped_sums_stay_within_the_bound_in_every_precision(gpu, autocast):
    from mammo_core.privacy.networks.unit_gradients import UnitGradients

    network = classifier().network.to(gpu)
    gradients = UnitGradients(network, max_grad_norm=0.01, autocast=autocast)
    rng = torch.Generator().manual_seed(0)
    inputs = 5 * torch.randn(1, 3, PIXELS, PIXELS, generator=rng).to(gpu)

    norms = gradients.add(lambda: 100 * network(inputs)[:, 0].float())
    total = torch.cat([part.flatten() for part in gradients.take()])

    assert norms[0] > 0.01, "the test should clip something"
    assert total.dtype == torch.float64
    torch.testing.assert_close(total.norm().item(), 0.01, rtol=1e-3, atol=0)


def test_generators_of_both_kinds_learn_and_draw(gpu):
    pytest.importorskip("opacus")
    from mammo_core.classifiers.backbones import load_backbone
    from mammo_core.config.runs import BackboneConfig
    from mammo_core.synthesis.cascade_training import CascadeTrainer
    from mammo_core.synthesis.mcgan_training import McganTrainer
    from mammo_core.synthesis.sampling import sample_masses
    from tests.synthesis.conftest import TINY

    cohort = make_cohort(20)
    masses = torch.from_numpy(cohort.images), torch.from_numpy(cohort.labels)
    network = load_backbone(BackboneConfig(weights="random", image_size_px=32)).network
    for trainer in (
        CascadeTrainer(TINY["cascade"], *masses, gpu, network),
        McganTrainer(TINY["mcgan"], *masses, gpu),
    ):
        before = copy.deepcopy(trainer.generator)
        report = trainer.step()
        assert math.isfinite(report.generator_loss)
        assert changed(before, trainer.generator)
        on_gpu = sample_masses(trainer.averaged, [0, 1], [5, 6])
        on_cpu = sample_masses(trainer.averaged.cpu(), [0, 1], [5, 6])
        assert on_gpu.device.type == "cpu"
        assert (on_gpu.int() - on_cpu.int()).abs().max() <= 3


def changed(before: nn.Module, after: nn.Module) -> bool:
    return any(
        not torch.equal(one, other)
        for one, other in zip(before.parameters(), after.parameters(), strict=True)
    )


def test_low_digits_of_weights_that_a_gpu_trained_tell_nothing(gpu):
    pytest.importorskip("opacus")
    from tests.privacy.noise.test_attack_on_low_digits import by_network

    for took_part in (True, False):
        assert by_network(took_part, device=gpu).num_off_grid() == 0
