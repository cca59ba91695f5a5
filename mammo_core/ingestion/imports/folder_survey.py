"""Finds the images, labels and boxes of any hospital's DICOM, PNG, JPEG or TIFF, as `annotations` describes them.

Identifiers are read to match tables with files. What leaves this module carries their pseudonyms; raw ones
remain in `Skipped.what` and `ImageToCut.shown`, for the screen of whoever imports, and are never written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from mammo_core.errors import IngestionError
from mammo_core.ingestion.imports.annotations import (
    PATIENT,
    SPLIT,
    Annotation,
    Annotations,
    BadRow,
    read_annotations,
    rows_about,
)
from mammo_core.ingestion.imports.cutting import TINY, is_tiny
from mammo_core.ingestion.imports.image_files import ImageFile, ImageFiles, Masks
from mammo_core.ingestion.imports.patients import Owned, Patients, decide_patients
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.pseudonyms import Pseudonyms
from mammo_core.ingestion.imports.source_files import SourceFiles, scan_source
from mammo_core.ingestion.imports.survey import (
    ImageToCut,
    MassToCut,
    Skipped,
    Survey,
    counted,
)
from mammo_core.ingestion.imports.tables import Table, read_table

_LARGE_TABLE = 10_000  # rows; what is not about any image of a longer one is counted, not listed


def survey_folder(
    plan: ImportPlan,
    source: Path,
    pseudonyms: Pseudonyms,
    *,
    workers: int,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Survey:
    """Finds every mass that the plan's tables name.

    Args:
        source: A folder, or a single image; instead of the plan's, which may be packed.
        on_progress: Called with (headers read, headers to read).

    Raises:
        IngestionError: If a table cannot be used, or no image is found.
    """
    found = scan_source(plan, source, workers, on_progress, should_stop)
    return _Matching(plan, found, pseudonyms).survey()


class _Matching:
    """Brings tables and files together."""

    def __init__(self, plan: ImportPlan, found: SourceFiles, pseudonyms: Pseudonyms) -> None:
        self._plan = plan
        self._pseudonyms = pseudonyms
        self._found = found
        self._files = ImageFiles(found.images)
        self._masks = Masks.of(found.masks, found.boxes)
        self._named_masks: dict[str, Path] = {}
        self._skipped = list(found.skipped)
        self._tables: list[str] = []
        self._notes: list[str] = []
        self._bad: list[BadRow] = []
        self._reported: set[Path] = set()  # images whose rows are left out with a reason
        self._whole = False

    def survey(self) -> Survey:
        table = self._plan.labels or self._plan.boxes
        assert table is not None  # the plan requires one
        table_of_boxes = self._plan.boxes if self._plan.labels else None
        labels = self._rows(table, with_labels=True)
        self._take_out_masks(labels.rows)
        boxes: dict[Path, list[Annotation]] = {}
        if table_of_boxes is not None:
            read = self._rows(table_of_boxes, with_labels=False, with_boxes=True)
            boxes = self._by_image(read.rows)
        has_places = (
            labels.has_places
            or table_of_boxes is not None
            or self._plan.masks is not None
            or bool(self._masks.by_folder or self._masks.boxes)
        )
        if labels.no_places and not has_places:
            raise IngestionError(labels.no_places)
        self._whole = self._plan.kind == "pictures" and not has_places
        by_image = self._by_image(labels.rows)
        bad_rows = [row.about for row in self._bad if row.about is not None]
        self._reported = {image.path for row in bad_rows for image in self._files.meant_by(row)}
        usable = list(self._usable(by_image))
        patients = self._patients(usable)
        images, splits = [], {}
        for (image, rows), patient in zip(usable, patients.ids, strict=True):
            cut = self._image(image, rows, boxes.get(image.path, []), patient)
            if cut is not None:
                images.append(cut)
                if rows[0].split:
                    splits[cut.patient] = self._same_split(splits, cut.patient, rows[0])
        return Survey(
            images=tuple(images),
            skipped=tuple(self._skipped),
            tables=tuple(self._tables),
            splits=splits,
            notes=(*self._notes, *counted(sorted(self._found.notes)), *self._say(patients)),
            warnings=(*patients.record.doubts, *_about_boxes(images)),
            patients_record=patients.record,
            is_whole=self._whole and bool(images),
        )

    def _say(self, patients: Patients) -> Iterator[str]:
        if any(patients.ids) or self._plan.one_patient_per_file:
            yield patients.record.said
        if self._whole:
            yield "No boxes and no masks: each image is taken whole, as one mass."

    def _rows(self, path: Path, *, with_labels: bool, with_boxes: bool = False) -> Annotations:
        table = read_table(path)
        self._tables.append(f"{table.name}: {len(table)} rows")
        if self._plan.kind == "pictures" and with_labels and not self._plan.one_patient_per_file:
            table.required(*PATIENT)
        if self._plan.split.by == "column" and with_labels:
            table.required(*SPLIT)
        if len(table) > _LARGE_TABLE:
            table = self._rows_about_files(table)
        read = read_annotations(table, with_labels=with_labels, with_boxes=with_boxes)
        self._skipped += map(_skipped_row, read.bad)
        self._bad += read.bad
        self._notes += read.notes
        return read

    def _rows_about_files(self, table: Table) -> Table:
        """Reduces a long table to the rows that may be about one of the images; counts the others."""
        like_images = [mask.file for mask in self._found.masks if mask.may_be_image]
        files = ImageFiles([*self._files.images, *like_images])
        images = files.images
        about = rows_about(
            table,
            names=files.names,
            uids={image.uid for image in images},
            patients={image.patient for image in images},
        )
        if len(about) < len(table):
            self._skip(
                f"{len(table) - len(about)} rows of {table.name}",
                "image not found",
                "Expected an image for every row; found none of these names. Nothing to do if the table is "
                "of more images than these.",
            )
        return about

    def _by_image(self, rows: list[Annotation]) -> dict[Path, list[Annotation]]:
        """Groups rows by the file they are about; skips rows about none or several."""
        by_image: dict[Path, list[Annotation]] = defaultdict(list)
        for row in rows:
            match self._files.meant_by(row):
                case [image]:
                    by_image[image.path].append(row)
                case []:
                    self._skip(
                        row.what,
                        "image not found",
                        f"Expected an image for line {row.line}; found none. Check how the table calls it.",
                    )
                case several:
                    self._skip(
                        row.what,
                        "image unclear",
                        f"Expected one image for line {row.line}; {len(several)} fit. Write the whole path, or "
                        "the SOP Instance UID.",
                    )
        return by_image

    def _usable(
        self, by_image: dict[Path, list[Annotation]]
    ) -> Iterator[tuple[ImageFile, list[Annotation]]]:
        """Yields the images that rows are about, each once; notes why others are left out."""
        seen: set[str] = set()
        for image in self._files.images:
            rows = by_image.get(image.path, [])
            identity = image.uid or image.shown
            if rows and identity in seen:
                self._skip(
                    image.shown,
                    "image found twice",
                    "Expected each SOP Instance UID once; found it before. Remove one of the files.",
                )
            elif rows:
                seen.add(identity)
                yield image, rows
            elif image.path not in self._reported:
                self._skip(
                    image.shown,
                    "no label",
                    "Expected a row about it in the table of labels; found none. Add one, or leave it out.",
                )

    def _patients(self, usable: list[tuple[ImageFile, list[Annotation]]]) -> Patients:
        owned = [
            Owned(
                by_table=rows[0].patient,
                by_file=image.patient,
                study=image.study,
                series=image.series,
                uid=image.uid,
                name=Path(image.shown).stem,
            )
            for image, rows in usable
        ]
        return decide_patients(
            owned, self._plan.patients_as_in, one_per_file=self._plan.one_patient_per_file
        )

    def _image(
        self, image: ImageFile, rows: list[Annotation], boxes: list[Annotation], patient: str
    ) -> ImageToCut | None:
        """Decides what to cut from an image; None, and a note why, if nothing."""
        patient = image.shown if self._plan.one_patient_per_file else patient
        if not patient:
            self._skip(
                image.shown,
                "no patient",
                "Expected a patient's identifier in the file or the table; found none. Without it, nobody can "
                "tell how many images are hers: add a column patient_id.",
            )
            return None
        masses = tuple(self._masses(image, rows, boxes))
        if not masses:
            return None
        name = self._pseudonyms.image(image.uid or image.shown)
        return ImageToCut(
            key=name,
            path=image.path,
            shown=image.shown,
            patient=self._pseudonyms.patient(patient),
            image=name,
            masses=masses,
        )

    def _masses(
        self, image: ImageFile, rows: list[Annotation], boxes: list[Annotation]
    ) -> Iterator[MassToCut]:
        labels = {row.label for row in rows}
        details = rows[0].details
        if boxes:
            for row in boxes:
                label = row.label if row.label is not None else _only(labels)
                if label is None:
                    self._skip(
                        image.shown,
                        "label unclear",
                        f"Expected a label in line {row.line} of the boxes, as the image has masses of both "
                        "classes; got none. Add a column label.",
                    )
                else:
                    yield MassToCut(
                        label=label, box=row.box, from_bottom=row.from_bottom, details=details
                    )
            return
        for row in rows:
            yield from self._mass_of_row(image, row)

    def _mass_of_row(self, image: ImageFile, row: Annotation) -> Iterator[MassToCut]:
        """Yields masses by a row's own box or mask, or by those of the image; notes if there is none."""
        assert row.label is not None  # as the table was read
        if row.mask and row.mask not in self._named_masks:
            self._skip(
                image.shown,
                "mask not found",
                f"Expected one mask for line {row.line}; found none of that name, or several. Write its "
                "whole path.",
            )
            return
        masks = (self._named_masks[row.mask],) if row.mask else self._masks.of_image(image)
        found = self._masks.boxes.get(image.uid, []) if image.uid else []
        if row.box:
            yield MassToCut(
                label=row.label, box=row.box, from_bottom=row.from_bottom, details=row.details
            )
        elif masks:
            yield MassToCut(label=row.label, masks=masks, several=not row.mask, details=row.details)
        elif found:
            for box in found:
                yield MassToCut(label=row.label, box=box, details=row.details)
        elif self._whole:
            yield MassToCut(label=row.label, details=row.details)
        elif image.path not in self._reported:
            self._skip(
                image.shown,
                "no box",
                "Expected a box, a mask or a segmentation that says where the mass is; found none. Add a row to "
                "the table of boxes, or a mask of the image's name.",
            )

    def _take_out_masks(self, rows: list[Annotation]) -> None:
        """Finds the files that a column calls masks; they are no images, whatever their names."""
        wanted = {row.mask: row.line for row in rows if row.mask}
        everything = ImageFiles(
            [
                *self._found.images,
                *self._found.others,
                *(mask.file for mask in self._found.masks),
            ]
        )
        for name, line in wanted.items():
            match everything.meant_by(Annotation(line=line, file=name)):
                case [mask]:
                    self._named_masks[name] = mask.path
        taken = set(self._named_masks.values())
        named = self._named_images(rows)
        self._masks = Masks.of(
            (mask for mask in self._found.masks if mask.file.path not in named), self._found.boxes
        )
        images = [image for image in self._files.images if image.path not in taken]
        images += [mask.file for mask in self._found.masks if mask.file.path in named]
        self._files = ImageFiles(sorted(images, key=lambda image: image.parts))
        expected = "DICOM" if self._plan.kind == "dicom" else "PNG, JPEG or TIFF"
        for other in self._found.others:
            if other.path not in taken:
                self._skip(
                    other.shown,
                    "other kind of image",
                    f"Expected {expected}; got an image that is not. Import it separately.",
                )

    def _named_images(self, rows: list[Annotation]) -> set[Path]:
        """Finds images that are called like masks (NAME_roi.png): rows are about them and about no other."""
        like_masks = ImageFiles(mask.file for mask in self._found.masks if mask.may_be_image)
        named = set()
        for row in rows if like_masks.images else []:
            if not self._files.meant_by(row):
                match like_masks.meant_by(row):
                    case [image]:
                        named.add(image.path)
        return named - set(self._named_masks.values())

    def _same_split(self, splits: dict[str, str], patient: str, row: Annotation) -> str:
        if splits.get(patient, row.split) != row.split:
            raise IngestionError(
                f"Expected one split for each patient; line {row.line} of the labels says {row.split}, an "
                f"earlier one {splits[patient]}. Tests on patients who also train are too good to be true: "
                "correct the table."
            )
        return row.split

    def _skip(self, what: str, kind: str, reason: str) -> None:
        self._skipped.append(Skipped(what=what, kind=kind, reason=reason))


def _about_boxes(images: list[ImageToCut]) -> Iterator[str]:
    tiny = sum(
        mass.box is not None and is_tiny(mass.box) for image in images for mass in image.masses
    )
    if tiny:
        yield f"{TINY} ({tiny} times)" if tiny > 1 else TINY


def _only(labels: set[int | None]) -> int | None:
    return next(iter(labels)) if len(labels) == 1 else None


def _skipped_row(row: BadRow) -> Skipped:
    return Skipped(what=f"line {row.line}: {row.what}", kind=row.kind, reason=row.reason)
