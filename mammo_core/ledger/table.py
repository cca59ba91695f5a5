"""The ledger of a cohort as a table, to read, to draw and to save."""

from __future__ import annotations

import pandas as pd

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.ledger.book import LedgerBook, LedgerEntry, counted_costs, running_totals
from mammo_core.ledger.releases import Release
from mammo_core.privacy.accounting.cost import total_epsilon

LEDGER_COLUMNS = (
    "made",
    "kind",
    "release",
    "training data",
    "unit",
    "target_epsilon",
    "epsilon_alone",
    "epsilon_total",
    "noise",
    "origin",
    "job",
    "reason",
    "cohort",
)


def ledger_table(book: LedgerBook, members: frozenset[str], delta: float) -> pd.DataFrame:
    """Every release from any of these patients, the oldest first.

    Returns:
        `LEDGER_COLUMNS`: made (UTC), epsilon_alone (what the release alone costs the patient it costs most, infinity
        without DP) and epsilon_total (of all up to it that have DP) at δ; the rest as text.
    """
    entries = book.entries_of(members)
    releases = [entry.release for entry in entries]
    alone = [total_epsilon([cost], delta) for cost in counted_costs(releases)]
    totals = running_totals(releases, delta)
    rows = [
        _row(book, entry) | {"epsilon_alone": epsilon, "epsilon_total": total}
        for entry, epsilon, total in zip(entries, alone, totals, strict=True)
    ]
    table = pd.DataFrame(rows, columns=list(LEDGER_COLUMNS))
    return table.assign(made=pd.to_datetime(table["made"], unit="s", utc=True))


def _row(book: LedgerBook, entry: LedgerEntry) -> dict[str, object]:
    release = entry.release
    return {
        "made": entry.made,
        "kind": release.kind,
        "release": release.title,
        "training data": _trained_on(release),
        "unit": release.spending.unit,
        "target_epsilon": release.target_epsilon,
        "noise": release.noise,
        "origin": entry.origin,
        "job": entry.job,
        "reason": entry.reason,
        "cohort": cohort_label(book, entry.cohort),
    }


def _trained_on(release: Release) -> str:
    """The training data of a run by name; of a generator its architecture."""
    names: dict[str, str] = {**STRATEGY_NAMES}
    return names.get(release.strategy, release.strategy)


def cohort_label(book: LedgerBook, key: str) -> str:
    """A cohort's name that no other has."""
    cohort = book.cohorts[key]
    played = "demonstration, " if cohort.is_demonstration else ""
    return f"{cohort.name} ({played}{len(cohort.patients)} patients, {cohort.num_masses} masses, {key[:6]})"
