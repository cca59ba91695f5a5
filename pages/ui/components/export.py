"""Exports figures and tables with their provenance: one button under every figure and table.

Files are made when they are asked for. PNG and SVG need a Chrome on the server. Without one, the HTML file
saves both in the reader's own browser, and so does the camera of the figure.
"""

from __future__ import annotations

import base64
import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
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

_IMAGES = ("png", "svg")
_DRAWN = (*_IMAGES, "pptx")  # by Chrome, which takes a while
_OFFICE = "application/vnd.openxmlformats-officedocument"
_MIME = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "html": "text/html",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
    "json": "application/json",
    "py": "text/x-python",
    "md": "text/markdown",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "imrmc": "text/plain",
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
        for stem, (caption, figure) in self._stems().items():
            told = Provenance(title=caption, notes=self.provenance.notes)
            for kind in _IMAGES if can_draw_images() else ():
                made[f"{stem}.{kind}"] = partial(figure_image, figure, kind, told)
        if self.figures:
            if can_draw_images():
                made[f"{self.name}.pptx"] = self._slides
            made[f"{self.name}.html"] = self._html
        for name, table in self._tables().items():
            made[f"{name}.csv"] = partial(_csv, table)
            made[f"{name}.parquet"] = partial(_parquet, table, self.provenance)
        return made

    def zipped(self) -> tuple[bytes, list[str]]:
        """Packs every file and a README into one ZIP, and returns it with why files are missing; the README says so, too."""
        packed = io.BytesIO()
        missing = []
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, make in self.files().items():
                try:
                    archive.writestr(name, make())
                except MammoError as error:
                    missing.append(f"{name} is missing. {error}")
            archive.writestr("README.txt", "\n\n".join([self.provenance.readme(), *missing]))
        return packed.getvalue(), missing

    def _stems(self) -> dict[str, tuple[str, go.Figure]]:
        """Caption and figure by the name of its files, without ending."""
        if len(self.figures) == 1:
            return {self.name: next(iter(self.figures.items()))}
        return {f"{self.name}_{n}": item for n, item in enumerate(self.figures.items(), start=1)}

    def _slides(self) -> bytes:
        from mammo_core.results.reporting.slides import figure_slides

        # a slide has the title in its own type
        untitled = Provenance(title="", notes=self.provenance.notes)
        pictures = {
            caption: figure_image(figure, "png", untitled)
            for caption, figure in self.figures.items()
        }
        return figure_slides(pictures, self.provenance)

    def _html(self) -> bytes:
        from mammo_core.figures.standalone import standalone_html

        page = standalone_html(self.figures, provenance=self.provenance, file_name=self.name)
        return page.encode()

    def _tables(self) -> Mapping[str, pd.DataFrame | Callable[[], pd.DataFrame]]:
        from mammo_core.figures.figure_table import figure_table

        return self.tables or {
            stem: partial(figure_table, figure) for stem, (_, figure) in self._stems().items()
        }


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
            if name.endswith(_DRAWN):
                _draw(name, partial(_without_missing, make), key=f"take_{name}")
            else:
                download(name, make, key=f"take_{name}")
        of_all = {
            "key": f"take_{bundle.name}_zip",
            "label": "All of these, with a README (ZIP)",
        }
        if bundle.figures:
            _draw(f"{bundle.name}.zip", bundle.zipped, **of_all)
        else:
            download(f"{bundle.name}.zip", lambda: bundle.zipped()[0], **of_all)
        if bundle.figures and not can_draw_images():
            st.caption(
                "This server has no Chrome to draw PNG, SVG and slides. For PNG and SVG, open the "
                "HTML file: it has buttons for both."
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


@st.fragment
def _draw(
    name: str, make: Callable[[], tuple[bytes, list[str]]], *, key: str, label: str = ""
) -> None:
    """Draws a button for a file that takes long: what is going on, and what failed, is said below it.

    Args:
        make: Makes the file, and says what is missing in it; it runs beside the page, which can be used meanwhile.
    """
    if not st.button(label or escape_markdown(name, longest=60), key=key, type="tertiary"):
        return
    made: Future[tuple[bytes, list[str]]] = Future()
    # a server that is told to stop does not wait for it
    Thread(target=_make, args=(make, made), daemon=True).start()
    place = st.empty()
    with st.spinner("Being made: seconds, or minutes on a busy server."):
        while not wait([made], timeout=0.2).done:
            place.empty()  # where Streamlit may end this run for another
    try:
        content, missing = made.result()
    except MammoError as error:
        missing = [str(error)]
    else:
        _save(name, content)
    for failure in missing:
        st.error(escape_markdown(failure, longest=2000), icon=":material/error:")


def _make(
    make: Callable[[], tuple[bytes, list[str]]], made: Future[tuple[bytes, list[str]]]
) -> None:
    """Makes the file; a failure is raised again where the result is asked for."""
    try:
        made.set_result(make())
    except BaseException as error:
        made.set_exception(error)


def _save(name: str, content: bytes) -> None:
    """Hands a file to the browser, as if a link to it was clicked."""
    facts = {
        "name": name,
        "type": _MIME[name.rpartition(".")[2]],
        "content": base64.b64encode(content).decode(),
        "time": time.time(),  # the same file once more is another script
    }
    script = """(file => {
        const bytes = Uint8Array.from(atob(file.content), one => one.charCodeAt(0));
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([bytes], {type: file.type}));
        link.download = file.name;
        link.click();
    })"""
    text = json.dumps(facts).replace("<", "\\u003c")
    st.html(f"<script>{script}({text})</script>", unsafe_allow_javascript=True)


def _without_missing(make: Callable[[], bytes]) -> tuple[bytes, list[str]]:
    return make(), []


def _csv(table: pd.DataFrame | Callable[[], pd.DataFrame]) -> bytes:
    from mammo_core.storage.tables import safe_csv

    return safe_csv(table() if callable(table) else table).encode()


def _parquet(table: pd.DataFrame | Callable[[], pd.DataFrame], provenance: Provenance) -> bytes:
    from mammo_core.storage.tables import parquet

    return parquet(table() if callable(table) else table, provenance.facts())
