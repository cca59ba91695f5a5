"""Generates masses in two stages: a small image by flow matching, then its detail by a conditional GAN.

Either class can be pushed away from the other one (`guidance`): its signs become plainer, and masses less varied.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from mammo_core.errors import InvalidRequestError
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.flow_gan.detail import DetailNetwork
from mammo_core.synthesis.flow_gan.small_image_flow import SmallImageFlow

_SKETCH_STEPS = 3


class FlowGanGenerator(nn.Module):
    """Latent, class and grain to a mass.

    Attributes:
        guidance: How far the flow is pushed away from the other class, 0 or more.

    Raises:
        InvalidRequestError: If the latent is not as long as a small image has pixels.
    """

    def __init__(self, config: GanConfig) -> None:
        super().__init__()
        pixels = (config.image_size_px // 4) ** 2
        if config.latent_dim != pixels:
            raise InvalidRequestError(
                f"Expected latent_dim {pixels}, the pixels of a small image of {config.image_size_px} px masses; "
                f"got {config.latent_dim}."
            )
        self.image_size_px = config.image_size_px
        self.latent_dim = config.latent_dim
        self.guidance = config.guidance
        self.structure = SmallImageFlow(config.image_size_px // 4)
        self.detail = DetailNetwork(config.image_size_px, config.width)

    @property
    def noise_sizes_px(self) -> list[int]:
        """Side of each square noise of the detail network, in order."""
        return self.detail.noise_sizes_px

    def forward(self, latents: Tensor, labels: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Generates masses.

        Args:
            latents: (N, latent_dim) standard normal.
            labels: (N,) int64, BENIGN = 0 or MALIGNANT = 1.
            noise: (N, 1, P, P) standard normal each, P as `noise_sizes_px`.

        Returns:
            (N, 1, H, W) in [-1, 1].
        """
        small = self.structure(latents, labels, self.guidance)
        return self.detail(small, labels, noise).clamp(-1, 1)

    def coarse_structure(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Sketches small images without guidance, whitened: (N, latent_dim), (N,) -> (N, latent_dim)."""
        return self.structure.whiten(self.structure(latents, labels, steps=_SKETCH_STEPS)).flatten(
            1
        )

    def analyse(self, images: Tensor) -> Tensor:
        """Computes what the flow sees of masses, small and whitened: (N, 1, H, W) -> (N, latent_dim)."""
        return self.structure.whiten(small_image(images)).flatten(1)


def small_image(images: Tensor) -> Tensor:
    """Shrinks masses fourfold by area: (N, 1, H, W) -> (N, 1, H / 4, W / 4)."""
    return functional.avg_pool2d(images, 4)
