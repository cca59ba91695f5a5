"""Gathers what this installation knows around a run: the ledger of its patients, other runs on the same data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mammo_core.config.runs import run_key
from mammo_core.evaluation.curves import curve_points
from mammo_core.ledger.book import LedgerBook, LedgerEntry
from mammo_core.ledger.ledger import PrivacyLedger, open_ledger
from mammo_core.ledger.releases import CohortIdentity
from mammo_core.ledger.words import (
    budget_sentence,
    gap_sentence,
    renamed_sentences,
    total_sentences,
)
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange.export import charged_for
from mammo_core.results.tags import ORIGIN_IMPORTED
from mammo_core.system.secret_key import sealed_identity
from mammo_core.text.numbers import counted
from mammo_core.training.outcome import FinishedRun

_AUDITS = ("audit", "attack")  # origins in the ledger
_KEY_DIGITS = 6  # of a cohort's key, in the ledger's sentences
_OTHER_STORES = "What another store released from these patients may be missing in these totals. The page Privacy says why."


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """What is known of a run besides the run itself.

    Attributes:
        cohort: Whose data the ledger charged it to; None if it charged nobody.
        releases: What the ledger holds of these patients, in sentences.
        audits: Attacks and audits of these patients in the ledger, in sentences.
        num_tried: Configurations recorded here on the very same data; None for a run that was made elsewhere.
        repeats: Points of `curve_points` of this run and those that differ in the seed only, one for each test set; empty
            unless there are several seeds.
    """

    cohort: CohortIdentity | None
    releases: tuple[str, ...]
    audits: tuple[str, ...]
    num_tried: int | None
    repeats: pd.DataFrame


@dataclass(frozen=True)
class RunFacts:
    """A recorded run, evaluated per mass, and what is known around it."""

    run: FinishedRun
    context: RunContext


def context_of(home: Path, run: FinishedRun) -> RunContext:
    """Reads the ledger and the run store of an installation; changes neither."""
    if run.made_elsewhere:
        unknown = "Not known here: the run was made in another installation, whose ledger holds it."
        return RunContext(
            cohort=None,
            releases=(unknown,),
            audits=(unknown,),
            num_tried=None,
            repeats=pd.DataFrame(),
        )
    rows = RunArchive(home).rows()
    same_data = rows[(rows["data_hash"] == run.data_hash) & (rows["origin"] != ORIGIN_IMPORTED)]
    num_tried = int(same_data["run_key"].nunique())
    repeats = _repeats(run, same_data)
    ledger = open_ledger(home)
    book = ledger.book()
    cohorts = _cohorts_of(book, run)
    if len(cohorts) != 1:
        return RunContext(
            cohort=None,
            releases=(_why_unknown(run, len(cohorts)),),
            audits=(_why_unknown(run, len(cohorts)),),
            num_tried=num_tried,
            repeats=repeats,
        )
    (cohort,) = cohorts
    return RunContext(
        cohort=cohort,
        releases=tuple(_releases(ledger, book, cohort, run.statement.delta)),
        audits=_audits(book.entries_of(cohort.members)),
        num_tried=num_tried,
        repeats=repeats,
    )


def _cohorts_of(book: LedgerBook, run: FinishedRun) -> list[CohortIdentity]:
    """Finds the cohorts that a run may have been charged to: a run started at the command line has no job to tell it by."""
    statement = run.statement
    found = {entry.cohort: book.cohorts[entry.cohort] for entry in charged_for(book, run)}
    return [
        cohort
        for cohort in found.values()
        if cohort.largest_patient == statement.largest_patient
        and (len(cohort.patients) if statement.unit == "patient" else cohort.num_masses)
        == statement.num_units
    ]


def _why_unknown(run: FinishedRun, num_cohorts: int) -> str:
    if run.config.strategy == "synthetic":
        return "This run read no patient, so the ledger holds no release of it."
    if num_cohorts:
        return (
            f"Not known: {num_cohorts} cohorts in the ledger fit this run. `mammo ledger show` lists the releases "
            "of each."
        )
    return "The ledger of this installation holds no record of this run."


def _releases(
    ledger: PrivacyLedger, book: LedgerBook, cohort: CohortIdentity, delta: float
) -> list[str]:
    """Says what was released, without the folders of other stores and the keys of cohorts: both are for this installation."""
    total = book.total(cohort.members, delta)
    budgets = [budget_sentence(state) for state in book.budget_states(cohort.members)]
    known = [*filter(None, [gap_sentence(book)]), *renamed_sentences(book, cohort)]
    others = len(ledger.warnings(book, cohort)) > len(known)
    said = [
        f"The ledger of this installation holds {counted(total.num_releases, 'release')} from these patients.",
        *total_sentences(total, delta),
        *(budgets or ["No budget is set for these patients."]),
        *known,
        *([_OTHER_STORES] if others else []),
    ]
    return [_without_keys(sentence, book) for sentence in said]


def _without_keys(sentence: str, book: LedgerBook) -> str:
    """Puts the sealed identity of a cohort in the place of its key, by which who holds its data would know it."""
    for key in book.cohorts:
        sentence = sentence.replace(
            f"({key[:_KEY_DIGITS]})", f"({sealed_identity(key)[:_KEY_DIGITS]})"
        )
    return sentence


def _audits(entries: list[LedgerEntry]) -> tuple[str, ...]:
    titles = [entry.release.title for entry in entries if entry.origin in _AUDITS]
    if not titles:
        return ("The ledger holds no attack on these patients and no audit.",)
    listed = "; ".join(dict.fromkeys(titles))
    return (f"Of these, {counted(len(titles), 'release')} came from attacks or audits: {listed}.",)


def _repeats(run: FinishedRun, same_data: pd.DataFrame) -> pd.DataFrame:
    keys = {
        run_key(replace(run.config, seed=int(seed)), run.data_hash)
        for seed in same_data["seed"].unique()
    }
    rows = same_data[same_data["run_key"].isin(keys)].drop_duplicates(["run_key", "test_set"])
    if rows["seed"].nunique() < 2:
        return pd.DataFrame()
    return curve_points(rows)
