"""Remembers for each user which stores hold which cohorts, so that a ledger tells what is released beside it.

A ledger knows its own store only: the SQLite file of one `MAMMO_HOME`, or one MLflow server. The index stands in the
user's state folder. It names patients and pictures by hashes under the user's own key.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from mammo_core.config.from_dict import from_dict
from mammo_core.config.runs import to_dict
from mammo_core.errors import StoreError
from mammo_core.ledger.releases import CohortIdentity
from mammo_core.storage.atomic import disk_errors_explained, json_text, write_bytes
from mammo_core.system.paths import state_dir
from mammo_core.system.secret_key import installation_key, keyed_hash

_FILE = "stores.json"


@dataclass(frozen=True)
class HeldCohort:
    """A cohort in a store.

    Attributes:
        budget: ε of its budget there; None for none.
        marks: As of `CohortIdentity`, sorted.
    """

    name: str
    budget: float | None
    marks: tuple[str, ...]


@dataclass(frozen=True)
class UsedStore:
    """A store that this user has released something into.

    Attributes:
        place: Its `MAMMO_HOME` or MLflow server.
        id: Of the home; moves with it.
        cohorts: By key.
    """

    place: str
    id: str
    cohorts: dict[str, HeldCohort]


class StoreIndex:
    """The index of this user's stores, as the store of one home sees it.

    Attributes:
        problem: Why it cannot be kept, for example without a home folder; empty if it can.
    """

    def __init__(self, home: Path) -> None:
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        self._place = _without_password(uri) if uri else str(home.resolve())
        self._id = keyed_hash(installation_key(home), f"store {self._place if uri else ''}")
        self._noted: dict[str, float | None] = {}
        self.problem = ""

    def note(self, cohort: CohortIdentity, budget: float | None) -> None:
        """Writes down that this store holds a cohort; what stands in the way becomes `problem`.

        Args:
            budget: ε of the cohort's budget here; None for none.
        """
        if self._noted.get(cohort.key, -1.0) == budget:
            return
        try:
            path = state_dir() / _FILE
            with disk_errors_explained(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(path.with_suffix(".lock")):
                    stores = [to_dict(store) for store in self._with(_read(path), cohort, budget)]
                    write_bytes(path, json_text(stores).encode(), mode=0o600)
        except StoreError as error:
            self.problem = str(error)
        else:
            self._noted[cohort.key] = budget
            self.problem = ""

    def others(self, cohort: CohortIdentity) -> list[tuple[str, float | None]]:
        """Finds the other stores that hold this cohort, or one that shares a patient or a picture with it.

        Returns:
            Place and budget (None for none) of each.
        """
        try:
            stores = _read_once(state_dir() / _FILE)
        except StoreError as error:
            self.problem = str(error)
            return []
        marks = set(cohort.marks).union(
            *(store.cohorts[cohort.key].marks for store in stores if cohort.key in store.cohorts)
        )
        found: list[tuple[str, float | None]] = []
        for store in stores:
            alike = [held for held in store.cohorts.values() if not marks.isdisjoint(held.marks)]
            if alike and not self._is_own(store):
                budgets = [held.budget for held in alike if held.budget is not None]
                found.append((store.place, min(budgets, default=None)))
        return found

    def _with(
        self, stores: Sequence[UsedStore], cohort: CohortIdentity, budget: float | None
    ) -> list[UsedStore]:
        """The stores, this one with a cohort."""
        own = [store for store in stores if self._is_own(store)]
        cohorts = {key: held for store in own for key, held in store.cohorts.items()}
        known = cohorts[cohort.key].marks if cohort.key in cohorts else ()
        marks = tuple(sorted(cohort.marks)) or known
        cohorts[cohort.key] = HeldCohort(cohort.name, budget, marks)
        others = [store for store in stores if store not in own]
        return [*others, UsedStore(self._place, self._id, cohorts)]

    def _is_own(self, store: UsedStore) -> bool:
        """Whether an entry is of this home, here or where it was before it was moved. A copy is another store."""
        has_moved = store.id == self._id and not Path(store.place).exists()
        return has_moved or store.place == self._place


def _read_once(path: Path) -> tuple[UsedStore, ...]:
    with disk_errors_explained(path):
        if not path.exists():
            return ()
        seen = path.stat()
    return _read_version(path, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=1)
def _read_version(path: Path, _changed: int, _size: int) -> tuple[UsedStore, ...]:
    return _read(path)


def _read(path: Path) -> tuple[UsedStore, ...]:
    with disk_errors_explained(path):
        if not path.exists():
            return ()
        text = path.read_text(encoding="utf-8")
    try:
        return tuple(from_dict(UsedStore, values) for values in json.loads(text))
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"Expected the index of this user's stores in {path}; got something else ({error}). Move the file away: a new "
            "one is begun."
        ) from error


def _without_password(uri: str) -> str:
    """The address of a server without user, password and query."""
    return re.sub(r"//[^/]*@", "//", uri).partition("?")[0]
