"""Names the sources of noise and how it is added, for statements.

What does it, and needs PyTorch, is in `sources`, `grid` and `clipping`.
"""

from __future__ import annotations

from typing import Literal

from mammo_core.config.runs import Arithmetic, Noise

Randomness = Literal["secret", "sum of four", "keyed", "reproducible"]
# Share of the clipping norm. One unit contributes at most the rest of it, and it changes the
# roundings of the others' sum: the margin holds both. Noise is made for the whole clipping norm.
CLIP_MARGIN = 2.0**-10
KEPT_SEED_DIGITS = 8  # the last, in base 16: 32 bits of the seed of reproducible noise are all that a generator keeps
_MOST_SUMS_OF_FOUR = 2_000_000
FLOAT_NOISE = (
    "Noise was added in single precision (float32), as versions up to 0.2 did. The guarantee holds for arithmetic with "
    "real numbers; the lowest digits of what was released may tell more."
)


def randomness_of(num_weights: int, noise: Noise, arithmetic: Arithmetic) -> Randomness:
    """Names the source of a training's noise, which its statement says.

    Before noise was rounded to a grid, each number was the sum of four, or, for millions of weights, expanded from a key.

    Args:
        num_weights: Numbers that each step draws.
    """
    if noise == "reproducible":
        return "reproducible"
    if arithmetic == "grid":
        return "secret"
    return "sum of four" if num_weights <= _MOST_SUMS_OF_FOUR else "keyed"
