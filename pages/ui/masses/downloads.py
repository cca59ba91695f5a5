"""Exports masses, selected or all, as PNG, DICOM or a contact sheet, with what they were drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.errors import InvalidRequestError
from mammo_core.figures.provenance import Provenance
from pages.ui.components.export import download, slug
from pages.ui.components.messages import escape_markdown
from pages.ui.masses import drawing

if TYPE_CHECKING:
    from mammo_core.generators.dicom import DicomOptions
    from mammo_core.generators.files import SyntheticMass


def show_downloads(name: str, masses: Sequence[SyntheticMass], chosen: Sequence[str]) -> None:
    """Draws three buttons; `chosen` are keys of masses, none means all. Files are made when they are asked for."""
    taken = [mass for mass in masses if mass.id.key in set(chosen)] or list(masses)
    what = f"{len(taken)} selected" if chosen else f"all {len(taken)}"
    stem = f"synthetic_masses_{slug(name)}_{len(taken)}"
    with st.container(horizontal=True, vertical_alignment="center"):
        download(
            f"{stem}_png.zip",
            partial(_png_zip, name, taken),
            key="download_png",
            label=f"Download {what} as PNG (ZIP)",
        )
        with st.popover("DICOM", icon=":material/radiology:", type="tertiary"):
            options = _choose_options()
            if options is not None:
                download(
                    f"{stem}_dicom.zip",
                    partial(_dicom_zip, name, taken, options),
                    key="download_dicom",
                    label=f"Download {what} as DICOM (ZIP)",
                )
        download(
            f"{stem}_sheet.png",
            partial(_sheet, name, taken),
            key="download_sheet",
            label=f"Contact sheet of {what} (PNG)",
        )
    st.caption(
        "ZIP files hold the drawn 8-bit pixels, manifest.csv (seed, class, generator) and the "
        "generator's card."
    )


def _choose_options() -> DicomOptions | None:
    """Asks how to write DICOM; None if it cannot be written so."""
    from mammo_core.generators.dicom import UUID_ROOT, DicomOptions

    st.caption(
        "These are Secondary Capture images of no patient. Their header marks them as synthetic."
    )
    burn_in = st.toggle(
        "Mark the pixels as synthetic, too",
        key="dicom_burn_in",
        persist_state="session",
        help=(
            "Adds a strip under each mass: synthetic, research use only, not for diagnosis. The mass "
            "itself stays as it is."
        ),
    )
    root = st.text_input(
        "Root of identifiers (UID)",
        UUID_ROOT,
        key="dicom_uid_root",
        persist_state="session",
        max_chars=64,
        help=(
            "A root that is registered for your organisation, for archives that accept no other. The "
            "usual root needs no registration."
        ),
    )
    try:
        return DicomOptions(burn_in=burn_in, uid_root=root.strip())
    except InvalidRequestError as error:
        st.error(escape_markdown(error, longest=500), icon=":material/error:")
        return None


def _png_zip(name: str, masses: Sequence[SyntheticMass]) -> bytes:
    from mammo_core.generators.files import png_zip

    return png_zip(masses, drawing.cards()[name], name)


def _dicom_zip(name: str, masses: Sequence[SyntheticMass], options: DicomOptions) -> bytes:
    from mammo_core.generators.dicom import dicom_zip

    return dicom_zip(masses, drawing.cards()[name], name, options)


def _sheet(name: str, masses: Sequence[SyntheticMass]) -> bytes:
    from mammo_core.figures.contact_sheet import contact_sheet

    card = drawing.cards()[name]
    told = Provenance(
        title=f"Synthetic masses of {name}",
        notes=(f"Generator sha256 {card.sha256}. {card.provenance}",),
    )
    captions = [f"{mass.id.class_name}, seed {mass.id.seed}" for mass in masses]
    return contact_sheet([mass.image for mass in masses], captions, told)
