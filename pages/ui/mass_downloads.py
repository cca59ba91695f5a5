"""Takes masses away: the selected ones or all, as PNG or DICOM, with what they were drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pages.ui import mass_drawing

if TYPE_CHECKING:
    from mammo_core.experiments.synthetic_files import DrawnMass


def show_downloads(name: str, masses: Sequence[DrawnMass], chosen: Sequence[str]) -> None:
    """Two buttons; `chosen` are keys of masses, none means all. Files are made when asked for."""
    taken = [mass for mass in masses if mass.id.key in set(chosen)] or list(masses)
    what = f"{len(taken)} selected" if chosen else f"all {len(taken)}"
    stem = f"synthetic_masses_{name}_{len(taken)}"
    with st.container(horizontal=True):
        st.download_button(
            f"Download {what} as PNG (ZIP)",
            partial(_png_zip, name, taken),
            f"{stem}_png.zip",
            "application/zip",
            key="download_png",
            icon=":material/download:",
            on_click="ignore",
            help="8-bit PNG files, manifest.csv (seed, class, generator) and the generator's card.",
        )
        st.download_button(
            f"Download {what} as DICOM (ZIP)",
            partial(_dicom_zip, name, taken),
            f"{stem}_dicom.zip",
            "application/zip",
            key="download_dicom",
            icon=":material/radiology:",
            on_click="ignore",
            help="Secondary Capture images of no patient, marked as synthetic in their header.",
        )


def _png_zip(name: str, masses: Sequence[DrawnMass]) -> bytes:
    from mammo_core.experiments.synthetic_files import png_zip

    return png_zip(masses, mass_drawing.cards()[name], name)


def _dicom_zip(name: str, masses: Sequence[DrawnMass]) -> bytes:
    from mammo_core.experiments.synthetic_dicom import dicom_zip

    return dicom_zip(masses, mass_drawing.cards()[name], name)
