"""Builds the two networks of a configuration."""

from torch import nn

from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.mcgan import McganDiscriminator, McganGenerator
from mammo_core.synthesis.resgan import ResDiscriminator, ResGenerator

_GENERATORS = {"resgan": ResGenerator, "mcgan": McganGenerator}
_DISCRIMINATORS = {"resgan": ResDiscriminator, "mcgan": McganDiscriminator}


def build_generator(config: GanConfig) -> nn.Module:
    """The generator, with initial weights from torch's global randomness."""
    return _GENERATORS[config.architecture](config)


def build_discriminator(config: GanConfig) -> nn.Module:
    """The discriminator, with initial weights from torch's global randomness."""
    return _DISCRIMINATORS[config.architecture](config)
