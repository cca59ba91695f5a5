"""Starts the app (`serve`), and refuses to show patients' images to a network without a guard."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `serve`."""
    from mammo_core.system.access import MIN_PASSWORD_LENGTH, PASSWORD_FILE, PROXY_NOTE

    parser = commands.add_parser(
        "serve",
        help="start the app",
        description="Starts the app, by default for this computer only. To let others connect, set "
        f"{PASSWORD_FILE} to a file with a password of {MIN_PASSWORD_LENGTH} characters or more, or "
        f"{PROXY_NOTE} to a note of which proxy checks visitors; without either it does not start.",
    )
    parser.add_argument("--address", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=8501, help="default: %(default)s")
    parser.add_argument(
        "--max-upload-mb",
        type=_megabytes,
        default=200,
        metavar="MB",
        help="largest file that a page accepts; default: %(default)s",
    )
    parser.set_defaults(run=run_serve)


def run_serve(options: argparse.Namespace) -> int:
    """Checks who may connect, then runs Streamlit in this process."""
    from starlette.middleware import Middleware
    from streamlit.starlette import App

    from mammo_core.system.access import access_to
    from mammo_core.system.paths import app_dir
    from mammo_core.system.static_compression import StaticCompression

    print(access_to(options.address).summary, file=sys.stderr)
    script = str(app_dir() / "app.py")
    sys.argv = [script]  # Streamlit looks for its configuration beside it
    App(script, middleware=[Middleware(StaticCompression)]).run(
        config=_settings_of_environment(script)
        | {
            "server.address": options.address,
            "server.port": options.port,
            "server.maxUploadSize": options.max_upload_mb,
        }
    )
    return 0


def _settings_of_environment(script: str) -> dict[str, Any]:
    """Reads variables such as STREAMLIT_SERVER_BASE_URL_PATH, which `streamlit run` reads but an App does not."""
    from streamlit.web.cli import main_run

    named = main_run.make_context("mammo serve", [script]).params
    return {
        name.replace("_", "."): value
        for name, value in named.items()
        if "_" in name and value not in (None, ())
    }


def _megabytes(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more; got {text}")
    return value
