"""What a generator is and how it is trained, as frozen values that go into its card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mammo_core import validate

Architecture = Literal["resgan", "mcgan"]
ARCHITECTURES: tuple[Architecture, ...] = ("resgan", "mcgan")


@dataclass(frozen=True, kw_only=True)
class GanConfig:
    """One conditional GAN of square grey masses and its training.

    Attributes:
        architecture: "resgan" (ours) or "mcgan" (the paper's conditional DCGAN).
        image_size_px: A power of two, 16 or more; the paper's is 128.
        latent_dim: Length of a latent vector.
        width: Channels at 128 px of resgan's generator, and ngf = ndf of mcgan; the paper's is 64.
        batch_size: Real masses in a step.
        generator_rate, discriminator_rate: Adam learning rates.
        ema_half_life: Masses after which the averaged generator has forgotten half.
        seed: Of everything random in training.
    """

    architecture: Architecture = "resgan"
    image_size_px: int = 128
    latent_dim: int = 128
    width: int = 16
    batch_size: int = 32
    generator_rate: float = 2e-4
    discriminator_rate: float = 4e-4
    ema_half_life: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        validate.one_of(ARCHITECTURES, architecture=self.architecture)
        validate.one_of([2**power for power in range(4, 11)], image_size_px=self.image_size_px)
        validate.at_least(1, latent_dim=self.latent_dim, width=self.width)
        validate.at_least(2, batch_size=self.batch_size)
        validate.positive(
            generator_rate=self.generator_rate,
            discriminator_rate=self.discriminator_rate,
            ema_half_life=self.ema_half_life,
        )


# The paper's: Adam 1e-4 with beta1 0.5, batch 8, z = 100, ngf = ndf = 64 (arXiv:2407.12669)
DEFAULTS: dict[Architecture, GanConfig] = {
    "resgan": GanConfig(),
    "mcgan": GanConfig(
        architecture="mcgan",
        latent_dim=100,
        width=64,
        batch_size=8,
        generator_rate=1e-4,
        discriminator_rate=1e-4,
    ),
}
