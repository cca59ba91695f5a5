"""What is read, and where on the page its answer goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    import numpy as np
    from streamlit.delta_generator import DeltaGenerator

    from mammo_core.synthesis.mass_id import MassId


@dataclass(frozen=True, eq=False)
class Case:
    """The mass to read, as one image shows it.

    Attributes:
        image: (S, S) uint8, as models see it.
        what: For captions.
        name: Of the view, where a patient has two; else empty.
        example: The seed and class it was drawn from; None of an upload.
    """

    image: np.ndarray
    what: str
    name: str = ""
    example: MassId | None = None


@dataclass(frozen=True)
class Places:
    """Where the parts of an answer go.

    Attributes:
        mass: The mass as models see it, and the models.
        answer: One sentence, beside the picture.
        figure: The first figure.
    """

    mass: DeltaGenerator
    answer: DeltaGenerator
    figure: DeltaGenerator


def places_beside_mass() -> Places:
    """Lays out the page for masses that are cut out already."""
    mass, answer = st.columns([1, 3], gap="medium")
    return Places(mass, answer, answer)


def places_beside_mammogram(beside: DeltaGenerator) -> Places:
    """Lays out the page for mammograms, given the column beside them."""
    with beside:
        answer, mass = st.container(), st.container()
    return Places(mass, answer, st.container())
