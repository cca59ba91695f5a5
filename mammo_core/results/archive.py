"""Reads back what `recording` wrote: all runs as a table, one run as a whole."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from mammo_core.config.from_dict import from_dict
from mammo_core.config.runs import HEAD_ON_FEATURES, RunConfig, run_key
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.evaluation.metrics import METRIC_NAMES
from mammo_core.evaluation.patients import EvaluationUnit
from mammo_core.privacy.statements.card import statement_from_dict
from mammo_core.privacy.statements.statement import Statement, make_statement
from mammo_core.privacy.statements.training_data import TrainingData
from mammo_core.results.recording import CARD_FILE, EXPERIMENT, PREDICTIONS_FILE
from mammo_core.results.table_file import COLUMNS
from mammo_core.results.tags import (
    CHARGED_TAG,
    HEAD_TAG,
    MADE_TAG,
    ORIGIN_IMPORTED,
    SOURCE_TAG,
    names_from_tags,
)
from mammo_core.storage.mlflow_store import open_experiment, read_artefact, search_all
from mammo_core.training.heads.sweep import SweepPlan
from mammo_core.training.outcome import (
    MEASURE_PREFIXES,
    PREDICTION_COLUMNS,
    VALIDATION,
    FinishedRun,
)

ARCHIVE_COLUMNS = (
    *COLUMNS,
    "trained_part",
    "arithmetic",
    "run_id",
    "job",
    "origin",
    "data_hash",
    "started",
)


class RunArchive:
    """The recorded runs of one MLflow store."""

    def __init__(self, home: Path) -> None:
        self._client, self._experiment_id = open_experiment(home, EXPERIMENT)

    def rows(self, evaluated_per: EvaluationUnit = "mass") -> pd.DataFrame:
        """Tabulates runs, one row per run and test set, the newest run first.

        Args:
            evaluated_per: Which of their numbers; per patient, runs from before these were recorded have none.

        Returns:
            `ARCHIVE_COLUMNS`: those of a results table with numbers as numbers, run_id, job, origin,
            data_hash, started (UTC).
        """
        return _table(self._search(""), evaluated_per)

    def rows_of_plan(
        self, plan: SweepPlan, data_hash: str, evaluated_per: EvaluationUnit = "mass"
    ) -> pd.DataFrame:
        """Tabulates the runs of a plan on these data, whoever made them here, each once."""
        planned = {run_key(config, data_hash) for config in plan.configs()}
        runs = {run.data.tags["run_key"]: run for run in self._made_here(data_hash)}
        return _table([run for key, run in runs.items() if key in planned], evaluated_per)

    def finished_keys(self, data_hash: str) -> dict[str, str]:
        """Finds the keys (`run_key`) of all runs made here on these data, with the id of the newest run of each.

        Imported runs are left out: they take nobody's place.
        """
        newest_first = self._made_here(data_hash)
        return {run.data.tags["run_key"]: run.info.run_id for run in reversed(newest_first)}

    def id_of(self, config: RunConfig, data_hash: str) -> str | None:
        """Finds the newest run of a configuration made here on these data; None if there is none."""
        found = self._made_here(data_hash, f" and tags.run_key = '{run_key(config, data_hash)}'")
        return found[0].info.run_id if found else None

    def ids_with_head(self) -> set[str]:
        """Finds the runs that keep their head, so that a new mass can be read with them."""
        return {run.info.run_id for run in self._search(f"tags.{HEAD_TAG} = 'kept'")}

    def count(self) -> int:
        """Counts the runs."""
        return len(self._search(""))

    def count_imported(self) -> int:
        """Counts the imported runs that were charged to a cohort where they were made; which one is not known here."""
        return len(self._search(f"tags.{CHARGED_TAG} != ''"))

    def load(self, run_id: str) -> FinishedRun:
        """Reads one run; its weights are had from `HeadStore`.

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
            card = json.loads(read_artefact(self._client, run_id, CARD_FILE))
            predictions = pd.read_csv(
                io.BytesIO(read_artefact(self._client, run_id, PREDICTIONS_FILE)),
                dtype=dict.fromkeys(PREDICTION_COLUMNS[:4], str),
                keep_default_na=False,
            )
        except (MlflowException, OSError, KeyError) as error:
            raise InvalidRequestError(
                f"Expected the id of a recorded run; got {run_id!r}. It may have been deleted: choose "
                "one from the list."
            ) from error
        tags = run.data.tags
        return run_of_numbers(
            card,
            run.data.metrics,
            names_from_tags(tags),
            predictions,
            run_id=run_id,
            started=_started(run),
            origin=tags["origin"],
            job=tags["job"],
            source_id=tags.get(SOURCE_TAG, run_id),
            charged_cohorts=tuple(tags.get(CHARGED_TAG, "").split()),
            made_elsewhere=tags.get(MADE_TAG, ""),
        )

    def find(self, run_id: str) -> str | None:
        """Finds the id here of a run by the id it was made under, here or elsewhere; None if it is not in this store."""
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


def run_of_numbers(
    card: Mapping[str, Any],
    metrics: Mapping[str, float],
    names: Mapping[str, str],
    predictions: pd.DataFrame,
    **about: Any,
) -> FinishedRun:
    """Puts a run together from what `recording` wrote, or an exported file holds.

    Args:
        card: As `FinishedRun.recorded_card`. Those from before there were statements lack one: theirs says what the
            configuration tells, and assumes the weakest guarantee where that is not known.
        metrics: As `FinishedRun.metrics`.
        names: Of test sets, by the prefix of their metrics.
        predictions: `PREDICTION_COLUMNS` of test and validation masses.
        about: Other fields of `FinishedRun`.
    """
    config, estimates = from_dict(RunConfig, card["config"]), _estimates(metrics, names)
    is_validation = predictions["test_set"] == VALIDATION
    tested = predictions[~is_validation]
    return FinishedRun(
        config=config,
        data_hash=card["data_hash"],
        statement=statement_from_dict(card["statement"])
        if "statement" in card
        else _weakest_statement(config, metrics),
        epsilon=metrics.get("epsilon", math.inf),
        mu=metrics.get("mu", None if "epsilon" in metrics else math.inf),
        noise_multiplier=metrics["noise_multiplier"],
        num_units=int(metrics["num_units"]),
        seconds=metrics["seconds"],
        estimates={str(name): estimates[str(name)] for name in tested["test_set"].unique()},
        predictions=tested,
        validation=predictions[is_validation],
        recorded=card,
        **about,
    )


def _weakest_statement(config: RunConfig, metrics: Mapping[str, float]) -> Statement:
    num_units = int(metrics["num_units"])
    unrecorded = TrainingData(
        num_patients=num_units,
        num_images=num_units,
        num_synthetic=num_units,
        largest_patient=None,
    )
    return make_statement(config, unrecorded, metrics["noise_multiplier"])


def _table(runs: Iterable[Run], evaluated_per: EvaluationUnit = "mass") -> pd.DataFrame:
    rows = [row for run in runs for row in _rows(run, evaluated_per)]
    return pd.DataFrame(rows, columns=list(ARCHIVE_COLUMNS))


def _estimates(
    metrics: Mapping[str, float],
    names: Mapping[str, str],
    evaluated_per: EvaluationUnit = "mass",
) -> dict[str, dict[str, Estimate]]:
    start = MEASURE_PREFIXES[evaluated_per]
    first = f"/{start}{METRIC_NAMES[0]}"  # every evaluated test set has it
    prefixes = sorted(name.removesuffix(first) for name in metrics if name.endswith(first))
    return {
        names.get(prefix, prefix): {
            measure: Estimate(
                *(metrics[f"{prefix}/{start}{measure}{end}"] for end in ("", "_low", "_high"))
            )
            for measure in METRIC_NAMES
        }
        for prefix in prefixes
    }


def _rows(run: Run, evaluated_per: EvaluationUnit) -> list[dict[str, object]]:
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
        "arithmetic": params.get("privacy.arithmetic", "float"),
        "run_id": run.info.run_id,
        "job": tags["job"],
        "origin": tags["origin"],
        "data_hash": tags["data_hash"],
        "started": _started(run),
    }
    rows = []
    found = _estimates(metrics, names_from_tags(tags), evaluated_per)
    for test_set, estimates in found.items():
        row = shared | {"test_set": test_set, "evaluation_unit": evaluated_per}
        for measure, estimate in estimates.items():
            row[measure] = estimate.value
            row[f"{measure}_low"], row[f"{measure}_high"] = estimate.low, estimate.high
        rows.append(row)
    return rows


def _started(run: Run) -> pd.Timestamp:
    return pd.Timestamp(run.info.start_time, unit="ms", tz="UTC")
