"""Surveys a source before anything is written: unpacks it if need be, finds its masses, decides splits."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from mammo_core.errors import IngestionError
from mammo_core.ingestion.archives import unpack_safely
from mammo_core.ingestion.imports.cbis import survey_cbis
from mammo_core.ingestion.imports.folder_survey import survey_folder
from mammo_core.ingestion.imports.import_report import kinds_of
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.pseudonyms import Pseudonyms
from mammo_core.ingestion.imports.splitting import assign_splits
from mammo_core.ingestion.imports.survey import Skipped, Survey
from mammo_core.ingestion.uploads import new_upload

OnProgress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


@contextlib.contextmanager
def unpacked(
    plan: ImportPlan, data_dir: Path, should_stop: ShouldStop | None = None
) -> Iterator[Path]:
    """Opens the plan's source as a folder or a single image; unpacks a ZIP file for as long as it is used.

    It is unpacked below the data folder, where `installed.sweep_incoming` deletes what a kill left.

    Raises:
        IngestionError: If there is nothing, or the archive cannot be used.
    """
    source = plan.source
    if not source.exists():
        raise IngestionError(f"Expected images at {source}; found nothing. Check the path.")
    if source.is_dir() or source.suffix.lower() != ".zip":
        yield source
        return
    folder = new_upload(data_dir)
    try:
        target = folder / "files"
        unpack_safely(source, target, should_stop=should_stop)
        target.mkdir(exist_ok=True)  # not there if it was stopped
        yield target
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what is left is swept after a day


def survey_source(
    plan: ImportPlan,
    source: Path,
    pseudonyms: Pseudonyms,
    *,
    workers: int,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Survey:
    """Finds every mass that can be imported from an unpacked source, with its split; perhaps none.

    Raises:
        IngestionError: If a table cannot be used.
    """
    if plan.kind == "cbis-ddsm":
        survey = survey_cbis(
            source,
            plan.labels,
            workers=workers,
            on_progress=on_progress,
            should_stop=should_stop,
        )
    else:
        survey = survey_folder(
            plan,
            source,
            pseudonyms,
            workers=workers,
            on_progress=on_progress,
            should_stop=should_stop,
        )
    return _divided(plan, survey)


def nothing_left(skipped: tuple[Skipped, ...], *, naming_files: bool) -> IngestionError:
    """Builds the error for no importable mass. A job's error is kept, and file names can identify patients."""
    kinds = ", ".join(f"{kind} ({count})" for kind, count in kinds_of(skipped).items())
    first = f" The first: {skipped[0].what}: {skipped[0].reason}" if skipped else ""
    return IngestionError(
        f"Expected masses to import; nothing is left{f' after leaving out: {kinds}' if kinds else ''}."
        f"{first if first and naming_files else ' Check the folder and the tables.'}"
    )


def _divided(plan: ImportPlan, survey: Survey) -> Survey:
    """Gives every patient a split; drops patients for whom a column names none."""
    split, patients = plan.split, survey.patients
    match split.by:
        case "random":
            shares = {"val": split.val_share, "test": split.test_share}
            splits = assign_splits(patients, shares, split.seed)
        case "official":
            testing = {name for name, part in survey.splits.items() if part == "test"}
            rest = {name: label for name, label in patients.items() if name not in testing}
            splits = assign_splits(rest, {"val": split.val_share}, split.seed)
            splits |= dict.fromkeys(testing, "test")
        case "column":
            splits = dict(survey.splits)
            survey = _without_undecided(survey)
    return survey.with_splits(splits)


def _without_undecided(survey: Survey) -> Survey:
    reason = (
        "Expected train, val or test as the patient's split; got another word or none. Fill it in."
    )
    undecided = [image for image in survey.images if image.patient not in survey.splits]
    return replace(
        survey,
        images=tuple(image for image in survey.images if image.patient in survey.splits),
        skipped=(
            *survey.skipped,
            *(Skipped(what=image.shown, kind="no split", reason=reason) for image in undecided),
        ),
    )
