"""Surveys CBIS-DDSM as researchers download it from The Cancer Imaging Archive: case descriptions in CSV, images in DICOM.

Lee et al. 2017, A curated mammography data set for use in computer-aided detection and diagnosis research.
Known oddities, all met here: paths that end with a line break or name a folder that the download called
otherwise (headers then say which series a file belongs to), masks and crops swapped or in one folder, masks of another size than their image (see `cutting`),
several masses on one image. Its patient ids are public and kept.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mammo_core.errors import IngestionError
from mammo_core.ingestion.imports.annotations import DETAILS
from mammo_core.ingestion.imports.details import label_from_word, tidy_details
from mammo_core.ingestion.imports.file_index import FolderIndex, all_files, named_parts
from mammo_core.ingestion.imports.patients import PatientsRecord
from mammo_core.ingestion.imports.source_files import NO_IMAGES, read_headers
from mammo_core.ingestion.imports.survey import ImageToCut, MassToCut, Skipped, Survey
from mammo_core.ingestion.imports.tables import Table, read_table

SITE = "cbis-ddsm"
_TABLE = re.compile(r"mass_case_description_(?P<split>train|test)_set.*\.csv", re.IGNORECASE)
_PATIENT = re.compile(r"P_\d{5}")
_REQUIRED = (
    "patient_id",
    "abnormality_id",
    "pathology",
    "image_file_path",
    "cropped_image_file_path",
    "roi_mask_file_path",
)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One line of a case description: one mass on one image."""

    number: int
    split: str
    patient: str
    abnormality: str
    pathology: str
    paths: tuple[str, str, str]
    details: dict[str, str]

    @property
    def image(self) -> str:
        """The last part of the series' UID, which is how the paper's cohort calls the image."""
        parts = named_parts(self.paths[0])
        return parts[-2].rsplit(".", 1)[-1] if len(parts) > 1 else "-".join(parts)

    @property
    def label(self) -> int:
        """BENIGN or MALIGNANT; rows without were sorted out."""
        label = label_from_word(self.pathology)
        assert label is not None
        return label

    @property
    def what(self) -> str:
        """Name on screen."""
        side, view = self.details["side"] or "?", self.details["view"] or "?"
        return f"{self.patient} {side} {view} abnormality {self.abnormality}"


def survey_cbis(
    source: Path,
    tables: Path | None = None,
    *,
    workers: int,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Survey:
    """Finds the images and masks of every mass that the case descriptions list.

    Args:
        source: The folder of the download.
        tables: The folder of the case descriptions, if they are not below `source`.
        on_progress: Called with (headers read, headers to read), where folders do not tell the series.

    Raises:
        IngestionError: If there is no case description, or one lacks a column.
    """
    read = _read_tables(tables or source)
    rows, skipped = _sorted_out(row for row in _rows(read))
    index = FolderIndex.of(source)
    images, missing = _locate(rows, index)
    if missing:
        series: dict[str, list[Path]] = defaultdict(list)
        paths = [path for path in index.files if path.suffix.lower() not in NO_IMAGES]
        for path, header in read_headers(paths, workers, on_progress, should_stop):
            if not isinstance(header, IngestionError) and header.get("series"):
                series[header["series"]].append(path)
        images, missing = _locate(rows, index.with_series(series))
    num_patients = len({image.patient for image in images})
    return Survey(
        images=images,
        skipped=(*skipped, *missing),
        tables=tuple(f"{table.name}: {len(table)} rows" for table, _ in read),
        splits={f"{SITE}__{row.patient}": row.split for row in rows},
        patients_record=PatientsRecord(
            as_in="table", confirmed=False, by_table=num_patients, by_files=0
        ),
    )


def case_details(tables: Path) -> dict[tuple[str, str, int], dict[str, str]]:
    """Reads what the case descriptions say of each mass, by patient, image and label as cohorts name them.

    Where several masses of one label are on an image, a fact in which their rows differ is "": no row tells which
    of them is whose.

    Args:
        tables: A case description, or a folder with one or more.

    Returns:
        The fields of `details.FIELDS`, in their fixed vocabularies.

    Raises:
        IngestionError: If there is no case description, or one lacks a column.
    """
    found: dict[tuple[str, str, int], dict[str, str]] = {}
    for row in _rows(_read_tables(tables)):
        label = label_from_word(row.pathology)
        if label is None:
            continue
        key = (f"{SITE}__{row.patient}", row.image, label)
        known = found.setdefault(key, row.details)
        found[key] = {
            name: value if value == row.details[name] else "" for name, value in known.items()
        }
    return found


def has_tables(folder: Path) -> bool:
    """Checks whether a case description lies in the folder or below it."""
    return any(True for _ in _tables(folder))


def _read_tables(folder: Path) -> list[tuple[Table, str]]:
    """Reads the case descriptions in a folder, each with its split."""
    found = sorted(_tables(folder))
    if not found:
        raise IngestionError(
            "Expected mass_case_description_train_set.csv or mass_case_description_test_set.csv in "
            f"{folder.name}; got none. Download them from the collection's page and put "
            "them there, or name their folder as labels."
        )
    return [(read_table(path), split) for split, path in found]


def _tables(folder: Path) -> Iterator[tuple[str, Path]]:
    """Finds the case descriptions with their split; sorted, "test" comes before "train"."""
    for path in [folder] if folder.is_file() else all_files(folder):
        if match := _TABLE.fullmatch(path.name):
            yield match["split"].lower(), path


def _rows(tables: list[tuple[Table, str]]) -> Iterator[_Row]:
    number = 0
    for table, split in tables:
        columns = [table.required(name) for name in _REQUIRED]
        details = {name: table.column(*names) for name, names in DETAILS.items()}
        for place, (patient, abnormality, pathology, *paths) in enumerate(
            zip(*columns, strict=True)
        ):
            yield _Row(
                number=number,
                split=split,
                patient=patient,
                abnormality=abnormality,
                pathology=pathology,
                paths=tuple(paths),
                details=tidy_details({name: cells[place] for name, cells in details.items()}),
            )
            number += 1


def _sorted_out(rows: Iterator[_Row]) -> tuple[list[_Row], list[Skipped]]:
    """Separates usable rows from others; rows of the test set come first and keep their patients."""
    kept, skipped, seen = [], [], set()
    test_patients: set[str] = set()
    for row in rows:
        if not _PATIENT.fullmatch(row.patient):
            reason = f"Expected a patient like P_00106; got {row.patient!r}. Correct the table."
            skipped.append(Skipped(what=row.what, kind="patient not understood", reason=reason))
        elif label_from_word(row.pathology) is None:
            reason = f"Expected BENIGN or MALIGNANT; got {row.pathology!r}. Correct the table."
            skipped.append(Skipped(what=row.what, kind="label not understood", reason=reason))
        elif (key := (row.image, row.abnormality, row.paths)) in seen:
            reason = "Expected each mass once; got it before. Nothing to do."
            skipped.append(Skipped(what=row.what, kind="listed twice", reason=reason))
        elif row.split == "train" and row.patient in test_patients:
            reason = "Expected no patient in both sets; this one tests. Nothing to do."
            skipped.append(Skipped(what=row.what, kind="patient is in the test set", reason=reason))
        else:
            seen.add(key)
            kept.append(row)
            if row.split == "test":
                test_patients.add(row.patient)
    return kept, skipped


def _locate(rows: list[_Row], index: FolderIndex) -> tuple[tuple[ImageToCut, ...], list[Skipped]]:
    """Groups masses by image and finds their files."""
    by_image: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        by_image[row.patient, row.image].append(row)
    images, skipped = [], []
    for (patient, image), group in by_image.items():
        files = index.files_like(group[0].paths[0])
        masses = []
        for row in group:
            near = [*index.files_like(row.paths[2]), *index.files_like(row.paths[1])]
            masks = tuple(path for path in dict.fromkeys(near) if path not in files[:1])
            if not files:
                skipped.append(_not_found(row, "image", row.paths[0]))
            elif not masks:
                skipped.append(_not_found(row, "mask", row.paths[2]))
            else:
                masses.append(
                    MassToCut(
                        label=row.label,
                        mass_id=str(row.number),
                        masks=masks,
                        details=row.details,
                    )
                )
        if masses:
            images.append(
                ImageToCut(
                    key=f"{patient} {image}",
                    path=files[0],
                    shown=f"{patient} image {image}",
                    patient=f"{SITE}__{patient}",
                    image=image,
                    masses=tuple(masses),
                )
            )
    return tuple(images), skipped


def _not_found(row: _Row, kind: str, path: str) -> Skipped:
    return Skipped(
        what=row.what,
        kind=f"{kind} not found",
        reason=f"Expected a file like {'/'.join(named_parts(path))}; found no such folder, or several. "
        "Download it again, or leave it out.",
    )
