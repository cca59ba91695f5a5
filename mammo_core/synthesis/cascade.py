"""Generates masses in two stages: coarse structure first, then a conditional GAN that adds the detail.

The structure, a hundred low frequencies, comes from a small model that cannot collapse (`structure`). The
detail network sees it at quarter size and adds everything finer, film grain included; what it adds is
stripped of low frequencies, so the structure stays as it was sampled. Upsampling follows a convolution, so
there is no checkerboard.

Sources: Denton et al. 2015, arXiv:1506.05751 (adversarial detail on a coarser image); Odena et al. 2016,
Deconvolution and Checkerboard Artifacts; Karras et al. 2019, arXiv:1812.04948 (learned noise).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.config import GanConfig, Structure
from mammo_core.synthesis.low_frequencies import LowFrequencies
from mammo_core.synthesis.structure import FlowStructure, NormalStructure

_STRUCTURES: dict[Structure, type[FlowStructure] | type[NormalStructure]] = {
    "flow": FlowStructure,
    "normal": NormalStructure,
}
_DETAIL_GAIN = 0.2  # initial size of the detail, about that of real masses
_COARSE_BLOCKS, _MIDDLE_BLOCKS, _FINE_BLOCKS = 3, 2, 1


class CascadeGenerator(nn.Module):
    """Latent, class and grain to a mass."""

    def __init__(self, config: GanConfig) -> None:
        super().__init__()
        self.image_size_px = config.image_size_px
        self.latent_dim = config.latent_dim
        self.low_frequencies = LowFrequencies(config.image_size_px, config.latent_dim)
        self.structure = _STRUCTURES[config.structure](config.latent_dim)
        self.detail = DetailNetwork(config.image_size_px, config.width)

    @property
    def noise_sizes_px(self) -> list[int]:
        """Side of the square noise that each convolution of the detail network takes, in order."""
        return self.detail.noise_sizes_px

    def forward(self, latents: Tensor, labels: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Generates masses.

        Args:
            latents: (N, latent_dim) standard normal.
            labels: (N,) int64, BENIGN = 0 or MALIGNANT = 1.
            noise: One (N, 1, P, P) standard normal per convolution, P as `noise_sizes_px`.

        Returns:
            (N, 1, H, W) in [-1, 1].
        """
        return self.add_detail(self.structure(latents, labels), labels, noise).clamp(-1, 1)

    def coarse_structure(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Computes the coarse structure of masses: (N, latent_dim), (N,) -> (N, F)."""
        return self.structure(latents, labels)

    def analyse(self, images: Tensor) -> Tensor:
        """Computes what the structure models of masses: (N, 1, H, W) -> (N, latent_dim)."""
        return self.low_frequencies.analyse(images)

    def add_detail(self, coefficients: Tensor, labels: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Adds detail to structure, real or synthetic: (N, K), (N,), noise -> (N, 1, H, W), not clamped."""
        smooth = self.low_frequencies.reconstruct(coefficients)
        detail = self.detail(functional.avg_pool2d(smooth, 4), labels, noise)
        return smooth + self.low_frequencies.remove(detail)


class DetailNetwork(nn.Module):
    """From the structure at quarter size to the detail at full size."""

    def __init__(self, image_size_px: int, width: int) -> None:
        super().__init__()
        coarse, middle, fine = 4 * width, 2 * width, width
        quarter, half = image_size_px // 4, image_size_px // 2
        plan = [
            [(quarter, 1, coarse)] + [(quarter, coarse, coarse)] * _COARSE_BLOCKS,
            [(half, coarse, middle)] + [(half, middle, middle)] * _MIDDLE_BLOCKS,
            [(image_size_px, middle, fine)] + [(image_size_px, fine, fine)] * _FINE_BLOCKS,
        ]
        self.noise_sizes_px = [px for stage in plan for px, _, _ in stage]
        self.blocks = nn.ModuleList(
            _GrainyBlock(channels_in, channels_out, first=index == 0, enlarge=px > quarter)
            for stage in plan
            for index, (px, channels_in, channels_out) in enumerate(stage)
        )
        self.to_grey = nn.Conv2d(fine, 1, 3, padding=1, padding_mode="replicate")

    def forward(self, coarse: Tensor, labels: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Computes detail: (N, 1, H/4, W/4), (N,), noise -> (N, 1, H, W)."""
        maps = coarse.contiguous(memory_format=torch.channels_last)
        for block, grain in zip(self.blocks, noise, strict=True):
            maps = block(maps, labels, grain)
        return _DETAIL_GAIN * self.to_grey(maps).float()


class _GrainyBlock(nn.Module):
    """Convolves and adds learned grain.

    The first of a stage adds the class, too, and enlarges where asked; the others are residual.
    """

    def __init__(self, channels_in: int, channels_out: int, *, first: bool, enlarge: bool) -> None:
        super().__init__()
        # zeros beyond the border would leave a frame
        self.convolution = nn.Conv2d(
            channels_in, channels_out, 3, padding=1, padding_mode="replicate"
        )
        self.grain = nn.Parameter(torch.full((1, channels_out, 1, 1), 0.1))
        self.embedding = nn.Embedding(len(CLASS_NAMES), channels_out) if first else None
        self.enlarge = first and enlarge
        if self.embedding is not None:
            nn.init.zeros_(self.embedding.weight)

    def forward(self, maps: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        changed = self.convolution(maps)
        # under mixed precision stay in bfloat16: memory is what these maps cost
        kind = changed.dtype
        if self.embedding is not None:
            changed = changed + self.embedding(labels)[:, :, None, None].to(kind)
        if self.enlarge:
            changed = functional.interpolate(
                changed, scale_factor=2, mode="bilinear", align_corners=False
            )
        changed = torch.addcmul(changed, self.grain.to(kind), noise.to(kind))
        changed = functional.leaky_relu(changed, 0.2)
        return changed if self.embedding is not None else maps + changed
