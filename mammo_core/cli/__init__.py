"""The command line: everything the app does, scriptable. Each command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mammo_core import __version__
from mammo_core.cli import (
    audit,
    data,
    features,
    fine_tune,
    gan,
    heads,
    ledger,
    runs,
    serve,
    sweep,
    train,
)
from mammo_core.errors import MammoError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status, 2 for a mistake that the user can mend."""
    parser = argparse.ArgumentParser(
        prog="python -m mammo_core",
        description="Private cancer classification on mammogram masses: data, features, training, "
        "curves. Research use only, not for diagnosis.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (data, features, train, sweep, fine_tune, audit, gan, heads, runs, ledger, serve):
        module.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except MammoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "Stopped. What was finished is kept; the same command goes on from there.",
            file=sys.stderr,
        )
        return 130
