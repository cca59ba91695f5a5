"""How time and memory of training heads grow with masses, runs and budgets, and what a large cohort takes.

Every size is measured in a process of its own, which starts with features in memory (float16, eight views), and
projects and trains. Simulating the features is not timed, but their memory is counted.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmarks import simulated
from benchmarks.measuring import (
    Spread,
    growth_exponent,
    in_own_process,
    peak_memory_mb,
    seconds_of,
    spread_of,
)
from benchmarks.report import Figure, Ratio, Report
from mammo_core.classifiers.projection import fit_projection
from mammo_core.config.runs import PAPER_DELTA, HeadRecipe
from mammo_core.privacy.accounting.gaussian import calibrate_gaussian
from mammo_core.privacy.heads.problem import HeadTrainingData, rows_of_units
from mammo_core.privacy.heads.vectorised import HeadSettings, train_heads

_MOST_SLOPE, _MOST_MEMORY_MB = 1.05, 4 * 2**10
_RECIPE = HeadRecipe()


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        masses: Of the training cohort, with `runs_at_once` runs.
        runs: Trained at once on `masses[0]`.
        budgets: Calibrated.
        features, views: Of a mass.
        rounds: Each in processes of their own.
    """

    masses: tuple[int, ...]
    runs: tuple[int, ...]
    budgets: tuple[int, ...]
    runs_at_once: int = 6
    features: int = simulated.FEATURES
    views: int = simulated.VIEWS
    rounds: int = 3


FULL = Sizes(masses=(1_000, 10_000, 100_000), runs=(1, 10, 100), budgets=(100, 1_000, 10_000))
QUICK = replace(FULL, masses=(1_000, 4_000), runs=(1, 10), budgets=(10, 100), rounds=1)


def measure(sizes: Sizes, device: torch.device) -> Report:
    """Times every size; heads are trained on the processor, whatever the device."""
    by_masses = {
        masses: _repeated(sizes, masses=masses, runs=sizes.runs_at_once) for masses in sizes.masses
    }
    by_runs = {runs: _repeated(sizes, masses=sizes.masses[0], runs=runs) for runs in sizes.runs}
    by_budgets = {
        count: spread_of([_seconds_to_calibrate(count) for _ in range(5)])
        for count in sizes.budgets
    }
    largest = sizes.masses[-1]
    memory = {masses: spread_of(found["peak_mb"]) for masses, found in by_masses.items()}
    return Report(
        name="growth",
        question="How do time and memory grow with masses, runs and budgets?",
        ratios=(
            _slope("masses", {size: found["seconds"] for size, found in by_masses.items()}),
            _slope(
                "runs trained at once", {size: found["training"] for size, found in by_runs.items()}
            ),
            _slope(
                "budgets calibrated", {size: [value.median] for size, value in by_budgets.items()}
            ),
            Ratio(
                f"peak memory with {largest} masses, in MB",
                memory[largest],
                _MOST_MEMORY_MB,
                is_limit=True,
            ),
        ),
        figures=(
            *(
                Figure(
                    f"{masses} masses, {sizes.runs_at_once} runs", spread_of(found["seconds"]), "s"
                )
                for masses, found in by_masses.items()
            ),
            *(
                Figure(f"{masses} masses: peak memory", value, "MB")
                for masses, value in memory.items()
            ),
            *(
                Figure(
                    f"{runs} runs at once, {sizes.masses[0]} masses",
                    spread_of(found["training"]),
                    "s",
                )
                for runs, found in by_runs.items()
            ),
            *(
                Figure(f"{count} budgets calibrated", value, "s")
                for count, value in by_budgets.items()
            ),
        ),
        notes=(
            f"Projecting {sizes.features} features in {sizes.views} views to {_RECIPE.projection_dims} directions and "
            f"training {_RECIPE.steps} steps, with patients of {simulated.MASSES_PER_PATIENT} masses as the unit. The "
            "runs share the projection, so growth with runs is of training alone.",
            "A slope of 1 on log-log axes means that ten times as much takes ten times as long. A smaller slope means "
            "that a fixed part counts.",
            "Peak memory is that of the process, with Python, PyTorch and the features. Images are not in it, because "
            "training on features needs none.",
        ),
    )


def _slope(what: str, seconds: dict[int, list[float]]) -> Ratio:
    slope = growth_exponent(list(seconds), [statistics.median(own) for own in seconds.values()])
    return Ratio(
        f"slope of time against {what}, log-log",
        Spread(slope, slope, slope),
        _MOST_SLOPE,
        is_limit=True,
    )


def _repeated(sizes: Sizes, *, masses: int, runs: int) -> dict[str, list[float]]:
    found = [
        in_own_process(
            project_and_train, masses=masses, runs=runs, features=sizes.features, views=sizes.views
        )
        for _ in range(sizes.rounds)
    ]
    return {name: [one[name] for one in found] for name in found[0]}


def project_and_train(masses: int, runs: int, features: int, views: int) -> dict[str, Any]:
    """Seconds in all and of training, and this process's peak memory in MB."""
    rows = np.arange(masses)
    patients = rows // simulated.MASSES_PER_PATIENT
    labels = patients % 2
    own = simulated.features_of(labels, features, views)
    synthetic = simulated.features_of(np.arange(1000) % 2, features, views)
    jobs = [HeadSettings(noise_multiplier=20.0, learning_rate=15.0, seed=None)] * runs
    problems: list[HeadTrainingData] = []

    def project() -> None:
        vectors = fit_projection(_RECIPE, synthetic)(own)
        problems.append(
            HeadTrainingData(
                vectors=vectors,
                labels=torch.from_numpy(labels).float(),
                unit_rows=rows_of_units(patients.astype(str), "patient"),
                initial_weights=torch.zeros(vectors.shape[1]),
            )
        )

    projecting = seconds_of(project)
    training = seconds_of(lambda: train_heads(problems[0], _RECIPE, jobs))
    return {
        "seconds": projecting + training,
        "training": training,
        "peak_mb": peak_memory_mb() or float("nan"),
    }


def _seconds_to_calibrate(count: int) -> float:
    budgets = np.geomspace(0.5, 60, count).tolist()
    return seconds_of(
        lambda: [calibrate_gaussian(one, PAPER_DELTA, _RECIPE.steps) for one in budgets]
    )
