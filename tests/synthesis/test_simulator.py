import dataclasses

import numpy as np
import pytest
import torch

from mammo_core.errors import InvalidRequestError
from mammo_core.labels import BENIGN, MALIGNANT
from mammo_core.synthesis.sampling import build_generator, origin_of_seed, sample_masses
from mammo_core.synthesis.simulator import PARAMETERS
from tests.synthesis.conftest import TINY_SIMULATOR

NAMES = [parameter.name for parameter in PARAMETERS]
SIMULATOR = build_generator(dataclasses.replace(TINY_SIMULATOR, image_size_px=64))
BLANK = {"fibres": -20.0, "gradient": -20.0, "grain": -20.0, "skin": -20.0, "gamma": 0.0}


def simulated(*, masses=12, **latents):
    """Masses of the same grains whose parameters are typical but for those given, in [0, 1]."""
    coarse = torch.zeros(masses, len(PARAMETERS))
    for name, latent in latents.items():
        coarse[:, NAMES.index(name)] = latent
    noise = [
        torch.cat([origin_of_seed(SIMULATOR, seed).noise[index] for seed in range(masses)])
        for index in range(len(SIMULATOR.noise_sizes_px))
    ]
    return (SIMULATOR.simulate(coarse, noise)[:, 0] + 1) / 2


def spread_about(images, radius):
    """How much brighter the middle is than a ring of this radius, over the picture's deviation."""
    places = (torch.arange(64) + 0.5) / 64 - 0.5
    distance = torch.hypot(places[:, None], places[None])
    middle = images[:, distance < 0.08].mean(dim=1)
    ring = images[:, (distance > radius) & (distance < radius + 0.08)].mean(dim=1)
    return float(((middle - ring) / images.std(dim=(1, 2))).mean())


def variation_around(images):
    """Deviation in a ring outside the mass, over the picture's."""
    places = (torch.arange(64) + 0.5) / 64 - 0.5
    distance = torch.hypot(places[:, None], places[None])
    ring = images[:, (distance > 0.3) & (distance < 0.36)]
    return float((ring.std(dim=1) / images.std(dim=(1, 2))).mean())


def roughness(images):
    """Mean squared second difference along rows, over the variance."""
    return float(
        (images.diff(n=2, dim=2).square().mean(dim=(1, 2)) / images.var(dim=(1, 2))).mean()
    )


def test_a_typical_mass_is_brighter_than_what_surrounds_it():
    assert spread_about(simulated(), radius=0.35) > 1


def test_size_and_density_do_what_they_say():
    near = spread_about(simulated(size=-2.0, **BLANK), radius=0.2)
    assert spread_about(simulated(size=2.0, **BLANK), radius=0.2) < near
    assert spread_about(simulated(density=-3.0), 0.35) < spread_about(simulated(density=3.0), 0.35)


@pytest.mark.parametrize("name", ["brightness", "contrast"])
def test_grey_scale_is_as_asked(name):
    images = simulated(**BLANK | {name: -0.5})
    wanted = next(one for one in PARAMETERS if one.name == name).value(torch.tensor(-0.5))
    measured = images.mean() if name == "brightness" else images.std(dim=(1, 2)).mean()
    assert float(measured) == pytest.approx(float(wanted), rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_changes_what_is_seen(name):
    low, high = (simulated(**{name: latent}) for latent in (-2.5, 2.5))
    assert float((low - high).abs().amax(dim=(1, 2)).max()) > 0.02


def test_spicules_vary_around_the_mass_and_an_indistinct_margin_is_soft():
    calm = BLANK | {
        "tissue_exponent": 3.0,
        "density": 4.0,
        "lobulation": -9.0,
        "irregularity": -9.0,
    }
    bare, spiculated = (simulated(spiculation=latent, **calm) for latent in (-20.0, 4.0))
    assert variation_around(spiculated) > 1.1 * variation_around(bare)
    sharp, soft = (simulated(margin=latent, **calm) for latent in (-3.0, 3.0))
    assert roughness(soft) < roughness(sharp)


def test_blur_softens():
    assert roughness(simulated(blur=2.0, **BLANK)) < roughness(simulated(blur=-2.0, **BLANK)) / 3


def test_calcifications_are_small_and_bright():
    added = simulated(calcification=4.0, **BLANK) - simulated(calcification=-20.0, **BLANK)
    assert float(added.amax(dim=(1, 2)).min()) > 0.03
    assert float((added > 0.02).float().mean()) < 0.05


def test_power_of_the_tissue_falls_as_asked():
    bare = BLANK | {"density": -20.0, "blur": -20.0, "streaks": -20.0, "contrast": -1.0}
    images = simulated(masses=24, tissue_exponent=0.0, **bare).numpy()
    power = (np.abs(np.fft.fft2(images - images.mean(axis=(1, 2), keepdims=True))) ** 2).mean(
        axis=0
    )
    frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None])
    kept = (frequency > 2 / 64) & (frequency < 0.2)
    slope = np.polyfit(np.log(frequency[kept]), np.log(power[kept]), 1)[0]
    assert -slope == pytest.approx(3.2, abs=0.5)


def test_what_lies_beyond_the_skin_is_black():
    assert float((simulated(skin=2.2) < 0.02).float().mean()) > 0.1
    assert float((simulated(skin=-20.0) < 0.02).float().mean()) < 0.02


def test_a_step_along_a_parameter_changes_that_one_alone_in_both_classes():
    fitted = build_generator(TINY_SIMULATOR)
    root = torch.randn(len(PARAMETERS), len(PARAMETERS), generator=torch.Generator().manual_seed(0))
    fitted.spread[:] = root @ root.T / len(PARAMETERS) + torch.eye(len(PARAMETERS))
    latents = torch.randn(1, len(PARAMETERS), generator=torch.Generator().manual_seed(1))

    for label in (BENIGN, MALIGNANT):
        labels = torch.tensor([label]).expand(len(PARAMETERS))
        moved = fitted.coarse_structure(latents + fitted.parameter_directions, labels)
        start = fitted.coarse_structure(latents, labels[:1])
        torch.testing.assert_close(moved - start, torch.eye(len(PARAMETERS)), atol=1e-5, rtol=0)
    unfitted = build_generator(TINY_SIMULATOR).parameter_directions
    assert torch.equal(unfitted, torch.eye(len(PARAMETERS)))


def test_malignant_masses_differ_as_bi_rads_says():
    latents, labels = torch.zeros(2, len(PARAMETERS)), torch.tensor([BENIGN, MALIGNANT])
    benign, malignant = SIMULATOR.coarse_structure(latents, labels)
    higher = {name for name, more in zip(NAMES, malignant > benign, strict=True) if more}
    assert {"spiculation", "margin", "irregularity", "density"} <= higher
    assert "lobulation" not in higher


def test_extreme_parameters_still_give_a_picture():
    for latent in (-30.0, 30.0):
        images = simulated(**dict.fromkeys(NAMES, latent))
        assert images.isfinite().all()
        assert images.min() >= 0
        assert images.max() <= 1


def test_masses_do_not_depend_on_what_is_drawn_beside_them():
    together = sample_masses(SIMULATOR, [0, 1, 0], [3, 3, 4])
    assert torch.equal(together[1], sample_masses(SIMULATOR, [1], [3])[0])
    assert not torch.equal(together[0], together[1])


def test_a_card_of_other_parameters_is_refused():
    with pytest.raises(InvalidRequestError, match=f"latent_dim {len(PARAMETERS)}.*got 5"):
        build_generator(dataclasses.replace(TINY_SIMULATOR, latent_dim=5))
