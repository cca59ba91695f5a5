"""Exports figures and tables with their provenance: one button under every figure and table.

Files are made when they are asked for. PNG and SVG need a Chrome on the server. Without one, the HTML file
saves both in the reader's own browser, and so does the camera of the figure.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.figures.images import can_draw_images, figure_image
from mammo_core.figures.provenance import Provenance
from mammo_core.text.untrusted import single_line
from pages.ui.components.messages import escape_markdown
from pages.ui.components.talk_mode import in_talk_mode

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MIME = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "html": "text/html",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
    "json": "application/json",
}


def slug(name: str) -> str:
    """Turns a name from outside into a part of a file name: letters, digits and hyphens, at most 40.

    Example:
        >>> slug("../<b>Süd 1")
        'b-Süd-1'
    """
    return re.sub(r"\W+", "-", single_line(name)).strip("-")[:40] or "unnamed"


@dataclass(frozen=True, kw_only=True)
class ExportBundle:
    """Files that are exported together.

    Attributes:
        name: Of the files, without ending; also of the widgets, so it is unique on its page.
        provenance: What every file says about itself.
        figures: By caption; they are not changed.
        tables: By file name, a table or a function that makes one; without any, the numbers of the figures.
    """

    name: str
    provenance: Provenance
    figures: Mapping[str, go.Figure] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame | Callable[[], pd.DataFrame]] = field(default_factory=dict)

    def files(self) -> dict[str, Callable[[], bytes]]:
        """Returns the functions that make the files, by file name with ending."""
        made: dict[str, Callable[[], bytes]] = {}
        for number, (caption, figure) in enumerate(self.figures.items(), start=1):
            stem = self.name if len(self.figures) == 1 else f"{self.name}_{number}"
            told = Provenance(title=caption, notes=self.provenance.notes)
            for kind in ("png", "svg") if can_draw_images() else ():
                made[f"{stem}.{kind}"] = partial(figure_image, figure, kind, told)
        if self.figures:
            made[f"{self.name}.html"] = self._html
        for name, table in self._tables().items():
            made[f"{name}.csv"] = partial(_csv, table)
            made[f"{name}.parquet"] = partial(_parquet, table, self.provenance)
        return made

    def zipped(self) -> bytes:
        """Packs every file and a README into one ZIP; the README says why a file is missing."""
        packed = io.BytesIO()
        notes = [self.provenance.readme()]
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, make in self.files().items():
                try:
                    archive.writestr(name, make())
                except MammoError as error:
                    notes.append(f"{name} is missing. {error}")
            archive.writestr("README.txt", "\n\n".join(notes))
        return packed.getvalue()

    def _html(self) -> bytes:
        from mammo_core.figures.standalone import standalone_html

        page = standalone_html(self.figures, provenance=self.provenance, file_name=self.name)
        return page.encode()

    def _tables(self) -> Mapping[str, pd.DataFrame | Callable[[], pd.DataFrame]]:
        if self.tables or not self.figures:
            return self.tables
        return {self.name: self._drawn}

    def _drawn(self) -> pd.DataFrame:
        from mammo_core.figures.figure_table import figure_table

        drawn = {caption: figure_table(figure) for caption, figure in self.figures.items()}
        if len(drawn) == 1:
            return next(iter(drawn.values()))
        tables = [table.assign(figure=caption) for caption, table in drawn.items()]
        return pd.concat(tables, ignore_index=True)


def table_bundle(
    name: str,
    title: str,
    table: pd.DataFrame | Callable[[], pd.DataFrame],
    notes: tuple[str, ...] = (),
) -> ExportBundle:
    """Bundles one table for export; it is named like its file."""
    provenance = Provenance(title=title, notes=notes)
    return ExportBundle(name=name, provenance=provenance, tables={name: table})


def export_button(bundle: ExportBundle, label: str = "Export") -> None:
    """Draws the button; nothing in talk mode."""
    if in_talk_mode():
        return
    with st.popover(label, icon=":material/download:", type="tertiary", key=f"take_{bundle.name}"):
        st.caption(escape_markdown(bundle.provenance.title))
        for name, make in bundle.files().items():
            download(name, make, key=f"take_{name}")
        download(
            f"{bundle.name}.zip",
            bundle.zipped,
            key=f"take_{bundle.name}_zip",
            label="All of these, with a README (ZIP)",
        )
        if bundle.figures and not can_draw_images():
            st.caption(
                "This server has no Chrome to draw PNG and SVG. To get them, open the HTML file: "
                "it has buttons for both."
            )


def download(name: str, make: Callable[[], bytes], *, key: str, label: str = "") -> None:
    """Draws a button for one file, made when it is pressed; the page does not run again.

    Args:
        name: Of the file, with ending.
        label: Instead of the file's name.
    """
    st.download_button(
        label or escape_markdown(name, longest=60),
        make,
        name,
        _MIME[name.rpartition(".")[2]],
        key=key,
        type="tertiary",
        on_click="ignore",
    )


def _csv(table: pd.DataFrame | Callable[[], pd.DataFrame]) -> bytes:
    from mammo_core.storage.tables import safe_csv

    return safe_csv(table() if callable(table) else table).encode()


def _parquet(table: pd.DataFrame | Callable[[], pd.DataFrame], provenance: Provenance) -> bytes:
    from mammo_core.storage.tables import parquet

    return parquet(table() if callable(table) else table, provenance.facts())
