"""The real masses nearest to a synthetic one, from this computer's own data, and whether it looks like a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.labels import CLASS_NAMES
from mammo_core.settings import home_dir
from mammo_core.synthesis.mass_id import MassId
from pages.ui import mass_drawing, resources
from pages.ui.mass_board import Tile, mass_board
from pages.ui.texts import GET_DATA

if TYPE_CHECKING:
    from mammo_core.experiments.nearest import NearestReal, Neighbour, RealNeighbourhood

_SHOWN = 4


def show_nearest(name: str, mass: MassId) -> None:
    """The nearest masses, or how to get what is missing."""
    sources = [source for source in resources.installed_sources() if not source.is_demo]
    if not sources:
        st.info(
            "Here you would see the real masses that this one is nearest to, and whether it looks like a "
            f"copy of a patient's. That needs the real masses on this computer. {GET_DATA}",
            icon=":material/folder_off:",
        )
        return
    source = sources[0]
    if len(sources) > 1:
        source = st.selectbox(
            "Cohort", sources, format_func=lambda item: item.name, key="nearest_cohort"
        )
    missing = _missing(source)
    if missing:
        _offer_features(source, missing)
        return
    neighbourhood = _neighbourhood(source)
    (image,) = mass_drawing.draw(name, [mass])
    found = neighbourhood.search(image, _SHOWN)
    _show_verdict(found, neighbourhood.trained(mass_drawing.cards()[name]), neighbourhood)
    mass_board(
        [Tile("mass", image, f"synthetic, {mass.class_name}", f"Synthetic mass, seed {mass.seed}")]
        + [_tile(one, index, "training") for index, one in enumerate(found.train)]
        + [_tile(one, index, "unseen") for index, one in enumerate(found.heldout)],
        key="nearest",
        label="The synthetic mass and the real masses nearest to it",
        tile="9rem",
        columns=0,
    )
    st.caption(
        "Real masses stay on this computer; each is turned and flipped the way in which it is nearest. "
        "The distance is measured in the features of the network that the classifiers use: masses can be "
        "near and look different, or the other way round."
    )


def _tile(neighbour: Neighbour, index: int, kind: str) -> Tile:
    turned = ", turned" if neighbour.is_turned else ""
    text = f"{kind}, {CLASS_NAMES[neighbour.label]}"
    return Tile(
        f"{kind}{index}",
        neighbour.image,
        f"real, {text}{turned}: {neighbour.distance:.1f}",
        f"Real mass, {text}, distance {neighbour.distance:.1f}",
    )


def _show_verdict(found: NearestReal, trained: bool, neighbourhood: RealNeighbourhood) -> None:
    numbers = (
        f"It is {found.ratio:.2f} times as far from the nearest training mass as from the nearest real mass "
        f"that the generator never saw ({len(neighbourhood.train)} and {len(neighbourhood.heldout)} "
        f"masses searched). Below {found.threshold:.2f} counts as suspicious: "
        f"{found.expected_rate:.0%} of unseen real masses are."
    ).replace("%", " %")
    if not trained:
        st.info(
            "**Says nothing about copying:** this cohort's training masses are not those that the "
            f"generator saw. {numbers}",
            icon=":material/help:",
        )
    elif found.is_flagged:
        st.warning(
            f"**Suspiciously near to a training mass.** {numbers} Look for yourself: it may be chance.",
            icon=":material/content_copy:",
        )
    else:
        st.success(
            f"**No sign of a copy.** {numbers} That is no privacy guarantee.",
            icon=":material/search_check:",
        )


def _offer_features(source: DataSource, missing: int) -> None:
    st.info(
        f"{missing} masses of {source.name} have no features yet, which nearness is measured in. "
        "Compute them once, on the page *Live* or in a terminal:",
        icon=":material/hourglass_top:",
    )
    st.code("python -m mammo_core features --data DIR", language="bash")


@st.cache_data(ttl=15, max_entries=4, show_spinner=False)
def _missing(source: DataSource) -> int:
    from mammo_core.classifiers.features import FeatureStore
    from mammo_core.experiments.nearest import missing_for_search

    store = FeatureStore(home_dir() / "features")
    return missing_for_search(
        resources.loaded_data(source).real, resources.backbone_for(source), store
    )


@st.cache_resource(max_entries=2, show_spinner="Learning how near is normal")
def _neighbourhood(source: DataSource) -> RealNeighbourhood:
    from mammo_core.classifiers.features import FeatureStore
    from mammo_core.experiments.nearest import open_neighbourhood

    store = FeatureStore(home_dir() / "features")
    return open_neighbourhood(
        resources.loaded_data(source).real, resources.backbone_for(source), store
    )
