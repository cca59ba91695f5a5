"""Tries an import without writing: shows what would come out, what would be left out, and some masses."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.labels import CLASS_NAMES
from mammo_core.system.paths import data_dir, home_dir
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.components.messages import escape_markdown, shown_errors
from pages.ui.state import jobs, resources

if TYPE_CHECKING:
    from mammo_core.ingestion.imports.import_report import ImportPreview
    from mammo_core.ingestion.imports.plan import ImportPlan

_TRIED = "data_tried"  # in the session: a plan and what it would give
_LISTED = 300


def show_preview(plan: ImportPlan, *, can_start: bool) -> None:
    """Draws the button to try; after a trial of this very plan, its result and the button to import."""
    if st.button(
        "Try it without writing", icon=":material/preview:", key="data_try", type="primary"
    ):
        with shown_errors("Nothing can be imported like this"):
            st.session_state[_TRIED] = (plan, _tried(plan))
    tried_plan, preview = st.session_state.get(_TRIED, (None, None))
    if preview is None:
        return
    if tried_plan != plan:
        st.info("The choices have changed since. Try again.", icon=":material/sync_problem:")
        return
    _show(preview)
    st.button(
        f"Import about {preview.num_masses:,} masses",
        icon=":material/move_to_inbox:",
        type="primary",
        key="data_import",
        disabled=not can_start,
        on_click=_start,
        args=(plan,),
    )


def _tried(plan: ImportPlan) -> ImportPreview:
    from mammo_core.ingestion.imports.run import preview_import

    bar = st.progress(0.0, "Looking at the files")

    def on_progress(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), f"Looking at the files: {done:,} of {total:,}")

    try:
        return preview_import(plan, data_dir(), home_dir(), on_progress=on_progress)
    finally:
        bar.empty()


def _show(preview: ImportPreview) -> None:
    st.header("What would come out")
    masses, patients, images, left_out = st.columns(4)
    masses.metric("masses", f"{preview.num_masses:,}")
    patients.metric("patients", f"{preview.num_patients:,}")
    images.metric("images", f"{preview.num_images:,}")
    left_out.metric("left out", f"{len(preview.skipped):,}")
    st.dataframe(
        pd.DataFrame(asdict(count) for count in preview.counts),
        hide_index=True,
        key="data_preview_counts",
        alt="Masses and patients by split",
    )
    for note in preview.notes:
        st.caption(escape_markdown(note, 500))
    for warning in preview.warnings:
        st.warning(escape_markdown(warning, 500), icon=":material/warning:")
    if preview.skipped:
        _show_skipped(preview)
    image_grid(
        [
            Tile(
                str(place),
                sample.image,
                f"{CLASS_NAMES[sample.label]}, {sample.split}",
                "A mass as cut",
            )
            for place, sample in enumerate(preview.samples)
        ],
        key="data_preview_masses",
        label=f"{len(preview.samples)} masses as they would be cut",
        hint="A few masses, as they would be cut.",
    )


def _show_skipped(preview: ImportPreview) -> None:
    with st.expander(f"{len(preview.skipped)} left out, and why", icon=":material/filter_alt_off:"):
        st.dataframe(
            pd.DataFrame(
                {"what": one.what, "why": one.kind, "what to do": one.reason}
                for one in preview.skipped[:_LISTED]
            ),
            hide_index=True,
            key="data_preview_skipped",
            alt="What would be left out, and why",
        )
        if len(preview.skipped) > _LISTED:
            st.caption(f"The first {_LISTED}.")


def _start(plan: ImportPlan) -> None:
    from mammo_core.jobs.requests import ImportRequest

    st.session_state.pop(_TRIED, None)
    resources.forget_cohorts()
    jobs.start(ImportRequest(plan=plan, data_dir=data_dir()))
