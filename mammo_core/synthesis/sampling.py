"""Builds generators and samples masses from them: mass i depends on generator, class and seed only, never on its batch."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.labels import BENIGN, CLASS_NAMES, MALIGNANT
from mammo_core.synthesis.cascade import CascadeGenerator
from mammo_core.synthesis.config import Architecture, GanConfig
from mammo_core.synthesis.flow_gan.generator import FlowGanGenerator
from mammo_core.synthesis.mcgan import McganGenerator
from mammo_core.synthesis.simulator import MassSimulator

MassGenerator = FlowGanGenerator | CascadeGenerator | McganGenerator | MassSimulator
_GENERATORS: dict[Architecture, type[MassGenerator]] = {
    "flow_gan": FlowGanGenerator,
    "cascade": CascadeGenerator,
    "mcgan": McganGenerator,
    "simulator": MassSimulator,
}
Progress = Callable[[int, int], None]
_THREADS = threading.Lock()
_EXPLORED = 2048  # latents that principal directions are found from, in generators that draw fast
_EXPLORED_PER_WAVE = 8  # of others, where directions are sought among few waves


def build_generator(config: GanConfig) -> MassGenerator:
    """Builds the generator of a configuration, with initial weights from torch's global randomness."""
    return _GENERATORS[config.architecture](config)


@dataclass(frozen=True)
class Origin:
    """The random input of one mass.

    Attributes:
        latent: (1, latent_dim).
        noise: The grain of every convolution, each (1, 1, P, P).
    """

    latent: Tensor
    noise: list[Tensor]


def origin_of_seed(generator: MassGenerator, seed: int, *, truncation: float = 1.0) -> Origin:
    """Returns the origin that a seed stands for.

    Args:
        truncation: Factor of the latent, in (0, 1]: smaller is more typical and less varied.

    Raises:
        InvalidRequestError: If the seed is negative or truncation is out of range.
    """
    validate.at_least(0, seed=seed)
    if not 0 < truncation <= 1:
        raise InvalidRequestError(
            f"Expected 0 < truncation <= 1; got {truncation!r}. Use 1 for the whole variety."
        )
    rng = torch.Generator().manual_seed(seed)
    latent = torch.randn(1, generator.latent_dim, generator=rng)
    noise = [torch.randn(1, 1, px, px, generator=rng) for px in generator.noise_sizes_px]
    return Origin(truncation * latent, noise)


def generate_masses(
    generator: MassGenerator,
    labels: Sequence[int],
    origins: Sequence[Origin],
    *,
    on_progress: Progress | None = None,
) -> Tensor:
    """Generates one mass per label and origin.

    The network sees one mass at a time, so that on one machine a mass is the same to the bit whatever else
    is in the request. Processor cores work on different masses.

    Args:
        generator: In eval mode.
        labels: N times BENIGN or MALIGNANT.
        origins: N. The same origin in both classes makes twins.
        on_progress: Called with (masses done, masses to do).

    Returns:
        (N, H, W) uint8, on the CPU.

    Raises:
        InvalidRequestError: If lengths differ or a label is no class.
    """
    if len(labels) != len(origins):
        raise InvalidRequestError(
            f"Expected one origin per label; got {len(labels)} labels and {len(origins)} origins."
        )
    if not set(labels) <= set(CLASS_NAMES):
        raise InvalidRequestError(
            f"Expected labels of {sorted(CLASS_NAMES)}; got {sorted(set(labels))}."
        )
    side = generator.image_size_px
    masses = torch.empty(len(labels), side, side, dtype=torch.uint8)
    with _one_mass_per_core() as run_all:
        generated = run_all(partial(_generate_one, generator), labels, origins)
        for row, mass in enumerate(generated):
            masses[row] = mass
            if on_progress:
                on_progress(row + 1, len(labels))
    return masses


@torch.inference_mode()
def _generate_one(generator: MassGenerator, label: int, origin: Origin) -> Tensor:
    """Generates one mass (H, W) uint8, on the CPU."""
    device = _device(generator)
    image = generator(
        origin.latent.to(device),
        torch.tensor([label], device=device),
        [grain.to(device) for grain in origin.noise],
    )  # (1, 1, H, W)
    return to_uint8(image)[0].cpu()


def _device(generator: MassGenerator) -> torch.device:
    return next(itertools.chain(generator.parameters(), generator.buffers())).device


@contextmanager
def _one_mass_per_core() -> Iterator[Callable[..., Iterator[Tensor]]]:
    """Opens a `map` whose workers compute with one thread each: small networks gain nothing from more."""
    with _THREADS:  # torch's number of threads belongs to the whole process
        threads = torch.get_num_threads()
        pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)  # whoever stops half way does not wait for the rest
            torch.set_num_threads(threads)


def sample_masses(
    generator: MassGenerator,
    labels: Sequence[int],
    seeds: Sequence[int],
    *,
    truncation: float = 1.0,
    on_progress: Progress | None = None,
) -> Tensor:
    """Samples one mass per label and seed; arguments and errors as of `origin_of_seed` and `generate_masses`.

    Returns:
        (N, H, W) uint8, on the CPU.
    """
    origins = [origin_of_seed(generator, seed, truncation=truncation) for seed in seeds]
    return generate_masses(generator, labels, origins, on_progress=on_progress)


def between(first: Origin, second: Origin, steps: int) -> list[Origin]:
    """Interpolates from one origin to another, both included, with the first one's grain.

    The way is an arc: latents of a normal distribution lie near a sphere, and a straight line would pass
    through its untypical inside.

    Source: White 2016, Sampling Generative Networks, arXiv:1609.04468.
    """
    validate.at_least(2, steps=steps)
    cosine = torch.nn.functional.cosine_similarity(first.latent, second.latent).clamp(-1, 1)
    angle = torch.arccos(cosine)  # (1,)
    if angle < 1e-4:
        return [first] * steps
    shares = torch.linspace(0, 1, steps)
    return [
        Origin(
            (
                torch.sin((1 - share) * angle) * first.latent
                + torch.sin(share * angle) * second.latent
            )
            / torch.sin(angle),
            first.noise,
        )
        for share in shares
    ]


@torch.inference_mode()
def principal_directions(generator: MassGenerator, count: int) -> Tensor:
    """Finds the directions of the latent space along which the coarse structure of masses changes most.

    Returns:
        (count, latent_dim) unit vectors, the strongest change first.

    Raises:
        InvalidRequestError: If there are not so many.

    Source: Härkönen et al. 2020, GANSpace, arXiv:2004.02546.
    """
    validate.at_least(1, count=count)
    if count > generator.latent_dim:
        raise InvalidRequestError(
            f"Expected at most {generator.latent_dim} directions of this generator; got {count}."
        )
    latents, waves = _explored(generator)
    labels = torch.arange(len(latents), device=latents.device) % len(CLASS_NAMES)
    coarse = generator.coarse_structure(latents, labels)  # (N, F)
    coarse = coarse - coarse.mean(dim=0)
    scores = torch.linalg.svd(coarse, full_matrices=False).U[:, :count]  # (N, count)
    directions = torch.linalg.lstsq(latents @ waves.T, scores).solution.T @ waves
    return torch.nn.functional.normalize(directions, dim=1).cpu()  # (count, latent_dim)


def _explored(generator: MassGenerator) -> tuple[Tensor, Tensor]:
    """Returns latents (N, latent_dim) to explore, and orthonormal waves (W, latent_dim) to seek directions among."""
    rng = torch.Generator().manual_seed(0)
    device = _device(generator)
    if isinstance(generator, FlowGanGenerator):
        waves = generator.structure.slowest_waves()
        count = _EXPLORED_PER_WAVE * len(waves)
    else:
        waves, count = torch.eye(generator.latent_dim, device=device), _EXPLORED
    return torch.randn(count, generator.latent_dim, generator=rng).to(device), waves


@torch.inference_mode()
def class_direction(generator: MassGenerator) -> Tensor:
    """Finds the latent direction along which the coarse structure of either class becomes more malignant.

    Returns:
        (latent_dim,) unit vector: the mean difference of twins, carried back to latents linearly.
    """
    latents, waves = _explored(generator)
    benign, malignant = (
        generator.coarse_structure(
            latents, torch.full((len(latents),), label, device=latents.device)
        )
        for label in (BENIGN, MALIGNANT)
    )
    if isinstance(generator, FlowGanGenerator):
        # a small image has about the waves of its latent: more of one is more of the other
        towards = (malignant - benign).mean(dim=0) @ waves.T @ waves
        return torch.nn.functional.normalize(towards, dim=0).cpu()
    centred = benign - benign.mean(dim=0)
    back = torch.linalg.lstsq(centred, latents).solution  # (F, latent_dim)
    return torch.nn.functional.normalize((malignant - benign).mean(dim=0) @ back, dim=0).cpu()


def along(origin: Origin, direction: Tensor, reach: float, steps: int) -> list[Origin]:
    """Moves an origin from -reach to +reach standard deviations along a direction (latent_dim,)."""
    validate.at_least(2, steps=steps)
    component = origin.latent @ direction  # (1,)
    base = origin.latent - component * direction
    return [
        Origin(base + offset * direction, origin.noise)
        for offset in torch.linspace(-reach, reach, steps)
    ]


def moved(origin: Origin, directions: Tensor, offsets: Sequence[float]) -> Origin:
    """Moves an origin along each of several directions, with the same grain.

    Args:
        directions: (K, latent_dim) unit vectors.
        offsets: K steps in standard deviations of the latent.

    Raises:
        InvalidRequestError: If there is not one finite offset per direction.
    """
    if len(offsets) != len(directions):
        raise InvalidRequestError(
            f"Expected one offset per direction; got {len(offsets)} offsets and "
            f"{len(directions)} directions."
        )
    steps = torch.tensor(offsets, dtype=origin.latent.dtype)  # (K,)
    if not steps.isfinite().all():
        raise InvalidRequestError(f"Expected finite offsets; got {list(offsets)}. Use numbers.")
    return Origin(origin.latent + steps @ directions, origin.noise)


def to_uint8(images: Tensor) -> Tensor:
    """Converts (N, 1, H, W) in [-1, 1] to (N, H, W) uint8, 0 to 255."""
    return ((images[:, 0].float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def from_uint8(images: Tensor) -> Tensor:
    """Converts (N, H, W) uint8 to (N, 1, H, W) float32 in [-1, 1]."""
    return images[:, None].float() / 127.5 - 1
