"""Measures: `python -m benchmarks` runs all, `python -m benchmarks curve growth --quick` two in their short form.

Prints tables, and keeps full runs in benchmarks/results and docs/reference/benchmarks.md. `app_speed.py` and
`import_speed.py` beside it are run by themselves.
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path

from benchmarks.measuring import ROOT
from benchmarks.report import (
    as_section,
    current_load,
    keep,
    result_file,
    with_circumstances,
    write_page,
)
from mammo_core.errors import MammoError
from mammo_core.system.device import DEVICE_WISHES, choose_device

NAMES = ("curve", "network_step", "features", "generator", "growth")
RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "reference" / "benchmarks.md"


def main(arguments: list[str] | None = None) -> None:
    """Runs what was asked for; each benchmark is a module with `QUICK`, `FULL` and `measure`."""
    parser = _parser()
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(NAMES))
    if unknown:
        parser.error(f"expected names of {', '.join(NAMES)}; got {', '.join(unknown)}")
    try:
        device = choose_device(options.device)
    except MammoError as error:
        raise SystemExit(str(error)) from error
    for name in options.names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        load, start = current_load(), time.perf_counter()
        report = module.measure(module.QUICK if options.quick else module.FULL, device)
        result = with_circumstances(report, device, load, time.perf_counter() - start)
        print(as_section(result) + "\n", flush=True)
        if not options.quick:
            keep(result, result_file(name, device, options.results))
            write_page(options.results, options.page)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all"
    )
    parser.add_argument(
        "--quick", action="store_true", help="shorter and less exact; prints, keeps nothing"
    )
    parser.add_argument("--device", choices=DEVICE_WISHES, default="cpu")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results kept")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page made of them")
    return parser


if __name__ == "__main__":
    main()
