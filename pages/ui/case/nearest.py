"""Shows masses that are similar to the one that is read: synthetic ones, and real ones on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.mass_id import MassId
from pages.ui.case import models as case_models
from pages.ui.components.cohort_choice import choose_site, choose_source
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.masses import drawing, nearest
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.reading.case import CaseFeatures
    from pages.ui.case.mass import Case

_SHOWN = 5
_VIEWS = 8


def show_nearest_synthetic(cases: Sequence[Case], features: Sequence[CaseFeatures]) -> None:
    """Shows the masses of the shipped generator that are nearest to each case."""
    from mammo_core.generators.nearest_real import turned
    from mammo_core.reading.nearest_synthetic import nearest_synthetic

    shipped = case_models.shipped_heads()
    drawn = shipped.card.drawn
    card = drawing.cards().get(drawn.generator)
    if card is None or card.sha256 != drawn.sha256:
        st.info(
            f"The generator {drawn.generator} that drew the masses for comparison is not "
            "installed, or another generator has its name.",
            icon=":material/folder_off:",
        )
        return
    for number, (case, one) in enumerate(zip(cases, features, strict=True)):
        found = nearest_synthetic(shipped, one[shipped.models.feature_space], _SHOWN)
        images = drawing.draw(drawn.generator, [MassId(near.label, near.seed) for near in found])
        tiles = [
            Tile(
                str(near.seed),
                turned(image, near.view, _VIEWS),
                f"{CLASS_NAMES[near.label]} · {near.seed}, distance {near.distance:.1f}",
                f"Synthetic {CLASS_NAMES[near.label]} mass, seed {near.seed}, distance {near.distance:.1f}",
            )
            for near, image in zip(found, images, strict=True)
        ]
        if case.name:
            st.markdown(f"**{case.name}**")
        label = f"Nearest synthetic masses {case.name}".strip()
        image_grid(tiles, key=f"case_near_drawn_{number}", label=label, tile="9rem")
    st.caption(
        f"These are the nearest of {drawn.count} synthetic masses, in the features that the "
        "models see. Each is turned to the view that is nearest. The class is what the generator "
        "was asked for, not a diagnosis."
    )


def show_nearest_real(cases: Sequence[Case]) -> None:
    """Shows the real masses of an installed cohort nearest to each case, once the user agrees to see them."""
    sources = [source for source in resources.installed_sources() if not source.is_demo]
    if not sources:
        st.caption("No real masses are installed here to compare with.")
        return
    if not st.checkbox(
        "Show real patients' masses of a cohort that is installed here", key="case_real"
    ):
        return
    source = choose_source("case_cohort", among=sources, in_link=False, persist_state="session")
    source = choose_site(source, "case_site")
    for case in cases:
        found = nearest.neighbourhood(source).search(case.image, _SHOWN)
        of = f" (near {case.name})" if case.name else ""
        st.markdown(f"**Nearest masses of the train split{of}**")
        nearest.show_row(found.train, f"training{of}")
        st.markdown(f"**Nearest masses that no model was trained on{of}**")
        nearest.show_row(found.heldout, f"unseen{of}")
    st.caption(
        "These masses are of real patients. They stay on this computer. Near in features does "
        "not mean the same class, so check the classes."
    )
