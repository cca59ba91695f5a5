"""Draws masses and keeps them for all users and reruns: each mass is drawn once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mammo_core.storage.atomic import write_bytes
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import DEFAULT_GENERATOR, home_dir, models_dir

if TYPE_CHECKING:
    from torch import Tensor

    from mammo_core.generators.files import SyntheticMass
    from mammo_core.synthesis.cards import GeneratorCard
    from mammo_core.synthesis.sampling import MassGenerator

NUM_DIRECTIONS = 6
NUM_STEPS = 9
_KEPT = 4096  # masses; 64 MB of 128 px ones
_MANY = 96  # masses; drawing so many takes more than a second
Progress = Callable[[int, int], None]


@st.cache_resource(show_spinner=False)
def cards() -> dict[str, GeneratorCard]:
    """Loads the cards of the installed generators, by name, the default first."""
    from mammo_core.synthesis.cards import find_generators, load_card

    names = sorted(find_generators(models_dir()), key=lambda name: name != DEFAULT_GENERATOR)
    return {name: load_card(models_dir() / name) for name in names}


@st.cache_resource(max_entries=3, show_spinner="Loading the generator")
def generator(name: str) -> MassGenerator:
    """Loads a generator in eval mode.

    Raises:
        CheckpointError: If it is damaged.
    """
    from mammo_core.synthesis.checkpoints import load_generator

    return load_generator(models_dir() / name)[0]


class _DrawnMasses:
    """Keeps the masses that were used last."""

    def __init__(self) -> None:
        self._masses: OrderedDict[tuple[str, MassId], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str, ids: Sequence[MassId]) -> dict[MassId, np.ndarray]:
        """Returns those that are kept."""
        with self._lock:
            found = {id: self._masses[name, id] for id in ids if (name, id) in self._masses}
            for id in found:
                self._masses.move_to_end((name, id))
        return found

    def put(self, name: str, masses: dict[MassId, np.ndarray]) -> None:
        """Adds masses and drops those that were not used for longest."""
        with self._lock:
            self._masses.update({(name, id): image for id, image in masses.items()})
            while len(self._masses) > _KEPT:
                self._masses.popitem(last=False)


@st.cache_resource(show_spinner=False)
def _drawn_masses() -> _DrawnMasses:
    return _DrawnMasses()


def draw(name: str, ids: Sequence[MassId], on_progress: Progress | None = None) -> list[np.ndarray]:
    """Draws masses (H, W) uint8 of a generator, except those that are kept."""
    memory = _drawn_masses()
    found = memory.get(name, ids)
    missing = [id for id in dict.fromkeys(ids) if id not in found]
    if missing:
        from mammo_core.synthesis.sampling import generate_masses, origin_of_seed

        network = generator(name)
        origins = [origin_of_seed(network, id.seed, truncation=id.truncation) for id in missing]
        labels = [id.label for id in missing]
        images = generate_masses(network, labels, origins, on_progress=on_progress).numpy()
        new = dict(zip(missing, images, strict=True))
        memory.put(name, new)
        found |= new
    return [found[id] for id in ids]


def draw_with_progress(name: str, ids: Sequence[MassId]) -> list[SyntheticMass]:
    """Draws like `draw`, with a progress bar when it takes a while."""
    from mammo_core.generators.files import SyntheticMass

    bar = st.progress(0.0, "Drawing masses") if len(ids) >= _MANY else None

    def on_progress(done: int, total: int) -> None:
        if bar:
            bar.progress(done / total, f"Drawing masses: {done} of {total}")

    images = draw(name, ids, on_progress)
    if bar:
        bar.empty()
    return [SyntheticMass(id, image) for id, image in zip(ids, images, strict=True)]


@st.cache_data(max_entries=128, show_spinner=False)
def on_the_way(name: str, start: MassId, goal_seed: int) -> np.ndarray:
    """Draws masses from one seed to another, both included: (NUM_STEPS, H, W) uint8."""
    from mammo_core.synthesis.sampling import between, generate_masses, origin_of_seed

    network = generator(name)
    first, second = (
        origin_of_seed(network, seed, truncation=start.truncation)
        for seed in (start.seed, goal_seed)
    )
    origins = between(first, second, NUM_STEPS)
    return generate_masses(network, [start.label] * NUM_STEPS, origins).numpy()


@st.cache_data(max_entries=512, show_spinner=False)
def moved_twins(name: str, start: MassId, offsets: tuple[float, ...]) -> np.ndarray:
    """Draws a mass and its twin after steps along the latent directions: (2, H, W) uint8.

    Args:
        offsets: In standard deviations, one per row of `directions`.
    """
    from mammo_core.synthesis.sampling import generate_masses, moved, origin_of_seed

    network = generator(name)
    origin = origin_of_seed(network, start.seed, truncation=start.truncation)
    there = moved(origin, directions(name), offsets)
    return generate_masses(network, [start.label, start.twin.label], [there, there]).numpy()


def is_simulator(name: str) -> bool:
    """Checks whether a generator simulates masses, so that its latents are properties of a mass."""
    return cards()[name].config.architecture == "simulator"


@st.cache_resource(max_entries=3, show_spinner="Finding the directions of this generator (once)")
def directions(name: str) -> Tensor:
    """Finds unit vectors: towards malignant masses, then those of strongest change: (1 + K, latent_dim).

    Of a simulator they are its first parameters. Finding those of others takes seconds, so they are kept on disk.
    """
    import torch
    from safetensors.torch import load_file

    from mammo_core.storage.tensors import safetensors_bytes

    if is_simulator(name):
        return torch.eye(generator(name).latent_dim)[: 1 + NUM_DIRECTIONS]
    kept = home_dir() / "directions" / f"{cards()[name].sha256[:16]}-{NUM_DIRECTIONS}.safetensors"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, safetensors_bytes({"directions": _find_directions(name)}))
    return load_file(kept)["directions"]


def _find_directions(name: str) -> Tensor:
    import torch

    from mammo_core.synthesis.sampling import class_direction, principal_directions

    network = generator(name)
    principal = principal_directions(network, NUM_DIRECTIONS)
    return torch.cat([class_direction(network)[None], principal])
