"""Records runs in MLflow: what was asked, what was spent, what was measured, every prediction, the weights.

By default in a SQLite file under `MAMMO_HOME`; set `MLFLOW_TRACKING_URI` for a team's server.
Open it with `mlflow ui --backend-store-uri sqlite:///.mammo/mlflow.db`.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
from mlflow.entities import Metric, Param

from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import run_key, to_dict
from mammo_core.results import tags
from mammo_core.results.head_store import HeadStore
from mammo_core.storage.mlflow_store import (
    open_experiment,
    store_errors_explained,
    write_artefact,
)
from mammo_core.training.networks.checkpoints import NetworkCheckpoints
from mammo_core.training.outcome import FinishedRun

EXPERIMENT = "private-heads"
NETWORK_FILE = "network.safetensors"
PREDICTIONS_FILE, CARD_FILE = "predictions.csv", "run.json"


class RunRecorder:
    """Writes runs to the MLflow store of this installation."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._client, self._experiment_id = open_experiment(home, EXPERIMENT)
        self._heads = HeadStore(home)

    def record(self, run: FinishedRun, *, origin: str, job_id: str = "") -> str:
        """Stores a run that was made here; the checkpoint of its training is removed then.

        Args:
            origin: What asked for it: "train", "sweep", "live", "fine-tune" or "script".
            job_id: Of the job that made it.

        Returns:
            MLflow's run id.

        Raises:
            StoreError: If the disk refuses; the run is then not in the store, and its checkpoint is kept.
        """
        run_id = self.store(replace(run, origin=origin, job=job_id))
        if isinstance(run.config.recipe, NetworkRecipe):
            NetworkCheckpoints(self._home, run.config, run.data_hash).remove()
        return run_id

    def store(self, run: FinishedRun) -> str:
        """Writes a run with what it says of its making; it is in the store when all of it is there.

        Returns:
            MLflow's run id.

        Raises:
            StoreError: If the disk refuses.
        """
        now = int(time.time() * 1000)
        with store_errors_explained():
            run_id = self._client.create_run(
                self._experiment_id,
                run_name=run.name,
                tags=_tags(run),
                start_time=None if run.started is None else int(run.started.timestamp() * 1000),
            ).info.run_id
            self._client.log_batch(
                run_id,
                metrics=[Metric(key, value, now, 0) for key, value in run.metrics.items()],
                params=[
                    Param(key, str(value)) for key, value in _flat(to_dict(run.config)).items()
                ],
            )
            predictions = [table for table in (run.predictions, run.validation) if len(table)]
            text = pd.concat(predictions).to_csv(index=False, lineterminator="\n")
            self._client.log_text(run_id, text, PREDICTIONS_FILE)
            card = json.dumps(run.recorded_card, indent=2, ensure_ascii=False)
            self._client.log_text(run_id, card, CARD_FILE)
            if run.head is not None:
                self._heads.keep(run_id, run.head)
            if run.network is not None:
                write_artefact(self._client, run_id, NETWORK_FILE, run.network)
            self._client.set_terminated(run_id)  # listed only from now on, so never half written
        return run_id


def _tags(run: FinishedRun) -> dict[str, str]:
    values = {
        "origin": run.origin,
        "job": run.job,
        "run_key": run_key(run.config, run.data_hash),
        "data_hash": run.data_hash,
        tags.TEST_SETS_TAG: tags.names_as_tag(run.estimates),
    }
    if run.origin == tags.ORIGIN_IMPORTED:
        values |= {
            tags.SOURCE_TAG: run.source_id,
            tags.CHARGED_TAG: " ".join(run.charged_cohorts),
            tags.MADE_TAG: run.made_elsewhere,
            tags.PACKAGE_TAG: run.package_sha256,
        }
    if run.head is not None:
        values[tags.HEAD_TAG] = "kept"
    if run.network is not None:
        values[tags.NETWORK_TAG] = "kept"
    return values


def _flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
