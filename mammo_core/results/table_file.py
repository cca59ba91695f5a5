"""The results table of a sweep: a CSV file of one row per run, test set and evaluation unit, added to as runs finish."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from mammo_core import __version__
from mammo_core.config.runs import KEY_LENGTH, to_dict
from mammo_core.errors import InvalidRequestError
from mammo_core.storage.atomic import disk_errors_explained, write_text
from mammo_core.storage.tables import escape_formula, unescape_formula
from mammo_core.training.heads.feature_dataset import FeatureDataset

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
    "evaluation_unit",
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


_OLD_COLUMNS = tuple(name for name in COLUMNS if name != "evaluation_unit")


class ResultsFile:
    """A CSV file that finished runs are added to and an interrupted sweep goes on with.

    Rows of other sweeps in the same file are kept as they are.

    Raises:
        InvalidRequestError: If the file exists but is not such a table; it is left untouched.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = self._read()
        self._write()

    def finished(self, num_test_sets: int) -> set[str]:
        """Keys of the runs that are in the file with all their test sets."""
        per_mass = [row for row in self.rows if row["evaluation_unit"] == "mass"]
        counts = Counter(str(row["run_key"]) for row in per_mass)
        return {key for key, count in counts.items() if count == num_test_sets}

    def forget(self, keys: set[str]) -> None:
        """Removes the rows of runs that will be run again."""
        self.rows = [row for row in self.rows if row["run_key"] not in keys]
        self._write()

    def add(self, rows: list[dict[str, object]]) -> None:
        """Adds the rows of one run."""
        self.rows += rows
        self._write()

    def _read(self) -> list[dict[str, object]]:
        """All whole rows; a line that a crash left half written is dropped."""
        if not self.path.exists() or self.path.stat().st_size == 0:
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            found = tuple(reader.fieldnames or ())
            if found not in (COLUMNS, _OLD_COLUMNS):
                raise InvalidRequestError(
                    f"Expected {self.path} to be new or a results table of a sweep; found another "
                    "file there. Choose another --out; nothing was changed."
                )
            return [
                {"evaluation_unit": "mass"}  # of a table from before there were others
                | {name: unescape_formula(cell) for name, cell in row.items()}
                for row in reader
                if len(row["run_key"] or "") == KEY_LENGTH
            ]

    def _write(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list[str](COLUMNS), lineterminator="\n")
        writer.writeheader()
        writer.writerows(  # test sets are named by folders, so a spreadsheet must not run a cell
            {name: escape_formula(cell) for name, cell in row.items()} for row in self.rows
        )
        with disk_errors_explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, text.getvalue())


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
        "arithmetic": "grid",
        "python": platform.python_version(),
    }
    text = json.dumps(provenance, indent=2, ensure_ascii=False) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")
