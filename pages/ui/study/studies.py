"""Chooses the study and the reader, and finds the pixels of its cases."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.system.paths import home_dir
from mammo_core.text.untrusted import single_line
from pages.ui.components.links import from_link, linked
from pages.ui.components.messages import escape_markdown, shown_errors
from pages.ui.masses import drawing
from pages.ui.state import resources

if TYPE_CHECKING:
    import numpy as np

    from mammo_core.cohorts.cohort import Cohort
    from mammo_core.cohorts.installed import LoadedData
    from mammo_core.studies.store import StudyStore
    from mammo_core.studies.study import Study

CHOSEN = "study"  # in the link, as is the reader
_READER, _NAME = "reader", "study_reader"


def choose() -> tuple[Study, str]:
    """Asks for the study, at first the example, and for the reader's name; both stand in the link."""
    known = {study.title: study for study in (example(), *_saved())}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = linked(st.selectbox)("Study", list(known), key=CHOSEN, width=340)
        reader = _ask_reader()
    return known[title], reader


def store() -> StudyStore:
    """The studies of this installation."""
    from mammo_core.studies.store import StudyStore

    return StudyStore(home_dir())


def example() -> Study:
    """A short study to begin with: of real masses where a cohort is installed, else of synthetic ones."""
    from mammo_core.studies.choosing import make_example

    with shown_errors("There are no masses to read"):
        return make_example(drawing.cards(), real_data())


def images(study: Study) -> dict[str, np.ndarray]:
    """The pixels of all cases, by id.

    Raises:
        MammoError: If a cohort or a generator of the study is not installed here.
    """
    from mammo_core.studies.images import require_generators, study_images

    require_generators(study, drawing.cards())
    with st.spinner("Getting the masses of the study"):
        return study_images(study, drawing.draw, _cohorts())


def real_data() -> LoadedData | None:
    """The masses of the first installed cohort; None if there is none."""
    sources = [source for source in resources.sources_of_visit() if not source.is_demo]
    return resources.loaded_data(sources[0]) if sources else None


def _cohorts() -> Iterator[Cohort]:
    """All installed cohorts, real and synthetic, read one after the other."""
    for source in resources.sources_of_visit():
        if not source.is_demo:
            data = resources.loaded_data(source)
            yield from filter(None, (data.real, data.synthetic))


def _saved() -> list[Study]:
    """The studies that were made here, newest first; says which cannot be used."""
    found = []
    for key in reversed(store().keys()):
        try:
            found.append(store().find(key))
        except MammoError as error:
            st.error(escape_markdown(error, longest=1000), icon=":material/error:")
    return found


def _ask_reader() -> str:
    """The reader's name; at first that of a guest, in the link as well, so that a reload goes on."""
    name = from_link(_READER, lambda text: single_line(text, 60) or None, "", "a guest")
    if not name:
        name = st.query_params[_READER] = f"guest {secrets.token_hex(2)}"
    st.session_state[_NAME] = name
    st.text_input(
        "Reader",
        key=_NAME,
        max_chars=60,
        width=220,
        on_change=_put_in_link,
        help="Your answers are kept under this name. With the same name you go on where you stopped, also on another "
        "computer that uses this server. Each reader has an order of cases of their own.",
    )
    return name


def _put_in_link() -> None:
    st.query_params[_READER] = st.session_state[_NAME]
