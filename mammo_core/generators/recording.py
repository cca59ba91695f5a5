"""The MLflow run of one generator's training: configuration, losses, KID and sample grids."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from PIL import Image

from mammo_core.generators.training import Evaluation
from mammo_core.storage.mlflow_store import open_experiment
from mammo_core.synthesis.config import GanConfig

EXPERIMENT = "generators"


class GeneratorRecord:
    """Records a training (`training.TrainingLog`) in the MLflow store of this installation.

    Args:
        key: Identifies the training; a run with this key is continued.
    """

    def __init__(self, home: Path, key: str, config: GanConfig) -> None:
        self._client, experiment_id = open_experiment(home, EXPERIMENT)
        found = self._client.search_runs([experiment_id], f"tags.training = '{key}'")
        if found:
            self._run = found[0]
            self._client.update_run(self._run.info.run_id, status="RUNNING")
            return
        self._run = self._client.create_run(
            experiment_id, run_name=config.architecture, tags={"training": key}
        )
        for name, value in dataclasses.asdict(config).items():
            self._client.log_param(self._run.info.run_id, name, value)

    def best_kid(self) -> float:
        """The lowest KID so far, infinity for a new training."""
        return self._run.data.metrics.get("best_kid", float("inf"))

    def write(self, evaluation: Evaluation) -> None:
        """Records one evaluation as metrics and an image."""
        values = dataclasses.asdict(evaluation)
        grid, seen = values.pop("grid"), values.pop("images_seen")
        run_id = self._run.info.run_id
        for name, value in values.items():
            self._client.log_metric(run_id, name, value, step=seen)
        self._client.log_image(run_id, Image.fromarray(grid), f"grids/{seen:09d}.png")

    def finish(self, out: Path) -> None:
        """Keeps the generator with the run and closes it."""
        for suffix in (".safetensors", ".json"):
            self._client.log_artifact(self._run.info.run_id, str(out.with_suffix(suffix)))
        self._client.set_terminated(self._run.info.run_id)
