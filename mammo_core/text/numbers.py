"""Writes numbers for people: durations, intervals, budgets."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """Writes a time as "8 s", "3 min" or "1 h 20 min".

    Example:
        >>> duration(200)
        '3 min'
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


_LARGEST_SHOWN = 1000.0


def number_text(value: float) -> str:
    """Writes ε or μ.

    Example:
        >>> number_text(0.25), number_text(math.inf), number_text(2e5)
        ('0.25', '∞', 'over 1000')
    """
    if math.isinf(value):
        return "∞"
    return f"{value:.4g}" if value <= _LARGEST_SHOWN else f"over {_LARGEST_SHOWN:g}"


def with_interval(value: float, low: float, high: float, *, signed: bool = False) -> str:
    """Writes a measure with its interval, as in .751 (.702 to .797); a difference with its signs.

    Example:
        >>> with_interval(0.7512, 0.702, 0.797)
        '.751 (.702 to .797)'
        >>> with_interval(-0.012, -0.04, 0.016, signed=True)
        '-.012 (-.040 to +.016)'
    """
    form = "+.3f" if signed else ".3f"
    shown = [f"{number:{form}}".replace("0.", ".", 1) for number in (value, low, high)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def counted(number: int, name: str) -> str:
    """Writes a number of things, whose plural ends in s.

    Example:
        >>> counted(1, "run"), counted(2000, "run"), counted(0, "run")
        ('1 run', '2,000 runs', '0 runs')
    """
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def budget_name(epsilon: float) -> str:
    """Writes a budget.

    Example:
        >>> budget_name(0.5), budget_name(math.inf)
        ('0.5', '∞ (not DP)')
    """
    return "∞ (not DP)" if math.isinf(epsilon) else f"{epsilon:g}"
