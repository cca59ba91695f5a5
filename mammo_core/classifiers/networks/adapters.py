"""Low-rank adapters: a frozen layer learns an update of few numbers, so that less noise is added in all.

Source: Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685, section 4.1 (with
their α equal to the rank).
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard, TypeVar, cast

import torch
from torch import Tensor, nn

from mammo_core.errors import InvalidRequestError

Layer = nn.Linear | nn.Conv2d
_L = TypeVar("_L", nn.Linear, nn.Conv2d)


def uninitialised(kind: type[_L], *sizes: int, **options: Any) -> _L:
    """Builds a layer without drawing initial weights from torch's global randomness."""
    return cast(_L, nn.utils.skip_init(kind, *sizes, **options))


class LowRankLayer(nn.Module):
    """A frozen layer plus an update through few channels: base(x) + up(down(x)).

    Attributes:
        base, down, up: All three Linear, or all three 1x1 convolutions.
    """

    def __init__(self, base: Layer, down: Layer, up: Layer) -> None:
        super().__init__()
        self.base, self.down, self.up = base.requires_grad_(False), down, up

    def forward(self, inputs: Tensor) -> Tensor:
        """Computes the layer's outputs, of the shape of the base's."""
        return self.base(inputs) + self.up(self.down(inputs))


def add_adapters(network: nn.Module, rank: int, rng: torch.Generator) -> list[str]:
    """Gives every Linear and every plain 1x1 convolution an adapter, in place; the outputs stay as they are.

    Args:
        network: Whose other parameters stay as trainable or frozen as they are.
        rank: Of the updates; smaller where a layer has fewer channels.
        rng: Of the first values of `down`, which are normal; `up` starts at zero.

    Returns:
        Names of the adapted layers.

    Raises:
        InvalidRequestError: If there is no such layer.
    """
    found = [(name, module) for name, module in network.named_modules() if _can_adapt(module)]
    if not found:
        raise InvalidRequestError(
            "Expected a network with linear layers or 1x1 convolutions to adapt; got one without. Choose "
            "the trained part 'network' or 'head', or another network."
        )
    for name, base in found:
        network.set_submodule(name, _adapted(base, rank, rng))
    return [name for name, _ in found]


def _can_adapt(module: nn.Module) -> TypeGuard[Layer]:
    return isinstance(module, nn.Linear) or (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and module.groups == 1
        and module.padding in ((0, 0), 0)
    )


def _adapted(base: Layer, rank: int, rng: torch.Generator) -> LowRankLayer:
    outputs, inputs = base.weight.shape[:2]
    rank = min(rank, inputs, outputs)
    if isinstance(base, nn.Linear):
        down = uninitialised(nn.Linear, inputs, rank, bias=False)
        up = uninitialised(nn.Linear, rank, outputs, bias=False)
    else:
        down = uninitialised(nn.Conv2d, inputs, rank, 1, stride=base.stride, bias=False)
        up = uninitialised(nn.Conv2d, rank, outputs, 1, bias=False)
    nn.init.normal_(down.weight, std=1 / math.sqrt(inputs), generator=rng)
    nn.init.zeros_(up.weight)
    return LowRankLayer(base, down, up)
