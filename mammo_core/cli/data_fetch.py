"""`data fetch`: fetches the paper's data after showing their terms."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from mammo_core.cli.progress import confirmed, progress_bar
from mammo_core.system.paths import data_dir


def add_part(parts: argparse._SubParsersAction) -> None:
    """Adds `data fetch`."""
    fetch = parts.add_parser(
        "fetch",
        help="fetch the paper's data and verify every file",
        description="Fetches the masses of the paper (CBIS-DDSM, BCDR, synthetic; about 50 MB) from the public "
        "repository RichardObi/mammo_dp, or from a copy. Every file is compared with the shipped list of checksums. "
        "The folder appears only when all are right. An interrupted download resumes if the server supports it.",
    )
    fetch.add_argument(
        "--from",
        dest="source",
        metavar="SOURCE",
        help="another address (https://…), or, without a network, a ZIP file or folder of the repository on this "
        "computer",
    )
    fetch.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=data_dir(),
        help="folder to put `mammo_dp` into; default: %(default)s (set MAMMO_DATA to change it)",
    )
    fetch.add_argument(
        "--without-bcdr",
        action="store_true",
        help="leave out the masses of BCDR, which have restrictive terms",
    )
    fetch.add_argument(
        "--accept",
        action="store_true",
        help="accept the terms without a question; they are still printed",
    )
    fetch.set_defaults(run=run_fetch_command)


def run_fetch_command(options: argparse.Namespace) -> int:
    """Shows the terms, fetches, says what came."""
    from mammo_core.ingestion.download.paper_data import FetchPlan, run_fetch
    from mammo_core.ingestion.download.paper_files import TERMS
    from mammo_core.ingestion.installed import sweep_incoming

    print(TERMS)
    if not (options.accept or confirmed("Do you accept these terms?")):
        print("Nothing was fetched: the terms were not accepted (--accept does).", file=sys.stderr)
        return 1
    plan = FetchPlan(includes_bcdr=not options.without_bcdr)
    if options.source:
        plan = FetchPlan(source=options.source, includes_bcdr=plan.includes_bcdr)
    folder = options.out.resolve()
    sweep_incoming(folder)
    with _Stages() as on_progress:
        report = run_fetch(plan, folder, on_progress=on_progress)
    assert report is not None  # nothing here stops it
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    if report.was_there:
        print(f"All {report.num_files} files are in {report.folder} already, just as published.")
    else:
        print(
            f"Fetched {report.num_files} files into {report.folder} in {report.seconds:.0f} s, all as published. "
            "Their terms are in LICENCES.md beside them."
        )
    return 0


class _Stages(ExitStack):
    """A progress bar for each stage of the work, called with (done, total, what is counted)."""

    _stage = ""

    def __call__(self, done: int, total: int, what: str) -> None:
        stage = what.split(":")[0]
        if stage != self._stage:
            self.close()
            unit = "MB" if stage == "Downloading" else "files"
            self._stage, self._show = stage, self.enter_context(progress_bar(stage, unit))
        self._show(done, max(total, done))
