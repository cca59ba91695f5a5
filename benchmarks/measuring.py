"""Times of several ways in turns, their ratios, and the most memory a way takes in a process of its own."""

from __future__ import annotations

import importlib
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
_MOST_SECONDS = 900  # of a process of its own


@dataclass(frozen=True)
class Spread:
    """Several measurements of one quantity, or one (then all three are it)."""

    median: float
    low: float
    high: float

    def times(self, factor: float) -> Spread:
        """The same in another unit, or extrapolated."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


def spread_of(values: list[float]) -> Spread:
    """Median, least and greatest."""
    return Spread(statistics.median(values), min(values), max(values))


def take_turns(
    ways: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: bool = True
) -> dict[str, list[float]]:
    """Runs every way once a round, so that what disturbs the machine for a while disturbs all.

    Args:
        rounds: Of measuring; three or more give a spread worth the name.
        warm_up: Whether to run every way once before, unmeasured.

    Returns:
        Seconds of each way, by round.
    """
    if warm_up:
        for way in ways.values():
            way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(seconds_of(way))
    return seconds


def seconds_of(way: Callable[[], object]) -> float:
    """How long one call takes, until the GPU has finished, too."""
    _finish_gpu()
    start = time.perf_counter()
    way()
    _finish_gpu()
    return time.perf_counter() - start


def _finish_gpu() -> None:
    torch = sys.modules.get("torch")  # what is not loaded computes nothing
    if torch and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def ratios(slow: list[float], fast: list[float]) -> Spread:
    """How many times as long `slow` takes as `fast`, round by round."""
    return spread_of([one / other for one, other in zip(slow, fast, strict=True)])


def growth_exponent(sizes: list[float], values: list[float]) -> float:
    """The slope of the line through log value against log size: 1 where twice as much costs twice as much.

    Example:
        >>> growth_exponent([1, 10, 100], [3, 30, 300])
        1.0
    """
    x, y = [math.log(size) for size in sizes], [math.log(value) for value in values]
    return round(statistics.linear_regression(x, y).slope, 3)


def peak_memory_mb() -> float | None:
    """The most memory that this process held so far, in MB of 2^20 bytes; None where the system does not tell.

    `resource.getrusage` is no use: a process inherits the peak of the one that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(peak) / 2**10
    peak = getattr(psutil.Process().memory_info(), "peak_wset", None)  # Windows
    return peak and peak / 2**20


def start_of_peak_memory_mb() -> float | None:
    """Lets the peak begin anew, where the system can, and returns what it begins at."""
    forget = Path("/proc/self/clear_refs")
    if forget.exists():
        forget.write_text("5")
    return peak_memory_mb()


def in_own_process(function: Callable[..., Any], **arguments: Any) -> Any:
    """Calls a function of a module in a fresh process, which then tells what it measured of itself.

    Args:
        function: Of a module; returns JSON-ready values.
        arguments: JSON-ready.

    Raises:
        RuntimeError: With what the process said, if it failed.
    """
    name = f"{function.__module__}:{function.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", __name__, name, json.dumps(arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_MOST_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed in a process of its own:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _main(name: str, arguments: str) -> None:
    module, function = name.split(":")
    print(json.dumps(getattr(importlib.import_module(module), function)(**json.loads(arguments))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
