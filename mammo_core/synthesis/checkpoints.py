"""Generators on disk: half-precision weights as safetensors beside their card, see `cards`.

A generator is loaded only if its file is the very one that the card describes. Nothing is unpickled.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import nn

from mammo_core.errors import CheckpointError
from mammo_core.storage.tensors import read_sealed, require_finite, write_sealed
from mammo_core.synthesis.cards import GeneratorCard, card_values, load_card
from mammo_core.synthesis.sampling import MassGenerator, build_generator


def save_generator(generator: nn.Module, card: GeneratorCard, path: Path) -> GeneratorCard:
    """Writes PATH.safetensors and PATH.json; returns the card with the hash of the weights."""
    weights = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in generator.state_dict().items()
    }
    values = card_values(card)
    sha256 = write_sealed(
        path.with_suffix(".safetensors"),
        weights,
        path.with_suffix(".json"),
        values,
    )
    return dataclasses.replace(card, members=values["members"], sha256=sha256)


def load_generator(path: Path) -> tuple[MassGenerator, GeneratorCard]:
    """Loads a generator in eval mode and its card.

    Raises:
        CheckpointError: If a file is missing, or the weights are not those of the card.
    """
    card = load_card(path)
    weights_file = path.with_suffix(".safetensors")
    weights = read_sealed(weights_file, card.sha256)
    with torch.device("meta"):  # a card may ask for more memory than there is: shapes come first
        own = build_generator(card.config).state_dict()
    wrong = sorted(
        name
        for name in own.keys() | weights.keys()
        if name not in own or name not in weights or own[name].shape != weights[name].shape
    )
    if wrong:
        raise CheckpointError(
            f"Expected {weights_file} to fit the {card.config.architecture} of its card; these "
            f"tensors do not: {', '.join(wrong[:5])}. Card and weights do not belong together."
        )
    require_finite(weights, str(weights_file))
    generator = build_generator(card.config)
    generator.load_state_dict(
        {name: tensor.to(own[name].dtype) for name, tensor in weights.items()}
    )
    return generator.eval().requires_grad_(False), card
