"""The table of results of a sweep: one CSV row per run and test set, written as runs finish."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from mammo_core import __version__
from mammo_core.config.runs import (
    KEY_LENGTH,
    run_key,
    to_dict,
)
from mammo_core.errors import InvalidRequestError
from mammo_core.ledger.releases import Ledger
from mammo_core.results.recording import RunRecorder
from mammo_core.storage.atomic import disk_errors_explained, write_text
from mammo_core.storage.tables import escape_formula, unescape_formula
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.heads.runs import RunResult
from mammo_core.training.heads.sweep import SweepPlan, run_sweep

COLUMNS = (
    "strategy",
    "backbone",
    "unit",
    "target_epsilon",
    "epsilon",
    "delta",
    "noise_multiplier",
    "seed",
    "test_set",
    "auroc",
    "auroc_low",
    "auroc_high",
    "average_precision",
    "average_precision_low",
    "average_precision_high",
    "sensitivity_at_90_specificity",
    "sensitivity_at_90_specificity_low",
    "sensitivity_at_90_specificity_high",
    "brier",
    "brier_low",
    "brier_high",
    "num_units",
    "seconds",
    "run_key",
)


def result_rows(result: RunResult, dataset: FeatureDataset) -> list[dict[str, object]]:
    """One row per test set."""
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
        "run_key": run_key(config, dataset.data_hash),
    }
    rows = []
    for test_set, estimates in result.estimates.items():
        row = dict(shared, test_set=test_set)
        for name, estimate in estimates.items():
            row[name] = f"{estimate.value:.5f}"
            row[f"{name}_low"] = f"{estimate.low:.5f}"
            row[f"{name}_high"] = f"{estimate.high:.5f}"
        rows.append(row)
    return rows


class ResultsFile:
    """A CSV file that finished runs are added to and an interrupted sweep goes on with.

    Rows of other sweeps in the same file are kept as they are.

    Raises:
        InvalidRequestError: If the file exists but is not such a table; it is left untouched.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = self._read()
        self._write(self.rows)

    def finished(self, num_test_sets: int) -> set[str]:
        """Keys of the runs that are in the file with all their test sets."""
        counts = Counter(str(row["run_key"]) for row in self.rows)
        return {key for key, count in counts.items() if count == num_test_sets}

    def forget(self, keys: set[str]) -> None:
        """Removes the rows of runs that will be run again."""
        kept = [row for row in self.rows if row["run_key"] not in keys]
        if len(kept) < len(self.rows):
            self.rows = kept
            self._write(kept)

    def add(self, rows: list[dict[str, object]]) -> None:
        """Appends the rows of one run."""
        self.rows += rows
        with (
            disk_errors_explained(self.path),
            self.path.open("a", newline="", encoding="utf-8") as file,
        ):
            csv.DictWriter(file, COLUMNS, lineterminator="\n").writerows(map(_neutralised, rows))

    def _read(self) -> list[dict[str, object]]:
        """All whole rows; a line that a crash left half written is dropped."""
        if not self.path.exists() or self.path.stat().st_size == 0:
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise InvalidRequestError(
                    f"Expected {self.path} to be new or a results table of a sweep; found another "
                    "file there. Choose another --out; nothing was changed."
                )
            return [
                {name: unescape_formula(cell) for name, cell in row.items()}
                for row in reader
                if len(row["run_key"] or "") == KEY_LENGTH
            ]

    def _write(self, rows: list[dict[str, object]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_neutralised, rows))
        with disk_errors_explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, text.getvalue())


def _neutralised(row: dict[str, object]) -> dict[str, object]:
    """Without cells that a spreadsheet would run: test sets are named by folders."""
    return {name: escape_formula(cell) for name, cell in row.items()}


def write_provenance(path: Path, dataset: FeatureDataset, command: str) -> None:
    """Writes beside a results table how it was made, as JSON."""
    provenance = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": command,
        "version": __version__,
        "backbone": to_dict(dataset.backbone),
        "data_hash": dataset.data_hash,
        "train": {
            "masses": len(dataset.train),
            "patients": dataset.train.num_patients,
            "largest_patient": dataset.train.largest_patient,
        },
        "test_sets": {
            name: {"masses": len(test.cohort), "patients": test.cohort.num_patients}
            for name, test in dataset.test_sets.items()
        },
        "synthetic_masses": 0 if dataset.synthetic is None else len(dataset.synthetic),
        "intervals": "95 %, percentile bootstrap over patients, 1000 resamples",
        "python": platform.python_version(),
    }
    text = json.dumps(provenance, indent=2, ensure_ascii=False) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")


def run_sweep_into_file(
    dataset: FeatureDataset,
    plan: SweepPlan,
    results: ResultsFile,
    tracker: RunRecorder,
    *,
    ledger: Ledger,
    on_result: Callable[[RunResult | None], None] | None = None,
) -> None:
    """Runs what a results file does not hold yet; each run is tracked and added to it as it finishes.

    Args:
        ledger: As of `run_sweep`.
        on_result: Called after each run, with None for one that the file already held.

    Raises:
        MammoError: As `run_many`; what was finished before is kept.
    """
    finished = results.finished(num_test_sets=len(dataset.test_sets))
    planned = {run_key(config, dataset.data_hash) for group in plan.groups() for config in group}
    results.forget(planned - finished)  # what a crash left with some of its test sets

    def keep(result: RunResult | None) -> None:
        if result is not None:
            tracker.record(result, dataset, origin="sweep")
            results.add(result_rows(result, dataset))
        if on_result:
            on_result(result)

    run_sweep(dataset, plan, ledger=ledger, finished=finished, on_result=keep)
