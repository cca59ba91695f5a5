"""Builds the generator of a configuration."""

from torch import nn

from mammo_core.synthesis.cascade import CascadeGenerator
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.mcgan import McganGenerator

_GENERATORS = {"cascade": CascadeGenerator, "mcgan": McganGenerator}


def build_generator(config: GanConfig) -> nn.Module:
    """The generator, with initial weights from torch's global randomness."""
    return _GENERATORS[config.architecture](config)
