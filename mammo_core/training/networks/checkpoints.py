"""Half-finished trainings of networks on disk: a killed or cancelled run goes on where it last wrote itself down.

Under `MAMMO_HOME/networks/RUN_KEY`: a card, checkpoint.json, and the tensors it names with their sha256. The card is
written after the tensors and replaces the one before at once, so whatever is killed when, one whole checkpoint stays.
It holds a model before its release: whoever gets it gets what the run has spent so far.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from torch import Tensor

from mammo_core.config.runs import RunConfig, run_key, to_dict
from mammo_core.errors import CheckpointError, InvalidRequestError
from mammo_core.storage.atomic import disk_errors_explained
from mammo_core.storage.tensors import read_sealed, write_sealed

SCHEMA = "mammo-network-checkpoint/1"
CARD_FILE = "checkpoint.json"
PhaseName = Literal["pretraining", "training"]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training was.

    Attributes:
        phase: What it was doing: training on synthetic masses before, or the run itself.
        tensors: Of that phase's state, by name.
        facts: Other JSON-ready values that go with them.
    """

    phase: PhaseName
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


class NetworkCheckpoints:
    """The checkpoint of one run, identified by its configuration and data.

    Args:
        home: `MAMMO_HOME`.
    """

    def __init__(self, home: Path, config: RunConfig, data_hash: str) -> None:
        self._config = to_dict(config)
        self._key = run_key(config, data_hash)
        self.folder = home / "networks" / self._key

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Locks the run: while inside, no other process trains it.

        Raises:
            InvalidRequestError: If one does.
            StoreError: If the folder cannot be made.
        """
        with disk_errors_explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise InvalidRequestError(
                f"Expected the run {self._key} to be trained once; another process is training it now. Wait for it, "
                "or choose another seed."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def load(self) -> Checkpoint | None:
        """Reads where the run was; None if it was never begun.

        Raises:
            CheckpointError: If what is there is damaged or of another run. Nothing is changed.
        """
        path = self.folder / CARD_FILE
        if not path.is_file():
            return None
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            is_own = (card["schema"], card["run_key"]) == (SCHEMA, self._key)
            phase, facts, name, sha256 = (card[key] for key in ("phase", "facts", "file", "sha256"))
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"Expected a checkpoint as this program writes it at {path}; got something else ({error}). Nothing "
                f"was changed. {self._how_to_start_anew}"
            ) from error
        if not is_own:
            raise CheckpointError(
                f"Expected the checkpoint of the run {self._key} at {path}; got one of {card['run_key']!r} "
                f"({card['schema']!r}). Nothing was changed. {self._how_to_start_anew}"
            )
        try:
            tensors = read_sealed(self.folder / Path(name).name, sha256)
        except CheckpointError as error:
            raise CheckpointError(f"{error} {self._how_to_start_anew}") from error
        return Checkpoint(phase, tensors, facts)

    def save(
        self,
        phase: PhaseName,
        tensors: Mapping[str, Tensor],
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Puts a checkpoint in the place of the one before.

        Raises:
            StoreError: If the disk refuses; the one before is then kept.
        """
        path = self.folder / f"{phase}-{secrets.token_hex(8)}.safetensors"
        card = {
            "schema": SCHEMA,
            "run_key": self._key,
            "config": self._config,
            "phase": phase,
            "file": path.name,
            "facts": dict(facts or {}),
        }
        write_sealed(path, tensors, self.folder / CARD_FILE, card, mode=0o600)
        for other in self.folder.glob("*.safetensors"):
            if other != path:
                other.unlink()

    def remove(self) -> None:
        """Removes the checkpoint of a run that is finished; there may be none."""
        if self.folder.exists():
            with disk_errors_explained(self.folder):
                shutil.rmtree(self.folder)

    @property
    def _how_to_start_anew(self) -> str:
        return f"To begin the run anew, and spend its ε again, move the folder {self.folder} away."
