"""Draws masses from a generator: image i depends on generator, class and seed only, never on its batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mammo_core.errors import InvalidRequestError
from mammo_core.labels import CLASS_NAMES

Progress = Callable[[int, int], None]


@torch.inference_mode()
def sample_masses(
    generator: nn.Module,
    labels: Sequence[int],
    seeds: Sequence[int],
    *,
    truncation: float = 1.0,
    on_progress: Progress | None = None,
) -> Tensor:
    """Draws one mass per label and seed.

    The network sees one mass at a time, so that on one machine a mass is the same to the bit whatever is
    drawn beside it.

    Args:
        generator: In eval mode.
        labels: N times BENIGN or MALIGNANT.
        seeds: N non-negative ints.
        truncation: Factor of the latents, in (0, 1]: smaller is more typical and less varied.
        on_progress: Called with (masses done, masses to do).

    Returns:
        (N, H, W) uint8, on the CPU.

    Raises:
        InvalidRequestError: If lengths differ, a label is no class, a seed is negative or truncation is
            out of range.
    """
    if len(labels) != len(seeds):
        raise InvalidRequestError(
            f"Expected one seed per label; got {len(labels)} labels and {len(seeds)} seeds."
        )
    if not set(labels) <= set(CLASS_NAMES) or min(seeds, default=0) < 0:
        raise InvalidRequestError(
            f"Expected labels of {sorted(CLASS_NAMES)} and seeds of 0 or more; got labels "
            f"{sorted(set(labels))} and a smallest seed of {min(seeds)}."
        )
    if not 0 < truncation <= 1:
        raise InvalidRequestError(
            f"Expected 0 < truncation <= 1; got {truncation!r}. Use 1 for the whole variety."
        )
    device = next(generator.parameters()).device
    side = generator.image_size_px
    masses = torch.empty(len(labels), side, side, dtype=torch.uint8)
    for row, (label, seed) in enumerate(zip(labels, seeds, strict=True)):
        latent, noise = inputs_of_seed(generator, seed)
        image = generator(
            truncation * latent.to(device),
            torch.tensor([label], device=device),
            [grain.to(device) for grain in noise],
        )  # (1, 1, H, W)
        masses[row] = to_uint8(image)[0].cpu()
        if on_progress:
            on_progress(row + 1, len(labels))
    return masses


def inputs_of_seed(generator: nn.Module, seed: int) -> tuple[Tensor, list[Tensor]]:
    """The latent (1, latent_dim) and the grain of every stage, each (1, 1, P, P), of one seed."""
    rng = torch.Generator().manual_seed(seed)
    latent = torch.randn(1, generator.latent_dim, generator=rng)
    return latent, [torch.randn(1, 1, px, px, generator=rng) for px in generator.noise_sizes_px]


def to_uint8(images: Tensor) -> Tensor:
    """(N, 1, H, W) in [-1, 1] to (N, H, W) uint8, 0 to 255."""
    return ((images[:, 0].float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def from_uint8(images: Tensor) -> Tensor:
    """(N, H, W) uint8 to (N, 1, H, W) float32 in [-1, 1]."""
    return images[:, None].float() / 127.5 - 1
