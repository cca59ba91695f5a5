"""Sums clipped gradients, unit by unit, in one backward pass and about twice the memory of a plain one.

The backward pass computes gradients of activations only. Of each layer its inputs and the gradients of its outputs
are kept: from them the norm of every unit's gradient follows first, and then the sum of the clipped ones. Layers
whose gradients of all units take less memory than that keep these instead.
Source: Bu et al. 2023, arXiv:2210.00038 ("book-keeping").
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from mammo_core.config import validate
from mammo_core.errors import PrivacyError
from mammo_core.privacy.networks.layer_gradients import (
    squared_lengths,
    squared_norms,
    summed_over_calls,
)
from mammo_core.privacy.networks.trained_layers import (
    LayerCall,
    TrainedLayer,
    trained_layers,
    watched,
)
from mammo_core.privacy.noise.clipping import clip_factors


class UnitGradients:
    """Adds up clipped gradients of units over as many micro-batches as needed.

    Args:
        network: Whose parameters that require gradients train. Its layers must keep inputs apart, see
            `private_layers.require_private_layers`, which is not called here.
        max_grad_norm: L2 bound of one unit's gradient.
        autocast: Of the forward and backward pass, for example torch.bfloat16; None for none.

    Guarantee:
        Emptying one unit changes the sum by at most max_grad_norm: by the clipping margin less, up to the
        rounding of the parameters' own precision, which the margin holds (float32: measured up to 1e-5 of the norm in
        tests, not proven). Sums of several units are in float64, but for the products of large layers within a
        micro-batch. Autocast does not weaken that: inputs and output gradients are rounded before the norm is taken, and
        norm and sum are computed from the same rounded numbers in the parameters' precision. A unit whose gradient is not
        finite adds nothing.

    Raises:
        PrivacyError: If a trained parameter belongs to two layers or to none, or none trains.
    """

    def __init__(
        self, network: nn.Module, *, max_grad_norm: float, autocast: torch.dtype | None = None
    ) -> None:
        validate.positive(max_grad_norm=max_grad_norm)
        self._network = network
        self._layers = trained_layers(network)
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        if not self._parameters:
            raise PrivacyError(
                "Expected a network in which something trains; all of it is frozen. Choose a part to train."
            )
        self._max_grad_norm = max_grad_norm
        self._autocast = autocast
        self._sums: dict[nn.Parameter, Tensor] = {}

    def add(
        self, losses_of_inputs: Callable[[], Tensor], unit_of_input: Tensor | None = None
    ) -> Tensor:
        """Adds the clipped gradient of each unit's summed loss.

        Args:
            losses_of_inputs: Called once; (N,) losses, each of one input, computed with the network. The layout of inputs
                in memory does not matter.
            unit_of_input: (N,) int64, ascending, each of 0 … U - 1 at least once; None for units of one input.

        Returns:
            (U,) norms before clipping; infinity or not a number for units that added nothing.

        Raises:
            PrivacyError: If a layer's rows cannot be told apart by input, or its inputs were overwritten.
        """
        device = self._parameters[0].device
        with torch.enable_grad(), watched(self._network, self._layers) as watch:
            with torch.autocast(device.type, self._autocast, enabled=self._autocast is not None):
                losses = losses_of_inputs()
            if unit_of_input is None:
                unit_of_input = torch.arange(losses.numel(), device=device)
            num_inputs = len(unit_of_input)
            if losses.shape != (num_inputs,):
                raise ValueError(
                    f"Expected one loss per input, ({num_inputs},); got {tuple(losses.shape)}."
                )
            torch.autograd.grad(losses.sum(), watch.entries, allow_unused=True)
        with torch.no_grad(), exact_products():
            seen = [
                _Seen(layer, self._checked(layer, watch.calls.get(layer.name, []), num_inputs))
                for layer in self._layers
            ]
            del watch
            norms = self._norms(seen, unit_of_input)
            self._add_clipped(seen, norms, unit_of_input)
        return norms

    def take(self) -> list[Tensor]:
        """Takes the float64 sums, one per trained parameter in the network's order, and starts again from zero."""
        sums = [
            self._sums.get(parameter, torch.zeros_like(parameter, dtype=torch.float64))
            for parameter in self._parameters
        ]
        self.clear()
        return sums

    def clear(self) -> None:
        """Forgets what was added."""
        self._sums = {}

    def _checked(
        self, layer: TrainedLayer, calls: list[LayerCall], num_inputs: int
    ) -> list[LayerCall]:
        reached = [call for call in calls if call.gradient is not None]
        for call in reached:
            if call.inputs._version != call.version:
                raise PrivacyError(
                    f"Expected the inputs of the layer {layer.name} to stay as they are; something overwrote "
                    "them. Use operations that do not work in place, or freeze the layer."
                )
            if len(call.inputs) % num_inputs or len(call.output_gradient) % num_inputs:
                raise PrivacyError(
                    f"Expected the same number of rows of each of {num_inputs} inputs in the layer {layer.name}; "
                    f"got {len(call.inputs)} rows in all. Freeze the layer."
                )
        return reached

    def _norms(self, seen: list[_Seen], unit_of_input: Tensor) -> Tensor:
        groups, num_inputs = _units_by_size(unit_of_input), len(unit_of_input)
        squared = self._parameters[0].new_zeros(int(unit_of_input[-1]) + 1)
        for of_layer in seen:
            if not of_layer.calls:
                continue
            is_small = of_layer.layer.size * len(squared) <= of_layer.numbers
            for units, inputs in groups:
                calls = [
                    (
                        _rows_of_units(call.inputs, inputs, num_inputs),
                        _rows_of_units(call.output_gradient, inputs, num_inputs),
                    )
                    for call in of_layer.calls
                ]
                if is_small:
                    gradients = summed_over_calls(of_layer.layer, calls)
                    of_layer.gradients.append((units, gradients))
                    squared[units] += squared_lengths(gradients)
                else:
                    squared[units] += squared_norms(of_layer.layer, calls)
            if is_small:
                of_layer.calls.clear()
        return squared.sqrt()

    def _add_clipped(self, seen: list[_Seen], norms: Tensor, unit_of_input: Tensor) -> None:
        factors = clip_factors(norms, self._max_grad_norm)  # (U,)
        of_inputs = factors[unit_of_input]  # (N,)
        for of_layer in seen:
            layer = of_layer.layer
            for units, gradients in of_layer.gradients:
                of_units = factors[units]
                for name, gradient in gradients.items():
                    kept = _without_dropped(gradient, of_units)
                    summed = cast("Tensor", torch.tensordot(of_units.double(), kept.double(), 1))
                    self._add(layer.parameters[name], summed)
            of_layer.gradients.clear()
            while of_layer.calls:  # what was used is let go
                call = of_layer.calls.pop()
                inputs = _without_dropped(call.inputs, of_inputs)
                scaled = _without_dropped(call.output_gradient, of_inputs).to(norms.dtype)
                scaled = scaled * _by_row(of_inputs, scaled)
                for name, found in summed_over_calls(layer, [(inputs[None], scaled[None])]).items():
                    self._add(layer.parameters[name], found[0])

    def _add(self, parameter: nn.Parameter, summed: Tensor) -> None:
        if parameter in self._sums:
            self._sums[parameter] += summed
        else:
            self._sums[parameter] = summed.double()


@dataclass
class _Seen:
    """What is known of a layer in one micro-batch: its calls, or already the gradients of groups of units."""

    layer: TrainedLayer
    calls: list[LayerCall]
    gradients: list[tuple[Tensor, dict[str, Tensor]]] = field(default_factory=list)

    @property
    def numbers(self) -> int:
        """That its calls keep in memory."""
        return sum(call.inputs.numel() + call.output_gradient.numel() for call in self.calls)


@contextmanager
def exact_products() -> Generator[None]:
    """Makes convolutions and matrix products of float32 keep all 24 bits, whatever was chosen outside.

    TF32 and bfloat16 products would round norm and sum apart, by more than the slack that norms are given.
    """
    backends: Any = torch.backends  # its stubs lack some of these
    operations = (
        backends.cuda.matmul,
        backends.cudnn.conv,
        backends.mkldnn.matmul,
        backends.mkldnn.conv,
    )
    before = [operation.fp32_precision for operation in operations]
    try:
        for operation in operations:
            operation.fp32_precision = "ieee"
        yield
    finally:
        for operation, precision in zip(operations, before, strict=True):
            operation.fp32_precision = precision


def _units_by_size(unit_of_input: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Groups units with equally many inputs, and these inputs: pairs of (V,) and (V, n)."""
    sizes = torch.bincount(unit_of_input)
    if bool((unit_of_input.diff() < 0).any()) or bool((sizes == 0).any()):
        raise ValueError(
            "Expected unit numbers 0, 1, … in ascending order, each at least once; got others."
        )
    starts = sizes.cumsum(0) - sizes
    groups: list[tuple[Tensor, Tensor]] = []
    for size in cast("list[int]", torch.unique(sizes).tolist()):
        units = torch.nonzero(sizes == size)[:, 0]
        groups.append((units, starts[units, None] + torch.arange(size, device=sizes.device)))
    return groups


def _rows_of_units(of_layer: Tensor, inputs_of_units: Tensor, num_inputs: int) -> Tensor:
    """Selects the layer's rows of some units: (N · r, ...), (V, n) -> (V, n · r, ...)."""
    if inputs_of_units.numel() == num_inputs:  # all, and in order
        chosen = of_layer
    else:
        by_input: Tensor = torch.unflatten(of_layer, 0, (num_inputs, -1))  # (N, r, ...)
        chosen = by_input[inputs_of_units.flatten()].flatten(0, 1)
    return torch.unflatten(chosen, 0, (len(inputs_of_units), -1))


def _by_row(of_inputs: Tensor, of_layer: Tensor) -> Tensor:
    """Repeats a number per input for each of the layer's rows: (N,), (N · r, ...) -> (N · r, 1, ...)."""
    rows = of_inputs.repeat_interleave(len(of_layer) // len(of_inputs))
    return rows.view(-1, *[1] * (of_layer.ndim - 1))


def _without_dropped(of_layer: Tensor, factors: Tensor) -> Tensor:
    """Zeros in the rows of inputs with factor 0, whose values may not be finite."""
    if bool((factors > 0).all()):
        return of_layer
    return torch.where(_by_row(factors > 0, of_layer), of_layer, 0)
