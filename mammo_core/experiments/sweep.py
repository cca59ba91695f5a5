"""Sweeps: every combination of strategy, unit, ε and seed, each run tracked and written as it finishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mammo_core.config import (
    BackboneConfig,
    PrivacyConfig,
    RunConfig,
    Strategy,
    Unit,
)
from mammo_core.experiments.recipes import RECIPES
from mammo_core.experiments.results_file import ResultsFile, result_rows, run_key
from mammo_core.experiments.runs import RunResult, run_many
from mammo_core.experiments.tracking import RunTracker
from mammo_core.experiments.workbench import Workbench


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """What to combine. A head trained without DP is the same for every seed; it is run for each all the same."""

    strategies: tuple[Strategy, ...]
    units: tuple[Unit, ...]
    epsilons: tuple[float, ...]
    seeds: tuple[int, ...]
    delta: float
    backbone: BackboneConfig

    def groups(self) -> Iterator[list[RunConfig]]:
        """Runs that can be trained together: one list per strategy and unit."""
        for strategy in self.strategies:
            for unit in self.units:
                yield [
                    RunConfig(
                        strategy=strategy,
                        privacy=PrivacyConfig(
                            target_epsilon=epsilon, target_delta=self.delta, unit=unit
                        ),
                        recipe=RECIPES[strategy],
                        backbone=self.backbone,
                        seed=seed,
                    )
                    for epsilon in self.epsilons
                    for seed in self.seeds
                ]

    @property
    def num_runs(self) -> int:
        """Number of runs in all."""
        return len(self.strategies) * len(self.units) * len(self.epsilons) * len(self.seeds)


def run_sweep(
    bench: Workbench,
    plan: SweepPlan,
    results: ResultsFile,
    tracker: RunTracker,
    *,
    on_result: Callable[[RunResult | None], None] | None = None,
) -> None:
    """Runs what the results file does not hold yet.

    Args:
        on_result: Called after each run, with None for one that the file already held.

    Raises:
        MammoError: As `run_many`; what was finished before is kept.
    """
    finished = results.finished(num_test_sets=len(bench.test_sets))
    for group in plan.groups():
        keys = {config: run_key(config, bench) for config in group}
        missing = [config for config in group if keys[config] not in finished]
        results.forget({keys[config] for config in missing})
        if on_result:
            for _ in range(len(group) - len(missing)):
                on_result(None)
        if not missing:
            continue
        for result in run_many(bench, missing):
            tracker.record(result, bench, origin="sweep")
            results.add(result_rows(result, bench))
            if on_result:
                on_result(result)
