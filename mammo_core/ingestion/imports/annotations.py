"""Reads what users say of their images in CSV tables: labels, boxes, patients, splits.

Columns of a table of labels (any order, other columns are left behind):

    file | sop_instance_uid | patient_id + side + view    which image a row is about
    label (or pathology, malignant, is_benign)            benign, malignant, 0 (benign), 1 (malignant)
    patient_id                                            whose image it is; DICOM says it itself
    split                                                 train, val or test
    x, y, width, height  or  xmin, ymin, xmax, ymax       a box in pixels; one row for each box
    mask                                                  the file of a mask
    density, shape, margins, assessment, subtlety         kept for analysis of subgroups

Boxes may also stand in a table of their own, with the same columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.crops import Box
from mammo_core.ingestion.imports.details import FIELDS, label_from_word, tidy_details
from mammo_core.ingestion.imports.file_index import named_parts
from mammo_core.ingestion.imports.splitting import split_from_word
from mammo_core.ingestion.imports.tables import Table, number
from mammo_core.labels import CLASS_NAMES, label_from_is_benign

_FILE = ("file", "filename", "file_name", "image", "image_file", "path", "image_path", "file_path")
_UID = ("sop_instance_uid", "sopinstanceuid", "sop_uid", "image_uid", "instance_uid")
PATIENT = ("patient_id", "patient", "patientid", "case", "case_id")
_SIDE = ("side", "laterality", "breast", "left_or_right_breast")
_VIEW = ("view", "view_position", "image_view", "projection")
_LABEL = ("label", "pathology", "class", "diagnosis", "malignant", "is_malignant", "is_benign")
SPLIT = ("split", "set", "subset")
_MASK = ("mask", "mask_file", "mask_path", "roi_mask", "roi_mask_file_path")
_CORNER = (("x", "y", "width", "height"), ("left", "top", "width", "height"), ("x", "y", "w", "h"))
_CORNERS = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"))
DETAILS = {
    "side": _SIDE,
    "view": _VIEW,
    "density": ("density", "breast_density"),
    "shape": ("shape", "mass_shape"),
    "margins": ("margins", "mass_margins", "margin"),
    "assessment": ("assessment", "birads", "bi_rads"),
    "pathology": ("pathology",),
    "subtlety": ("subtlety",),
}


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """One row: what it is about and what it says.

    Attributes:
        line: Of the table, for messages.
        label: None where the row says none.
        box: None where the row says none.
    """

    line: int
    file: str = field(default="", repr=False)
    uid: str = field(default="", repr=False)
    patient: str = field(default="", repr=False)
    side: str = ""
    view: str = ""
    label: int | None = None
    split: str = ""
    box: Box | None = None
    mask: str = field(default="", repr=False)
    details: dict[str, str] = field(default_factory=dict)

    @cached_property
    def same_place(self) -> tuple[object, ...]:
        """Key that two rows about one mass share."""
        return (self.key, self.box, self.mask)

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Key of the image."""
        if self.uid:
            return ("uid", self.uid)
        if self.file:
            return ("file", *named_parts(self.file))
        return ("view", self.patient, self.side, self.view)

    @property
    def what(self) -> str:
        """Name of the image on screen."""
        return self.file or self.uid or f"{self.patient} {self.side} {self.view}"


@dataclass(frozen=True)
class BadRow:
    """A row that says nothing usable: its line, the kind of reason, and what to do."""

    line: int
    what: str
    kind: str
    reason: str


def rows_about(
    table: Table, *, names: Collection[str], uids: Collection[str], patients: Collection[str]
) -> Table:
    """Selects the rows that may be about one of some images, quickly in a table of a whole hospital.

    Args:
        names: Of files, in lower case, with and without suffix.
    """
    kept = table.text(*PATIENT).isin({*patients, ""})
    file = table.text(*_FILE)
    plain = file.str.lower().str.strip("\"' ").str.replace(r"^.*[\\/]", "", regex=True)
    kept = kept.where(file == "", plain.isin(names))
    uid = table.text(*_UID)
    kept = kept.where(uid == "", uid.isin(uids))
    return replace(table, frame=table.frame[kept])


def read_annotations(
    table: Table, *, with_labels: bool, with_boxes: bool = False
) -> tuple[list[Annotation], list[BadRow]]:
    """Reads the rows of a table of labels or of boxes.

    Args:
        with_labels: Whether every row must say a label.
        with_boxes: Whether every row must say a box.

    Raises:
        IngestionError: If columns are missing, or two rows about one mass say different labels or patients.
    """
    if not (table.find(*_FILE) or table.find(*_UID)):
        for names in (PATIENT, _SIDE, _VIEW):
            table.required(*names)
    if with_labels:
        table.required(*_LABEL)
    box_names = _box_columns(table)
    if with_boxes and box_names is None:
        for name in _CORNER[0]:
            table.required(name)
    rows, bad = [], []
    for row in _rows(table, box_names):
        if isinstance(row, BadRow):
            bad.append(row)
        elif with_labels and row.label is None:
            reason = "Expected benign, malignant, 0 or 1 as its label; got another word or none. Correct the row."
            bad.append(BadRow(row.line, row.what, "label not understood", reason))
        elif with_boxes and row.box is None:
            reason = "Expected four numbers as its box; got none. Correct the row."
            bad.append(BadRow(row.line, row.what, "box not understood", reason))
        else:
            rows.append(row)
    _check_conflicts(table.name, rows)
    return list({row.same_place: row for row in reversed(rows)}.values())[::-1], bad


def _box_columns(table: Table) -> tuple[str, ...] | None:
    return next(
        (names for names in (*_CORNERS, *_CORNER) if all(map(table.find, names))),
        None,
    )


def _rows(table: Table, box_names: tuple[str, ...] | None) -> Iterator[Annotation | BadRow]:
    columns = [table.column(*names) for names in (_FILE, _UID, PATIENT, _SIDE, _VIEW)]
    labels, splits, masks = (table.column(*names) for names in (_LABEL, SPLIT, _MASK))
    means_benign = table.find(*_LABEL) == "is_benign"
    details = {name: table.column(*names) for name, names in DETAILS.items()}
    boxes = [table.column(name) for name in box_names or ()]
    for row, (file, uid, patient, _, _) in enumerate(zip(*columns, strict=True)):
        line, tidy = table.line(row), _tidy(*(details[name][row] for name in FIELDS))
        what = file or uid or patient
        if not what:
            yield BadRow(
                line, f"line {line}", "image not named", "Expected a file; got nothing. Fill it in."
            )
            continue
        try:
            box = _box([cells[row] for cells in boxes], box_names) if box_names else None
        except IngestionError as error:
            yield BadRow(line, what, "box not understood", str(error))
            continue
        yield Annotation(
            line=line,
            file=file,
            uid=uid,
            patient=patient,
            side=tidy["side"],
            view=tidy["view"],
            label=_label(labels[row], means_benign),
            split=split_from_word(splits[row]) or "",
            box=box,
            mask=masks[row],
            details=tidy,
        )


@lru_cache(maxsize=10_000)
def _tidy(*cells: str) -> dict[str, str]:
    """Applies `tidy_details` to cells in the order of FIELDS; most rows repeat those of others."""
    return tidy_details(dict(zip(FIELDS, cells, strict=True)))


def _label(word: str, means_benign: bool) -> int | None:
    if not means_benign:
        return label_from_word(word)
    return label_from_is_benign(word) if word.lower() in ("0", "1", "true", "false") else None


def _box(cells: list[str], names: tuple[str, ...]) -> Box | None:
    """Reads the box in four cells; None if all are empty."""
    if not any(cells):
        return None
    numbers = [value for cell in cells if (value := number(cell)) is not None]
    if len(numbers) < len(cells):
        raise IngestionError(
            f"Expected four numbers as {', '.join(names)}; got a cell that is none. Correct the row."
        )
    left, top, third, fourth = numbers
    width, height = (third - left, fourth - top) if names in _CORNERS else (third, fourth)
    return Box(top=round(top), left=round(left), height=round(height), width=round(width))


def _check_conflicts(name: str, rows: Iterable[Annotation]) -> None:
    """Refuses rows that disagree on the label of a mass, or on the patient or split of an image."""
    by_place: dict[tuple[object, ...], list[Annotation]] = defaultdict(list)
    patients: dict[tuple[str, ...], Annotation] = {}
    for row in rows:
        by_place[row.same_place].append(row)
        first = patients.setdefault(row.key, row)
        if (first.patient, first.split) != (row.patient, row.split):
            raise IngestionError(
                f"Expected one patient and split for each image; lines {first.line} and {row.line} of "
                f"{name} differ. Correct one of them."
            )
    differing = [group for group in by_place.values() if len({row.label for row in group}) > 1]
    if differing:
        first, second = (
            differing[0][0],
            next(row for row in differing[0] if row.label != differing[0][0].label),
        )
        raise IngestionError(
            f"Expected one label for each mass; lines {first.line} and {second.line} of {name} say "
            f"{_word(first.label)} and {_word(second.label)} of one and the same"
            f"{f' ({len(differing)} such masses in all)' if len(differing) > 1 else ''}. Correct one of "
            "them, or add boxes that tell two masses apart."
        )


def _word(label: int | None) -> str:
    return "nothing" if label is None else CLASS_NAMES[label]
