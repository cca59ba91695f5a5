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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param
from torch import Tensor

from mammo_core.classifiers.features import feature_space_id
from mammo_core.classifiers.projection import Projection
from mammo_core.config.runs import HEAD_ON_FEATURES, RunConfig, run_key, to_dict
from mammo_core.privacy.statements.card import statement_to_dict
from mammo_core.results.head_store import HeadStore, log_bytes
from mammo_core.results.tags import TEST_SETS_TAG, metric_prefix, names_as_tag
from mammo_core.storage.mlflow_store import open_experiment, store_errors_explained
from mammo_core.training.dataset import RunDataset
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.heads.runs import RunResult, head_recipe
from mammo_core.training.networks.runs import NetworkOutcome
from mammo_core.training.outcome import RunOutcome

EXPERIMENT = "private-heads"
HEAD_TAG = "head"  # of runs that keep their head
NETWORK_TAG, NETWORK_FILE = "network", "network.safetensors"  # of those that keep a whole network
PREDICTIONS_FILE, CARD_FILE = "predictions.csv", "run.json"
VALIDATION = "validation"  # in the column test_set of predictions: where thresholds come from
PREDICTION_COLUMNS = ("test_set", "patient_id", "image_id", "mass_id", "label", "score")


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A finished run as it is written.

    Attributes:
        test_sets: What it was tested on.
        metrics: By MLflow's names: noise_multiplier, num_units, seconds, with DP epsilon and, unless units
            were sampled, mu, and every measure of
            every test set as PREFIX/MEASURE, _low and _high.
        predictions: CSV of `PREDICTION_COLUMNS`.
        statement: As `Statement.to_dict`; None if it was not recorded.
        tags: "origin", "job" and others.
        started_ms: Since 1970; None for now.
    """

    config: RunConfig
    data_hash: str
    test_sets: tuple[str, ...]
    metrics: dict[str, float]
    predictions: str
    statement: dict[str, Any] | None
    tags: dict[str, str]
    started_ms: int | None = None

    @property
    def card(self) -> dict[str, Any]:
        """JSON-ready; what `run_archive` reads back."""
        card = {
            "config": to_dict(self.config),
            "epsilon": self.metrics.get("epsilon", "inf"),
            "data_hash": self.data_hash,
        }
        return card if self.statement is None else card | {"statement": self.statement}


class RunRecorder:
    """Writes runs to the MLflow store of this installation."""

    def __init__(self, home: Path) -> None:
        self._client, self._experiment_id = open_experiment(home, EXPERIMENT)
        self._heads = HeadStore(home)

    def record(
        self, result: RunResult, dataset: FeatureDataset, *, origin: str, job_id: str = ""
    ) -> str:
        """Stores one finished run.

        Args:
            origin: What asked for it: "train", "sweep" or "live".
            job_id: Of the job that made it.

        Returns:
            MLflow's run id.

        Raises:
            StoreError: If the disk refuses; the run is then not in the store.
        """
        recording = _recording(result, dataset, {"origin": origin, "job": job_id})
        config = result.config
        inputs = dataset.prepare(config.strategy, head_recipe(config), config.privacy.unit)
        space = feature_space_id(config.backbone)
        return self.store(recording, (result.weights, inputs.projection, space))

    def record_network(
        self,
        outcome: RunOutcome,
        data: RunDataset,
        network: bytes | None,
        *,
        origin: str,
        job_id: str = "",
    ) -> str:
        """Stores one finished run of a network.

        Args:
            network: Content of the file of its weights; None to leave them out.
            origin: What asked for it: "train" or "fine-tune".
            job_id: Of the job that made it.

        Returns:
            MLflow's run id.

        Raises:
            StoreError: As `record`.
        """
        recording = _recording(outcome, data, {"origin": origin, "job": job_id})
        return self.store(recording, network=network)

    def store(
        self,
        recording: RunRecord,
        head: tuple[Tensor, Projection, str] | None = None,
        network: bytes | None = None,
    ) -> str:
        """Writes a run; it is in the store when all of it is there.

        Args:
            head: Its weights (K + 1,), their projection and the id of their feature space.
            network: Content of the file of a whole network's weights.

        Returns:
            MLflow's run id.

        Raises:
            StoreError: If the disk refuses.
        """
        config, now = recording.config, int(time.time() * 1000)
        part = "" if config.trained_part == HEAD_ON_FEATURES else f", {config.trained_part}"
        name = f"{config.strategy}{part} ε={config.privacy.target_epsilon:g} seed {config.seed}"
        tags = recording.tags | {
            "run_key": run_key(config, recording.data_hash),
            "data_hash": recording.data_hash,
            TEST_SETS_TAG: names_as_tag(recording.test_sets),
        }
        if head:
            tags |= {HEAD_TAG: "kept"}
        if network is not None:
            tags |= {NETWORK_TAG: "kept"}
        with store_errors_explained():
            run_id = self._client.create_run(
                self._experiment_id, run_name=name, tags=tags, start_time=recording.started_ms
            ).info.run_id
            self._client.log_batch(
                run_id,
                metrics=[Metric(key, value, now, 0) for key, value in recording.metrics.items()],
                params=[Param(key, str(value)) for key, value in _flat(to_dict(config)).items()],
            )
            self._client.log_text(run_id, recording.predictions, PREDICTIONS_FILE)
            card = json.dumps(recording.card, indent=2, ensure_ascii=False)
            self._client.log_text(run_id, card, CARD_FILE)
            if head:
                self._heads.keep(run_id, *head)
            if network is not None:
                log_bytes(self._client, run_id, NETWORK_FILE, network)
            self._client.set_terminated(
                run_id
            )  # in the lists only from now on, so never half written
        return run_id


def _recording(outcome: RunOutcome, data: RunDataset, tags: dict[str, str]) -> RunRecord:
    metrics = {
        "noise_multiplier": outcome.noise_multiplier,
        "num_units": outcome.num_units,
        "seconds": outcome.seconds,
    }
    if not math.isinf(outcome.epsilon):  # MLflow's database cannot hold infinity
        metrics |= {"epsilon": outcome.epsilon}
        metrics |= {} if outcome.mu is None else {"mu": outcome.mu}
    for test_set, estimates in outcome.estimates.items():
        for measure, estimate in estimates.items():
            name = f"{metric_prefix(test_set)}/{measure}"
            metrics |= {
                name: estimate.value,
                f"{name}_low": estimate.low,
                f"{name}_high": estimate.high,
            }
    return RunRecord(
        config=outcome.config,
        data_hash=data.data_hash,
        test_sets=tuple(outcome.estimates),
        metrics=metrics,
        predictions=_predictions_csv(outcome, data),
        statement=statement_to_dict(outcome.statement),
        tags=tags,
    )


def _flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _predictions_csv(result: RunOutcome, data: RunDataset) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PREDICTION_COLUMNS)
    predicted = {name: (data.test_sets[name], scores) for name, scores in result.scores.items()}
    if data.validation is not None:
        predicted[VALIDATION] = (data.validation, result.validation_scores)
    for name, (tested, scores) in predicted.items():
        cohort = tested.cohort
        columns = (cohort.patient_ids, cohort.image_ids, cohort.mass_ids, cohort.labels, scores)
        writer.writerows([name, *row] for row in zip(*columns, strict=True))
    return text.getvalue()


def record_network(outcome: NetworkOutcome, data: RunDataset, home: Path, **origin: str) -> str:
    """Stores a finished run, forgets its checkpoint, and returns MLflow's run id.

    Args:
        origin: "origin" and "job_id", see `RunRecorder.record_network`.

    Raises:
        StoreError: If the disk refuses; the checkpoint is then kept.
    """
    run_id = RunRecorder(home).record_network(outcome, data, outcome.network, **origin)
    outcome.checkpoints.remove()
    return run_id
