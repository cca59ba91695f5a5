"""Pictures that are computed, not learned: blobs in cloudy textures, of nobody.

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
    draw = np.random.default_rng(_SEED)
    images = np.stack([_picture(draw) for _ in range(_COUNT)])
    images.setflags(write=False)
    return images


def _picture(draw: np.random.Generator) -> np.ndarray:
    tissue = _power_law_noise(draw, exponent=draw.uniform(2, 3.6)) * draw.uniform(0.5, 1.2)
    inside = 1 + 0.3 * _power_law_noise(draw, exponent=2.5)
    grain = draw.uniform(0, 0.2) * _power_law_noise(draw, exponent=1)
    grey = tissue + draw.uniform(0.5, 3) * _blob(draw) * inside + grain
    dark, bright = np.quantile(grey, [draw.uniform(0, 0.02), draw.uniform(0.97, 1)])
    window = np.clip((grey - dark) / (bright - dark), 0, 1)
    return (255 * window ** draw.uniform(0.7, 1.6)).astype(np.uint8)


def _power_law_noise(draw: np.random.Generator, exponent: float) -> np.ndarray:
    """Samples Gaussian noise whose power falls with frequency to this exponent: (128, 128), deviation 1."""
    squared = np.fft.fftfreq(SIDE_PX)[:, None] ** 2 + np.fft.rfftfreq(SIDE_PX)[None] ** 2
    squared[0, 0] = np.inf  # no offset
    phases = draw.standard_normal(squared.shape) + 1j * draw.standard_normal(squared.shape)
    noise = np.fft.irfft2(phases * squared ** (-exponent / 4), s=(SIDE_PX, SIDE_PX))
    return noise / noise.std()


def _blob(draw: np.random.Generator) -> np.ndarray:
    """Computes a turned ellipse with a lobed, rough, more or less sharp rim: (128, 128) in [0, 1]."""
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX - 0.5
    down, right = draw.uniform(-0.1, 0.1, 2)
    turn, stretch = draw.uniform(0, np.pi), draw.uniform(0.6, 1.6)
    along = (columns - right) * np.cos(turn) + (rows - down) * np.sin(turn)
    across = (rows - down) * np.cos(turn) - (columns - right) * np.sin(turn)
    distance = np.hypot(along * stretch, across / stretch)
    angle = np.arctan2(across, along)

    heights = draw.normal(size=len(_HARMONICS)) / _HARMONICS ** draw.uniform(0.5, 1.5)
    starts = draw.uniform(0, 2 * np.pi, len(_HARMONICS))
    lobes = (heights * np.cos(_HARMONICS * angle[..., None] + starts)).sum(axis=-1)
    roughness = draw.uniform(0, 0.04) * _power_law_noise(draw, exponent=draw.uniform(1, 3))
    rim = draw.uniform(0.1, 0.35) * (1 + draw.uniform(0, 0.14) * lobes) + roughness
    return 1 / (1 + np.exp((distance - rim) / draw.uniform(0.008, 0.08)))
