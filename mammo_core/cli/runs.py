"""`runs`: list what was trained here, show a run's card, report on it, compare subgroups, take runs out and bring them in."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.text.numbers import counted

if TYPE_CHECKING:
    import pandas as pd

    from mammo_core.evaluation.patients import EvaluationUnit

_SHOWN_DIGITS = 8


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `runs` and its parts."""
    parser = commands.add_parser("runs", help="list, show, report, export and import recorded runs")
    parts = parser.add_subparsers(required=True, metavar="PART")
    show = parts.add_parser("list", help="all recorded runs, one row per run and test set")
    show.add_argument("--out", type=Path, metavar="CSV", help="write all columns there, too")
    show.add_argument(
        "--evaluated-per",
        choices=("mass", "patient"),  # `EVALUATION_UNITS`, whose import would bring numpy
        default="mass",
        help="whose AUROC: each mass by itself, or each patient by the mean logit of her masses; default: mass",
    )
    show.set_defaults(run=run_list)
    card = parts.add_parser("card", help="print everything about a run as JSON")
    card.add_argument("run_id", metavar="RUN", help="its id, or the first digits of it")
    card.set_defaults(run=run_card)
    _add_subgroups(parts)
    _add_export(parts)
    _add_report(parts)
    bring = parts.add_parser(
        "import",
        help="bring in runs that another installation exported",
        description="Checks every file against its sha256 and every number against the predictions before anything is "
        "written. Imported runs are marked as such and do not enter the ledger of this machine. Importing "
        "twice is harmless.",
    )
    bring.add_argument("source", type=Path, metavar="PATH", help="a ZIP file, or it unpacked")
    bring.set_defaults(run=run_import)


def _add_subgroups(parts: argparse._SubParsersAction) -> None:
    from mammo_core.cli.options import add_data_options

    groups = parts.add_parser(
        "subgroups",
        help="whose accuracy privacy costs most: groups of test masses along ε",
        description="Compares groups of test masses for all recorded runs on these data: by size, contrast, sharpness "
        "and grey level, and by what tables say of the masses. Intervals are over patients and seeds, those of the excess "
        "for all groups at once. The table is computed from test patients without noise.",
    )
    add_data_options(groups)
    groups.add_argument(
        "--tables",
        type=Path,
        metavar="PATH",
        help="case descriptions of CBIS-DDSM, a file or a folder; default: what the data folder holds",
    )
    groups.add_argument("--out", type=Path, metavar="CSV", help="write all columns there, too")
    groups.set_defaults(run=run_subgroups)


def _add_export(parts: argparse._SubParsersAction) -> None:
    export = parts.add_parser(
        "export",
        help="write runs to a ZIP file that another installation imports",
        description="Configuration, statement, measures, predictions, weights and releases in the ledger, with the sha256 "
        "of each file. Ids of patients, images and masses are replaced by numbers.",
    )
    export.add_argument(
        "run_ids", nargs="+", metavar="RUN", help="ids of runs, or the first digits of them"
    )
    export.add_argument("--out", type=Path, required=True, metavar="ZIP")
    export.add_argument(
        "--keep-patient-ids",
        action="store_true",
        help="leave ids as the cohort names them; they may identify people",
    )
    export.set_defaults(run=run_export)


def _add_report(parts: argparse._SubParsersAction) -> None:
    from mammo_core.results.reporting.document import FORMATS, KINDS

    report = parts.add_parser(
        "report",
        help="write a privacy label, a methods paragraph or a checklist about a run",
        description="Writes what is recorded of a run and releases nothing. What the program does not know is left to the "
        "authors and named.",
    )
    report.add_argument("run_id", metavar="RUN", help="its id, or the first digits of it")
    report.add_argument(
        "--kind",
        choices=KINDS,
        default="label",
        help="label: the guarantee on one page; methods: a paragraph for a paper; claim, tripod: the checklists CLAIM 2024 "
        "and TRIPOD+AI; default: label",
    )
    report.add_argument(
        "--format", choices=FORMATS, default="md", help="Markdown, a web page or Word; default: md"
    )
    report.add_argument("-o", "--out", type=Path, required=True, metavar="FILE")
    report.set_defaults(run=run_report)


def run_list(options: argparse.Namespace) -> int:
    """Prints a table."""
    from mammo_core.cli.tables import print_table
    from mammo_core.storage.atomic import write_text
    from mammo_core.storage.tables import safe_csv
    from mammo_core.text.untrusted import single_line

    rows = _rows(options.evaluated_per)
    if options.out:
        write_text(options.out, safe_csv(rows))
    print_table(
        [
            {
                "run": row["run_id"][:_SHOWN_DIGITS],
                "started": f"{row['started']:%Y-%m-%d %H:%M}",
                "training data": row["strategy"],
                "unit": row["unit"],
                "ε": f"{row['target_epsilon']:g}",
                "seed": row["seed"],
                "from": row["origin"],
                "test set": single_line(row["test_set"], 40),
                f"AUROC per {options.evaluated_per}": f"{row['auroc']:.3f}",
            }
            for row in rows.to_dict("records")
        ]
    )
    print(f"{counted(rows['run_id'].nunique(), 'run')}. Research use only, not for diagnosis.")
    return 0


def run_card(options: argparse.Namespace) -> int:
    """Prints the card of a run."""
    from mammo_core.results.archive import RunArchive
    from mammo_core.system.paths import home_dir

    (run_id,) = _ids([options.run_id])
    card = RunArchive(home_dir()).load(run_id).card
    print(json.dumps(card, indent=2, ensure_ascii=False))
    return 0


def run_subgroups(options: argparse.Namespace) -> int:
    """Prints what each group pays at each ε, and the answer."""
    from mammo_core.cli.options import source_from
    from mammo_core.cli.tables import print_table
    from mammo_core.cohorts.installed import load_source
    from mammo_core.evaluation.subgroup_words import (
        NOT_PRIVATE,
        SUPPRESSED,
        change_table,
        records,
        verdict,
    )
    from mammo_core.ingestion.imports.mass_details import mass_details
    from mammo_core.results.archive import RunArchive
    from mammo_core.results.subgroups import subgroups_of_runs
    from mammo_core.storage.atomic import write_text
    from mammo_core.storage.tables import safe_csv
    from mammo_core.system.paths import home_dir
    from mammo_core.text.untrusted import single_line

    source = source_from(options)
    loaded = load_source(source)
    archive = RunArchive(home_dir())
    details = mass_details(source.real, loaded.real, options.tables)
    table = subgroups_of_runs(archive.rows(), archive.load, loaded, details)
    if options.out:
        write_text(options.out, safe_csv(table.round(5)))
    shared = ["strategy", "trained_part", "backbone", "unit", "test_set"]
    for keys, part in table.groupby(shared, sort=False):
        strategy, _, _, unit, test_set = map(str, keys)
        print(f"\n{strategy}, unit {unit}, tested on {single_line(test_set, 40)}: change of AUROC")
        print_table(records(change_table(part)))
        print(verdict(part))
    print(f"\n{SUPPRESSED} {NOT_PRIVATE} Research use only, not for diagnosis.")
    return 0


def run_export(options: argparse.Namespace) -> int:
    """Writes the ZIP file."""
    from mammo_core.results.exchange.export import export_runs
    from mammo_core.storage.atomic import write_bytes
    from mammo_core.system.paths import home_dir

    ids = _ids(options.run_ids)
    content = export_runs(home_dir(), ids, keep_patient_ids=options.keep_patient_ids)
    write_bytes(options.out, content)
    kept = "as the cohort names them" if options.keep_patient_ids else "replaced by numbers"
    print(f"{counted(len(ids), 'run')} in {options.out}. Ids of patients are {kept}.")
    return 0


def run_report(options: argparse.Namespace) -> int:
    """Writes the report."""
    from mammo_core.results.reporting.document import KIND_NAMES
    from mammo_core.results.reporting.report import make_report
    from mammo_core.results.reporting.writers import write_report
    from mammo_core.storage.atomic import write_bytes
    from mammo_core.system.paths import home_dir

    (run_id,) = _ids([options.run_id])
    document = make_report(home_dir(), run_id, options.kind)
    write_bytes(options.out, write_report(document, options.format))
    print(f"{KIND_NAMES[options.kind]} of run {run_id[:_SHOWN_DIGITS]} in {options.out}.")
    return 0


def run_import(options: argparse.Namespace) -> int:
    """Imports and says what is new."""
    from mammo_core.results.exchange.load import import_runs
    from mammo_core.system.paths import home_dir

    found = import_runs(options.source, home_dir())
    new = [run for run in found if run.is_new]
    print(
        f"{counted(len(new), 'run')} imported, {len(found) - len(new)} there already. They were trained elsewhere: the ledger of "
        "this computer does not count them as releases."
    )
    return 0


def _rows(evaluated_per: EvaluationUnit = "mass") -> pd.DataFrame:
    from mammo_core.results.archive import RunArchive
    from mammo_core.system.paths import home_dir

    return RunArchive(home_dir()).rows(evaluated_per)


def _ids(starts: list[str]) -> list[str]:
    """Whole ids of runs that are named by their first digits."""
    from mammo_core.errors import InvalidRequestError

    known = sorted(set(_rows()["run_id"]))
    found = []
    for start in starts:
        matching = [run_id for run_id in known if run_id.startswith(start)]
        if len(matching) != 1:
            raise InvalidRequestError(
                f"Expected the id of one run; {len(matching)} begin with {start!r}. `runs list` prints them."
            )
        found += matching
    return found
