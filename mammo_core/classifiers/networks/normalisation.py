"""Puts something that keeps patients apart in the place of batch normalisation, whose statistics mix them."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from mammo_core.config.network_recipe import BatchNorm
from mammo_core.errors import BackboneError

_MOST_GROUPS = 16  # as De et al. 2022, arXiv:2204.13650


class FrozenBatchNorm(nn.Module):
    """Batch normalisation that never learns or uses a batch's statistics: a fixed map per channel.

    It computes, in any mode, what the layer it replaces computes in eval mode. Its scale and shift may train.

    Args:
        norm: The layer to replace, with statistics.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        assert norm.running_mean is not None and norm.running_var is not None
        self.eps = norm.eps
        self.weight = nn.Parameter(norm.weight.detach().clone())
        self.bias = nn.Parameter(norm.bias.detach().clone())
        self.register_buffer("running_mean", norm.running_mean.detach().clone())
        self.register_buffer("running_var", norm.running_var.detach().clone())

    def forward(self, inputs: Tensor) -> Tensor:
        """Shifts and scales each channel: (N, C, ...) -> (N, C, ...)."""
        return functional.batch_norm(
            inputs,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=False,
            eps=self.eps,
        )


def replace_batch_norm(network: nn.Module, how: BatchNorm) -> int:
    """Replaces every batch normalisation in place; one that is also an activation becomes two layers.

    Args:
        how: "frozen": the same function as in eval mode. "group": GroupNorm, which computes another function
            and starts from the same scale and shift.

    Returns:
        How many were replaced.

    Raises:
        BackboneError: If one keeps no statistics, or has no scale and shift.
    """
    found = [
        (name, module) for name, module in network.named_modules() if isinstance(module, _BatchNorm)
    ]
    for name, norm in found:
        if norm.running_mean is None or norm.weight is None:
            raise BackboneError(
                f"Expected batch normalisation with statistics, scale and shift; {name} lacks some. "
                "Choose another network."
            )
        replaced = FrozenBatchNorm(norm) if how == "frozen" else _group_norm(norm)
        after = [getattr(norm, part, nn.Identity()) for part in ("drop", "act")]  # timm fuses these
        after = [part for part in after if not isinstance(part, nn.Identity)]
        network.set_submodule(name, nn.Sequential(replaced, *after) if after else replaced)
    return len(found)


def _group_norm(norm: _BatchNorm) -> nn.GroupNorm:
    channels = norm.num_features
    groups = math.gcd(_MOST_GROUPS, max(1, channels // 2))  # at least two channels in each
    group_norm = nn.GroupNorm(groups, channels, eps=norm.eps)
    group_norm.load_state_dict({"weight": norm.weight, "bias": norm.bias})
    return group_norm
