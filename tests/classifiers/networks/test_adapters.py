import pytest
import timm
import torch
from torch import nn

from mammo_core.classifiers.networks.adapters import LowRankLayer, add_adapters
from mammo_core.errors import InvalidRequestError


def network_and_inputs(name):
    network = timm.create_model(name, pretrained=False).eval().requires_grad_(False)
    side = network.pretrained_cfg["input_size"][-1]
    return network, torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def learn_something(network):
    """Moves all adapters away from zero."""
    for module in network.modules():
        if isinstance(module, LowRankLayer):
            module.up.weight.data.normal_(std=0.1, generator=rng(2))


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet", "test_convnext"])
def test_new_adapters_change_no_output_until_they_learn(name):
    network, inputs = network_and_inputs(name)
    with torch.inference_mode():
        original = network(inputs)
    adapted = add_adapters(network, 4, rng())
    with torch.inference_mode():
        torch.testing.assert_close(network(inputs), original)
    learn_something(network)
    with torch.inference_mode():
        learned = network(inputs)

    assert adapted
    assert (learned - original).abs().max() > 1e-3


def test_only_adapters_learn_and_they_are_few():
    network, inputs = network_and_inputs("test_vit")
    weights = sum(parameter.numel() for parameter in network.parameters())
    add_adapters(network, 2, rng())

    network(inputs).sum().backward()

    learning = [name for name, own in network.named_parameters() if own.requires_grad]
    assert all(".down." in name or ".up." in name for name in learning)
    assert sum(network.get_parameter(name).numel() for name in learning) < weights / 5
    for name in learning:  # up starts at zero, so the first gradients of down vanish
        assert (network.get_parameter(name).grad.abs().sum() > 0) == (".up." in name)


def test_strided_convolution_is_adapted_with_its_stride():
    network = nn.Sequential(nn.Conv2d(8, 12, 1, stride=2))
    inputs = torch.randn(2, 8, 7, 7)
    with torch.inference_mode():
        original = network(inputs)

    add_adapters(network, 3, rng())

    with torch.inference_mode():
        torch.testing.assert_close(network(inputs), original)


def test_same_seed_gives_the_same_adapters():
    first, second, other = (nn.Sequential(nn.Linear(9, 7)) for _ in range(3))
    for network, seed in ((first, 1), (second, 1), (other, 2)):
        add_adapters(network, 4, rng(seed))

    assert torch.equal(first[0].down.weight, second[0].down.weight)
    assert not torch.equal(first[0].down.weight, other[0].down.weight)


def test_rank_never_exceeds_the_layers_channels():
    network = nn.Sequential(nn.Linear(3, 50))

    add_adapters(network, 8, rng())

    assert network[0].down.weight.shape == (3, 3)


def test_network_without_layers_to_adapt_is_refused():
    with pytest.raises(InvalidRequestError, match="linear layers or 1x1 convolutions"):
        add_adapters(nn.Sequential(nn.Conv2d(3, 4, 3)), 4, rng())
