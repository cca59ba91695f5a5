"""Computes gradients of one layer's parameters, unit by unit, from its inputs and the gradients of its outputs.

In all functions here `inputs` and `gradients` are (U, R, ...): R rows of the layer's batch belong to each of U
units. A unit's gradient is the sum over its rows, and over all calls of the layer.

Sources: Goodfellow 2015, arXiv:1510.01799 (norms from inputs and output gradients); Li et al. 2021,
arXiv:2110.05679, section 4 (their Gram matrices, "ghost norm"); Bu et al. 2022, arXiv:2205.10683 (when which).
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import pad_same  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap
from torch.nn import functional

from mammo_core.privacy.networks.trained_layers import TrainedLayer

Calls = list[tuple[Tensor, Tensor]]  # inputs and gradients of each call of a layer
_NUMBERS_AT_ONCE = 2**25  # of gradients per unit that only their norm is taken of
_SLACK = 4.0  # roundings of the last bit by which a norm may be too small


def unit_gradients(layer: TrainedLayer, inputs: Tensor, gradients: Tensor) -> dict[str, Tensor]:
    """Computes each unit's gradient of the layer's trained parameters, by name: (U, *shape)."""
    if _is_linear(layer.module):
        return _linear(layer, *_as_positions(layer.module, inputs, gradients))
    if _is_convolution(layer.module):
        return _convolution(layer, inputs, gradients)
    return _any_layer(layer, inputs, gradients)


def summed_over_calls(layer: TrainedLayer, calls: Calls) -> dict[str, Tensor]:
    """Sums each unit's gradient over all calls of the layer, by name: (U, *shape)."""
    calls = _in_precision_of(layer, calls)
    summed = unit_gradients(layer, *calls[0])
    for call in calls[1:]:
        for name, gradient in unit_gradients(layer, *call).items():
            summed[name] = summed[name] + gradient
    return summed


def squared_norms(layer: TrainedLayer, calls: Calls) -> Tensor:
    """Computes the squared L2 norm of each unit's gradient over all trained parameters of the layer: (U,)."""
    step = max(1, _NUMBERS_AT_ONCE // layer.size)
    found: list[Tensor] = []
    for start in range(0, len(calls[0][0]), step):
        chosen = slice(start, start + step)
        part = [(inputs[chosen], gradients[chosen]) for inputs, gradients in calls]
        if len(calls) == 1 and _is_shorter_by_gram(layer, *part[0]):
            part = _in_precision_of(layer, part)
            found.append(_squared_norms_by_gram(layer, *_as_positions(layer.module, *part[0])))
        else:
            norms = squared_lengths(summed_over_calls(layer, part)).sqrt()
            found.append((norms + _rounding_of_sums(layer, part, norms.dtype)).square())
    return torch.cat(found)


def _rounding_of_sums(layer: TrainedLayer, calls: Calls, dtype: torch.dtype) -> Tensor | float:
    """Bounds by how much a unit's gradient may differ when it is summed again with those of other units: (U,).

    A few roundings of Σ |a||g| over positions, which by the Cauchy-Schwarz inequality is at most ‖a‖ ‖g‖ times the root of
    a kernel's size. Layers that are run again are small, see `unit_gradients`: their gradients are kept.
    """
    if not is_known(layer.module):
        return 0.0
    kernel = getattr(layer.module, "kernel_size", (1, 1))
    largest = sum(
        _length(inputs.to(dtype)) * _length(gradients.to(dtype)) for inputs, gradients in calls
    )
    return _SLACK * torch.finfo(dtype).eps * math.sqrt(math.prod(kernel)) * largest


def _length(of_units: Tensor) -> Tensor:
    """Computes the L2 norm of all of a unit's numbers: (U, ...) -> (U,)."""
    return of_units.flatten(1).square().sum(1).sqrt()


def squared_lengths(gradients: dict[str, Tensor]) -> Tensor:
    """Computes the squared L2 norm of each unit's gradients together: (U, *shape) each -> (U,)."""
    first, *others = (gradient.flatten(1).square().sum(1) for gradient in gradients.values())
    return sum(others, start=first)


def is_known(module: nn.Module) -> bool:
    """Tells whether the gradient is computed from the layer's formula; else the layer is run again."""
    return _is_linear(module) or _is_convolution(module)


def _is_shorter_by_gram(layer: TrainedLayer, inputs: Tensor, gradients: Tensor) -> bool:
    """Tells whether P² products of I + O numbers are fewer than P of I · O, for P positions of a unit."""
    module, weight = layer.module, layer.parameters.get("weight")
    if weight is None or not is_known(module) or getattr(module, "groups", 1) > 1:
        return False
    outputs, width = len(weight), weight[0].numel()
    positions = gradients[0].numel() // outputs
    return positions * (width + outputs) < width * outputs


def _squared_norms_by_gram(layer: TrainedLayer, inputs: Tensor, gradients: Tensor) -> Tensor:
    """Computes ‖Σ g aᵀ‖² = Σ Σ (a·a')(g·g') over pairs of positions: (U, P, I), (U, P, O) -> (U,).

    What cancels in that sum loses digits, and a norm that is too small would be clipped too little. The bound
    of that error, a few roundings of Σ Σ |a||a'||g||g'|, is added.
    """
    of_inputs = inputs @ inputs.transpose(1, 2)  # (U, P, P)
    of_gradients = gradients @ gradients.transpose(1, 2)  # (U, P, P)
    if "bias" in layer.parameters:
        of_inputs = of_inputs + 1
    lengths = of_inputs.diagonal(0, 1, 2) * of_gradients.diagonal(0, 1, 2)  # (U, P)
    largest = lengths.clamp(min=0).sqrt().sum(1).square()  # (U,)
    exact = (of_inputs * of_gradients).sum((1, 2)).clamp(min=0)
    return exact + _SLACK * torch.finfo(exact.dtype).eps * largest


def _linear(layer: TrainedLayer, inputs: Tensor, gradients: Tensor) -> dict[str, Tensor]:
    """Computes the gradients of y = W x + b at every position: (U, P, I), (U, P, O)."""
    found: dict[str, Tensor] = {}
    if "weight" in layer.parameters:
        weight = gradients.transpose(1, 2) @ inputs  # (U, O, I)
        found["weight"] = weight.view(len(weight), *layer.parameters["weight"].shape)
    if "bias" in layer.parameters:
        found["bias"] = gradients.sum(1)
    return found


def _as_positions(module: nn.Module, inputs: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
    """Flattens rows to the positions that each multiplication by the weights sees: (U, R, ...) -> (U, P, I or O)."""
    if not isinstance(module, nn.Conv2d):
        return inputs.flatten(1, -2), gradients.flatten(1, -2)
    if _is_linear(module):
        down, across = module.stride
        inputs = torch.movedim(inputs[..., ::down, ::across], 2, -1).flatten(1, -2)
    else:
        patches = functional.unfold(
            _padded(module, inputs).flatten(0, 1),
            module.kernel_size,
            module.dilation,
            cast("tuple[int, ...]", module.padding),  # see `_is_convolution`
            module.stride,
        )  # (U · R, I, places)
        by_unit: Tensor = torch.unflatten(patches, 0, inputs.shape[:2])
        inputs = torch.movedim(by_unit, 2, -1).flatten(1, -2)
    return inputs, torch.movedim(gradients, 2, -1).flatten(1, -2)


def _padded(module: nn.Conv2d, inputs: Tensor) -> Tensor:
    """Inputs (U, R, I, H, W), with the zeros around them that the layer adds by itself."""
    if not isinstance(module, Conv2dSame):
        return inputs
    padded: Tensor = pad_same(
        inputs.flatten(0, 1),
        list(module.kernel_size),
        list(module.stride),
        list(module.dilation),
    )
    return torch.unflatten(padded, 0, inputs.shape[:2])


def _convolution(layer: TrainedLayer, inputs: Tensor, gradients: Tensor) -> dict[str, Tensor]:
    """Computes the gradients of a two-dimensional convolution: (U, R, I, H, W), (U, R, O, H', W')."""
    module = cast("nn.Conv2d", layer.module)
    found: dict[str, Tensor] = {}
    if "weight" in layer.parameters:
        found["weight"] = torch.stack(
            [
                torch.ops.aten.convolution_backward(
                    of_unit,
                    shown,
                    module.weight,
                    None,
                    module.stride,
                    module.padding,
                    module.dilation,
                    False,
                    (0, 0),
                    module.groups,
                    (False, True, False),
                )[1]
                for shown, of_unit in zip(_padded(module, inputs), gradients, strict=True)
            ]
        )
    if "bias" in layer.parameters:
        found["bias"] = gradients.sum((1, 3, 4))
    return found


def _any_layer(layer: TrainedLayer, inputs: Tensor, gradients: Tensor) -> dict[str, Tensor]:
    """Computes the gradients of any layer that treats rows alike and separately, by running it again."""
    weights = {name: parameter.detach() for name, parameter in layer.parameters.items()}

    def of_unit(shown: Tensor, gradient: Tensor) -> dict[str, Tensor]:
        def outputs(own: dict[str, Tensor]) -> Tensor:
            return functional_call(layer.module, own, (shown,))

        pull_back: Callable[[Tensor], tuple[dict[str, Tensor]]] = vjp(outputs, weights)[1]
        return pull_back(gradient)[0]

    return vmap(of_unit)(inputs, gradients)


def _in_precision_of(layer: TrainedLayer, calls: Calls) -> Calls:
    """Converts autocast's numbers to the precision of the weights; whole numbers stay."""
    dtype = next(iter(layer.parameters.values())).dtype

    def converted(seen: Tensor) -> Tensor:
        return seen.to(dtype) if seen.is_floating_point() else seen

    return [(converted(inputs), converted(gradients)) for inputs, gradients in calls]


def _has_plain_parameters(module: nn.Module) -> bool:
    return {name for name, _ in module.named_parameters(recurse=False)} <= {"weight", "bias"}


def _is_linear(module: nn.Module) -> bool:
    """Tells whether a layer is linear, or a convolution that is linear at every position."""
    if type(module) is nn.Linear:
        return _has_plain_parameters(module)
    return (
        type(module) is nn.Conv2d
        and _is_convolution(module)
        and module.kernel_size == (1, 1)
        and module.groups == 1
        and module.padding == (0, 0)
    )


def _is_convolution(module: nn.Module) -> bool:
    return (
        type(module) in (nn.Conv2d, Conv2dSame)
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
        and _has_plain_parameters(module)
    )
