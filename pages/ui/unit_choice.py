"""The choice of the unit of privacy, the same on every page."""

import streamlit as st

from mammo_core.config import UNITS, Unit

UNIT_HELP = (
    "What one ε hides: all masses of a patient together (stronger), or one mass at a time (as in the "
    "paper)."
)


def choose_unit(key: str) -> Unit:
    """Patient or image; it stands in the URL."""
    return st.segmented_control(
        "Unit of privacy",
        UNITS,
        default=UNITS[0],
        required=True,
        key=key,
        bind="query-params",
        help=UNIT_HELP,
    )
