"""Logarithmic axes with few, plainly written ticks: 0.1, 0.3, 1, 3, 10 …"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


def log_axis(values: Iterable[float]) -> dict[str, Any]:
    """Options of a plotly axis on a logarithmic scale.

    Args:
        values: What is drawn, each above 0 and finite; the ticks cover it.

    Example:
        >>> log_axis([0.2, 4])["ticktext"]
        ['0.1', '0.3', '1', '3', '10']
    """
    drawn = list(values)
    lowest, highest = math.floor(math.log10(min(drawn))), math.ceil(math.log10(max(drawn)))
    decades = highest - lowest
    digits = (1, 2, 3, 5, 7) if decades <= 1 else (1, 3) if decades <= 4 else (1,)
    ticks = [
        digit * 10.0**power
        for power in range(lowest, highest + 1)
        for digit in digits
        if digit == 1 or power < highest
    ]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
