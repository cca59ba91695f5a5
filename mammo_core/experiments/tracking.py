"""Every run is recorded in MLflow: what was asked, what was spent, what was measured, every prediction, the head.

By default in a SQLite file under `MAMMO_HOME`; set `MLFLOW_TRACKING_URI` for a team's server.
Look at it with `mlflow ui --backend-store-uri sqlite:///.mammo/mlflow.db`.
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from pathlib import Path

from mlflow.entities import Metric, Param

from mammo_core.classifiers.features import feature_space_id
from mammo_core.config import to_dict
from mammo_core.experiments.head_store import HeadStore
from mammo_core.experiments.mlflow_store import open_experiment
from mammo_core.experiments.results_file import run_key
from mammo_core.experiments.runs import RunResult
from mammo_core.experiments.workbench import Workbench

EXPERIMENT = "private-heads"
HEAD_TAG = "head"  # of runs that keep their head
VALIDATION = "validation"  # in the column test_set of predictions: where thresholds come from
PREDICTION_COLUMNS = ("test_set", "patient_id", "image_id", "mass_id", "label", "score")


class RunTracker:
    """Writes runs to the MLflow store of this installation."""

    def __init__(self, home: Path) -> None:
        self._client, self._experiment_id = open_experiment(home, EXPERIMENT)
        self._heads = HeadStore(home)

    def record(self, result: RunResult, bench: Workbench, *, origin: str, job_id: str = "") -> str:
        """Stores one finished run.

        Args:
            origin: What asked for it: "train", "sweep" or "live".
            job_id: Of the job that made it.

        Returns:
            MLflow's run id.
        """
        config = result.config
        name = f"{config.strategy} ε={config.privacy.target_epsilon:g} seed {config.seed}"
        tags = {
            "origin": origin,
            "job": job_id,
            "run_key": run_key(config, bench.data_hash),
            "data_hash": bench.data_hash,
            HEAD_TAG: "kept",
        }
        run_id = self._client.create_run(self._experiment_id, run_name=name, tags=tags).info.run_id
        now = int(time.time() * 1000)
        values = {
            "noise_multiplier": result.noise_multiplier,
            "num_units": result.num_units,
            "seconds": result.seconds,
        }
        if not math.isinf(result.epsilon):  # MLflow's database cannot hold infinity
            values |= {"epsilon": result.epsilon, "mu": result.mu}
        for test_set, estimates in result.estimates.items():
            for metric, estimate in estimates.items():
                values[f"{test_set}/{metric}"] = estimate.value
                values[f"{test_set}/{metric}_low"] = estimate.low
                values[f"{test_set}/{metric}_high"] = estimate.high
        self._client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0) for key, value in values.items()],
            params=[Param(key, str(value)) for key, value in _flat(to_dict(config)).items()],
        )
        self._client.log_text(run_id, _predictions_csv(result, bench), "predictions.csv")
        card = {
            "config": to_dict(config),
            "epsilon": "inf" if math.isinf(result.epsilon) else result.epsilon,
            "data_hash": bench.data_hash,
            "statement": result.statement.to_dict(),
        }
        self._client.log_text(run_id, json.dumps(card, indent=2, ensure_ascii=False), "run.json")
        self._heads.keep(
            run_id,
            result.weights,
            bench.prepare(config.strategy, config.recipe).projection,
            feature_space_id(config.backbone),
        )
        self._client.set_terminated(run_id)
        return run_id


def _flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _predictions_csv(result: RunResult, bench: Workbench) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PREDICTION_COLUMNS)
    predicted = {name: (bench.test_sets[name], scores) for name, scores in result.scores.items()}
    if bench.validation is not None:
        predicted[VALIDATION] = (bench.validation, result.validation_scores)
    for name, (tested, scores) in predicted.items():
        cohort = tested.cohort
        columns = (cohort.patient_ids, cohort.image_ids, cohort.mass_ids, cohort.labels, scores)
        writer.writerows([name, *row] for row in zip(*columns, strict=True))
    return text.getvalue()
