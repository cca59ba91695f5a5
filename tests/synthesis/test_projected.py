import pytest
import torch

from mammo_core.synthesis.projected import MIXED_CHANNELS, ProjectedHeads, PublicFeatures
from tests.synthesis.conftest import public_network


@pytest.fixture(scope="module")
def features():
    return PublicFeatures(public_network())


def test_folding_batch_norms_changes_nothing_but_rounding():
    network = public_network()
    for module in network.modules():  # as after training: no identity
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        before = network.forward_intermediates(images, indices=4, intermediates_only=True)
        PublicFeatures(network)
        after = network.forward_intermediates(images, indices=4, intermediates_only=True)

    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.blocks.modules())
    for was, now in zip(before, after, strict=True):
        torch.testing.assert_close(now, was, atol=1e-3, rtol=1e-3)


def test_features_are_frozen_and_let_gradients_through_to_the_image(features):
    images = torch.rand(2, 1, 64, 64, requires_grad=True)

    maps = features(images)
    sum(part.sum() for part in maps).backward()

    assert [part.shape[1] for part in maps] == list(MIXED_CHANNELS)
    assert images.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in features.parameters())


@pytest.mark.parametrize("normalise", [True, False])
def test_heads_depend_on_the_claimed_class_at_every_depth(features, normalise):
    torch.manual_seed(0)
    with torch.no_grad():
        maps = features(torch.rand(3, 1, 64, 64))
    heads = ProjectedHeads([part.shape[-1] for part in maps], width=8, normalise=normalise)

    benign, malignant = (heads(maps, torch.full((3,), label)) for label in (0, 1))

    assert len(benign) == 4
    for one, other in zip(benign, malignant, strict=True):
        assert one.shape[0] == 3
        assert not torch.allclose(one, other)


def test_spectral_normalisation_bounds_what_a_head_can_say(features):
    heads = ProjectedHeads([16, 8, 4, 2])
    with torch.no_grad():
        for parameter in heads.parameters():
            parameter.mul_(100)
        maps = [
            torch.rand(1, c, px, px) for c, px in zip(MIXED_CHANNELS, (16, 8, 4, 2), strict=True)
        ]
        logits = heads.eval()([part * 0 + 1 for part in maps], torch.tensor([0]))

    assert all(part.isfinite().all() for part in logits)
    weight = heads.heads[0].output.weight.flatten(1)
    assert torch.linalg.matrix_norm(weight, 2) < 5
