"""Every kind of layer that breaks the guarantee is found, by name, before anything starts."""

import pytest
import torch
from torch import nn

from mammo_core.errors import PrivacyError
from mammo_core.privacy.networks.private_layers import (
    find_problems,
    freeze_raw_parameters,
    require_private_layers,
)
from tests.privacy.networks.made_networks import NETWORKS, Twice, make_inputs, make_network


def example(*shape):
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))


def problems_of(network, *shape):
    return {problem.name: problem for problem in find_problems(network, example(*shape))}


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_layers_that_keep_inputs_apart_pass(kind, mode):
    network, size = make_network(kind)

    require_private_layers(network.train(mode), make_inputs(size, 2))


@pytest.mark.parametrize("network", [Twice(), nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 1))])
def test_dropout_and_repeated_calls_pass(network):
    assert find_problems(network, example(6)) == []


@pytest.mark.pitfall("Batch norm and other mixing of patients")
def test_batch_normalisation_is_found_also_where_it_is_frozen():
    network = nn.Sequential(nn.BatchNorm1d(6).requires_grad_(False), nn.Linear(6, 1))

    (found,) = find_problems(network, example(6))

    assert (found.name, found.kind) == ("0", "BatchNorm1d")
    assert "statistics of the whole batch" in found.problem
    assert "GroupNorm" in found.fix
    assert find_problems(network.eval(), example(6)) == [], (
        "with fixed statistics it is a plain map"
    )


@pytest.mark.pitfall("Weights outside of layers, left out of the norm")
def test_tables_beside_layers_are_found_and_can_be_frozen():
    network, size = make_network("Swin")
    network.requires_grad_(True)
    inputs = make_inputs(size, 2)
    names = set(problems_of_inputs(network, inputs))

    frozen = freeze_raw_parameters(network)

    assert names == set(frozen)
    assert "layers.0.blocks.1.attn.relative_position_bias_table" in names
    assert find_problems(network, inputs) == []
    assert freeze_raw_parameters(network) == []


def problems_of_inputs(network, inputs):
    return [problem.name for problem in find_problems(network, inputs)]


def test_tied_weights_are_found():
    network = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    network[1].weight = network[0].weight

    assert set(problems_of(network, 6)) == {"0.weight", "1.weight"}


def test_coarse_weights_are_found():
    found = problems_of(nn.Linear(6, 1).bfloat16(), 6)

    assert "bfloat16, too coarse to clip" in found["weight"].problem


class WithDropout(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.drop = nn.Parameter(torch.ones(6)), nn.Dropout(0.5)

    def forward(self, vectors):
        return self.drop(vectors * self.scale)


def test_dropout_inside_a_layer_that_is_run_again_is_found():
    network = nn.Sequential(WithDropout(), nn.Linear(6, 1))

    assert "holds dropout" in problems_of(network, 6)["0"].problem
    assert problems_of(network.eval(), 6) == {}


class Centred(nn.Module):
    """Subtracts the batch's mean: other inputs enter."""

    def forward(self, vectors):
        return vectors - vectors.mean(0, keepdim=True)


@pytest.mark.pitfall("Batch norm and other mixing of patients")
@pytest.mark.parametrize("frozen_first", [False, True])
def test_mixing_without_parameters_is_found_at_the_first_layer_after_it(frozen_first):
    network = nn.Sequential(nn.Linear(6, 6), Centred(), nn.ReLU(), nn.Linear(6, 1))
    network[0].requires_grad_(not frozen_first)

    (found,) = problems_of(network, 6).values()

    assert found.name == "3"
    assert "mixes them" in found.problem


def test_mixing_at_the_end_is_found():
    network = nn.Sequential(nn.Linear(6, 3), Centred())

    assert "output depends on others" in problems_of(network, 6)[""].problem


class Blended(torch.autograd.Function):
    """Leaves outputs alone and blends gradients: seen only by going backward."""

    @staticmethod
    def forward(ctx, vectors):
        return vectors.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient + gradient.flip(0)


class BlendsGradients(nn.Module):
    def forward(self, vectors):
        return Blended.apply(vectors)


def test_gradients_that_mix_are_found():
    network = nn.Sequential(nn.Linear(6, 6), BlendsGradients(), nn.Linear(6, 1))

    assert "0" in problems_of(network, 6)


class KeepsMean(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(6))
        self.last = nn.Linear(6, 1)

    def forward(self, vectors):
        self.seen.add_(vectors.detach().mean(0))
        return self.last(vectors)


@pytest.mark.pitfall("Batch norm and other mixing of patients")
def test_statistics_that_are_stored_without_noise_are_found_and_given_back():
    network = KeepsMean()

    assert "store them without noise" in problems_of(network, 6)["seen"].problem
    assert not network.seen.any()


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.mixer, self.last = nn.Bilinear(6, 6, 4), nn.Linear(4, 1)

    def forward(self, vectors):
        return self.last(self.mixer(vectors, vectors))


class FromConstant(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.last = nn.Linear(2, 6), nn.Linear(6, 1)

    def forward(self, vectors):
        return self.last(vectors + self.table(torch.ones(1, 2)))


class FromPairedConstant(FromConstant):
    def forward(self, vectors):
        return self.last(vectors + self.table(torch.ones(4, 2)).sum(0))


class PastTheLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.last = nn.Linear(6, 6), nn.Linear(6, 1)

    def forward(self, vectors):
        return self.last(nn.functional.linear(vectors, self.hidden.weight))


class AlsoPastTheLayer(PastTheLayer):
    def forward(self, vectors):
        return self.last(self.hidden(vectors) @ self.hidden.weight)


@pytest.mark.pitfall("Wrong gradients of single patients")
@pytest.mark.parametrize(
    ("network", "name", "problem"),
    [
        (TwoInputs(), "mixer", "something else than one tensor"),
        (FromConstant(), "table", "rows that do not belong to single inputs"),
        (FromPairedConstant(), "table", "does not keep the rows of an input side by side"),
        (PastTheLayer(), "hidden", "never called as a layer"),
        (AlsoPastTheLayer(), "hidden.weight", "not the one that autograd finds"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_layers_whose_gradient_cannot_be_taken_are_found(network, name, problem):
    found = problems_of(network, 6)

    assert name in found, found
    assert problem in found[name].problem
    assert "Freeze it" in found[name].fix or "apart" in found[name].fix


def test_frozen_layers_of_these_kinds_are_no_problem():
    network = TwoInputs()
    network.mixer.requires_grad_(False)

    assert problems_of(network, 6) == {}


def test_every_layer_is_in_the_one_error_with_what_to_do():
    network = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 1))

    with pytest.raises(PrivacyError) as error:
        require_private_layers(network, example(6))

    assert "got 2 that cannot be trained" in str(error.value)
    assert "- 0 (BatchNorm1d): normalises" in str(error.value)
    assert "- 2 (BatchNorm1d): normalises" in str(error.value)
    assert "batch_norm 'frozen'" in str(error.value)


def test_looking_changes_nothing():
    network, size = make_network("EfficientNet")
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()

    find_problems(network, make_inputs(size, 2))

    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(module.training for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_two_equal_inputs_are_refused():
    with pytest.raises(ValueError, match="two different inputs"):
        find_problems(nn.Linear(6, 1), torch.ones(2, 6))
