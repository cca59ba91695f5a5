"""Configures a generator and its training by frozen values that go into its card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mammo_core.config import validate
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import InvalidRequestError

Architecture = Literal["cascade", "flow_gan", "mcgan", "simulator"]
Mechanism = Literal["moments", "discriminator", "evolution"]
MECHANISMS: tuple[Mechanism, ...] = ("moments", "discriminator", "evolution")
Structure = Literal["flow", "normal"]
MAX_WIDTH, MAX_LATENT_DIM = 512, 8192  # beyond, a card is a mistake or meant to exhaust memory
TRAINED: tuple[Architecture, ...] = ("cascade", "flow_gan", "mcgan", "simulator")


@dataclass(frozen=True, kw_only=True)
class GanConfig:
    """One generator of square grey masses and its training.

    Attributes:
        architecture: "cascade" or "flow_gan" (ours), "mcgan" (the paper's conditional DCGAN) or "simulator", which
            learns nothing without differential privacy.
        image_size_px: A power of two, 16 or more; the paper's is 128.
        latent_dim: Length of a latent vector; of flow_gan the pixels of a small image, of cascade the number of low
            frequencies, of simulator that of parameters.
        width: Channels of the detail network, at half size of flow_gan and at full size of cascade; ngf = ndf of mcgan,
            the paper's is 64.
        structure: Of cascade: "flow" is learned, "normal" is one mean and variance per class and frequency.
        structure_images: Masses after which the structure stays fixed while the detail trains on.
        batch_size: Real masses in a step.
        generator_rate, discriminator_rate: Adam learning rates at the start.
        decay_images: Masses over which the rates of the detail fall to a tenth.
        ema_half_life: Masses after which the averaged generator has forgotten half.
        guidance: Of flow_gan, how far a mass is pushed away from the other class; 0 draws what was learned.
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
    guidance: float = 0.0
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
        validate.at_least(0, guidance=self.guidance)
        if self.guidance and self.architecture != "flow_gan":
            raise InvalidRequestError(
                f"Expected guidance for flow_gan only; got {self.guidance:g} for {self.architecture}. Leave it out."
            )
        validate.at_most(MAX_WIDTH, width=self.width)
        validate.at_most(MAX_LATENT_DIM, latent_dim=self.latent_dim)
        validate.at_least(2, batch_size=self.batch_size)
        validate.positive(
            generator_rate=self.generator_rate,
            discriminator_rate=self.discriminator_rate,
            ema_half_life=self.ema_half_life,
        )


def teachers(architecture: Architecture, backbone: BackboneConfig) -> tuple[BackboneConfig, ...]:
    """Returns the public networks whose features train a generator: the given one first."""
    if architecture == "flow_gan":
        return backbone, BackboneConfig(name="tf_efficientnet_lite1")
    return () if architecture == "mcgan" else (backbone,)


# The paper's: Adam 1e-4 with beta1 0.5, batch 8, z = 100, ngf = ndf = 64 (arXiv:2407.12669)
DEFAULTS: dict[Architecture, GanConfig] = {
    "flow_gan": GanConfig(
        architecture="flow_gan",
        latent_dim=1024,
        width=32,
        batch_size=16,
        structure_images=38_000,
        decay_images=48_000,
        guidance=1.0,
        ema_half_life=4_000,
    ),
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
    "simulator": GanConfig(architecture="simulator", latent_dim=22),  # as many as it has parameters
}


def mechanism_of(architecture: Architecture) -> Mechanism:
    """Chooses how an architecture is trained with differential privacy unless another way is asked for."""
    return "evolution" if architecture == "simulator" else "moments"
