"""Rebuilds the paper's malignancy-conditioned GAN, a conditional DCGAN, as a baseline.

Source: Osuala et al. 2024, arXiv:2407.12669, and its code RichardObi/mammo_dp: z = 100 and one more latent
channel that embeds the class; transposed convolutions of kernel 4, convolutions of kernel 6.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.config import GanConfig


def _multipliers(config: GanConfig) -> list[int]:
    """Channels over width from 4 px to half size: 16, 8, 4, 2, 1 for 128 px."""
    return [2**power for power in reversed(range(int(math.log2(config.image_size_px)) - 2))]


class McganGenerator(nn.Module):
    """Latent and class to a mass; takes no grain."""

    noise_sizes_px: tuple[int, ...] = ()

    def __init__(self, config: GanConfig) -> None:
        super().__init__()
        self.image_size_px = config.image_size_px
        self.latent_dim = config.latent_dim
        self.embedding = nn.Embedding(len(CLASS_NAMES), 1)
        channels = [multiplier * config.width for multiplier in _multipliers(config)]
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(config.latent_dim + 1, channels[0], 4, 1, 0, bias=False)
        ]
        for wide, narrow in itertools.pairwise(channels):
            layers += [
                nn.BatchNorm2d(wide),
                nn.ReLU(),
                nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False),
            ]
        layers += [nn.BatchNorm2d(channels[-1]), nn.ReLU()]
        layers += [nn.ConvTranspose2d(channels[-1], 1, 4, 2, 1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.layers.apply(_dcgan_weights)

    def forward(self, latents: Tensor, labels: Tensor, noise: Sequence[Tensor] = ()) -> Tensor:
        """Generates masses: (N, latent_dim), (N,) -> (N, 1, H, W) in [-1, 1]."""
        joined = torch.cat([latents, self.embedding(labels)], dim=1)  # (N, latent_dim + 1)
        return self.layers(joined[:, :, None, None])

    def coarse_structure(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Computes the coarse structure of masses: (N, latent_dim), (N,) -> (N, F)."""
        parts = zip(latents.split(64), labels.split(64), strict=True)
        return torch.cat([adaptive_avg_pool2d(self(*part), 8).flatten(1) for part in parts])


class McganDiscriminator(nn.Module):
    """A mass, and its claimed class as a second channel, to one logit."""

    def __init__(self, config: GanConfig) -> None:
        super().__init__()
        side = config.image_size_px
        self.embedding = nn.Embedding(len(CLASS_NAMES), side * side)
        channels = [multiplier * config.width for multiplier in reversed(_multipliers(config))]
        layers: list[nn.Module] = [
            nn.Conv2d(2, channels[0], 6, 2, 2, bias=False),
            nn.LeakyReLU(0.2),
        ]
        for narrow, wide in itertools.pairwise(channels):
            layers += [
                nn.Conv2d(narrow, wide, 6, 2, 2, bias=False),
                nn.BatchNorm2d(wide),
                nn.LeakyReLU(0.2),
            ]
        layers.append(nn.Conv2d(channels[-1], 1, 4, 1, 0, bias=False))
        self.layers = nn.Sequential(*layers)
        self.layers.apply(_dcgan_weights)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Judges masses: (N, 1, H, W), (N,) -> logits (N,)."""
        claimed = self.embedding(labels).view_as(images)
        return self.layers(torch.cat([images, claimed], dim=1)).flatten()


def _dcgan_weights(module: nn.Module) -> None:
    """Sets the initial weights of Radford et al. 2016, arXiv:1511.06434, section 4."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
