"""Features from inside a network: what one of its layers gives, pooled over places.

Early layers see texture and edges, late ones the objects of photographs, which masses are not.
"""

from __future__ import annotations

from typing import Any, Never

import torch
from torch import Tensor, nn

from mammo_core.errors import BackboneError


class _Reached(Exception):
    """Ends a forward pass at the layer wanted: what comes after it need not be computed."""

    def __init__(self, maps: Tensor) -> None:
        super().__init__()
        self.maps = maps


def timm_model(network: nn.Module) -> Any:
    """Returns a network as the timm model that it is, whose methods have no types."""
    return network


def stop_at(network: nn.Module, layer: str) -> None:
    """Lets every forward pass of a network end at a layer, for `pooled_maps`.

    Args:
        layer: The name of one of the network's modules, e.g. "blocks.5".

    Raises:
        BackboneError: If there is none of this name.
    """
    modules = dict(network.named_modules())
    if not layer or layer not in modules:
        named = [name for name in modules if name and name.count(".") <= 1]
        raise BackboneError(
            f"Expected the name of a layer; got {layer!r}. This network has: {', '.join(named[:30])}"
            + (", and more." if len(named) > 30 else ".")
        )
    modules[layer].register_forward_hook(_stop)


def pooled_maps(network: nn.Module, inputs: Tensor) -> Tensor:
    """Computes the mean and standard deviation over positions of the maps of the layer given to `stop_at`.

    Args:
        inputs: (N, 3, S, S), normalised.

    Returns:
        (N, 2C): C means, then C deviations.

    Raises:
        BackboneError: If the layer takes no part, or gives no maps.
    """
    try:
        timm_model(network).forward_features(inputs)
    except _Reached as reached:
        maps = reached.maps
    else:
        raise BackboneError(
            "Expected a layer that features pass through; the network never came to it. Choose an "
            "earlier one."
        )
    places = _places_by_channels(maps, getattr(network, "output_fmt", "NCHW"))
    spread, mean = torch.std_mean(places.float(), dim=1, correction=0)
    return torch.cat([mean, spread], dim=1)


def _places_by_channels(maps: Any, layout: str) -> Tensor:
    """Maps of convolutions, windows or tokens as (N, places, C)."""
    dims = maps.dim() if isinstance(maps, Tensor) else 0
    if dims == 3:
        return maps
    if dims == 4:
        return maps.flatten(1, 2) if layout == "NHWC" else maps.flatten(2).transpose(1, 2)
    shape = tuple(maps.shape) if dims else type(maps).__name__
    raise BackboneError(
        f"Expected a layer that gives maps (N, C, H, W) or tokens (N, L, C); got {shape}. Choose "
        "a whole block or stage."
    )


def _stop(_module: nn.Module, _inputs: Any, output: Any) -> Never:
    raise _Reached(output)
