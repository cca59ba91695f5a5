"""Shows what the user can mend as a message; anything else is a bug and keeps its traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from mammo_core.errors import MammoError
from pages.ui.literal import literal


@contextmanager
def shown_errors(what: str) -> Iterator[None]:
    """Turns a MammoError inside into an error box headed by what failed, and ends the page there."""
    try:
        yield
    except MammoError as error:
        st.error(f"**{what}**  \n{literal(error, longest=2000)}", icon=":material/error:")
        st.stop()
