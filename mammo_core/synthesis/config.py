"""Configures a generator and its training by frozen values that go into its card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mammo_core.config import validate

Architecture = Literal["cascade", "mcgan", "simulator"]
Mechanism = Literal["moments", "discriminator"]
MECHANISMS: tuple[Mechanism, ...] = ("moments", "discriminator")
Structure = Literal["flow", "normal"]
MAX_WIDTH, MAX_LATENT_DIM = 512, 8192  # beyond, a card is a mistake or meant to exhaust memory
TRAINED: tuple[Architecture, ...] = ("cascade", "mcgan")


@dataclass(frozen=True, kw_only=True)
class GanConfig:
    """One generator of square grey masses and its training.

    Attributes:
        architecture: "cascade" (ours), "mcgan" (the paper's conditional DCGAN) or "simulator", which learns nothing.
        image_size_px: A power of two, 16 or more; the paper's is 128.
        latent_dim: Length of a latent vector; of cascade the number of low frequencies as well, of simulator that of
            parameters.
        width: Channels at full size of cascade's detail network; ngf = ndf of mcgan, the paper's is 64.
        structure: Of cascade: "flow" is learned, "normal" is one mean and variance per class and frequency.
        structure_images: Masses after which cascade's structure stays fixed while the detail trains on.
        batch_size: Real masses in a step.
        generator_rate, discriminator_rate: Adam learning rates at the start.
        decay_images: Masses over which cascade's rates fall to a tenth.
        ema_half_life: Masses after which the averaged generator has forgotten half.
        seed: Of everything random in training.
    """

    architecture: Architecture = "cascade"
    image_size_px: int = 128
    latent_dim: int = 120
    width: int = 16
    structure: Structure = "flow"
    structure_images: int = 30_000
    batch_size: int = 32
    generator_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    ema_half_life: int = 1_000
    decay_images: int = 50_000
    seed: int = 0

    def __post_init__(self) -> None:
        validate.one_of(get_args(Architecture), architecture=self.architecture)
        validate.one_of([2**power for power in range(4, 11)], image_size_px=self.image_size_px)
        validate.one_of(get_args(Structure), structure=self.structure)
        validate.at_least(
            1,
            latent_dim=self.latent_dim,
            width=self.width,
            structure_images=self.structure_images,
            decay_images=self.decay_images,
        )
        validate.at_most(MAX_WIDTH, width=self.width)
        validate.at_most(MAX_LATENT_DIM, latent_dim=self.latent_dim)
        validate.at_least(2, batch_size=self.batch_size)
        validate.positive(
            generator_rate=self.generator_rate,
            discriminator_rate=self.discriminator_rate,
            ema_half_life=self.ema_half_life,
        )


# The paper's: Adam 1e-4 with beta1 0.5, batch 8, z = 100, ngf = ndf = 64 (arXiv:2407.12669)
DEFAULTS: dict[Architecture, GanConfig] = {
    "cascade": GanConfig(),
    "mcgan": GanConfig(
        architecture="mcgan",
        latent_dim=100,
        width=64,
        batch_size=8,
        generator_rate=1e-4,
        discriminator_rate=1e-4,
        ema_half_life=10_000,
    ),
}
