"""`data import`: cuts masses out of your own mammograms, or of CBIS-DDSM from its archive."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.system.paths import data_dir, home_dir

if TYPE_CHECKING:
    from mammo_core.ingestion.imports.import_report import ImportPreview, ImportReport, SplitCount
    from mammo_core.ingestion.imports.plan import ImportPlan
    from mammo_core.ingestion.imports.survey import Skipped

_SHOWN = 5  # of each kind of what was skipped
_TABLES = """\
Tables are CSV files with a header; comma, semicolon or tab; any order of columns.
  which image   file, or sop_instance_uid, or patient_id with side and view
  label         label: benign, malignant, 0 (benign) or 1 (malignant)
  whose         patient_id: needed for PNG, JPEG, TIFF; DICOM files contain it
  where         x, y, width, height, or xmin, ymin, xmax, ymax, or x_center, y_center, radius, in pixels:
                one row for each mass; bbox (COCO) and ROI_coords (EMBED) are read, too;
                or mask: a file; or masks named like the image (NAME_mask.png); or DICOM segmentations
  split         split: train, val or test, with --split column
Density, shape, margins, assessment and subtlety are kept for subgroups. No other column is read.
Without any place, each picture is taken whole, as a mass that is cut out already.

Privacy is guaranteed to patients. If ids look like no patients', or the table and the files group images
differently, the import stops and says so; --patients-as-in confirms one of the two.

Ids of patients and images become pseudonyms under a salt in the program's home. Dates, names and
file names are not kept. Research use only, not for diagnosis.
"""


def add_part(parts: argparse._SubParsersAction) -> None:
    """Adds `data import`."""
    command = parts.add_parser(
        "import",
        help="cut masses out of mammograms: CBIS-DDSM, DICOM of any hospital, PNG, JPEG or TIFF",
        description="Writes masses as a cohort that every other command and the app find. Resumes an interrupted import, "
        "never overwrites anything, and lists what it leaves out. Exit status: 0 if everything was imported, "
        "1 if something was left out, 2 if nothing could be done.",
        epilog=_TABLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "kind",
        choices=("cbis-ddsm", "dicom", "pictures"),
        help="cbis-ddsm as downloaded, DICOM of any hospital, or pictures: PNG, JPEG and TIFF",
    )
    command.add_argument(
        "source", metavar="SOURCE", type=Path, help="a folder, a ZIP file or one image"
    )
    command.add_argument("--name", required=True, help="name of the new cohort, a folder in --out")
    command.add_argument(
        "--site", default="", help="name of the site in results; default: the name"
    )
    command.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=data_dir(),
        help="data folder; default: %(default)s",
    )
    command.add_argument(
        "--labels", metavar="CSV", type=Path, help="table of labels, described below"
    )
    command.add_argument(
        "--boxes", metavar="CSV", type=Path, help="table of boxes, if not in --labels"
    )
    command.add_argument(
        "--masks", metavar="DIR", type=Path, help="masks or segmentations, if not in SOURCE"
    )
    command.add_argument(
        "--one-patient-per-file",
        action="store_true",
        help="for images without patient ids: treat each file as another patient's",
    )
    command.add_argument(
        "--patients-as-in",
        choices=("table", "files"),
        default="",
        help="whose ids of patients are right where they are in doubt: the table's, or those in DICOM files",
    )
    _add_recipe(command)
    _add_split(command)
    command.add_argument(
        "--dry-run",
        action="store_true",
        help="report what would be imported, without writing masses",
    )
    command.add_argument(
        "--start-over", action="store_true", help="discard the rest of an interrupted import first"
    )
    command.add_argument(
        "--workers", type=int, metavar="N", help="number of processes; default: one per core"
    )
    command.set_defaults(run=run_import_command)


def _add_recipe(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--recipe",
        choices=("standard", "paper", "whole"),
        help="standard: cut masses with a margin of a quarter; paper: as the paper's public code does; whole: keep "
        "images that are crops already. Default: standard",
    )
    command.add_argument("--size", type=int, metavar="PX", help="side of a mass; default: 128")


def _add_split(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--split",
        choices=("official", "random", "column"),
        help="official: the collection's test set; random: by patient; column: as a column of the labels says. "
        "Default: official for cbis-ddsm, else random",
    )
    command.add_argument(
        "--seed", type=int, default=0, help="seed of the random split; default: %(default)s"
    )
    command.add_argument(
        "--val",
        type=float,
        default=0.15,
        help="share of patients for validation; default: %(default)s",
    )
    command.add_argument(
        "--test",
        type=float,
        default=0.2,
        help="share of patients for testing, with --split random; default: %(default)s",
    )


def plan_from(options: argparse.Namespace) -> ImportPlan:
    """Builds the plan that the options describe."""
    from dataclasses import replace

    from mammo_core.ingestion.images.crops import RECIPES
    from mammo_core.ingestion.imports.plan import ImportPlan
    from mammo_core.ingestion.imports.splitting import SplitPlan

    recipe = RECIPES[options.recipe or "standard"]
    if options.size:
        recipe = replace(recipe, size_px=options.size)
    official = options.kind == "cbis-ddsm"
    return ImportPlan(
        kind=options.kind,
        source=options.source,
        name=options.name,
        site=options.site,
        labels=options.labels,
        boxes=options.boxes,
        masks=options.masks,
        recipe=recipe,
        split=SplitPlan(
            by=options.split or ("official" if official else "random"),
            seed=options.seed,
            val_share=options.val,
            test_share=options.test,
        ),
        one_patient_per_file=options.one_patient_per_file,
        patients_as_in=options.patients_as_in,
    )


def run_import_command(options: argparse.Namespace) -> int:
    """Imports, or says what would be imported."""
    from mammo_core.cli.progress import progress_bar
    from mammo_core.ingestion.imports.cohort_writer import discard_partial
    from mammo_core.ingestion.imports.run import preview_import, run_import

    plan = plan_from(options)
    if options.dry_run:
        with progress_bar("Surveying", "files") as on_progress:
            preview = preview_import(
                plan, options.out, home_dir(), workers=options.workers, on_progress=on_progress
            )
        _print_preview(preview)
        return 1 if preview.skipped else 0
    if options.start_over and discard_partial(options.out, plan.name):
        print(f"Discarded what an interrupted import of {plan.name} left.")
    with progress_bar("Importing", "files") as on_progress:
        report = run_import(
            plan, options.out, home_dir(), workers=options.workers, on_progress=on_progress
        )
    _print_report(report)
    return 1 if report.skipped else 0


def _print_preview(preview: ImportPreview) -> None:
    for table in preview.tables:
        print(f"read {table}")
    _print_lines(preview.notes)
    print(
        f"would import {preview.num_masses} masses of {preview.num_patients} patients from "
        f"{preview.num_images} images:"
    )
    _print_counts(preview.counts)
    _print_notes(preview.skipped, preview.warnings)


def _print_report(report: ImportReport) -> None:
    _print_lines(report.notes)
    print(
        f"imported {report.num_masses} masses of {report.num_patients} patients into {report.folder} "
        f"in {report.seconds:.0f} s:"
    )
    _print_counts(report.counts)
    _print_notes(report.skipped, report.warnings)
    for finding in report.findings:
        print(f"{finding.severity}: {finding.kind}: {finding.message}")


def _print_lines(notes: Iterable[str]) -> None:
    for note in notes:
        print(note)


def _print_counts(counts: Sequence[SplitCount]) -> None:
    from dataclasses import asdict

    from mammo_core.cli.tables import print_table

    print_table([asdict(count) for count in counts])


def _print_notes(skipped: Sequence[Skipped], warnings: Iterable[str]) -> None:
    from mammo_core.ingestion.imports.import_report import kinds_of

    for warning in warnings:
        print(f"warning: {warning}")
    for kind, count in kinds_of(skipped).items():
        print(f"left out: {kind} ({count})")
        of_kind = [one for one in skipped if one.kind == kind]
        for one in of_kind[:_SHOWN]:
            print(f"  - {one.what}: {one.reason}")
        if len(of_kind) > _SHOWN:
            print(f"  … and {len(of_kind) - _SHOWN} more")
