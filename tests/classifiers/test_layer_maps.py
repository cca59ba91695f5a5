import numpy as np
import pytest
import timm
import torch

from mammo_core.classifiers.backbones import build_network, load_backbone
from mammo_core.classifiers.features import compute_features, feature_space_id
from mammo_core.classifiers.layer_maps import stop_at
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import HEAD_BACKBONE, BackboneConfig, PrivacyConfig, RunConfig
from mammo_core.errors import BackboneError, InvalidRequestError
from tests.conftest import make_cohort


def config(name, layer, side=32):
    return BackboneConfig(name=name, weights="random", image_size_px=side, views=1, layer=layer)


def inputs(side=32):
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def test_maps_of_a_block_are_pooled_over_places():
    network = build_network(config("test_efficientnet", ""))
    maps = network.blocks[:3](network.bn1(network.conv_stem(inputs())))  # (3, C, H, W)

    pooled = load_backbone(config("test_efficientnet", "blocks.2")).extract(inputs())

    channels = maps.shape[1]
    assert maps.shape[2] > 1
    torch.testing.assert_close(pooled[:, :channels], maps.mean((2, 3)), rtol=1e-4, atol=1e-5)
    expected = maps.std((2, 3), correction=0)
    torch.testing.assert_close(pooled[:, channels:], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "layer", "side", "channels"),
    [
        ("swin_tiny_patch4_window7_224", "layers.0", 224, 96),  # places before channels
        ("test_vit", "blocks.1", 160, 64),  # tokens
        ("test_convnext", "stages.1", 64, None),
    ],
)
def test_channels_are_found_in_every_layout(name, layer, side, channels):
    pooled = load_backbone(config(name, layer, side)).extract(inputs(side))

    channels = channels or timm.create_model(name).feature_info[1]["num_chs"]
    assert pooled.shape == (3, 2 * channels)
    assert np.isfinite(pooled.numpy()).all()


def test_nothing_after_the_layer_is_computed():
    backbone = load_backbone(config("test_efficientnet", "blocks.2"))
    ran = []
    backbone.network.blocks[3].register_forward_hook(lambda *_: ran.append("later"))

    backbone.extract(inputs())

    assert ran == []


def test_unknown_layer_names_those_there_are():
    with pytest.raises(BackboneError, match=r"got 'blocks.9'. This network has: .*blocks.2"):
        load_backbone(config("test_efficientnet", "blocks.9"))


def test_layer_that_features_never_pass_is_refused():
    backbone = load_backbone(config("test_efficientnet", "classifier"))

    with pytest.raises(BackboneError, match="never came to it"):
        backbone.extract(inputs())


def test_layer_without_places_is_refused():
    backbone = load_backbone(config("test_efficientnet", "blocks"))
    backbone.network.blocks = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    stop_at(backbone.network, "blocks")

    with pytest.raises(BackboneError, match=r"tokens \(N, L, C\); got \(3, \d+\)"):
        backbone.extract(inputs())


def test_layer_is_part_of_the_feature_space_and_leaves_others_as_they_are():
    images = make_cohort(2, 1).images
    whole, part = config("test_efficientnet", ""), config("test_efficientnet", "blocks.2")

    assert feature_space_id(whole) != feature_space_id(part)
    assert compute_features(images, load_backbone(part), part).shape[:2] == (2, 1)


def test_whole_network_is_not_trained_up_to_a_layer():
    with pytest.raises(InvalidRequestError, match="got one that ends at blocks.5"):
        RunConfig(
            strategy="real",
            privacy=PrivacyConfig(target_epsilon=6.0),
            recipe=NetworkRecipe(),
            backbone=HEAD_BACKBONE,
        )
