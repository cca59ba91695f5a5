"""Holds the state of a training, which can be saved and resumed."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mammo_core.errors import CheckpointError
from mammo_core.privacy.accounting.sampled import History

_PARTS = ("network", "ema", "optimizer")


@dataclass(frozen=True)
class TrainingState:
    """A training after some steps; all tensors are copies on the CPU.

    Attributes:
        step: Steps done.
        history: What they were, for the accountant; empty without DP.
        network: Trained parameters, by name; what does not train is not in it.
        ema: Their moving average; empty if none is kept.
        optimizer: Its numbers, by "index of the parameter.name".
        noise: State of reproducible noise; None for secret noise, which is never written down.
    """

    step: int = 0
    history: History = field(default_factory=list)
    network: dict[str, Tensor] = field(default_factory=dict)
    ema: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Tensor] = field(default_factory=dict)
    noise: Tensor | None = None

    @property
    def weights(self) -> dict[str, Tensor]:
        """What the training results in: the moving average if one is kept, else the last step's weights."""
        return self.ema or self.network

    def to_tensors(self) -> dict[str, Tensor]:
        """Writes everything by name, as safetensors take it."""
        tensors = {
            "step": torch.tensor(self.step),
            "history": torch.tensor(self.history, dtype=torch.float64).reshape(-1, 3),
        }
        for part in _PARTS:
            tensors |= {f"{part}.{name}": tensor for name, tensor in getattr(self, part).items()}
        return tensors if self.noise is None else {**tensors, "noise": self.noise}

    @staticmethod
    def from_tensors(tensors: Mapping[str, Tensor]) -> TrainingState:
        """Reads what `to_tensors` wrote.

        Raises:
            CheckpointError: If it is not the state of a training.
        """
        missing = {"step", "history"} - set(tensors)
        if missing:
            raise CheckpointError(
                f"Expected the state of a training; {', '.join(sorted(missing))} is missing in it. Start anew."
            )
        parts = {
            part: {
                name.removeprefix(f"{part}."): tensor
                for name, tensor in tensors.items()
                if name.startswith(f"{part}.")
            }
            for part in _PARTS
        }
        return TrainingState(
            step=int(tensors["step"]),
            history=[
                (float(noise), float(rate), int(steps)) for noise, rate, steps in tensors["history"]
            ],
            noise=tensors.get("noise"),
            **parts,
        )


def require_same_training(
    state: TrainingState, *, is_private: bool, is_reproducible: bool, is_averaged: bool
) -> None:
    """Raises CheckpointError unless the steps so far are of the same kind as those to come.

    Plain steps before private ones, or reproducible noise before secret noise, would not be covered by the stated ε.

    Args:
        is_reproducible: Whether noise and samples follow from a seed.
        is_averaged: Whether a moving average is kept.
    """
    if state.step == 0:
        return
    private = sum(steps for *_, steps in state.history)
    for is_other, got, wanted in (
        (
            private != is_private * state.step,
            f"of {state.step} steps of which {private} were private",
            f"with {'private' if is_private else 'plain'} steps only",
        ),
        (
            (state.noise is not None) != is_reproducible,
            f"with {'secret' if state.noise is None else 'reproducible'} noise",
            f"with {'reproducible' if is_reproducible else 'secret'} noise",
        ),
        (
            bool(state.ema) != is_averaged,
            f"{'with' if state.ema else 'without'} a moving average",
            f"{'with' if is_averaged else 'without'} a moving average",
        ),
    ):
        if is_other:
            raise CheckpointError(
                f"Expected the state of a training {wanted}; got one {got}. Start anew, or take the settings that it "
                "was trained with."
            )


def trained_parameters(network: nn.Module) -> dict[str, nn.Parameter]:
    """Maps names to the parameters that require gradients."""
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


@torch.no_grad()
def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Puts trained parameters into a network in which the same ones train.

    Raises:
        CheckpointError: If other parameters train, or of other shapes.
    """
    trained = trained_parameters(network)
    other = set(trained) ^ set(weights)
    other |= {
        name for name in set(trained) & set(weights) if trained[name].shape != weights[name].shape
    }
    if other:
        raise CheckpointError(
            f"Expected weights of the {len(trained)} parameters that train; {len(other)} are missing, too many "
            f"or of another shape, the first: {min(other)}. Start anew, or take the recipe they were trained with."
        )
    for name, parameter in trained.items():
        parameter.copy_(weights[name])


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Copies the state of an optimizer: {"index.name": tensor}."""
    return {
        f"{index}.{name}": value.detach().to("cpu", copy=True)
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Gives an optimizer back what `optimizer_tensors` took from one like it."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
