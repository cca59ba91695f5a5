"""The MLflow store of this installation: runs, jobs, generators and the ledger are experiments in it.

By default a SQLite file under `MAMMO_HOME`; set `MLFLOW_TRACKING_URI` for a team's server.
"""

from __future__ import annotations

import os
from pathlib import Path

from mlflow import MlflowClient


def open_experiment(home: Path, name: str) -> tuple[MlflowClient, str]:
    """A client of the MLflow store and the id of an experiment in it, made if it is new."""
    home.mkdir(parents=True, exist_ok=True)
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    client = MlflowClient(uri or f"sqlite:///{home / 'mlflow.db'}")
    found = client.get_experiment_by_name(name)
    if found:
        return client, found.experiment_id
    artifacts = None if uri else (home / "artifacts").as_uri()
    return client, client.create_experiment(name, artifact_location=artifacts)
