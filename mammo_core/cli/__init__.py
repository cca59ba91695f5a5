"""Runs the command line, which does all that the app does. Each command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import io
import os
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
    study,
    sweep,
    train,
)
from mammo_core.errors import MammoError
from mammo_core.system.paths import require_home_folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status, 2 for a mistake that the user can mend.

    Args:
        arguments: By default those of this process, which then also speaks UTF-8.
    """
    if arguments is None:
        _use_utf8()
    try:
        options = _parser().parse_args(arguments)
        require_home_folder()
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mammo",
        description="Private cancer classification on mammogram masses: data, features, training, "
        "curves. Research use only, not for diagnosis.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (
        *(data, features, train, sweep, fine_tune, audit),
        *(gan, heads, study, runs, ledger, serve),
    ):
        module.add_command(commands)
    return parser


def _use_utf8() -> None:
    """Restarts in Python's UTF-8 mode if the locale has ASCII only; else escapes what the output cannot encode.

    An ASCII locale cannot print ε, and MLflow cannot open a folder with an umlaut in its path.
    """
    if sys.getfilesystemencoding() == "ascii":
        command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONUTF8": "1"})
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
