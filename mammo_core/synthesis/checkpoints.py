"""Generators on disk: half-precision weights as safetensors beside their card, see `cards`.

A generator is loaded only if its file is the very one that the card describes. Nothing is unpickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from mammo_core.errors import CheckpointError
from mammo_core.storage.atomic import write_bytes
from mammo_core.storage.tensors import read_sealed, tensors_from_safetensors
from mammo_core.synthesis.cards import GeneratorCard, load_card, write_card
from mammo_core.synthesis.sampling import build_generator


def save_generator(generator: nn.Module, card: GeneratorCard, path: Path) -> GeneratorCard:
    """Writes PATH.safetensors and PATH.json; returns the card with the hash of the weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = save(
        {
            name: tensor.half().contiguous().cpu() if tensor.is_floating_point() else tensor.cpu()
            for name, tensor in generator.state_dict().items()
        }
    )
    card = dataclasses.replace(card, sha256=hashlib.sha256(weights).hexdigest())
    write_bytes(path.with_suffix(".safetensors"), weights)
    write_card(card, path)
    return card


def load_generator(
    path: Path, device: torch.device | str = "cpu"
) -> tuple[nn.Module, GeneratorCard]:
    """Loads a generator in eval mode and its card.

    Raises:
        CheckpointError: If a file is missing, or the weights are not those of the card.
    """
    card = load_card(path)
    weights_file = path.with_suffix(".safetensors")
    content = read_sealed(weights_file, card.sha256, CheckpointError)
    weights = tensors_from_safetensors(content, str(weights_file), CheckpointError)
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
    broken = sorted(name for name, tensor in weights.items() if not tensor.isfinite().all())
    if broken:
        raise CheckpointError(
            f"Expected numbers in {weights_file}; got NaN or infinity in: {', '.join(broken[:5])}. "
            "The training diverged, or the file was tampered with."
        )
    generator = build_generator(card.config)
    generator.load_state_dict(
        {name: tensor.to(own[name].dtype) for name, tensor in weights.items()}
    )
    return generator.to(device).eval().requires_grad_(False), card
