"""The parts of flow_gan: what the flow sees, how masses are changed, what guidance and detail do."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from mammo_core.errors import InvalidRequestError
from mammo_core.synthesis.config import DEFAULTS, teachers
from mammo_core.synthesis.flow_gan.changes import NUM_CHANGES, change_at_random
from mammo_core.synthesis.flow_gan.detail import enlarge
from mammo_core.synthesis.flow_gan.generator import small_image
from mammo_core.synthesis.flow_gan.small_image_flow import SmallImageFlow
from mammo_core.synthesis.sampling import build_generator, from_uint8
from tests.conftest import make_cohort
from tests.synthesis.conftest import TINY, make_trainer


def smooth_images(count, side, seed=0):
    """Random images that are as smooth as natural ones: (N, 1, S, S) in about [-1, 1]."""
    rng = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 1, side // 4, side // 4, generator=rng)
    return 0.3 * functional.interpolate(noise, size=(side, side), mode="bicubic")


def test_whitening_evens_out_frequencies_and_drawing_undoes_it():
    torch.manual_seed(0)
    flow = SmallImageFlow(16, width=8).eval()
    images = smooth_images(200, 16)
    before = flow._frequencies(images - images.mean()).square().mean(dim=(0, 1))
    flow.fit_scale(images)

    white = flow.whiten(images)

    after = flow._frequencies(white).square().mean(dim=(0, 1))
    assert white.std() == pytest.approx(1, abs=0.01)
    assert after[0, 1] / after[0, 8] < 0.1 * before[0, 1] / before[0, 8]
    # without training the velocity is 0: what is drawn is the noise itself, brought back
    drawn = flow(white.flatten(1), torch.zeros(200, dtype=torch.long))
    torch.testing.assert_close(drawn, images, atol=1e-4, rtol=0)


def test_flow_learns_to_draw_what_it_was_shown():
    torch.manual_seed(0)
    flow = SmallImageFlow(8, width=8, steps=4)
    labels = torch.arange(64) % 2
    images = torch.full((64, 1, 16, 16), 0.5)
    images[labels == 1, :, :, 8:] = -0.5  # the classes differ in one half
    flow.fit_scale(small := functional.avg_pool2d(images, 2))
    rng = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        flow.loss(images, labels, rng).backward()
        optimizer.step()
    flow.eval()

    latents = torch.randn(16, 64, generator=rng)
    with torch.inference_mode():
        benign, malignant = (
            flow(latents, torch.full((16,), label)).mean(dim=(1, 2, 3)) for label in (0, 1)
        )
        pushed = flow(latents, torch.ones(16, dtype=torch.long), guidance=1.0).mean(dim=(1, 2, 3))

    apart = small[0].mean() - small[1].mean()
    assert benign.mean() - malignant.mean() > 0.1 * apart
    assert pushed.mean() < malignant.mean()


def test_changes_are_told_and_an_unchanged_mass_is_told_as_such():
    images = smooth_images(64, 32)
    rng = torch.Generator().manual_seed(0)

    changed, told = change_at_random(images, rng)

    assert changed.shape == images.shape
    assert told.shape == (64, NUM_CHANGES)
    assert (told == 0).any()  # each change is left out now and then
    brightness = told[:, 6]
    darker = (changed.mean(dim=(1, 2, 3)) - images.mean(dim=(1, 2, 3)))[brightness < -1]
    assert darker.mean() < -0.1
    again, _ = change_at_random(images, torch.Generator().manual_seed(0))
    torch.testing.assert_close(again, changed)


def test_detail_leaves_small_images_as_they_were_drawn():
    torch.manual_seed(0)
    generator = build_generator(TINY["flow_gan"]).eval()
    small, labels = smooth_images(3, 4), torch.tensor([0, 1, 1])
    noise = [torch.randn(3, 1, px, px) for px in generator.noise_sizes_px]

    drawn = generator.detail(small, labels, noise)

    added = small_image(drawn - enlarge(small))
    assert (drawn - enlarge(small)).std() > 1e-3
    assert added.abs().max() < 0.5 * (drawn - enlarge(small)).abs().max()
    assert generator.noise_sizes_px == [4] * 4 + [8] * 4 + [16]


def test_latent_that_is_no_small_image_is_refused():
    with pytest.raises(InvalidRequestError, match="Expected latent_dim 1024"):
        build_generator(dataclasses.replace(DEFAULTS["flow_gan"], latent_dim=120))
    with pytest.raises(InvalidRequestError, match="guidance >= 0"):
        dataclasses.replace(DEFAULTS["flow_gan"], guidance=-1.0)
    with pytest.raises(InvalidRequestError, match="guidance for flow_gan only"):
        dataclasses.replace(DEFAULTS["cascade"], guidance=1.0)


def test_judge_that_no_generator_learned_through_is_no_teacher():
    from mammo_core.config.runs import BackboneConfig

    names = {part.name for part in teachers("flow_gan", BackboneConfig())}

    assert names == {"tf_efficientnet_lite0", "tf_efficientnet_lite1"}


def test_detail_is_added_to_drawn_structure_once_the_flow_stays_fixed():
    trainer = make_trainer(dataclasses.replace(TINY["flow_gan"], structure_images=4))
    trainer.train(4)
    flow = {name: weight.clone() for name, weight in trainer.generator.structure.named_parameters()}
    detail = trainer.generator.detail.phases_out.weight.clone()

    trainer.train(12)

    for name, weight in trainer.generator.structure.named_parameters():
        torch.testing.assert_close(weight, flow[name])
    assert not torch.equal(trainer.generator.detail.phases_out.weight, detail)


def test_small_image_is_the_mean_of_four_by_four_pixels():
    masses = from_uint8(torch.from_numpy(make_cohort(2).images))

    small = small_image(masses)

    expected = masses[0, 0, :4, :4].mean().item()
    np.testing.assert_allclose(small[0, 0, 0, 0].item(), expected, rtol=1e-5)


def test_slowest_waves_are_orthonormal_and_begin_with_the_mean_grey():
    waves = SmallImageFlow(16, width=8).slowest_waves()

    torch.testing.assert_close(waves @ waves.T, torch.eye(64), atol=1e-5, rtol=0)
    torch.testing.assert_close(waves[0], torch.full((256,), 1 / 16), atol=1e-5, rtol=0)
