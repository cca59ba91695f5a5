import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from mammo_core.errors import CheckpointError
from mammo_core.privacy.networks.training_state import (
    TrainingState,
    load_optimizer,
    load_weights,
    optimizer_tensors,
)

STATE = TrainingState(
    step=7,
    history=[(0.8, 0.25, 5), (1.5, 1.0, 2)],
    network={"a.weight": torch.ones(2, 3)},
    ema={"a.weight": torch.zeros(2, 3)},
    optimizer={"0.exp_avg": torch.full((2, 3), 2.0)},
    noise=torch.arange(5, dtype=torch.uint8),
)


def test_a_state_survives_a_file():
    again = TrainingState.from_tensors(load(save(STATE.to_tensors())))

    assert (again.step, again.history) == (7, STATE.history)
    assert torch.equal(again.noise, STATE.noise)
    for part in ("network", "ema", "optimizer"):
        assert getattr(again, part).keys() == getattr(STATE, part).keys()
        for name, tensor in getattr(STATE, part).items():
            assert torch.equal(getattr(again, part)[name], tensor)


def test_a_state_at_the_start_survives_a_file():
    assert TrainingState.from_tensors(load(save(TrainingState().to_tensors()))) == TrainingState()


def test_the_result_is_the_average_where_one_is_kept():
    assert STATE.weights is STATE.ema
    assert TrainingState(network=STATE.network).weights is STATE.network


def test_other_tensors_are_not_taken_for_a_state():
    with pytest.raises(CheckpointError, match="history, step is missing"):
        TrainingState.from_tensors({"weight": torch.ones(1)})


@pytest.mark.parametrize(
    ("weights", "first"),
    [
        ({"weight": torch.ones(1, 3)}, "bias"),
        ({"weight": torch.ones(1, 3), "bias": torch.ones(1), "other": torch.ones(1)}, "other"),
        ({"weight": torch.ones(1, 4), "bias": torch.ones(1)}, "weight"),
    ],
)
def test_weights_of_another_network_are_refused_and_not_half_loaded(weights, first):
    network = nn.Linear(3, 1)
    before = network.weight.clone()

    with pytest.raises(CheckpointError, match=f"the first: {first}"):
        load_weights(network, weights)

    assert torch.equal(network.weight, before)


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_an_optimizer_goes_on_as_if_it_had_not_stopped(kind):
    def stepped(optimizer, parameter):
        for _ in range(2):
            parameter.grad = torch.arange(3.0)
            optimizer.step()

    one, other = (nn.Parameter(torch.ones(3)) for _ in range(2))
    first, second = kind([one], lr=0.1), kind([other], lr=0.1)
    stepped(first, one)
    other.data.copy_(one.data)

    load_optimizer(second, optimizer_tensors(first))
    stepped(first, one)
    stepped(second, other)

    assert torch.equal(one, other)
