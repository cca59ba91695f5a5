"""The MLflow run of one generator's training: configuration, losses, KID and sample grids."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mammo_core.storage.mlflow_store import open_experiment
from mammo_core.synthesis.config import GanConfig

EXPERIMENT = "generators"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The state of a running training.

    Attributes:
        generator_loss: Mean since the evaluation before; None if it is not known any more. So the other loss.
        grid: (2 H, 8 W) uint8, masses of each class from the same seeds every time.
    """

    images_seen: int
    generator_loss: float | None
    discriminator_loss: float | None
    masses_per_second: float
    best_kid: float
    kid: float
    grid: np.ndarray


class GeneratorRecord:
    """Records a training in the MLflow store of this installation.

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

    def last_evaluated(self) -> int:
        """The number of masses seen at the last evaluation that was recorded wholly; 0 without any."""
        history = self._client.get_metric_history(self._run.info.run_id, "kid")
        return max((point.step for point in history), default=0)

    def write(self, evaluation: Evaluation) -> None:
        """Records one evaluation as an image and metrics, the KID last."""
        values = dataclasses.asdict(evaluation)
        grid, seen = values.pop("grid"), values.pop("images_seen")
        run_id = self._run.info.run_id
        self._client.log_image(run_id, Image.fromarray(grid), f"grids/{seen:09d}.png")
        for name, value in values.items():
            if value is not None:
                self._client.log_metric(run_id, name, value, step=seen)

    def finish(self, out: Path) -> None:
        """Keeps the generator with the run and closes it."""
        for suffix in (".safetensors", ".json"):
            self._client.log_artifact(self._run.info.run_id, str(out.with_suffix(suffix)))
        self._client.set_terminated(self._run.info.run_id)
