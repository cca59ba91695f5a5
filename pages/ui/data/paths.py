"""Decides which files of the server a visitor may name: all on one's own computer, else those of the data folder."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from mammo_core.errors import IngestionError
from mammo_core.system.access import access_to
from mammo_core.system.paths import data_dir


def is_own_computer() -> bool:
    """Tells whether only people at this computer can see the page, as far as the server knows.

    A password or a proxy in front means that others come, wherever the server listens.
    """
    access = access_to(st.get_option("server.address"))
    return access.is_local and access.password is None and not access.proxy_note


def named_path(text: str) -> Path | None:
    """Reads the path that a visitor typed; None for nothing.

    Raises:
        IntakeError: If others can reach this server and it is not in the folder of the data.
    """
    text = text.strip().strip('"')
    if not text:
        return None
    path = Path(text).expanduser().absolute()
    if is_own_computer():
        return path
    allowed, real = data_dir().resolve(), path.resolve()
    below = real.relative_to(allowed).parts if real.is_relative_to(allowed) else ()
    if not below or any(part.startswith(".") for part in below):
        raise IngestionError(
            f"Expected a path inside {allowed}: others can reach this server, so the page opens "
            "no other files. Upload the files instead, or ask whoever runs the server to put "
            "them there."
        )
    return real
