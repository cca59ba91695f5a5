"""Shows the real masses that are nearest to a synthetic one, and tells whether it looks like a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.errors import BudgetExceededError
from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import home_dir
from pages.ui.components.cohort_choice import choose_site, choose_source
from pages.ui.components.feature_job import open_dataset
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.components.messages import GET_DATA, escape_markdown
from pages.ui.masses import drawing
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.generators.nearest_real import NearestReal, Neighbour, RealNeighbourhood
    from mammo_core.ledger.releases import ReleaseLedger

_SHOWN = 4


def show_nearest(name: str, mass: MassId) -> None:
    """Shows the nearest masses, or how to get what is missing."""
    sources = [source for source in resources.installed_sources() if not source.is_demo]
    if not sources:
        st.info(
            "This tab shows the real masses that this one is nearest to, and whether it looks "
            f"like a copy. It needs the real masses on this computer. {GET_DATA}",
            icon=":material/folder_off:",
        )
        return
    source = choose_source("nearest_cohort", among=sources, in_link=False, persist_state="session")
    source = choose_site(source, "nearest_site")
    real_masses = neighbourhood(source)
    (image,) = drawing.draw(name, [mass])
    found = _search(source, name, mass, real_masses)
    _show_verdict(found, real_masses.trained(drawing.cards()[name]), real_masses)
    own, real = st.columns([1, 4])
    with own:
        st.markdown("**This one**")
        tile = Tile(
            "mass", image, f"synthetic, {mass.class_name}", f"Synthetic mass, seed {mass.seed}"
        )
        image_grid([tile], key="nearest", label="The synthetic mass", few=True, tile="6rem")
    with real:
        st.markdown("**Nearest training masses** (real)")
        show_row(found.train, "training")
        st.markdown("**Nearest masses the generator never saw** (real)")
        show_row(found.heldout, "unseen")
    st.caption(
        "Real masses stay on this computer. Each is turned and flipped to the view that is "
        "nearest. The distance is measured in the features of the classifiers' network. Masses "
        "can be near and look different, or look alike and be far."
    )


def neighbourhood(source: DataSource) -> RealNeighbourhood:
    """Returns the real masses of a source, ready to be searched.

    Ends the page while their features are computed, or where a budget refuses the search.
    """
    if _missing(source):
        st.markdown("The distance is measured in features of the real masses:")
        open_dataset(source)  # ends here while they are being computed
        _missing.clear()
    key = "nearest_beyond_budget"
    ledger = resources.ledger().on_behalf_of(
        "nearest", beyond_budget=str(st.session_state.get(key, ""))
    )
    try:
        return _neighbourhood(source, ledger)
    except BudgetExceededError as error:
        st.warning(escape_markdown(error, longest=2000), icon=":material/hourglass_disabled:")
        st.text_input("Go beyond the budget, because …", key=key)
        st.stop()


def show_row(neighbours: list[Neighbour], kind: str) -> None:
    """Shows real masses side by side, with class and distance; `kind` is "training" or "unseen"."""
    tiles = []
    for index, one in enumerate(neighbours):
        turned = ", turned" if one.is_turned else ""
        text = f"{CLASS_NAMES[one.label]}{turned}, distance {one.distance:.1f}"
        tiles.append(Tile(str(index), one.image, text, f"Real {kind} mass, {text}"))
    label = f"Real {kind} masses, the nearest first"
    image_grid(tiles, key=f"nearest_{kind}", label=label, tile="13rem")


def _show_verdict(found: NearestReal, trained: bool, neighbourhood: RealNeighbourhood) -> None:
    numbers = (
        f"Its distance to the nearest training mass is {found.ratio:.3f} times its distance to "
        f"the nearest real mass that the generator never saw ({len(neighbourhood.train)} and "
        f"{len(neighbourhood.heldout)} masses searched). Below {found.threshold:.3f} counts as "
        f"suspicious: {found.expected_rate:.0%} of unseen real masses are."
    ).replace("%", " %")
    if not trained:
        st.info(
            "**This says nothing about copying.** The generator saw other training masses than "
            f"those of this cohort. {numbers}",
            icon=":material/help:",
        )
    elif found.is_flagged:
        st.warning(
            f"**Suspiciously near to a training mass.** {numbers} This may be chance. Compare the "
            "pictures yourself.",
            icon=":material/content_copy:",
        )
    else:
        st.success(
            f"**No sign of a copy.** {numbers} This is no privacy guarantee.",
            icon=":material/search_check:",
        )


@st.cache_data(ttl=15, max_entries=4, show_spinner=False)
def _missing(source: DataSource) -> int:
    from mammo_core.classifiers.features import FeatureStore
    from mammo_core.generators.nearest_real import missing_for_search

    store = FeatureStore(home_dir() / "features")
    return missing_for_search(
        resources.loaded_data(source).real,
        resources.backbone_for(source),
        store,
        site=source.site,
    )


@st.cache_resource(max_entries=2, show_spinner="Measuring how near real masses are to each other")
def _neighbourhood(source: DataSource, _ledger: ReleaseLedger) -> RealNeighbourhood:
    from mammo_core.classifiers.features import FeatureStore
    from mammo_core.generators.nearest_real import open_neighbourhood

    store = FeatureStore(home_dir() / "features")
    return open_neighbourhood(
        resources.loaded_data(source).real,
        resources.backbone_for(source),
        store,
        ledger=_ledger,
        site=source.site,
    )


@st.cache_resource(max_entries=64, show_spinner="Searching the real masses")
def _search(source: DataSource, name: str, mass: MassId, _masses: RealNeighbourhood) -> NearestReal:
    (image,) = drawing.draw(name, [mass])
    return _masses.search(image, _SHOWN)
