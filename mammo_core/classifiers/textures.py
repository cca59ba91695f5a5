"""Computes images that depict nobody: blobs in cloudy textures, nothing of them learned.

What features of masses vary in most can be told from these almost as well as from masses, so a projection
learned from them costs no privacy at all. No parameter was fitted to a mammogram; that tissue's spectrum
falls with about the third power of frequency is from Burgess, Jacobson and Judy, "Human observer detection
experiments with mammograms and power-law noise", Medical Physics 28 (2001), 419-437.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

SIDE_PX = 128
_COUNT, _SEED = 256, 0
_HARMONICS = np.arange(2, 12)  # of a blob's outline


@lru_cache(maxsize=1)
def texture_images() -> np.ndarray:
    """Computes textures, the same every time: (256, 128, 128) uint8, read-only."""
    rng = np.random.default_rng(_SEED)
    images = np.stack([_texture(rng) for _ in range(_COUNT)])
    images.setflags(write=False)
    return images


def _texture(rng: np.random.Generator) -> np.ndarray:
    tissue = _power_law_noise(rng, exponent=rng.uniform(2, 3.6)) * rng.uniform(0.5, 1.2)
    inside = 1 + 0.3 * _power_law_noise(rng, exponent=2.5)
    grain = rng.uniform(0, 0.2) * _power_law_noise(rng, exponent=1)
    grey = tissue + rng.uniform(0.5, 3) * _blob(rng) * inside + grain
    dark, bright = np.quantile(grey, [rng.uniform(0, 0.02), rng.uniform(0.97, 1)])
    window = np.clip((grey - dark) / (bright - dark), 0, 1)
    return (255 * window ** rng.uniform(0.7, 1.6)).astype(np.uint8)


def _power_law_noise(rng: np.random.Generator, exponent: float) -> np.ndarray:
    """Samples Gaussian noise whose power falls with frequency to this exponent: (128, 128), deviation 1."""
    squared = np.fft.fftfreq(SIDE_PX)[:, None] ** 2 + np.fft.rfftfreq(SIDE_PX)[None] ** 2
    squared[0, 0] = np.inf  # no offset
    phases = rng.standard_normal(squared.shape) + 1j * rng.standard_normal(squared.shape)
    noise = np.fft.irfft2(phases * squared ** (-exponent / 4), s=(SIDE_PX, SIDE_PX))
    return noise / noise.std()


def _blob(rng: np.random.Generator) -> np.ndarray:
    """Computes a turned ellipse with a lobed, rough, more or less sharp rim: (128, 128) in [0, 1]."""
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX - 0.5
    down, right = rng.uniform(-0.1, 0.1, 2)
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(0.6, 1.6)
    along = (columns - right) * np.cos(turn) + (rows - down) * np.sin(turn)
    across = (rows - down) * np.cos(turn) - (columns - right) * np.sin(turn)
    distance = np.hypot(along * stretch, across / stretch)
    angle = np.arctan2(across, along)

    heights = rng.normal(size=len(_HARMONICS)) / _HARMONICS ** rng.uniform(0.5, 1.5)
    starts = rng.uniform(0, 2 * np.pi, len(_HARMONICS))
    lobes = (heights * np.cos(_HARMONICS * angle[..., None] + starts)).sum(axis=-1)
    roughness = rng.uniform(0, 0.04) * _power_law_noise(rng, exponent=rng.uniform(1, 3))
    rim = rng.uniform(0.1, 0.35) * (1 + rng.uniform(0, 0.14) * lobes) + roughness
    return 1 / (1 + np.exp((distance - rim) / rng.uniform(0.008, 0.08)))
