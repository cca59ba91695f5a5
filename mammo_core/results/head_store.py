"""Heads kept with the runs that made them: an artefact of each run, and each projection once per store.

A projection holds a few megabytes and is the same for every run on the same synthetic masses, so it is an
entry of an experiment of its own, and stays when runs are deleted.
"""

from __future__ import annotations

from pathlib import Path

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from mammo_core.classifiers.heads import (
    HeadFile,
    LinearHeads,
    head_bytes,
    head_from_bytes,
    projection_bytes,
    projection_from_bytes,
    projection_id,
)
from mammo_core.classifiers.projection import Projection
from mammo_core.errors import CheckpointError
from mammo_core.storage.mlflow_store import (
    open_experiment,
    read_artefact,
    search_all,
    write_artefact,
)

HEAD_FILE = "head.safetensors"
_PROJECTIONS = "projections"
_PROJECTION_FILE = "projection.safetensors"
_TAG = "projection_id"


class HeadStore:
    """Heads and projections in the MLflow store of this installation."""

    def __init__(self, home: Path) -> None:
        self._client, self._experiment_id = open_experiment(home, _PROJECTIONS)
        self._kept: set[str] = set()
        self._read: dict[str, Projection] = {}

    def keep(self, run_id: str, head: HeadFile) -> None:
        """Adds a head with its projection to a run; each projection is kept once."""
        projection = head.projection
        if projection is None:
            raise CheckpointError(
                f"Expected a head with its projection; got one that names {head.projection_id}. Read it with `load`."
            )
        named = projection_id(projection)
        if named and named not in self._kept:
            if self._find(named) is None:
                self._add(named, projection)
            self._kept.add(named)
        content = head_bytes(head.weights, projection, head.feature_space, self_contained=False)
        write_artefact(self._client, run_id, HEAD_FILE, content)

    def load(self, run_id: str) -> tuple[LinearHeads, HeadFile]:
        """Reads the head of a run, ready to score, and its file.

        Raises:
            CheckpointError: If the run keeps none, or it or its projection is damaged or gone.
        """
        try:
            content = read_artefact(self._client, run_id, HEAD_FILE)
        except (MlflowException, OSError) as error:
            raise CheckpointError(
                f"Expected the run {run_id} to keep its head as {HEAD_FILE}; found none. It was recorded "
                "before heads were kept: train it again to read cases with it."
            ) from error
        kept = head_from_bytes(content, f"{HEAD_FILE} of the run {run_id}")
        projection = kept.projection or self._projection(kept.projection_id)
        return LinearHeads(projection, kept.weights[None]), kept

    def self_contained(self, run_id: str) -> bytes:
        """Encodes the head of a run as a file that needs no store: with its projection inside.

        Raises:
            CheckpointError: As `load`.
        """
        heads, kept = self.load(run_id)
        return head_bytes(
            heads.weights[0], heads.projection, kept.feature_space, self_contained=True
        )

    def _projection(self, named: str) -> Projection:
        if named not in self._read:
            self._read[named] = self._read_projection(named)
        return self._read[named]

    def _read_projection(self, named: str) -> Projection:
        run = self._find(named)
        if run is None:
            raise CheckpointError(
                f"Expected the projection {named} in the experiment {_PROJECTIONS} of this store; found "
                "none. The run came from another store without it, or it was deleted: train the run again."
            )
        projection = projection_from_bytes(
            read_artefact(self._client, run.info.run_id, _PROJECTION_FILE),
            f"the projection {named}",
        )
        if projection_id(projection) != named:
            raise CheckpointError(
                f"Expected the projection {named}; its file holds {projection_id(projection)}. It was "
                "changed or damaged: train the run again in a new store."
            )
        return projection

    def _find(self, named: str) -> Run | None:
        finished = f"tags.{_TAG} = '{named}' and attributes.status = 'FINISHED'"
        found = search_all(self._client, self._experiment_id, finished, limit=1)
        return found[0] if found else None

    def _add(self, named: str, projection: Projection) -> None:
        run_id = self._client.create_run(
            self._experiment_id, run_name=named, tags={_TAG: named}
        ).info.run_id
        write_artefact(self._client, run_id, _PROJECTION_FILE, projection_bytes(projection))
        self._client.set_terminated(run_id)  # found only from now on, so never half written
