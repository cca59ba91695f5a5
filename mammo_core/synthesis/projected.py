"""Discriminates masses by features of a frozen public network, so that few images suffice.

Features of four depths of a network trained on photographs are mixed by fixed random convolutions, deep
into shallow, and scored by one small head each. The class enters by projection.

The network may be the very one that KID and the other measures of `quality` use. A generator trained
against it is then measured partly by what it was trained on, so other measures belong beside them.

Sources: Sauer et al. 2021, Projected GANs Converge Faster, arXiv:2111.01007; Miyato and Koyama 2018,
arXiv:1802.05637 (projection of the class); Miyato et al. 2018, arXiv:1802.05957 (spectral normalisation).
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.nn.utils.parametrizations import spectral_norm

from mammo_core.labels import CLASS_NAMES

_DEPTHS = 4
MIXED_CHANNELS = (64, 64, 128, 256)
_MIX_GAIN = 0.5
_WIDENING = 4  # at most, of a head's channels with depth
_LAST_PX = 4


class PublicFeatures(nn.Module):
    """Frozen feature maps of four depths, mixed.

    Args:
        network: A timm model in eval mode; it is changed (its batch norms are folded) and must not be
            used elsewhere.
    """

    network: Any  # a timm model, whose methods have no types

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        _fold_batch_norms(network)
        self.network = network.requires_grad_(False)
        channels = [maps.shape[1] for maps in self._feature_maps(torch.zeros(1, 3, 64, 64))]
        across = [
            nn.Conv2d(found, mixed, 1)
            for found, mixed in zip(channels, MIXED_CHANNELS, strict=True)
        ]
        down = [
            nn.Conv2d(deep, shallow, 3, padding=1)
            for shallow, deep in itertools.pairwise(MIXED_CHANNELS)
        ]
        for layer in (*across, *down):
            nn.init.kaiming_normal_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        self.across, self.down = nn.ModuleList(across), nn.ModuleList(down)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Computes four maps, shallow first: (N, 1, H, W) in [-1, 1] -> (N, C, H', W') each."""
        kind = images.device.type  # processors run depthwise convolutions faster in float32
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=kind == "cuda"):
            colour = images.float().expand(-1, 3, -1, -1)
            found = self._feature_maps(colour.contiguous(memory_format=torch.channels_last))
        mixed = [layer(maps) for layer, maps in zip(self.across, found, strict=True)]
        for depth in reversed(range(_DEPTHS - 1)):
            deeper = functional.interpolate(
                mixed[depth + 1], size=mixed[depth].shape[-2:], mode="bilinear", align_corners=False
            )
            mixed[depth] = mixed[depth] + _MIX_GAIN * self.down[depth](deeper)
        return mixed

    def _feature_maps(self, colour: Tensor) -> list[Tensor]:
        return self.network.forward_intermediates(colour, indices=_DEPTHS, intermediates_only=True)


class ProjectedHeads(nn.Module):
    """The trainable part: mixed feature maps and a claimed class to logits, one head per depth.

    Args:
        sizes_px: Side of the feature maps of each depth.
        width: Channels of a head's first layer.
        normalise: Spectral normalisation; private training bounds gradients otherwise and goes without.
    """

    def __init__(self, sizes_px: list[int], *, width: int = 64, normalise: bool = True) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            _Head(channels, px, width, normalise)
            for channels, px in zip(MIXED_CHANNELS, sizes_px, strict=True)
        )

    def forward(self, maps: list[Tensor], labels: Tensor) -> list[Tensor]:
        """Judges four maps (N, C, H, W) and classes (N,): four sets of logits (N, positions)."""
        return [head(part, labels).float() for head, part in zip(self.heads, maps, strict=True)]


class _Head(nn.Module):
    def __init__(self, channels: int, px: int, width: int, normalise: bool) -> None:
        super().__init__()
        norm = spectral_norm if normalise else nn.Identity()
        layers: list[nn.Module] = []
        wide = width
        while px > _LAST_PX:
            layers += [norm(nn.Conv2d(channels, wide, 4, 2, 1)), nn.LeakyReLU(0.2)]
            channels, wide, px = wide, min(2 * wide, _WIDENING * width), px // 2
        if not layers:
            layers = [norm(nn.Conv2d(channels, _WIDENING * width, 1)), nn.LeakyReLU(0.2)]
            channels = _WIDENING * width
        self.layers = nn.Sequential(*layers)
        self.output = norm(nn.Conv2d(channels, 1, 3, padding=1))
        self.embedding = norm(nn.Embedding(len(CLASS_NAMES), channels))

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        maps = self.layers(maps)
        of_class = (maps * self.embedding(labels)[:, :, None, None]).sum(dim=1, keepdim=True)
        return (self.output(maps) + of_class).flatten(1)


def _fold_batch_norms(parent: nn.Module) -> None:
    """Folds every frozen batch norm that follows a convolution into it: the same function, faster."""
    before: nn.Module | None = None
    for name, child in list(parent.named_children()):
        if isinstance(child, BatchNormAct2d) and isinstance(before, nn.Conv2d):
            norm: Any = child  # timm's registration hides its types
            before.weight, before.bias = fuse_conv_bn_weights(
                before.weight,
                before.bias,
                norm.running_mean,
                norm.running_var,
                norm.eps,
                norm.weight,
                norm.bias,
            )
            setattr(parent, name, norm.act)
        else:
            _fold_batch_norms(child)
        before = child
