"""Draws masses and keeps them for all users and reruns: each mass is drawn once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import DEFAULT_GENERATOR, home_dir, models_dir

if TYPE_CHECKING:
    from torch import Tensor

    from mammo_core.generators.files import SyntheticMass
    from mammo_core.synthesis.cards import GeneratorCard
    from mammo_core.synthesis.latent.directions import Directions
    from mammo_core.synthesis.sampling import MassGenerator

NUM_PARAMETERS = 7  # of a simulator, that can be moved
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
        offsets: In standard deviations, one per row of `vectors`.
    """
    from mammo_core.synthesis.sampling import generate_masses, moved, origin_of_seed

    network = generator(name)
    origin = origin_of_seed(network, start.seed, truncation=start.truncation)
    there = moved(origin, vectors(name), offsets)
    return generate_masses(network, [start.label, start.twin.label], [there, there]).numpy()


@st.cache_data(max_entries=128, show_spinner=False)
def ends_of_directions(name: str, start: MassId) -> np.ndarray:
    """Draws a mass at both ends of each latent direction, the others left as they are: (K, 2, H, W) uint8."""
    from mammo_core.synthesis.latent.directions import REACH
    from mammo_core.synthesis.sampling import generate_masses, moved, origin_of_seed

    network = generator(name)
    origin = origin_of_seed(network, start.seed, truncation=start.truncation)
    ends = [
        moved(origin, vector[None], [offset])
        for vector in vectors(name)
        for offset in (-REACH, REACH)
    ]
    drawn = generate_masses(network, [start.label] * len(ends), ends).numpy()
    return drawn.reshape(-1, 2, *drawn.shape[1:])


def is_simulator(name: str) -> bool:
    """Checks whether a generator simulates masses, so that its latents are properties of a mass."""
    return cards()[name].config.architecture == "simulator"


def has_directions(name: str) -> bool:
    """Checks whether a generator draws from numbers enough to move a mass along directions."""
    from mammo_core.synthesis.latent.directions import NUM_PRINCIPAL

    return cards()[name].config.latent_dim >= NUM_PRINCIPAL


def vectors(name: str) -> Tensor:
    """Returns the steps of a latent that sliders make: (K, latent_dim); of a simulator, those of its first parameters."""
    from mammo_core.synthesis.simulator import MassSimulator

    network = generator(name)
    if isinstance(network, MassSimulator):
        return network.parameter_directions[:NUM_PARAMETERS]
    return directions(name).vectors


@st.cache_resource(max_entries=3, show_spinner="Finding the directions of this generator (once)")
def directions(name: str) -> Directions:
    """Loads the directions that came with a generator, or were found before; else finds them, which takes seconds."""
    from mammo_core.synthesis.latent.directions import (
        directions_file,
        find_directions,
        load_directions,
        save_directions,
    )

    sha256 = cards()[name].sha256
    kept = home_dir() / "directions" / f"{sha256[:16]}.safetensors"
    for path in (directions_file(models_dir() / name), kept):
        if (found := load_directions(path, sha256)) is not None:
            return found
    found = find_directions(generator(name))
    save_directions(found, kept, sha256)
    return found
