"""Finds latent directions along which masses change most, and names each by what it changes, as measured.

Finding takes seconds, so the directions of a generator are kept in a file beside it or elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mammo_core.errors import CheckpointError
from mammo_core.evaluation.appearance import APPEARANCES, Appearance, appearance
from mammo_core.labels import CLASS_NAMES
from mammo_core.storage.atomic import write_bytes
from mammo_core.storage.tensors import safetensors_bytes, tensors_of_format
from mammo_core.synthesis.sampling import (
    MassGenerator,
    class_direction,
    generate_masses,
    moved,
    origin_of_seed,
    principal_directions,
)

NUM_PRINCIPAL = 6
REACH = 3.0  # standard deviations of the latent, to either end
_NUM_SEEDS = 16
_NOTICED = 0.5  # a smaller change is none
_FORMAT = "mammo-directions-1"


@dataclass(frozen=True)
class Directions:
    """Directions of one generator: towards malignant, then those of strongest change.

    Attributes:
        vectors: (K, latent_dim) unit vectors.
        changes: (K, M), by how much each of APPEARANCES is more at +REACH than at -REACH, in standard deviations of how
            masses differ.
    """

    vectors: Tensor
    changes: Tensor

    def named(self, index: int) -> Appearance | None:
        """Returns what a direction changes most; None if it changes nothing that is measured."""
        strongest = int(self.changes[index].abs().argmax())
        return APPEARANCES[strongest] if abs(self.changes[index, strongest]) >= _NOTICED else None


def find_directions(generator: MassGenerator) -> Directions:
    """Finds and measures the directions of a generator; further along a principal one is more of what names it.

    Raises:
        InvalidRequestError: If its latent is shorter than NUM_PRINCIPAL.
    """
    principal = principal_directions(generator, NUM_PRINCIPAL)
    vectors = torch.cat([class_direction(generator)[None], principal])
    changes = measured_changes(generator, vectors)
    strongest = changes.gather(1, changes.abs().argmax(dim=1, keepdim=True))  # (K, 1)
    signs = torch.where(strongest < 0, -1.0, 1.0)
    signs[0] = 1.0  # towards malignant, whatever that changes
    return Directions(signs * vectors, signs * changes)


def measured_changes(generator: MassGenerator, vectors: Tensor) -> Tensor:
    """Draws masses at both ends of directions (K, latent_dim), and measures by how much they differ: (K, M).

    In standard deviations of masses that were not moved.
    """
    origins = [origin_of_seed(generator, seed) for seed in range(_NUM_SEEDS)]
    labels = [seed % len(CLASS_NAMES) for seed in range(_NUM_SEEDS)]

    def measured(vector: Tensor, offset: float) -> Tensor:
        there = [moved(origin, vector[None], [offset]) for origin in origins]
        return torch.from_numpy(appearance(generate_masses(generator, labels, there).numpy()))

    spread = measured(vectors[0], 0.0).std(dim=0).clamp(min=1e-9)  # (M,)
    ends = [measured(vector, REACH) - measured(vector, -REACH) for vector in vectors]
    return (torch.stack(ends).mean(dim=1) / spread).float()


def directions_file(generator: Path) -> Path:
    """Returns where the directions of a generator lie that come with it."""
    return generator.with_name(f"{generator.name}.directions.safetensors")


def save_directions(directions: Directions, path: Path, generator_sha256: str) -> None:
    """Writes directions, with the generator that they are of."""
    tensors = {"vectors": directions.vectors, "changes": directions.changes}
    facts = {"format": _FORMAT, "generator": generator_sha256}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, safetensors_bytes(tensors, facts))


def load_directions(path: Path, generator_sha256: str) -> Directions | None:
    """Reads directions; None if there is no such file, or one of another generator or version."""
    try:
        tensors, facts = tensors_of_format(path.read_bytes(), str(path), _FORMAT)
        if facts["generator"] != generator_sha256:
            return None
        found = Directions(tensors["vectors"], tensors["changes"])
    except (OSError, CheckpointError, KeyError):
        return None
    return found if found.changes.shape == (1 + NUM_PRINCIPAL, len(APPEARANCES)) else None
