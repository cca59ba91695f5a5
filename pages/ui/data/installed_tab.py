"""Lists the cohorts on this computer: their size, source and content, and how to remove them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.errors import MammoError
from mammo_core.ingestion.imports.patients import PatientsRecord
from mammo_core.ingestion.installed import NOT_UNDONE, installed_cohorts, remove_cohort
from mammo_core.system.paths import data_dir
from mammo_core.text.numbers import counted
from pages.ui.components.inputs import ask
from pages.ui.components.messages import escape_markdown, shown_errors
from pages.ui.components.script import show_script
from pages.ui.data.cohort_view import show_look
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.ingestion.installed import InstalledCohort

_ORIGINS = {
    "fetched": ("fetched by this program", ":material/cloud_download:"),
    "imported": ("imported by this program", ":material/move_to_inbox:"),
    "found": ("added by hand", ":material/folder:"),
}
_REMOVED, _FAILED = (
    "data_removed",
    "data_not_removed",
)  # in the session: what to say after a removal


def show_installed() -> None:
    """Draws a card per cohort and what is inside the chosen one."""
    if said := st.session_state.pop(_REMOVED, ""):
        st.success(escape_markdown(said), icon=":material/delete:")
    if said := st.session_state.pop(_FAILED, ""):
        st.error(escape_markdown(said, 2000), icon=":material/error:")
    with shown_errors("The folder of the data cannot be read"):
        cohorts = {cohort.name: cohort for cohort in installed_cohorts(data_dir())}
    if not cohorts:
        st.info(
            "No masses are installed yet. The tabs above fetch the paper's data or import your "
            "own mammograms. Until then, *Train* and *Live* use a built-in demo of synthetic "
            "masses.",
            icon=":material/folder_off:",
        )
        show_script("data", source=DataSource())
        return
    for cohort in cohorts.values():
        _show_card(cohort)
    st.header("Look inside")
    if st.session_state.get("data_cohort") not in cohorts:
        st.session_state.pop("data_cohort", None)  # removed since, here or elsewhere
    chosen = st.selectbox(
        "Cohort",
        list(cohorts),
        key="data_cohort",
        persist_state="session",
        label_visibility="collapsed",
    )
    show_look(cohorts[chosen])
    show_script("data", source=_source_of(cohorts[chosen]))


def _source_of(cohort: InstalledCohort) -> DataSource:
    """The real masses of a cohort with the synthetic ones that are used with them."""
    sources = resources.installed_sources()
    return next(each for each in sources if cohort.folder in (each.real, each.synthetic))


def _show_card(cohort: InstalledCohort) -> None:
    words, icon = _ORIGINS[cohort.origin]
    with st.container(border=True, key=f"cohort_{cohort.name}"):
        text, button = st.columns([4, 1], vertical_alignment="center")
        with text.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escape_markdown(cohort.name)}**")
            st.badge(cohort.source, color="blue" if cohort.source == "real" else "gray")
            st.badge(words, icon=icon, color="green" if cohort.origin != "found" else "gray")
        patients = f" of {cohort.num_patients:,} patients" if cohort.num_patients else ""
        text.caption(
            f"{cohort.num_masses:,} masses{patients} · {cohort.num_bytes / 1e6:.1f} MB on the disk"
            + _made(cohort)
        )
        if cohort.origin == "found":
            button.caption("Remove its folder by hand.", help=escape_markdown(cohort.folder, 500))
        elif cohort.source == "real":
            with button.container(horizontal=True, horizontal_alignment="right"):
                if st.button("Remove", icon=":material/delete:", key=f"remove_{cohort.name}"):
                    _confirm(cohort)
        else:
            button.caption("It is removed with its real masses.")
        if cohort.origin == "imported":
            _show_import(cohort)


def _made(cohort: InstalledCohort) -> str:
    made = str(cohort.details.get("made", ""))[:10]
    return f" · {escape_markdown(made)}" if made else ""


def _show_import(cohort: InstalledCohort) -> None:
    """Shows from the record of an import what it left out and how it told patients apart."""
    skipped = cohort.details.get("skipped") or []
    warnings = cohort.details.get("warnings") or []
    patients = cohort.details.get("patients")
    if not skipped and not warnings and not patients:
        return
    title = f"Import: {len(skipped)} left out, {counted(len(warnings), 'note')}"
    with st.expander(title, icon=":material/info:"):
        if skipped:
            counts = pd.Series([entry["kind"] for entry in skipped]).value_counts()
            st.dataframe(
                counts.rename_axis("left out because").reset_index(name="how many"),
                hide_index=True,
                key=f"skipped_{cohort.name}",
            )
        if patients:
            st.markdown(f"- {escape_markdown(PatientsRecord(**patients).said, 500)}")
        for warning in warnings:
            st.markdown(f"- {escape_markdown(warning, 500)}")


@st.dialog("Remove a cohort", icon=":material/delete:")
def _confirm(cohort: InstalledCohort) -> None:
    """Asks before a cohort is deleted."""
    ask(
        f"Remove **{escape_markdown(cohort.name)}**, {cohort.home_bytes / 1e6:.1f} MB, with "
        "everything that was installed with it? To get it back, you must fetch or import it "
        "again.",
        "Remove",
        "data_remove",
        partial(_remove, cohort.name),
        note=NOT_UNDONE,
    )


def _remove(name: str) -> None:
    resources.forget_cohorts()
    try:
        removed = remove_cohort(name, data_dir())
    except MammoError as error:
        st.session_state[_FAILED] = str(error)
        return
    st.session_state[_REMOVED] = (
        f"{removed.name} was removed; {removed.home_bytes / 1e6:.1f} MB are free again."
    )
