"""Finds the layers that a training changes, and records their inputs and the gradients of their outputs."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from torch import Tensor, nn

from mammo_core.errors import PrivacyError


@dataclass(frozen=True)
class TrainedLayer:
    """A module whose own parameters train.

    Attributes:
        name: In the network.
        parameters: Those that train, by their names in the module.
    """

    name: str
    module: nn.Module
    parameters: dict[str, nn.Parameter]

    @property
    def size(self) -> int:
        """How many numbers train."""
        return sum(parameter.numel() for parameter in self.parameters.values())


@dataclass
class LayerCall:
    """One call of a trained layer.

    Attributes:
        inputs: As they were given.
        version: Of the inputs' memory at that time; it grows when they are changed in place.
        gradient: Of the loss with respect to the outputs; None if they do not reach it.
    """

    inputs: Tensor
    version: int
    gradient: Tensor | None = None

    @property
    def output_gradient(self) -> Tensor:
        """The gradient, where the outputs reached the loss."""
        assert self.gradient is not None
        return self.gradient


@dataclass
class Watch:
    """What was seen of one forward and backward pass.

    Attributes:
        calls: By name of the layer, in the order of the first call.
        entries: Outputs before which nothing trains: where the backward pass ends.
    """

    calls: dict[str, list[LayerCall]] = field(default_factory=dict)
    entries: list[Tensor] = field(default_factory=list)


def modules_of(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """Lists all modules with their names, the network itself first."""
    return cast("list[tuple[str, nn.Module]]", list(network.named_modules()))  # pyright: ignore[reportUnknownArgumentType]


def own_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Maps names to the trained parameters of a module itself, without those of modules inside."""
    named = module.named_parameters(recurse=False)
    return {name: parameter for name, parameter in named if parameter.requires_grad}


def tied_parameters(network: nn.Module) -> list[str]:
    """Names of trained parameters that more than one module uses."""
    named = [
        (name, parameter)
        for name, parameter in network.named_parameters(remove_duplicate=False)
        if parameter.requires_grad
    ]
    uses = Counter(id(parameter) for _, parameter in named)
    return [name for name, parameter in named if uses[id(parameter)] > 1]


def raw_parameters(network: nn.Module) -> list[str]:
    """Names of trained parameters that sit beside layers, in a module that is none itself.

    For example the `relative_position_bias_table` of Swin, `cls_token` and `pos_embed` of ViT or `gamma`
    of ConvNeXt: what the module does with them cannot be seen from outside.
    """
    return [
        f"{prefix}.{name}" if prefix else name
        for prefix, module in modules_of(network)
        if any(True for child in module.children() for _ in child.parameters())
        for name in own_parameters(module)
    ]


def trained_layers(network: nn.Module) -> list[TrainedLayer]:
    """Lists all layers with parameters that require gradients, in the order of the network's modules.

    Raises:
        PrivacyError: If a trained parameter belongs to two layers or to none: the norm of its gradient
            would not be known.
    """
    wrong = [*tied_parameters(network), *raw_parameters(network)]
    if wrong:
        raise PrivacyError(
            "Expected every trained parameter to belong to one layer; "
            f"got others: {', '.join(wrong)}. Freeze them first (requires_grad = False)."
        )
    layers = (
        TrainedLayer(name, module, own_parameters(module)) for name, module in modules_of(network)
    )
    return [layer for layer in layers if layer.parameters]


@contextmanager
def watched(network: nn.Module, layers: list[TrainedLayer]) -> Generator[Watch]:
    """Records the layers' calls, while their parameters require no gradients.

    The graph starts at the outputs of the first trained layers instead, so that a backward pass computes no
    gradient of any parameter. Activations that overwrite their inputs are told not to, because these are
    kept. On leaving, all is as before.
    """
    watch = Watch()
    in_place = [module for module in network.modules() if getattr(module, "inplace", False) is True]
    with ExitStack() as leave:
        for module in in_place:
            setattr(module, "inplace", False)  # noqa: B010
            leave.callback(setattr, module, "inplace", True)
        for layer in layers:
            for parameter in layer.parameters.values():
                parameter.requires_grad_(False)
                leave.callback(parameter.requires_grad_, True)
            handle = layer.module.register_forward_hook(_recorder(layer, watch), with_kwargs=True)
            leave.callback(handle.remove)
        yield watch


def _recorder(
    layer: TrainedLayer, watch: Watch
) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
    def record(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any], outputs: Any) -> None:
        if named or len(given) != 1 or not all(isinstance(t, Tensor) for t in (*given, outputs)):
            raise PrivacyError(
                f"Expected the layer {layer.name} to turn one tensor into one; it takes or gives others. "
                "Freeze its parameters."
            )
        call = LayerCall(given[0].detach(), given[0]._version)
        watch.calls.setdefault(layer.name, []).append(call)
        if not outputs.requires_grad:
            outputs.requires_grad_()
            watch.entries.append(outputs)

        def keep(gradient: Tensor) -> None:
            call.gradient = gradient

        outputs.register_hook(keep)

    return record
