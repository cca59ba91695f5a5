"""Discriminates masses by features of two public networks and by patches of pixels.

The networks are frozen and not part of it: it judges the feature maps that they give.

Sources: Sauer et al. 2021, Projected GANs Converge Faster, arXiv:2111.01007; Isola et al. 2017, arXiv:1611.07004
(patches); Miyato and Koyama 2018, arXiv:1802.05637 (projection of the class).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.cascade_training import HEAD_WIDTH, seeded_heads
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.projected import PublicFeatures


class FlowGanDiscriminator(nn.Module):
    """The trainable parts: a set of heads for each network, and one for pixels.

    Args:
        features: Of each network.
    """

    def __init__(self, config: GanConfig, features: Sequence[PublicFeatures]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            seeded_heads(config, part, HEAD_WIDTH, normalise=True) for part in features
        )
        with torch.random.fork_rng():
            torch.manual_seed(config.seed + 3)
            self.patch_heads = PatchHeads()

    def judge_with(
        self, index: int, maps: Sequence[Tensor], patches: Tensor, labels: Tensor
    ) -> list[Tensor]:
        """Judges by one network's four maps (N, C, H', W') and by patches (N, 1, P, P), claimed as labels (N,)."""
        return [*self.heads[index](maps, labels), self.patch_heads(patches, labels)]

    def parameters_with(self, index: int) -> list[nn.Parameter]:
        """Lists the weights that `judge_with` uses."""
        return [*self.heads[index].parameters(), *self.patch_heads.parameters()]

    def forward(self, maps: Sequence[list[Tensor]], images: Tensor, labels: Tensor) -> list[Tensor]:
        """Judges whole masses by everything at once, as an attacker would.

        Args:
            maps: Of each network, four maps (N, C, H', W').
            images: (N, 1, H, W) in [-1, 1].
            labels: (N,) claimed classes.

        Returns:
            Sets of logits (N, positions).
        """
        judged = [self.patch_heads(images, labels)]
        for heads, part in zip(self.heads, maps, strict=True):
            judged += heads(part, labels)
        return judged


class PatchHeads(nn.Module):
    """Discriminates small patches of pixels, given their class: (N, 1, P, P), (N,) -> logits (N, positions)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        sizes = [(1, width, 3, 1), (width, 2 * width, 4, 2), (2 * width, 4 * width, 4, 2)]
        for channels_in, channels_out, kernel, stride in [*sizes, (4 * width, 4 * width, 3, 1)]:
            convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, padding=1)
            layers += [spectral_norm(convolution), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.output = spectral_norm(nn.Conv2d(4 * width, 1, 1))
        self.embedding = spectral_norm(nn.Embedding(len(CLASS_NAMES), 4 * width))

    def forward(self, patches: Tensor, labels: Tensor) -> Tensor:
        maps = self.layers(patches)
        of_class = (maps * self.embedding(labels)[:, :, None, None]).sum(dim=1, keepdim=True)
        return (self.output(maps) + of_class).flatten(1).float()
