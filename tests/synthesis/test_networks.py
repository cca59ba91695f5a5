import pytest
import torch

from mammo_core.errors import InvalidRequestError
from mammo_core.synthesis.augment import augment
from mammo_core.synthesis.config import DEFAULTS, GanConfig
from mammo_core.synthesis.mcgan import McganDiscriminator
from mammo_core.synthesis.sampling import build_generator, from_uint8, origin_of_seed, to_uint8
from tests.synthesis.conftest import TINY


def test_generator_draws_masses_in_range_that_depend_on_class(config, generator):
    origin = origin_of_seed(generator, 1)

    benign, malignant = (
        generator(origin.latent, torch.tensor([label]), origin.noise) for label in (0, 1)
    )

    assert benign.shape == (1, 1, 16, 16)
    assert benign.abs().max() <= 1
    assert not torch.allclose(benign, malignant)


def test_papers_discriminator_gives_one_logit_that_depends_on_the_claimed_class():
    torch.manual_seed(0)
    discriminator = McganDiscriminator(TINY["mcgan"])
    images = torch.randn(5, 1, 16, 16)

    benign, malignant = (discriminator(images, torch.full((5,), label)) for label in (0, 1))

    assert benign.shape == (5,)
    assert not torch.allclose(benign, malignant)


def test_papers_generator_has_the_papers_shape():
    generator = build_generator(DEFAULTS["mcgan"])

    first, *_, last = (
        module for module in generator.modules() if isinstance(module, torch.nn.ConvTranspose2d)
    )
    assert (first.in_channels, first.out_channels, first.kernel_size) == (101, 1024, (4, 4))
    assert (last.in_channels, last.out_channels) == (64, 1)


def test_our_generator_has_no_transposed_convolution():
    generator = build_generator(DEFAULTS["cascade"])

    assert not any(isinstance(module, torch.nn.ConvTranspose2d) for module in generator.modules())
    assert generator.noise_sizes_px == [32] * 4 + [64] * 3 + [128] * 2


def test_detail_leaves_the_structure_as_it_was_drawn():
    torch.manual_seed(0)
    generator = build_generator(TINY["cascade"]).eval()
    coefficients, labels = torch.randn(3, 6), torch.tensor([0, 1, 1])
    noise = [torch.randn(3, 1, px, px) for px in generator.noise_sizes_px]

    drawn = generator.add_detail(coefficients, labels, noise)

    torch.testing.assert_close(
        generator.low_frequencies.analyse(drawn), coefficients, atol=1e-4, rtol=0
    )
    assert not torch.allclose(drawn, generator.low_frequencies.reconstruct(coefficients), atol=1e-3)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"image_size_px": 100}, "image_size_px to be one of: 16, 32"),
        (
            {"architecture": "biggan"},
            "architecture to be one of: cascade, flow_gan, mcgan, simulator",
        ),
        ({"structure": "pca"}, "structure to be one of: flow, normal"),
        ({"batch_size": 1}, "batch_size >= 2"),
        ({"generator_rate": 0}, "generator_rate > 0"),
    ],
)
def test_impossible_configuration_is_refused(overrides, message):
    with pytest.raises(InvalidRequestError, match=message):
        GanConfig(**overrides)


def test_grey_values_survive_the_way_to_the_network_and_back():
    grey = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)

    assert torch.equal(to_uint8(from_uint8(grey)), grey)


def test_augmentation_is_random_keeps_shape_and_lets_gradients_through():
    images = torch.rand(6, 1, 16, 16, requires_grad=True)

    first = augment(images, torch.Generator().manual_seed(0))
    again = augment(images, torch.Generator().manual_seed(0))
    other = augment(images, torch.Generator().manual_seed(1))
    first.sum().backward()

    assert first.shape == images.shape
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert images.grad.abs().sum() > 0
