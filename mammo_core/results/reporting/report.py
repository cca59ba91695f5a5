"""Makes a report of a recorded run: the one entry for the command line and the pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mammo_core.config import validate
from mammo_core.results.archive import RunArchive
from mammo_core.results.reporting.checklists import filled_checklist, read_checklist
from mammo_core.results.reporting.context import RunFacts, context_of
from mammo_core.results.reporting.document import KINDS, Document, ReportKind
from mammo_core.results.reporting.label import privacy_label
from mammo_core.results.reporting.methods import methods_paragraph

_MADE: dict[ReportKind, Callable[[RunFacts], Document]] = {
    "label": privacy_label,
    "methods": methods_paragraph,
    "claim": partial(filled_checklist, checklist=read_checklist("claim_2024")),
    "tripod": partial(filled_checklist, checklist=read_checklist("tripod_ai")),
}


def make_report(home: Path, run_id: str, kind: ReportKind) -> Document:
    """Makes a report of one recorded run; `writers.write_report` turns it into a file.

    Reads the run store and the ledger, and releases nothing: what it says is recorded already.

    Args:
        home: Of the installation.
        run_id: Of the run in its store.

    Raises:
        InvalidRequestError: If there is no such run or no such kind of report.
    """
    validate.one_of(KINDS, kind=kind)
    run = RunArchive(home).load(run_id)
    return _MADE[kind](RunFacts(run, context_of(home, run)))
