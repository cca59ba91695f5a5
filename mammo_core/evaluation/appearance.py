"""Measures what a viewer sees first of a mass: brightness, size, sharpness and density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

# lengths over the picture's side
_SMOOTHED = 1 / 16
_MIDDLE, _BORDER, _RING = 0.1, 0.42, 0.04
_FINE_PX, _COARSE_PX = (
    1.0,
    4.0,
)  # sharpness compares detail below the first with detail between both


@dataclass(frozen=True)
class Appearance:
    """One measure.

    Attributes:
        less, more: What a mass is at the lower and at the higher end.
        in_words: What is measured.
    """

    name: str
    less: str
    more: str
    in_words: str


APPEARANCES = (
    Appearance("brightness", "darker", "brighter", "mean grey"),
    Appearance("size", "smaller", "larger", "radius at which the middle has half faded"),
    Appearance("sharpness", "smoother", "sharper", "finest detail over coarser detail"),
    Appearance(
        "density", "less dense", "denser", "how much brighter the middle is than the border"
    ),
)


def appearance(images: np.ndarray) -> np.ndarray:
    """Measures each mass.

    Args:
        images: (N, H, H) uint8.

    Returns:
        (N, M) float64, in the order of APPEARANCES.
    """
    return np.stack([_of_one(image.astype(np.float64)) for image in images])


def _of_one(image: np.ndarray) -> list[float]:
    side = len(image)
    places = (np.arange(side) + 0.5) / side - 0.5
    distance = np.hypot(places[:, None], places)
    smooth = ndimage.gaussian_filter(image, _SMOOTHED * side)
    middle = float(np.median(smooth[distance < _MIDDLE]))
    border = float(np.median(smooth[distance > _BORDER]))
    fine, coarse = (ndimage.gaussian_filter(image, px) for px in (_FINE_PX, _COARSE_PX))
    return [
        float(image.mean()),
        _radius(smooth, distance, (middle + border) / 2) if middle > border else 0.0,
        float((image - fine).std() / max((fine - coarse).std(), 1e-9)),
        middle - border,
    ]


def _radius(smooth: np.ndarray, distance: np.ndarray, half: float) -> float:
    """Distance from the middle at which the mean grey of a ring falls to half, over the picture's side."""
    width = max(_RING, 1.5 / len(smooth))  # no ring without a pixel
    rings = (distance / width).astype(int)
    greys = np.asarray(ndimage.mean(smooth, rings, np.arange(int(_BORDER / width) + 1)))
    fallen = int(np.argmax(greys < half))  # 0 also if no ring has
    if not fallen:
        return _BORDER if greys[0] >= half else 0.0
    before, after = greys[fallen - 1 : fallen + 1]
    return float((fallen - 0.5 + (before - half) / (before - after)) * width)
