"""`data list` and `data remove`: lists installed cohorts and removes them."""

from __future__ import annotations

import argparse
import sys

from mammo_core.cli.progress import confirmed
from mammo_core.system.paths import data_dir


def add_parts(parts: argparse._SubParsersAction) -> None:
    """Adds `data list` and `data remove`."""
    listing = parts.add_parser(
        "list",
        help="list the cohorts that the app finds, with their size on disk",
        description=f"Lists the cohorts in {data_dir()} (set MAMMO_DATA to change it).",
    )
    listing.set_defaults(run=run_list)
    removing = parts.add_parser(
        "remove",
        help="remove a cohort that was fetched or imported",
        description="Removes a cohort that this program fetched or imported, with everything that came with it. "
        "Other folders are never removed.",
    )
    removing.add_argument("name", metavar="NAME", help="name as `data list` shows it")
    removing.add_argument("--yes", action="store_true", help="remove without a question")
    removing.set_defaults(run=run_remove)


def run_list(options: argparse.Namespace) -> int:
    """Prints one line per cohort."""
    from mammo_core.cli.tables import print_table
    from mammo_core.ingestion.installed import installed_cohorts, sweep_incoming

    sweep_incoming(data_dir())
    cohorts = installed_cohorts(data_dir())
    print_table(
        [
            {
                "name": cohort.name,
                "kind": cohort.source,
                "masses": cohort.num_masses,
                "patients": cohort.num_patients or "none",
                "MB": f"{cohort.num_bytes / 1e6:.1f}",
                "origin": cohort.origin,
            }
            for cohort in cohorts
        ]
    )
    if not cohorts:
        print(
            f"No cohort in {data_dir()}. `data fetch` brings the paper's, `data import` your own."
        )
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """Removes after a yes."""
    from mammo_core.ingestion.installed import NOT_UNDONE, remove_cohort

    print(NOT_UNDONE)
    if not (options.yes or confirmed(f"Remove {options.name}?")):
        print("Nothing was removed (--yes does it without a question).", file=sys.stderr)
        return 1
    removed = remove_cohort(options.name, data_dir())
    print(f"Removed {removed.home}: {removed.home_bytes / 1e6:.1f} MB.")
    return 0
