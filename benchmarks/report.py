"""What a benchmark found, as values: printed, kept as JSON with where it was measured, and made into a page."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.measuring import Spread
from mammo_core.storage.atomic import write_text
from mammo_core.system.device import device_name

_PACKAGES = ("torch", "opacus", "timm", "numpy")


@dataclass(frozen=True)
class Figure:
    """A measured or extrapolated quantity.

    Attributes:
        what: In words.
        unit: Of the values, for example "s" or "images/s".
    """

    what: str
    value: Spread
    unit: str


@dataclass(frozen=True)
class Ratio:
    """A comparison within one run.

    Attributes:
        target: What was aimed at; None for a comparison without an aim.
        is_limit: Whether the target is not to be exceeded.
    """

    what: str
    value: Spread
    target: float | None = None
    is_limit: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the target was met; None without one."""
        if self.target is None:
            return None
        measured = self.value.median
        return measured <= self.target if self.is_limit else measured >= self.target


@dataclass(frozen=True)
class Report:
    """A benchmark's outcome.

    Attributes:
        name: Of the benchmark.
        question: That it answers, in one sentence.
        ratios, figures: In the order to show.
        notes: How it was measured, and what does not follow from it.
    """

    name: str
    question: str
    ratios: tuple[Ratio, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


def with_circumstances(
    report: Report, device: torch.device, busy: float, seconds: float
) -> dict[str, Any]:
    """The report as JSON-ready values, with when, where and with what it was measured.

    Args:
        busy: How many processes wanted a core when it began, see `current_load`.
        seconds: That it took.
    """
    values = dataclasses.asdict(report)
    for row, ratio in zip(values["ratios"], report.ratios, strict=True):
        row["is_met"] = ratio.is_met
    return values | {
        "date": datetime.now(UTC).date().isoformat(),
        "device": device_name(device),
        "processor": platform.processor() or platform.machine(),
        "load_before": round(busy, 2),
        "seconds": round(seconds),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def current_load() -> float:
    """How many processes want a core, averaged over the last minute."""
    return psutil.getloadavg()[0]


def result_file(name: str, device: torch.device, folder: Path) -> Path:
    """Where a benchmark's result on a device is kept."""
    return folder / (f"{name}.json" if device.type == "cpu" else f"{name}_{device.type}.json")


def keep(result: dict[str, Any], path: Path) -> None:
    """Writes a result in the place of an older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def write_page(folder: Path, page: Path) -> None:
    """Makes the page of all results that are kept."""
    results = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))
    ]
    write_text(page, as_page(results))


def as_page(results: list[dict[str, Any]]) -> str:
    """Markdown of all results."""
    parts = [
        "# Benchmarks",
        "`python -m benchmarks` writes this page; do not edit it by hand. Each table comes from one run on the "
        "computer that it names, and all its ways were timed in turns. A number is a median; the brackets hold the "
        "least and the greatest. Only ratios carry over to another computer, and not all of them: run it on your own.",
    ]
    return "\n\n".join([*parts, *map(as_section, results)]) + "\n"


def as_section(result: dict[str, Any]) -> str:
    """Markdown of one result."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    where = (
        f"{result['device']} ({result['processor']}), {result['date']}, Python {result['python']}, {versions}; "
        f"took {result['seconds']} s; load average before: {result['load_before']:g}."
    )
    ratios = [
        f"| {row['what']} | {_spread(row['value'])} | {_target(row)} |" for row in result["ratios"]
    ]
    figures = [
        f"| {row['what']} | {_spread(row['value'])} {row['unit']} |" for row in result["figures"]
    ]
    parts = [
        f"## {result['name']}",
        result["question"],
        "\n".join(["| ratio | | aimed at |", "|---|---|---|", *ratios]),
        "\n".join(["| measured | |", "|---|---|", *figures]),
        "\n".join(f"- {note}" for note in result["notes"]),
        where,
    ]
    return "\n\n".join(parts)


def _target(row: dict[str, Any]) -> str:
    if row["target"] is None:
        return ""
    aim = f"{'at most' if row['is_limit'] else 'at least'} {row['target']:g}"
    return f"{aim}: {'met' if row['is_met'] else '**missed**'}"


def _spread(value: dict[str, float]) -> str:
    median, low, high = (_number(value[name]) for name in ("median", "low", "high"))
    return median if low == high else f"{median} ({low} to {high})"


def _number(value: float) -> str:
    """Three digits that count.

    Example:
        >>> [_number(value) for value in (0.01234, 1.2345, 2345.6)]
        ['0.0123', '1.23', '2350']
    """
    return f"{float(f'{value:.3g}'):.10g}"
