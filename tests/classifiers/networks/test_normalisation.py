import pytest
import timm
import torch
from torch import nn

from mammo_core.classifiers.networks.normalisation import FrozenBatchNorm, replace_batch_norm
from mammo_core.errors import BackboneError


@pytest.fixture
def inputs():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def network_with_statistics(name):
    """A network whose batch normalisations have learned means, variances, scales and shifts."""
    network = timm.create_model(name, pretrained=False)
    rng = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1, generator=rng)
            module.running_var.uniform_(0.5, 2, generator=rng)
            module.weight.data.uniform_(0.5, 2, generator=rng)
            module.bias.data.normal_(std=0.1, generator=rng)
    return network.eval()


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "tf_efficientnet_lite0"])
def test_frozen_normalisation_computes_what_eval_mode_does_also_in_train_mode(name, inputs):
    network = network_with_statistics(name)
    with torch.inference_mode():
        expected = network(inputs)

    count = replace_batch_norm(network, "frozen")

    assert count > 5
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    with torch.inference_mode():
        torch.testing.assert_close(network.train()(inputs), expected, rtol=1e-6, atol=1e-6)


def test_frozen_statistics_stay_while_scale_and_shift_learn():
    layer = FrozenBatchNorm(nn.BatchNorm2d(4)).train()
    before = layer.running_mean.clone()

    layer(torch.randn(3, 4, 5, 5) + 7).square().sum().backward()

    assert torch.equal(layer.running_mean, before)
    assert layer.weight.grad.abs().sum() > 0
    assert layer.bias.grad.abs().sum() > 0


@pytest.mark.parametrize("how", ["frozen", "group"])
def test_no_mass_changes_the_outputs_of_another(how, inputs):
    network = network_with_statistics("test_efficientnet")
    replace_batch_norm(network, how)
    network.train()

    with torch.inference_mode():
        together, alone = network(inputs), network(inputs[:1])

    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)


def test_group_norm_starts_from_the_scale_and_shift_with_two_channels_or_more_in_a_group():
    norm = nn.BatchNorm2d(24)
    norm.weight.data.uniform_(0.5, 2)
    network = nn.Sequential(norm)

    replace_batch_norm(network, "group")

    assert torch.equal(network[0].weight, norm.weight)
    assert 24 // network[0].num_groups >= 2


def test_normalisation_without_statistics_is_refused_by_name():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False))

    with pytest.raises(BackboneError, match="with statistics, scale and shift; 1 lacks"):
        replace_batch_norm(network, "frozen")
