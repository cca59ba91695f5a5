"""The ledger: everything that was released from a cohort on this machine, written down before it is made.

Two processes of one machine cannot both take the last of a budget: a lock file stands between them. Several
machines on one MLflow server are not locked against each other.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from mammo_core.config.from_dict import from_dict
from mammo_core.config.runs import to_dict
from mammo_core.errors import BudgetExceededError, InvalidRequestError, StoreError
from mammo_core.ledger.book import Budget, BudgetChange, BudgetState, LedgerBook, LedgerEntry
from mammo_core.ledger.chain import LedgerRecord
from mammo_core.ledger.records import MlflowRecords
from mammo_core.ledger.releases import CohortIdentity, Release
from mammo_core.ledger.stores import StoreIndex
from mammo_core.ledger.words import gap_sentence, other_store_sentences, renamed_sentences
from mammo_core.privacy.accounting.gaussian import require_meaningful_delta
from mammo_core.system.secret_key import KEY_FILE, hash_again, installation_key, keyed_hash

_LOG = logging.getLogger(__name__)


class PrivacyLedger:
    """The ledger of one installation.

    Args:
        records: Where it is kept.
        lock: Entered while it is read and written; the same for all who write.
        key: Of the installation, under which patients' ids are hashed.
        index: Of this user's stores; None notes nothing.
    """

    def __init__(
        self,
        records: MlflowRecords,
        lock: AbstractContextManager[Any],
        key: bytes,
        index: StoreIndex | None = None,
    ) -> None:
        self._records = records
        self._lock = lock
        self._key = key
        self._index = index
        self._said: set[str] = set()
        self._read: tuple[Sequence[LedgerRecord], LedgerBook] = ((), LedgerBook())
        self._read_at = -math.inf

    def book(self, *, max_age_s: float = 0.0) -> LedgerBook:
        """Reads everything in it.

        Args:
            max_age_s: What was read or written here within so many seconds is not asked for again.
        """
        if time.monotonic() - self._read_at > max_age_s:
            return self._book_of(self._records.read())
        return self._read[1]

    def _book_of(self, records: Sequence[LedgerRecord]) -> LedgerBook:
        self._read_at = time.monotonic()
        known, book = self._read
        if records is not known:
            book = _book(records, self._key)
        book = dataclasses.replace(book, num_missing=self._records.num_missing)
        self._read = records, book
        return book

    def on_behalf_of(self, origin: str, *, job: str = "", beyond_budget: str = "") -> LedgerForWork:
        """The ledger as one piece of work sees it.

        Args:
            origin: "train", "sweep", "live", "script", "evaluation", "audit", "attack", "nearest", "heads make" or "gan train".
            beyond_budget: Why it may exceed a budget, in words that are kept; empty if it may not.
        """
        return LedgerForWork(self, origin, job, beyond_budget.strip())

    def write(
        self, cohort: CohortIdentity, releases: Sequence[Release], work: LedgerForWork
    ) -> None:
        """Records releases from a cohort, see `ReleaseLedger.record`."""
        if not releases:
            return
        with self._lock:
            book = self.book()
            new = book.new_releases(releases)
            if not new:
                return
            exceeded = require_room(book, cohort, new, work.beyond_budget)
            self._note_cohort(book, cohort)
            content = {
                "cohort": cohort.key,
                "origin": work.origin,
                "job": work.job,
                "reason": work.beyond_budget if exceeded else "",
                "charges": [to_dict(release) for release in new],
            }
            title = new[0].title if len(new) == 1 else f"{len(new)} releases"
            self._note_use(self._book_of(self._records.add("charges", title, content)), cohort)

    def set_budget(self, cohort: CohortIdentity, budget: Budget | None) -> None:
        """Sets, changes or removes (None) the budget of a cohort; what held before stays on record.

        Raises:
            PrivacyError: If its δ is 1 / number of patients or more.
        """
        if budget is not None:
            require_meaningful_delta(budget.delta, len(cohort.patients))
        with self._lock:
            self._note_cohort(self.book(), cohort)
            title = "no budget" if budget is None else f"budget ε = {budget.epsilon:g}"
            content = {"cohort": cohort.key, "budget": None if budget is None else to_dict(budget)}
            self._note_use(self._book_of(self._records.add("budget", title, content)), cohort)

    def warnings(self, book: LedgerBook, cohort: CohortIdentity | None = None) -> list[str]:
        """Says what makes totals too low, or patients known under other ids: in all, or of a cohort."""
        gap = gap_sentence(book)
        found = [gap] if gap else []
        if cohort is not None:
            found += renamed_sentences(book, cohort)
            found += other_store_sentences(self._index, cohort) if self._index else []
        return found

    def note_generator(self, sha256: str) -> None:
        """Says that weights came from a training recorded here, so that they are not counted again."""
        with self._lock:
            self.book()  # the new record is numbered after those that were read
            self._book_of(self._records.add("generator", sha256[:12], {"sha256": sha256}))

    def _note_use(self, book: LedgerBook, cohort: CohortIdentity) -> None:
        """Tells this user's other stores, and whoever watches, once what there is to warn of."""
        if self._index:
            budget = book.budget_of(cohort.key)
            self._index.note(cohort, budget and budget.epsilon)
        new = [each for each in self.warnings(book, cohort) if each not in self._said]
        for warning in new:
            _LOG.warning(warning)
        self._said.update(new)

    def _note_cohort(self, book: LedgerBook, cohort: CohortIdentity) -> None:
        known = book.cohorts.get(cohort.key)
        if known is None or (cohort.pictures and not known.pictures):
            values = vars(cohort) | {
                "patients": sorted(cohort.patients),
                "pictures": sorted(cohort.pictures),
                "key_check": _check_of(self._key),
            }
            del values["marks"]
            self._records.add("cohort", cohort.name, values)


@dataclass(frozen=True)
class LedgerForWork:
    """A `ReleaseLedger` that knows on whose behalf it writes."""

    ledger: PrivacyLedger
    origin: str
    job: str
    beyond_budget: str

    def require_room(self, cohort: CohortIdentity, releases: Sequence[Release]) -> None:
        """Raises BudgetExceededError if these releases would exceed a budget; writes nothing."""
        book = self.ledger.book()
        require_room(book, cohort, book.new_releases(releases), self.beyond_budget)

    def record(self, cohort: CohortIdentity, releases: Sequence[Release]) -> None:
        """Writes these releases down, all or none; see `ReleaseLedger`."""
        self.ledger.write(cohort, releases, self)

    def note_generator(self, sha256: str) -> None:
        """Says that weights came from a training recorded here."""
        self.ledger.note_generator(sha256)


def open_ledger(home: Path) -> PrivacyLedger:
    """The ledger in the MLflow store of this installation."""
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "ledger.lock")
    with lock:
        return PrivacyLedger(MlflowRecords(home), lock, installation_key(home), StoreIndex(home))


def require_room(
    book: LedgerBook, cohort: CohortIdentity, releases: Sequence[Release], beyond_budget: str = ""
) -> bool:
    """Whether these releases exceed a budget.

    Raises:
        BudgetExceededError: If they do and no reason is given.
    """
    if not releases:
        return False
    states = book.budget_states(cohort.members, releases)
    exceeded = [state for state in states if state.is_exceeded]
    if exceeded and not beyond_budget:
        raise BudgetExceededError(_refusal(book, exceeded[0], len(releases)))
    return bool(exceeded)


def _refusal(book: LedgerBook, state: BudgetState, count: int) -> str:
    budget, cohort = state.budget, state.cohort
    what = "this release" if count == 1 else f"these {count} releases"
    before = book.total(cohort.members, budget.delta).covered_epsilon
    got = (
        f"{what} would add one without DP, which no ε covers"
        if state.adds_without_dp
        else f"{what} would make it ε = {state.spent:.4g}, after {before:.4g} so far"
    )
    return (
        f"Expected everything released from {cohort.name} ({len(cohort.patients)} patients) to stay within its "
        f"budget ε = {budget.epsilon:g} at δ = {budget.delta:g}; {got}. Nothing was computed. Use a smaller ε or "
        "fewer runs, raise the budget, or go beyond it with a reason that is kept in the ledger."
    )


def _book(records: Sequence[LedgerRecord], key: bytes) -> LedgerBook:
    cohorts: dict[str, CohortIdentity] = {}
    entries: list[LedgerEntry] = []
    changes: list[BudgetChange] = []
    generators: set[str] = set()
    for record in records:
        content = record.content
        match record.kind:
            case "cohort":
                cohorts[content["key"]] = _cohort(content, key)
            case "charges":
                entries += _entries(record)
            case "budget":
                budget = content["budget"] and from_dict(Budget, content["budget"])
                changes.append(
                    BudgetChange(cohort=content["cohort"], budget=budget, made=record.made)
                )
            case "generator":
                generators.add(content["sha256"])
            case _:
                raise InvalidRequestError(
                    f"Expected a ledger as this version writes it; got a record of kind {record.kind!r}. "
                    "Use the newest version."
                )
    return LedgerBook(
        cohorts=cohorts,
        entries=tuple(entries),
        budget_changes=tuple(changes),
        generators=frozenset(generators),
    )


def _cohort(content: dict[str, Any], key: bytes) -> CohortIdentity:
    """Reads a cohort; hashes of versions up to 0.2, which had no key, are hashed again under it."""
    values = dict(content)
    check = values.pop("key_check", None)
    if check is None:
        values["patients"] = hash_again(values["patients"], key)
    elif check != _check_of(key):
        raise StoreError(
            f"Expected the key that this ledger was written with; got another in {KEY_FILE}, with which it would know no "
            "patient again. Copy that file from the MAMMO_HOME that wrote the ledger: from your backup, or from another "
            "computer of your team."
        )
    return from_dict(CohortIdentity, values)


def _check_of(key: bytes) -> str:
    return keyed_hash(key, "key of a ledger")


def _entries(record: LedgerRecord) -> list[LedgerEntry]:
    content = record.content
    return [
        LedgerEntry(
            release=from_dict(Release, values),
            cohort=content["cohort"],
            made=record.made,
            origin=content["origin"],
            job=content["job"],
            reason=content["reason"],
        )
        for values in content["charges"]
    ]
