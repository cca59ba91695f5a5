"""Our conditional GAN: upsampling then convolution (no checkerboard), honest grain, a projection critic.

The generator turns latent and class into a style that scales every stage, and adds learned noise at every
resolution, so that film grain need not be squeezed out of the latent. The discriminator is spectrally
normalised and judges the class by projection.

Sources: Odena et al. 2016, Deconvolution and Checkerboard Artifacts; Karras et al. 2019, arXiv:1812.04948
(styles, noise); Miyato and Koyama 2018, arXiv:1802.05637 (projection); Miyato et al. 2018,
arXiv:1802.05957 (spectral normalisation).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.config import GanConfig

_FIRST_PX = 4
_MAX_CHANNELS = 16  # times width


def _channels(config: GanConfig) -> list[int]:
    """Channels from 4 px to full size: halved with every doubling of the side, down to width."""
    stages = int(math.log2(config.image_size_px // _FIRST_PX))
    return [config.width * min(_MAX_CHANNELS, 2 ** (stages - stage)) for stage in range(stages + 1)]


class _Stage(nn.Module):
    """Upsample, convolve, add grain, scale by the style."""

    def __init__(self, channels_in: int, channels_out: int, style_dim: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.grain = nn.Parameter(torch.zeros(1, channels_out, 1, 1))
        self.style = nn.Linear(style_dim, 2 * channels_out)
        nn.init.zeros_(self.style.weight)
        nn.init.zeros_(self.style.bias)

    def forward(self, maps: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """(N, C, H, W), (N, S), (N, 1, 2H, 2W) -> (N, C', 2H, 2W)."""
        maps = functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
        maps = functional.leaky_relu(self.convolution(maps) + self.grain * noise, 0.2)
        maps = maps * torch.rsqrt(maps.square().mean(dim=1, keepdim=True) + 1e-8)
        scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)  # (N, C', 1, 1) each
        return maps * (1 + scale) + shift


class ResGenerator(nn.Module):
    """Latent, class and grain to a mass."""

    def __init__(self, config: GanConfig) -> None:
        super().__init__()
        channels = _channels(config)
        style_dim = channels[0]
        self.image_size_px = config.image_size_px
        self.latent_dim = config.latent_dim
        self.embedding = nn.Embedding(len(CLASS_NAMES), config.latent_dim)
        self.mapping = nn.Sequential(
            nn.Linear(2 * config.latent_dim, style_dim),
            nn.LeakyReLU(0.2),
            nn.Linear(style_dim, style_dim),
            nn.LeakyReLU(0.2),
        )
        self.first = nn.Linear(style_dim, channels[0] * _FIRST_PX**2)
        self.stages = nn.ModuleList(
            _Stage(wide, narrow, style_dim) for wide, narrow in itertools.pairwise(channels)
        )
        self.to_grey = nn.Conv2d(channels[-1], 1, 3, padding=1)

    @property
    def noise_sizes_px(self) -> list[int]:
        """Side of the square noise that each stage takes, in order."""
        return [_FIRST_PX * 2 ** (stage + 1) for stage in range(len(self.stages))]

    def forward(self, latents: Tensor, labels: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Draws masses.

        Args:
            latents: (N, latent_dim) standard normal.
            labels: (N,) int64, BENIGN = 0 or MALIGNANT = 1.
            noise: One (N, 1, P, P) standard normal per stage, P as `noise_sizes_px`.

        Returns:
            (N, 1, H, W) in [-1, 1].
        """
        style = self.mapping(torch.cat([latents, self.embedding(labels)], dim=1))  # (N, S)
        maps = self.first(style).unflatten(1, (-1, _FIRST_PX, _FIRST_PX))  # (N, C, 4, 4)
        for stage, grain in zip(self.stages, noise, strict=True):
            maps = stage(maps, style, grain)
        return torch.tanh(self.to_grey(maps))


class ResDiscriminator(nn.Module):
    """A mass and its claimed class to one logit."""

    def __init__(self, config: GanConfig) -> None:
        super().__init__()
        channels = _channels(config)[::-1]
        layers: list[nn.Module] = [spectral_norm(nn.Conv2d(1, channels[0], 3, padding=1))]
        for narrow, wide in itertools.pairwise(channels):
            layers += [nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(narrow, wide, 4, 2, 1))]
        self.features = nn.Sequential(*layers, nn.LeakyReLU(0.2))
        self.output = spectral_norm(nn.Linear(channels[-1], 1))
        self.embedding = spectral_norm(nn.Embedding(len(CLASS_NAMES), channels[-1]))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """(N, 1, H, W), (N,) -> logits (N,)."""
        pooled = self.features(images).sum(dim=(2, 3)) / _FIRST_PX**2  # (N, C)
        return self.output(pooled).squeeze(1) + (self.embedding(labels) * pooled).sum(dim=1)
