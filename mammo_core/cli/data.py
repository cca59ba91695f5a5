"""`data`: the command whose parts fetch, import, list and remove data; and `data check`."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from mammo_core.cli import data_fetch, data_import, data_installed


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `data` and its parts."""
    parser = commands.add_parser("data", help="fetch, import, check and remove data")
    parts = parser.add_subparsers(required=True, metavar="PART")
    check = parts.add_parser(
        "check",
        help="summarise a folder of masses and list its faults",
        description="Reads a folder of real masses (DIR/SITE/SPLIT/is_benign_*) or synthetic ones "
        "(DIR/*_malignant.png) and lists duplicates, label conflicts, patients in two splits, "
        "unreadable files and more. Exit status 1 if there are errors (warnings alone give 0).",
    )
    check.add_argument("folder", metavar="DIR", type=Path)
    check.set_defaults(run=run_check)
    data_fetch.add_part(parts)
    data_import.add_part(parts)
    data_installed.add_parts(parts)


def run_check(options: argparse.Namespace) -> int:
    """Prints the summary and every finding."""
    from mammo_core.cli.tables import print_table
    from mammo_core.cohorts.checks import check_cohort, summary_rows
    from mammo_core.cohorts.folders import looks_synthetic, read_real, read_synthetic

    folder: Path = options.folder
    read = read_synthetic if folder.is_dir() and looks_synthetic(folder) else read_real
    reading = read(folder)
    print_table(summary_rows(reading.cohort))
    findings = check_cohort(reading)
    counts = Counter((finding.severity, finding.kind) for finding in findings)
    print()
    if not findings:
        print("Nothing wrong found.")
        return 0
    for (severity, kind), count in counts.items():
        print(f"{severity}: {kind} ({count})")
        for finding in findings:
            if finding.kind == kind:
                print(f"  - {finding.message}")
    return 1 if any(severity == "error" for severity, _ in counts) else 0
