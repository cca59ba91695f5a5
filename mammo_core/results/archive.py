"""Reads back what `tracking` recorded: all runs as a table, one run as a whole."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.artifacts import load_text
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from mammo_core.config.runs import HEAD_ON_FEATURES, RunConfig, run_config_from_dict, run_key
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.evaluation.metrics import METRIC_NAMES
from mammo_core.privacy.statements.card import statement_from_dict
from mammo_core.privacy.statements.statement import Statement, make_statement
from mammo_core.privacy.statements.training_data import TrainingData
from mammo_core.results.recording import EXPERIMENT, HEAD_TAG, VALIDATION
from mammo_core.results.table_file import COLUMNS
from mammo_core.results.tags import CHARGED_TAG, ORIGIN_IMPORTED, SOURCE_TAG, names_from_tags
from mammo_core.storage.mlflow_store import open_experiment, search_all
from mammo_core.training.heads.sweep import SweepPlan

ARCHIVE_COLUMNS = (*COLUMNS, "trained_part", "run_id", "job", "origin", "data_hash", "started")


@dataclass(frozen=True)
class StoredRun:
    """One recorded run.

    Attributes:
        source_id: Of the run where it was made.
        charged_cohorts: Of an imported run keys of the cohorts that it was charged to where it was made.
        made_elsewhere: Of an imported run what is known of its making, in words; else empty.
        epsilon: Spent; infinity without DP.
        mu: The same as Gaussian DP; None if units were sampled.
        estimates: By test set and measure.
        predictions: test_set, patient_id, image_id, mass_id, label, score of every test mass.
        validation: The same of validation masses; empty if there were none.
        statement: What was promised to whom. Of runs recorded before there were statements only what
            their configuration tells, the rest taken for the worst.
        recorded_card: Configuration, ε, identity of the data and statement, as recorded.
        card: Everything as JSON-ready values, to be saved or sent.
    """

    run_id: str
    name: str
    started: pd.Timestamp
    origin: str
    job: str
    source_id: str
    charged_cohorts: tuple[str, ...]
    made_elsewhere: str
    data_hash: str
    config: RunConfig
    epsilon: float
    mu: float | None
    noise_multiplier: float
    num_units: int
    seconds: float
    estimates: dict[str, dict[str, Estimate]]
    predictions: pd.DataFrame
    validation: pd.DataFrame
    statement: Statement
    recorded_card: dict[str, Any]
    card: dict[str, Any]


class RunArchive:
    """The recorded runs of one MLflow store."""

    def __init__(self, home: Path) -> None:
        self._client, self._experiment_id = open_experiment(home, EXPERIMENT)

    def rows(self) -> pd.DataFrame:
        """One row per run and test set, the newest run first.

        Returns:
            `ARCHIVE_COLUMNS`: those of a results table with numbers as numbers, run_id, job, origin,
            data_hash, started (UTC).
        """
        return _table(self._search(""))

    def rows_of_plan(self, plan: SweepPlan, data_hash: str) -> pd.DataFrame:
        """The same of the runs of a plan on these data, whoever made them here, each once."""
        planned = {run_key(config, data_hash) for config in plan.configs()}
        runs = {run.data.tags["run_key"]: run for run in self._made_here(data_hash)}
        return _table([run for key, run in runs.items() if key in planned])

    def finished_keys(self, data_hash: str) -> dict[str, str]:
        """Keys (`run_key`) of all runs made here on these data, with the id of the newest run of each.

        Imported runs are left out: they take nobody's place.
        """
        newest_first = self._made_here(data_hash)
        return {run.data.tags["run_key"]: run.info.run_id for run in reversed(newest_first)}

    def id_of(self, config: RunConfig, data_hash: str) -> str | None:
        """The newest run of a configuration made here on these data; None if there is none."""
        found = self._made_here(data_hash, f" and tags.run_key = '{run_key(config, data_hash)}'")
        return found[0].info.run_id if found else None

    def ids_with_head(self) -> set[str]:
        """Ids of the runs that keep their head, so that a new mass can be read with them."""
        return {run.info.run_id for run in self._search(f"tags.{HEAD_TAG} = 'kept'")}

    def count(self) -> int:
        """How many runs there are."""
        return len(self._search(""))

    def count_imported(self, cohort: str) -> int:
        """How many imported runs were charged to a cohort, by its key, where they were made."""
        return len(self._search(f"tags.{CHARGED_TAG} like '%{cohort}%'"))

    def load(self, run_id: str) -> StoredRun:
        """One run as a whole.

        Raises:
            InvalidRequestError: If there is no such run in this store.
        """
        try:
            run = self._client.get_run(run_id)
            if (
                run.info.experiment_id != self._experiment_id
                or run.info.lifecycle_stage != "active"
                or run.info.status != "FINISHED"
            ):
                raise KeyError(run_id)
            address = run.info.artifact_uri.rstrip("/")
            card = json.loads(load_text(f"{address}/run.json"))
            predictions = pd.read_csv(
                io.StringIO(load_text(f"{address}/predictions.csv")),
                dtype={"patient_id": str, "image_id": str, "mass_id": str},
            )
        except (MlflowException, OSError, KeyError) as error:
            raise InvalidRequestError(
                f"Expected the id of a recorded run; got {run_id!r}. It may have been deleted: choose "
                "one from the list."
            ) from error
        metrics, is_validation = run.data.metrics, predictions["test_set"] == VALIDATION
        estimates = _estimates(run)
        return StoredRun(
            run_id=run_id,
            name=run.info.run_name,
            started=_started(run),
            origin=run.data.tags["origin"],
            job=run.data.tags["job"],
            source_id=run.data.tags.get(SOURCE_TAG, run_id),
            charged_cohorts=tuple(run.data.tags.get(CHARGED_TAG, "").split()),
            made_elsewhere=run.data.tags.get("made_elsewhere", ""),
            data_hash=run.data.tags["data_hash"],
            config=run_config_from_dict(card["config"]),
            epsilon=metrics.get("epsilon", math.inf),
            mu=metrics.get("mu", None if "epsilon" in metrics else math.inf),
            noise_multiplier=metrics["noise_multiplier"],
            num_units=int(metrics["num_units"]),
            seconds=metrics["seconds"],
            estimates={
                name: estimates[name]
                for name in predictions.loc[~is_validation, "test_set"].unique()
            },
            predictions=predictions[~is_validation],
            validation=predictions[is_validation],
            statement=_statement(card, metrics),
            recorded_card=card,
            card=card | {"run_id": run_id, "metrics": metrics, "started": str(_started(run))},
        )

    def find(self, run_id: str) -> str | None:
        """The id here of the run that was made under an id, here or elsewhere; None if it is not in this store."""
        ids = {run.info.run_id: run.data.tags.get(SOURCE_TAG) for run in self._search("")}
        if run_id in ids:
            return run_id
        return next((own for own, source in ids.items() if source == run_id), None)

    def delete(self, run_id: str) -> None:
        """Takes a run off the list; MLflow keeps it as deleted until its own clean-up."""
        self._client.delete_run(run_id)

    def _made_here(self, data_hash: str, condition: str = "") -> list[Run]:
        return self._search(
            f"tags.data_hash = '{data_hash}' and tags.origin != '{ORIGIN_IMPORTED}'{condition}"
        )

    def _search(self, condition: str) -> list[Run]:
        finished = "tags.run_key != '' and status = 'FINISHED'"
        return search_all(
            self._client,
            self._experiment_id,
            f"{condition} and {finished}" if condition else finished,
        )


def _statement(card: dict[str, Any], metrics: dict[str, float]) -> Statement:
    if "statement" in card:
        return statement_from_dict(card["statement"])
    num_units = int(metrics["num_units"])
    unrecorded = TrainingData(
        num_patients=num_units,
        num_images=num_units,
        num_synthetic=num_units,
        largest_patient=None,
    )
    config = run_config_from_dict(card["config"])
    return make_statement(config, unrecorded, metrics["noise_multiplier"])


def _table(runs: Iterable[Run]) -> pd.DataFrame:
    rows = [row for run in runs for row in _rows(run)]
    return pd.DataFrame(rows, columns=list(ARCHIVE_COLUMNS))


def _estimates(run: Run) -> dict[str, dict[str, Estimate]]:
    metrics, names = run.data.metrics, names_from_tags(run.data.tags)
    prefixes = sorted({name.split("/")[0] for name in metrics if "/" in name})
    return {
        names.get(prefix, prefix): {
            measure: Estimate(
                *(metrics[f"{prefix}/{measure}{end}"] for end in ("", "_low", "_high"))
            )
            for measure in METRIC_NAMES
        }
        for prefix in prefixes
    }


def _rows(run: Run) -> list[dict[str, object]]:
    params, metrics, tags = run.data.params, run.data.metrics, run.data.tags
    shared = {
        "strategy": params["strategy"],
        "backbone": params["backbone.name"],
        "unit": params["privacy.unit"],
        "target_epsilon": float(params["privacy.target_epsilon"]),
        "epsilon": metrics.get("epsilon", math.inf),
        "delta": float(params["privacy.target_delta"]),
        "noise_multiplier": metrics["noise_multiplier"],
        "seed": int(params["seed"]),
        "num_units": int(metrics["num_units"]),
        "seconds": metrics["seconds"],
        "run_key": tags["run_key"],
        "trained_part": params.get("recipe.trained_part", HEAD_ON_FEATURES),
        "run_id": run.info.run_id,
        "job": tags["job"],
        "origin": tags["origin"],
        "data_hash": tags["data_hash"],
        "started": _started(run),
    }
    rows = []
    for test_set, estimates in _estimates(run).items():
        row = shared | {"test_set": test_set}
        for measure, estimate in estimates.items():
            row[measure] = estimate.value
            row[f"{measure}_low"], row[f"{measure}_high"] = estimate.low, estimate.high
        rows.append(row)
    return rows


def _started(run: Run) -> pd.Timestamp:
    return pd.Timestamp(run.info.start_time, unit="ms", tz="UTC")
