"""Reads what users say of their images in CSV tables: labels, boxes, patients, splits.

Columns of a table of labels (any order, other columns are left behind):

    file | sop_instance_uid | patient_id + side + view    which image a row is about
    label (or pathology, malignant, is_benign)            benign, malignant, 0 (benign), 1 (malignant)
    patient_id                                            whose image it is; DICOM says it itself
    split                                                 train, val or test
    x, y, width, height  or  xmin, ymin, xmax, ymax       a box in pixels, and other spellings, see `places`
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
from mammo_core.ingestion.imports.details import FIELDS, tidy_details
from mammo_core.ingestion.imports.file_index import named_parts, plain_name
from mammo_core.ingestion.imports.label_column import LABEL, LabelColumn, label_column, read_labels
from mammo_core.ingestion.imports.place_names import SPELLINGS, no_places
from mammo_core.ingestion.imports.places import PlaceColumns, place_columns
from mammo_core.ingestion.imports.splitting import split_from_word
from mammo_core.ingestion.imports.tables import Table
from mammo_core.labels import CLASS_NAMES

_FILE = (
    "file",
    "filename",
    "file_name",
    "image",
    "image_file",
    "path",
    "image_path",
    "file_path",
    "image_id",
)
_UID = ("sop_instance_uid", "sopinstanceuid", "sop_uid", "image_uid", "instance_uid")
PATIENT = ("patient_id", "patient", "patientid", "case", "case_id")
_SIDE = ("side", "laterality", "breast", "left_or_right_breast")
_VIEW = ("view", "view_position", "image_view", "projection")
SPLIT = ("split", "set", "subset")
_MASK = ("mask", "mask_file", "mask_path", "roi_mask", "roi_mask_file_path")
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
_OTHERS = frozenset(
    name
    for names in (_FILE, _UID, PATIENT, LABEL, SPLIT, _MASK, *DETAILS.values())
    for name in names
)


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """One row, or one box of a row that has several: what it is about and what it says.

    Attributes:
        line: Of the table, for messages.
        label: None where the row says none.
        box: None where the row says none.
        from_bottom: Whether the box's top is counted from the bottom of the image.
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
    from_bottom: bool = False
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
    """A row that says nothing usable: its line, the kind of reason, what to do, and the image if it names one."""

    line: int
    what: str
    kind: str
    reason: str
    about: Annotation | None = None


@dataclass(frozen=True)
class Annotations:
    """What a table says.

    Attributes:
        rows: One for each mass.
        bad: Rows that say nothing usable.
        notes: Which columns were read, where that is not plain.
        has_places: Whether it has columns of boxes or masks.
        no_places: Why columns that look like places are not understood; "" if none are.
    """

    rows: list[Annotation]
    bad: list[BadRow]
    notes: tuple[str, ...] = ()
    has_places: bool = False
    no_places: str = ""


def rows_about(
    table: Table, *, names: Collection[str], uids: Collection[str], patients: Collection[str]
) -> Table:
    """Selects the rows that may be about one of some images, quickly in a table of a whole hospital.

    Args:
        names: Of files, as `plain_name` spells them, with and without suffix.
    """
    kept = table.text(*PATIENT).isin({*patients, ""})
    file = table.text(*_FILE)
    plain = file.str.strip("\"' ").str.replace(r"^.*[\\/]", "", regex=True).map(plain_name)
    kept = kept.where(file == "", plain.isin(names))
    uid = table.text(*_UID)
    kept = kept.where(uid == "", uid.isin(uids))
    return replace(table, frame=table.frame[kept])


def read_annotations(table: Table, *, with_labels: bool, with_boxes: bool = False) -> Annotations:
    """Reads the rows of a table of labels or of boxes.

    Args:
        with_labels: Whether every row must say a label.
        with_boxes: Whether every row must say a box.

    Raises:
        IngestionError: If columns are missing or not understood, or two rows about one mass say different
            labels or patients.
    """
    if not (table.find(*_FILE) or table.find(*_UID)):
        for names in (PATIENT, _SIDE, _VIEW):
            table.required(*names)
    has_masks = any(table.column(*_MASK))
    places = place_columns(table)
    not_understood = "" if places or has_masks else no_places(table, _OTHERS)
    if with_boxes and places is None:
        raise IngestionError(
            not_understood
            or f"Expected the place of each mass as {SPELLINGS} in {table.name}; got "
            f"{', '.join(table.frame.columns)}. Add or rename columns."
        )
    labels = _labels(table, required=with_labels)
    rows, bad = [], []
    for row in _rows(table, labels, places):
        if isinstance(row, BadRow):
            bad.append(row)
        elif with_labels and row.label is None:
            reason = "Expected benign, malignant, 0 or 1 as its label; got another word or none. Correct the row."
            bad.append(BadRow(row.line, row.what, "label not understood", reason, row))
        elif with_boxes and row.box is None:
            reason = "Expected numbers of a box; got none. Correct the row."
            bad.append(BadRow(row.line, row.what, "box not understood", reason, row))
        else:
            rows.append(row)
    _check_conflicts(table.name, rows)
    notes = [places.said] if places else []
    if labels is not None and with_labels:
        notes.append(f"Labels are read from {labels.name}.")
    return Annotations(
        rows=list({row.same_place: row for row in reversed(rows)}.values())[::-1],
        bad=bad,
        notes=tuple(notes),
        has_places=places is not None or has_masks,
        no_places=not_understood,
    )


def _labels(table: Table, *, required: bool) -> LabelColumn | None:
    if required or sum(name in table.frame.columns for name in LABEL) > 1:
        return label_column(table)
    name = table.find(*LABEL)
    return read_labels(table, name) if name else None


def _rows(
    table: Table, labels: LabelColumn | None, places: PlaceColumns | None
) -> Iterator[Annotation | BadRow]:
    columns = [table.column(*names) for names in (_FILE, _UID, PATIENT)]
    splits, masks = (table.column(*names) for names in (SPLIT, _MASK))
    details = {name: table.column(*names) for name, names in DETAILS.items()}
    boxes = places.rows() if places else iter([[]] * len(table))
    for row, (file, uid, patient, found) in enumerate(zip(*columns, boxes, strict=True)):
        line, tidy = table.line(row), _tidy(*(details[name][row] for name in FIELDS))
        what = file or uid or patient
        if not what:
            reason = "Expected a file; got nothing. Fill it in."
            yield BadRow(line, f"line {line}", "image not named", reason)
            continue
        one = Annotation(
            line=line,
            file=file,
            uid=uid,
            patient=patient,
            side=tidy["side"],
            view=tidy["view"],
            label=labels.labels[row] if labels else None,
            split=split_from_word(splits[row]) or "",
            from_bottom=places is not None and places.from_bottom,
            mask=masks[row],
            details=tidy,
        )
        if isinstance(found, IngestionError):
            yield BadRow(line, what, "box not understood", str(found), one)
        elif not found:
            yield one
        for box in [] if isinstance(found, IngestionError) else found:
            yield replace(one, box=box)


@lru_cache(maxsize=10_000)
def _tidy(*cells: str) -> dict[str, str]:
    """Applies `tidy_details` to cells in the order of FIELDS; most rows repeat those of others."""
    return tidy_details(dict(zip(FIELDS, cells, strict=True)))


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
