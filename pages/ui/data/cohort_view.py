"""Shows what is inside one cohort: counts by split, the findings of the checks, and some masses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.cohorts.checks import Finding, check_cohort, summary_rows
from mammo_core.cohorts.folders import read_real, read_synthetic
from mammo_core.labels import CLASS_NAMES
from mammo_core.text.numbers import counted
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.components.messages import shown_errors

if TYPE_CHECKING:
    from mammo_core.cohorts.cohort import Cohort
    from mammo_core.ingestion.installed import InstalledCohort

_SHOWN = 12
_MAX_LISTED = 200


@dataclass(frozen=True)
class Evaluation:
    """What is kept of a cohort after a look inside; its other masses are dropped."""

    summary: list[dict[str, object]]
    findings: list[Finding]
    tiles: list[Tile]


def show_look(cohort: InstalledCohort) -> None:
    """Draws summary, findings and masses."""
    with shown_errors("This cohort cannot be read"):
        look = look_into(cohort.folder, cohort.source, cohort.num_bytes)
    st.dataframe(
        pd.DataFrame(look.summary),
        hide_index=True,
        key="data_summary",
        alt="Masses by site and split",
    )
    _show_findings(look.findings)
    image_grid(
        look.tiles,
        key="data_masses",
        label=f"{len(look.tiles)} of {cohort.num_masses} masses of this cohort",
        tools=True,
        hint=(
            "A few masses from all splits. Drag on one to change the window. Only the display "
            "changes."
        ),
    )


@st.cache_data(max_entries=4, show_spinner="Reading and checking masses")
def look_into(folder: Path, source: str, num_bytes: int) -> Evaluation:
    """Reads and checks a cohort; reads it again when its size on the disk has changed."""
    reading = read_real(folder) if source == "real" else read_synthetic(folder)
    return Evaluation(summary_rows(reading.cohort), check_cohort(reading), _tiles(reading.cohort))


def _tiles(cohort: Cohort) -> list[Tile]:
    """Picks a few masses of each class, spread over the cohort."""
    tiles = []
    for label, name in CLASS_NAMES.items():
        rows = np.flatnonzero(cohort.labels == label)
        count = min(len(rows), _SHOWN // 2)
        for row in rows[np.linspace(0, len(rows) - 1, count).astype(int)]:
            place = f"{cohort.sites[row]}, {cohort.splits[row]}"
            tiles.append(
                Tile(
                    str(row),
                    cohort.images[row],
                    f"{name}, {cohort.splits[row]}",
                    f"{name} mass, {place}",
                )
            )
    return tiles


def _show_findings(findings: list[Finding]) -> None:
    if not findings:
        st.success("The checks found nothing wrong.", icon=":material/check:")
        return
    errors = sum(finding.severity == "error" for finding in findings)
    title = f"{counted(errors, 'error')}, {counted(len(findings) - errors, 'warning')}"
    with st.expander(title, icon=":material/rule:", expanded=bool(errors)):
        st.dataframe(
            pd.DataFrame(
                {
                    "": finding.severity,
                    "what": finding.kind,
                    "where and how": finding.message,
                }
                for finding in findings[:_MAX_LISTED]
            ),
            hide_index=True,
            row_height=64,  # long findings take several lines
            column_config={"where and how": st.column_config.TextColumn(width="large")},
            key="data_findings",
            alt="What the checks found",
        )
        if len(findings) > _MAX_LISTED:
            st.caption(f"The first {_MAX_LISTED} of {len(findings)}.")
