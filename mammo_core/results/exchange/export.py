"""Exports runs as a ZIP file that another installation imports; see `package` for what is in it.

Predictions name the patient of every test mass. Patients' ids may be names that a hospital knows, so they are
replaced by numbers in a new random order each time, the same for the same patient in all runs of one file, unless
they are asked for. Ids of images and masses likewise. Identities of data are sealed: by a hash of masses and patients, those
who know all but one patient could try who the last one is.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

import mammo_core
from mammo_core.config import validate
from mammo_core.config.runs import run_key, to_dict
from mammo_core.errors import CheckpointError
from mammo_core.figures.provenance import RESEARCH_USE
from mammo_core.ledger.book import LedgerBook, LedgerEntry
from mammo_core.ledger.ledger import open_ledger
from mammo_core.privacy.statements.words import caveats, summary
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange import package as run_package
from mammo_core.results.head_store import HeadStore
from mammo_core.storage.tables import safe_csv
from mammo_core.system.secret_key import sealed_identity
from mammo_core.training.outcome import FinishedRun

_ID_COLUMNS = {"patient_id": "p", "image_id": "i", "mass_id": "m"}
_FOLDER_DIGITS = 12


def export_runs(home: Path, run_ids: Sequence[str], *, keep_patient_ids: bool = False) -> bytes:
    """Packs runs into a ZIP file with a folder of each.

    Args:
        keep_patient_ids: Leaves ids of patients, images and masses as the cohort names them.

    Raises:
        InvalidRequestError: If there is no run, or none of an id.
    """
    validate.at_least(1, runs=len(run_ids))
    archive, heads = RunArchive(home), HeadStore(home)
    book = open_ledger(home).book()
    runs = [archive.load(run_id) for run_id in dict.fromkeys(run_ids)]
    tables = [pd.concat([run.predictions, run.validation]) for run in runs]
    if not keep_patient_ids:
        tables = without_ids(tables)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for run, predictions in zip(runs, tables, strict=True):
            content = _files(run, predictions, book, heads, keep_patient_ids)
            for name, data in content.items():
                place = zipfile.ZipInfo(f"run_{run.run_id[:_FOLDER_DIGITS]}/{name}")
                file.writestr(place, data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def without_ids(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Replaces ids in predictions by p1, i1, m1 and so on, the same in all tables."""
    rng = random.SystemRandom()
    replaced = [table.copy() for table in tables]
    for column, letter in _ID_COLUMNS.items():
        ids = sorted({one for table in tables for one in table[column]})
        rng.shuffle(ids)
        numbers = {one: f"{letter}{number}" for number, one in enumerate(ids, start=1)}
        for table in replaced:
            table[column] = table[column].map(numbers)
    return replaced


def charged_for(book: LedgerBook, run: FinishedRun) -> list[LedgerEntry]:
    """Finds what the ledger of this machine has for a run: entries of its job and of its configuration."""
    config = run.config
    return [
        entry
        for entry in book.entries
        if entry.release.kind == "run"
        and (entry.job, entry.origin) == (run.job, run.origin)
        and entry.release.strategy == config.strategy
        and entry.release.target_epsilon == config.privacy.target_epsilon
        and entry.release.title.endswith(f"seed {config.seed}")
        and entry.release.spending.unit == config.privacy.unit
    ]


def _files(
    run: FinishedRun,
    predictions: pd.DataFrame,
    book: LedgerBook,
    heads: HeadStore,
    keep_patient_ids: bool,
) -> dict[str, bytes]:
    files = {
        run_package.CARD: _json(run.recorded_card | {"data_hash": sealed_identity(run.data_hash)}),
        run_package.NUMBERS: _json(
            {"test_sets": list(run.estimates), "metrics": run.metrics_per("mass")}
        ),
        run_package.PREDICTIONS: safe_csv(predictions).encode(),
        run_package.LEDGER: _json(_charged(book, run)),
        run_package.README: _readme(run, keep_patient_ids).encode(),
    }
    with contextlib.suppress(CheckpointError):  # runs recorded before heads were kept have none
        files[run_package.HEAD] = heads.self_contained(run.run_id)
    manifest = {
        "schema": run_package.SCHEMA,
        "software": "Mammo Privacy Explorer",
        "version": mammo_core.__version__,
        "exported": datetime.now(UTC).isoformat(timespec="seconds"),
        "run_id": run.source_id,
        "run_key": run_key(run.config, sealed_identity(run.data_hash)),
        "started": run.started and run.started.isoformat(),
        "origin": run.origin,
        "made_elsewhere": run.made_elsewhere,
        "ids": run_package.IDS_KEPT if keep_patient_ids else run_package.IDS_REPLACED,
        "files": {
            name: {"bytes": len(data), "sha256": run_package.sha256(data)}
            for name, data in files.items()
        },
    }
    return {run_package.MANIFEST: _json(manifest)} | files


def _charged(book: LedgerBook, run: FinishedRun) -> list[dict[str, Any]]:
    """Of an imported run only the cohorts are known."""
    if run.made_elsewhere:
        return [{"cohort": sealed_identity(key)} for key in run.charged_cohorts]
    return [_entry(entry) for entry in charged_for(book, run)]


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    """Describes a release; whose data it was, only this installation can tell."""
    charge = to_dict(entry.release) | {"release": sealed_identity(entry.release.release)}
    return {
        "made": datetime.fromtimestamp(entry.made, UTC).isoformat(timespec="seconds"),
        "cohort": sealed_identity(entry.cohort),
        "origin": entry.origin,
        "reason": entry.reason,
        "charge": charge,
    }


def _readme(run: FinishedRun, keep_patient_ids: bool) -> str:
    ids = (
        "Ids of patients, images and masses are as the cohort names them: they may identify people."
        if keep_patient_ids
        else "Ids of patients, images and masses were replaced by numbers."
    )
    return "\n\n".join(
        [
            f"One run of Mammo Privacy Explorer {mammo_core.__version__}. {RESEARCH_USE}",
            summary(run.statement),
            *caveats(run.statement),
            f"predictions.csv: scores of test masses, computed from patients without noise: no ε covers them. {ids}",
            "head.safetensors, where there is one: the model's weights. Whoever gets them gets the release that ε was spent "
            "on, or, without DP, one that guarantees nothing.",
            "ledger.json: the releases recorded for it where it was trained. An installation that imports this run adds "
            "nothing to its own ledger: it released nothing.",
        ]
    )


def _json(values: object) -> bytes:
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False).encode()
