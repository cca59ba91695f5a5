"""Trains the runs of a plan that the run store lacks, records each as it finishes, and fills results tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mammo_core.config.runs import RunConfig, run_key
from mammo_core.ledger.releases import ReleaseLedger
from mammo_core.results.archive import RunArchive
from mammo_core.results.recording import RunRecorder
from mammo_core.results.table_file import ResultsFile
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.heads.runs import OnStep, TrainingBackend
from mammo_core.training.heads.sweep import SweepPlan, run_plan
from mammo_core.training.outcome import FinishedRun


@dataclass(frozen=True)
class PlannedRun:
    """One run of a plan that is done.

    Attributes:
        key: Identifies configuration and data, see `run_key`.
        run_id: In the run store; empty if it is only known from elsewhere.
        result: None if it was recorded before.
    """

    key: str
    run_id: str
    result: FinishedRun | None


def train_plan(
    dataset: FeatureDataset,
    plan: Sequence[RunConfig],
    home: Path,
    *,
    ledger: ReleaseLedger,
    origin: str,
    job_id: str = "",
    known: Collection[str] = (),
    backend: TrainingBackend = "vectorised",
    on_step: OnStep | None = None,
) -> Iterator[PlannedRun]:
    """Trains and records what is missing; a run that was made here on these data is not trained again.

    Args:
        home: Of the installation, whose run store is looked into and written to.
        ledger, backend, on_step: As of `run_plan`.
        origin, job_id: As of `RunRecorder.record`.
        known: Keys of runs that are recorded elsewhere, as in the table of a sweep.

    Raises:
        MammoError: As `run_plan`; what was finished before is kept.
    """
    recorder, data_hash = RunRecorder(home), dataset.data_hash
    ids = RunArchive(home).finished_keys(data_hash)
    runs = run_plan(
        dataset,
        plan,
        ledger=ledger,
        finished={*ids, *known},
        backend=backend,
        on_step=on_step,
    )
    for config, result in runs:
        key = run_key(config, data_hash)
        run_id = (
            ids.get(key, "")
            if result is None
            else recorder.record(result, origin=origin, job_id=job_id)
        )
        yield PlannedRun(key, run_id, result)


def run_sweep_into_file(
    dataset: FeatureDataset,
    plan: SweepPlan,
    results: ResultsFile,
    home: Path,
    *,
    ledger: ReleaseLedger,
    on_run: Callable[[PlannedRun], None] = lambda _: None,
) -> None:
    """Fills a results file: trains what neither it nor the run store has, and adds each run as it finishes.

    Args:
        home: Of the installation, whose run store records every run.
        ledger: As of `run_plan`.
        on_run: Called after each run, trained now or recorded before.

    Raises:
        MammoError: As `run_plan`; what was finished before is kept.
    """
    configs, archive = plan.configs(), RunArchive(home)
    written = results.finished(num_test_sets=len(dataset.test_sets))
    planned = {run_key(config, dataset.data_hash) for config in configs}
    results.forget(planned - written)  # what a crash left with some of its test sets
    runs = train_plan(
        dataset, configs, home, ledger=ledger, origin="sweep", known=written, backend=plan.engine
    )
    for run in runs:
        if run.key not in written:
            results.add(result_rows(run.result or archive.load(run.run_id), dataset.data_hash))
        on_run(run)


def result_rows(result: FinishedRun, data_hash: str) -> list[dict[str, object]]:
    """One row per test set and evaluation unit."""
    config = result.config
    shared = {
        "strategy": config.strategy,
        "backbone": config.backbone.name,
        "unit": config.privacy.unit,
        "target_epsilon": config.privacy.target_epsilon,
        "epsilon": f"{result.epsilon:.6g}",
        "delta": config.privacy.target_delta,
        "noise_multiplier": f"{result.noise_multiplier:.6g}",
        "seed": config.seed,
        "num_units": result.num_units,
        "seconds": f"{result.seconds:.3f}",
        "run_key": run_key(config, data_hash),
    }
    rows = []
    for unit, by_test_set in result.estimates_per_unit.items():
        for test_set, estimates in by_test_set.items():
            row = dict(shared, test_set=test_set, evaluation_unit=unit)
            for name, estimate in estimates.items():
                row[name] = f"{estimate.value:.5f}"
                row[f"{name}_low"] = f"{estimate.low:.5f}"
                row[f"{name}_high"] = f"{estimate.high:.5f}"
            rows.append(row)
    return rows
