"""Asks for the files of an import: uploaded, or named on this computer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.ingestion.uploads import keep_upload, new_upload
from mammo_core.system.paths import data_dir
from pages.ui.components.inputs import choose_one
from pages.ui.data.paths import is_own_computer, named_path

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from mammo_core.ingestion.imports.plan import ImportKind

_UPLOAD, _PATH = "Upload", "On the computer that runs this app"
_KEPT = "data_upload"  # in the session: ids of uploaded files, and where they were written


@dataclass(frozen=True, kw_only=True)
class ImportFiles:
    """Paths for an `ImportPlan`; None where nothing was given."""

    source: Path
    labels: Path | None = None
    boxes: Path | None = None
    masks: Path | None = None


def choose_files(kind: ImportKind) -> ImportFiles | None:
    """Asks for the files; returns None until there are enough.

    Raises:
        IntakeError: If a path may not be named, or an upload can't be kept.
    """
    way = choose_one("Files", (_UPLOAD, _PATH), "data_way")
    return _uploaded(kind) if way == _UPLOAD else _named(kind)


def _uploaded(kind: ImportKind) -> ImportFiles | None:
    limit = st.get_option("server.maxUploadSize")
    packed = st.file_uploader(
        f"Images as one ZIP file, up to {limit} MB",
        type="zip",
        key="data_zip",
        help="The ZIP file may hold masks or segmentations. The server keeps it until it is imported, "
        "for a day at most. For larger files, name a folder on the server instead.",
    )
    labels = boxes = None
    if kind != "cbis-ddsm":
        left, right = st.columns(2)
        labels = left.file_uploader("Table of labels (CSV)", type="csv", key="data_labels_csv")
        boxes = right.file_uploader(
            "Table of boxes (CSV), if the labels have none", type="csv", key="data_boxes_csv"
        )
    if packed is None or (kind != "cbis-ddsm" and labels is None and boxes is None):
        return None
    return _kept(packed, labels, boxes)


def _kept(
    packed: UploadedFile, labels: UploadedFile | None, boxes: UploadedFile | None
) -> ImportFiles | None:
    """Writes uploads to the disk once, under our own names; None if they were removed since."""
    sent = {"source.zip": packed, "labels.csv": labels, "boxes.csv": boxes}
    ids = tuple(file and file.file_id for file in sent.values())
    kept_ids, files = st.session_state.get(_KEPT, (None, None))
    if kept_ids != ids:
        folder = new_upload(data_dir())
        paths = {
            name: file and keep_upload(folder, name, file.getbuffer())
            for name, file in sent.items()
        }
        files = ImportFiles(
            source=paths["source.zip"], labels=paths["labels.csv"], boxes=paths["boxes.csv"]
        )
        st.session_state[_KEPT] = (ids, files)
    if files.source.exists():
        return files
    st.caption("These files were imported or removed. Upload them again to use them once more.")
    return None


def _named(kind: ImportKind) -> ImportFiles | None:
    if not is_own_computer():
        st.caption(
            f"Others can reach this server. Only files inside its folder `{data_dir()}` can be "
            "named here."
        )
    source = st.text_input(
        "Folder or ZIP file with the images",
        key="data_path",
        persist_state="session",
        placeholder="/home/me/mammograms",
    )
    if kind == "cbis-ddsm":
        labels = st.text_input(
            "Folder with the case descriptions (CSV), if they are not in there",
            key="data_cases_path",
            persist_state="session",
        )
        boxes = masks = ""
    else:
        left, middle, right = st.columns(3)
        labels = left.text_input(
            "Table of labels (CSV)", key="data_labels_path", persist_state="session"
        )
        boxes = middle.text_input(
            "Table of boxes, if apart", key="data_boxes_path", persist_state="session"
        )
        masks = right.text_input(
            "Masks or segmentations, if apart", key="data_masks_path", persist_state="session"
        )
    path = named_path(source)
    paths = {"labels": named_path(labels), "boxes": named_path(boxes), "masks": named_path(masks)}
    if path is None or (kind != "cbis-ddsm" and not (paths["labels"] or paths["boxes"])):
        return None
    return ImportFiles(source=path, **paths)
