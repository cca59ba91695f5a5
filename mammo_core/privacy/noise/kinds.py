"""Names the sources of noise; the sources themselves, which need PyTorch, are in `sources`."""

from __future__ import annotations

from typing import Literal

from mammo_core.config.runs import Noise

Randomness = Literal["secret", "keyed", "reproducible"]
_MOST_SECRET_NUMBERS = 2_000_000


def randomness_of(num_weights: int, noise: Noise) -> Randomness:
    """Names the source of a training's noise, which its statement says.

    Args:
        num_weights: Numbers that each step draws.
    """
    if noise == "reproducible":
        return "reproducible"
    return "secret" if num_weights <= _MOST_SECRET_NUMBERS else "keyed"
