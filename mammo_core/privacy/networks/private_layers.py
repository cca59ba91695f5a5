"""Checks whether a network can be trained with differential privacy, by its layers and on made-up inputs.

One unit's gradient is bounded only if it depends on that unit alone, and if the gradient that is clipped is the whole
one. Both are tested before anything starts: by what layers are, and by what they do.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from mammo_core.errors import PrivacyError
from mammo_core.privacy.networks.layer_gradients import is_known
from mammo_core.privacy.networks.steps import seeded
from mammo_core.privacy.networks.trained_layers import (
    TrainedLayer,
    Watch,
    modules_of,
    own_parameters,
    raw_parameters,
    tied_parameters,
    trained_layers,
    watched,
)
from mammo_core.privacy.networks.unit_gradients import UnitGradients, exact_products
from mammo_core.privacy.noise.unit_check import wrong_gradients

_FREEZE = "Freeze it (requires_grad = False), or train only the head or adapters."
_ROUNDING = 1e-3
_PRECISIONS = (torch.float32, torch.float64)


@dataclass(frozen=True)
class LayerProblem:
    """Why a layer cannot be trained with differential privacy.

    Attributes:
        name: Of the layer, or of a parameter.
        kind: Of the layer, for example "BatchNorm2d".
        problem: What is wrong.
        fix: What to do.
    """

    name: str
    kind: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.name or 'the network'} ({self.kind}): {self.problem}. {self.fix}"


def require_private_layers(network: nn.Module, example: Tensor | None = None) -> None:
    """Raises PrivacyError, with every layer that stands in the way and what to do, unless none does.

    Args:
        example: As in `find_problems`; None looks at the layers from outside only.
    """
    problems = find_problems(network, example)
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise PrivacyError(
            f"Expected a network whose layers keep patients apart; got {len(problems)} that cannot be trained "
            f"with differential privacy:\n{listed}"
        )


def freeze_raw_parameters(network: nn.Module) -> list[str]:
    """Freezes parameters that sit beside layers, such as tables of positions; returns their names."""
    names = raw_parameters(network)
    for name in names:
        network.get_parameter(name).requires_grad_(False)
    return names


def find_problems(network: nn.Module, example: Tensor | None) -> list[LayerProblem]:
    """Finds all layers that cannot be trained with differential privacy, in the network's present mode.

    Neither weights, statistics nor random numbers are changed.

    Args:
        example: (N, ...): two or more different inputs, on the network's device; None for not running it.

    Returns:
        Problems that show from outside; only if there are none, those that show when it runs; and only if there are none
        either, gradients that are wrong.
    """
    problems = _problems_from_outside(network)
    if problems or example is None:
        return problems
    if len(example) < 2 or torch.equal(example[0], example[1]):
        raise ValueError("Expected two different inputs.")
    pair = example[:2]
    layers = trained_layers(network)
    with _as_it_was(network):
        return (
            _problems_of_calls(network, layers, pair)
            or [*_changed_statistics(network, pair), *_mixed_inputs(network, layers, pair)]
            or _wrong_gradients(network, example)
        )


def _problems_from_outside(network: nn.Module) -> list[LayerProblem]:
    found = [
        LayerProblem(
            name,
            type(module).__name__,
            "normalises by statistics of the whole batch, so other patients enter",
            "Put frozen statistics (batch_norm 'frozen') or GroupNorm ('group') in its place.",
        )
        for name, module in modules_of(network)
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None)
    ]
    for names, problem in (
        (raw_parameters(network), "sits beside layers, where its gradient cannot be seen"),
        (tied_parameters(network), "belongs to several layers, whose gradients are clipped apart"),
    ):
        found += [LayerProblem(name, "parameter", problem, _FREEZE) for name in names]
    for name, parameter in network.named_parameters():
        if parameter.requires_grad and parameter.dtype not in _PRECISIONS:
            found.append(
                LayerProblem(
                    name,
                    "parameter",
                    f"is {str(parameter.dtype).removeprefix('torch.')}, too coarse to clip",
                    "Keep weights in float32 and use autocast.",
                )
            )
    for name, module in modules_of(network):
        has_random = any(_is_random(inner) for _, inner in modules_of(module))
        if own_parameters(module) and not is_known(module) and has_random:
            found.append(
                LayerProblem(
                    name,
                    type(module).__name__,
                    "holds dropout, which would be another when its gradient is computed",
                    "Set its rate to 0.",
                )
            )
    return found


def _problems_of_calls(
    network: nn.Module, layers: list[TrainedLayer], example: Tensor
) -> list[LayerProblem]:
    kinds = {layer.name: type(layer.module).__name__ for layer in layers}
    problems: dict[str, LayerProblem] = {}
    called: set[str] = set()

    def checking(
        layer: TrainedLayer,
    ) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
        def hook(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any], outputs: Any) -> None:
            called.add(layer.name)
            tensors = [*given, outputs]
            if named or len(given) != 1 or not all(isinstance(one, Tensor) for one in tensors):
                problem = "takes or gives something else than one tensor"
            elif any(len(one) == 0 or len(one) % 2 for one in tensors):
                problem = "works on rows that do not belong to single inputs"
            else:
                return
            problems[layer.name] = LayerProblem(layer.name, kinds[layer.name], problem, _FREEZE)

        return hook

    handles = [
        layer.module.register_forward_hook(checking(layer), with_kwargs=True) for layer in layers
    ]
    try:
        with torch.no_grad():
            network(example)
    finally:
        for handle in handles:
            handle.remove()
    unseen = [
        LayerProblem(
            name,
            kind,
            "is never called as a layer, so its gradient cannot be seen",
            _FREEZE,
        )
        for name, kind in kinds.items()
        if name not in called
    ]
    return [*problems.values(), *unseen]


def _changed_statistics(network: nn.Module, example: Tensor) -> list[LayerProblem]:
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with torch.no_grad():
        network(example)
    return [
        LayerProblem(
            name,
            "buffer",
            "changes with the inputs, which would store them without noise",
            "Put the layer into eval mode, or choose one that keeps no statistics.",
        )
        for name, buffer in network.named_buffers()
        if not torch.equal(before[name], buffer)
    ]


def _mixed_inputs(
    network: nn.Module, layers: list[TrainedLayer], example: Tensor
) -> list[LayerProblem]:
    """Layers that let one input into another's activations or gradients."""
    watch, outputs = _passed(network, layers, example)
    other_second = torch.stack([example[0], example[0] - example[1]])
    moved_watch, moved_outputs = _passed(network, layers, other_second)
    for layer in layers:  # in the order of modules; the first to be called may come later
        for call, moved in zip(watch.calls[layer.name], moved_watch.calls[layer.name], strict=True):
            if _differ(_first_half(call.inputs), _first_half(moved.inputs)):
                return [
                    _mixing(layer, "sees other inputs beside each input: one before it mixes them")
                ]
    if _differ(outputs[0], moved_outputs[0]):
        return [
            LayerProblem(
                "",
                type(network).__name__,
                "one input's output depends on others in the batch",
                "Choose a network that keeps them apart.",
            )
        ]
    for layer in reversed(layers):
        for call in watch.calls[layer.name]:
            if call.gradient is not None and bool(call.gradient[len(call.gradient) // 2 :].any()):
                return [_mixing(layer, "does not keep the rows of an input side by side")]
    return []


def _wrong_gradients(network: nn.Module, example: Tensor) -> list[LayerProblem]:
    """Layers whose gradient, taken layer by layer and unit by unit, is not the one that autograd finds."""

    def losses_of(units: slice) -> Tensor:
        return _example_losses(network(example[units]))

    def clipped_sums(units: slice, bound: float) -> list[Tensor]:
        ours = UnitGradients(network, max_grad_norm=bound)
        with seeded(0):
            ours.add(lambda: losses_of(units))
        return ours.take()

    def seeded_losses_of(units: slice) -> Tensor:
        with seeded(0):
            return losses_of(units)

    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    with exact_products():
        wrong = wrong_gradients(
            [*trained.values()], seeded_losses_of, clipped_sums, num_units=len(example)
        )
    return [
        LayerProblem(
            [*trained][index],
            "parameter",
            "has a gradient that is not the one that autograd finds for single inputs",
            _FREEZE,
        )
        for index in wrong
    ]


def _passed(
    network: nn.Module, layers: list[TrainedLayer], example: Tensor
) -> tuple[Watch, Tensor]:
    """Runs one forward pass, and a backward pass from the first input's loss."""
    with seeded(0), torch.enable_grad(), watched(network, layers) as watch:
        outputs = network(example)
        torch.autograd.grad(_example_losses(outputs)[0], watch.entries, allow_unused=True)
    return watch, outputs.detach()


def _example_losses(outputs: Tensor) -> Tensor:
    """Computes a loss per input whose gradient is the same for no two outputs: (N, ...) -> (N,)."""
    flat = outputs.flatten(1)
    return flat @ torch.linspace(1, 2, flat.shape[1]).to(flat)


def _mixing(layer: TrainedLayer, problem: str) -> LayerProblem:
    return LayerProblem(
        layer.name,
        type(layer.module).__name__,
        problem,
        "Choose a network that keeps inputs apart.",
    )


def _first_half(rows: Tensor) -> Tensor:
    return rows[: len(rows) // 2]


def _differ(one: Tensor, other: Tensor) -> bool:
    return not torch.allclose(one, other, rtol=_ROUNDING, atol=_ROUNDING * float(one.abs().max()))


def _is_random(module: nn.Module) -> bool:
    rates = (getattr(module, name, 0) for name in ("p", "drop_prob"))
    return module.training and any(isinstance(rate, float) and rate > 0 for rate in rates)


@contextmanager
def _as_it_was(network: nn.Module) -> Generator[None]:
    """Switches dropout off, whose zeros could hide a problem, and restores buffers afterwards."""
    quiet = [
        module
        for module in network.modules()
        if module.training and not [*module.children(), *module.parameters(), *module.buffers()]
    ]
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    for module in quiet:
        module.training = False
    try:
        yield
    finally:
        for module in quiet:
            module.training = True
        for name, buffer in network.named_buffers():
            buffer.copy_(buffers[name])
