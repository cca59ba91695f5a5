import dataclasses

import pytest
import torch
from torch import nn

from mammo_core.classifiers.networks.building import build_classifier, build_head, malignancy
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.networks.private_layers import require_private_layers

TINY = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)


def random_inputs(count=2, side=32):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def trained_names(classifier):
    return {name for name, own in classifier.network.named_parameters() if own.requires_grad}


@pytest.mark.parametrize("part", ["head", "adapters", "network"])
@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("test_efficientnet", 32),
        ("test_resnet", 32),
        ("test_convnext", 32),
        ("test_vit", 160),
    ],
)
def test_networks_are_built_so_that_private_training_takes_them(name, side, part):
    config = BackboneConfig(name=name, weights="random", image_size_px=side, views=1)

    classifier = build_classifier(config, NetworkRecipe(trained_part=part), seed=0)

    require_private_layers(classifier.network, random_inputs(3, side))


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("tf_efficientnet_lite0", 64),
        ("swin_tiny_patch4_window7_224", 64),
        ("vit_tiny_patch16_224", 64),
        ("convnext_atto", 64),
        ("resnet18", 64),
    ],
)
def test_usual_networks_train_nearly_all_their_weights(name, side):
    config = BackboneConfig(name=name, weights="random", image_size_px=side, views=1)

    classifier = build_classifier(config, NetworkRecipe(), seed=0)

    weights = list(classifier.network.parameters())
    trained = sum(own.numel() for own in weights if own.requires_grad)
    assert trained > 0.99 * sum(own.numel() for own in weights)
    with torch.inference_mode():
        assert classifier.network(random_inputs(side=side)).shape == (2, 1)


def test_head_alone_trains_on_a_frozen_backbone():
    classifier = build_classifier(TINY, NetworkRecipe(trained_part="head"), seed=0)

    assert trained_names(classifier) == {"head.weight", "head.bias"}
    assert "all of it frozen but the head" in classifier.changes


def test_last_stages_train_with_the_head():
    classifier = build_classifier(TINY, NetworkRecipe(trained_stages=1), seed=0)

    names = trained_names(classifier)
    assert any(name.startswith("backbone.conv_head") for name in names)
    assert not any(name.startswith("backbone.conv_stem") for name in names)
    assert "frozen but for the last 1 of 6 stages and the head" in classifier.changes


@pytest.mark.pitfall("Weights outside of layers, left out of the norm")
def test_raw_parameters_are_frozen_and_named():
    config = BackboneConfig(name="test_vit", weights="random", image_size_px=160, views=1)

    classifier = build_classifier(config, NetworkRecipe(), seed=0)

    assert not trained_names(classifier) & {"backbone.cls_token", "backbone.pos_embed"}
    assert any("cls_token" in change and "pos_embed" in change for change in classifier.changes)


def test_outputs_are_the_same_in_train_and_eval_mode():
    config = dataclasses.replace(TINY, name="swin_tiny_patch4_window7_224", image_size_px=64)
    classifier = build_classifier(config, NetworkRecipe(trained_part="head"), seed=0)

    with torch.inference_mode():
        trains = classifier.network.train()(random_inputs(1, 64))
        scores = classifier.network.eval()(random_inputs(1, 64))

    torch.testing.assert_close(trains, scores)
    assert "dropout and stochastic depth off (rates up to 0.1)" in classifier.changes


def test_papers_head_has_its_layers_and_numbers():
    recipe = NetworkRecipe(head="mlp", outputs=2)

    head = build_head(768, recipe, torch.Generator().manual_seed(0))

    assert sum(parameter.numel() for parameter in head.parameters()) == 296_066
    assert isinstance(head[1], nn.LeakyReLU)
    assert head[1].negative_slope == 0.2
    assert head(torch.zeros(5, 768)).shape == (5, 2)


def test_first_weights_follow_from_the_seed_and_leave_others_draws_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)

    first, second, other = (
        build_classifier(TINY, NetworkRecipe(trained_part="adapters"), seed=seed).network
        for seed in (1, 1, 2)
    )

    assert torch.equal(torch.rand(4), expected)
    assert torch.equal(first.head.weight, second.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)
    assert torch.equal(first.backbone.conv_head.down.weight, second.backbone.conv_head.down.weight)


def test_malignancy_of_one_output_is_logistic_and_of_two_softmax():
    outputs = torch.tensor([[0.3, -1.2], [2.0, 0.5]])

    assert torch.allclose(malignancy(outputs[:, :1]), torch.sigmoid(outputs[:, 0]))
    assert torch.allclose(malignancy(outputs), outputs.softmax(dim=1)[:, 1])


def test_more_stages_than_the_network_has_are_refused():
    with pytest.raises(InvalidRequestError, match="at most the 6 stages"):
        build_classifier(TINY, NetworkRecipe(trained_stages=8), seed=0)
