"""Downloads, hospital folders and tables as researchers have them, in small, with masses at known places."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tests.ingestion.images.made_dicom import made

SHAPE = (240, 180)
PLACES = ((60, 40, 50, 30), (150, 100, 40, 40))  # top, left, height, width
UID = "1.3.6.1.4.1.9590.100.1.2"
CBIS_COLUMNS = (
    *("patient_id", "breast_density", "left or right breast", "image view", "abnormality id"),
    *("abnormality type", "mass shape", "mass margins", "assessment", "pathology", "subtlety"),
    *("image file path", "cropped image file path", "ROI mask file path"),
)


def mammogram(seed=0, shape=SHAPE):
    """(H, W) uint16: smooth tissue, another for every seed, with bright masses at PLACES."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = 8000 + 40 * rows + 20 * columns + 500 * np.sin(columns * rng.uniform(0.05, 0.2))
    for top, left, height, width in PLACES:
        image[top : top + height, left : left + width] += rng.uniform(15000, 25000)
    return image.astype(np.uint16)


def mask(place=PLACES[0], shape=SHAPE):
    """(H, W) uint8: 255 in a place, else 0."""
    marked = np.zeros(shape, np.uint8)
    top, left, height, width = place
    marked[top : top + height, left : left + width] = 255
    return marked


def crop(seed, place=PLACES[0]):
    """The part of a mammogram that the archive delivers beside the mask."""
    top, left, height, width = place
    return mammogram(seed)[top - 9 : top + height + 9, left - 9 : left + width + 9].copy()


def write(path, content):
    """Writes bytes, and the folders above them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_table(path, columns, rows, **settings):
    """Writes a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = settings.pop("encoding", "utf-8")
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, **settings)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def write_png(path, pixels):
    """Writes grey pixels as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@dataclass
class CbisDownload:
    """A download of CBIS-DDSM that is put together image by image.

    Attributes:
        layout: "uids" (CASE/STUDY/SERIES), "described" (CASE/DATE-DDSM-NA-…/1.000000-…-…), "modality"
            (CASE/STUDY/MG_SERIES) or "flat" (all files in one folder, told apart by their headers).
    """

    root: Path
    layout: str = "uids"
    rows: dict[str, list[list[str]]] = field(default_factory=lambda: {"train": [], "test": []})
    count: int = 0

    def add(
        self,
        patient="P_00001",
        *,
        split="train",
        pathology="BENIGN",
        side="LEFT",
        view="CC",
        places=PLACES[:1],
        together=False,
        swapped=False,
        mask_shape=SHAPE,
        density="3",
    ):
        """One mammogram with its masses; `together` puts mask and crop into one folder."""
        self.count += 1
        number = self.count
        case = f"Mass-{'Training' if split == 'train' else 'Test'}_{patient}_{side}_{view}"
        image_path = self._place(case, number, 0, "full mammogram images", "1-1.dcm")
        write(image_path[0], made(mammogram(number), PatientID=case, **image_path[2]))
        for index, place in enumerate(places, start=1):
            roi_case = f"{case}_{index}"
            mask_file = self._place(roi_case, number, 10 * index, "ROI mask images", "1-2.dcm")
            crop_series = 10 * index if together else 10 * index + 1
            kind = "ROI mask images" if together else "cropped images"
            crop_file = self._place(roi_case, number, crop_series, kind, "1-1.dcm")
            if swapped:
                mask_file, crop_file = crop_file, mask_file
            scaled = np.asarray(
                Image.fromarray(mask(place)).resize(mask_shape[::-1], Image.Resampling.NEAREST)
            )
            write(mask_file[0], made(scaled, **mask_file[2]))
            write(crop_file[0], made(crop(number, place), **crop_file[2]))
            named_mask, named_crop = (
                (crop_file[1], mask_file[1]) if swapped else (mask_file[1], crop_file[1])
            )
            self.rows[split].append(
                [
                    *(patient, density, side, view, str(index), "mass", "OVAL", "CIRCUMSCRIBED"),
                    *("4", pathology, "5", image_path[1], named_crop + "\n", named_mask + "\n"),
                ]
            )
        return self

    def write_tables(self, folder=None, density_name="breast_density"):
        """Writes the case descriptions, by default into the root."""
        columns = [density_name if name == "breast_density" else name for name in CBIS_COLUMNS]
        for split, rows in self.rows.items():
            if rows:
                name = f"mass_case_description_{split}_set.csv"
                write_table((folder or self.root) / name, columns, rows)
        return self.root

    def _place(self, case, number, series, kind, name):
        """Where a file lies, what the table says of it, and elements of its header."""
        study_uid, series_uid = f"{UID}.{10**6 + number}", f"{UID}.{10**7 + 100 * number + series}"
        said = f"{case}/{study_uid}/{series_uid}/000000.dcm"
        elements = {"SeriesInstanceUID": series_uid, "StudyInstanceUID": study_uid}
        if self.layout == "uids":
            path = self.root / "CBIS-DDSM" / case / study_uid / series_uid / name
            return path, said, elements
        if self.layout == "modality":
            path = self.root / "cbis_ddsm" / case / study_uid / f"MG_{series_uid}" / name
            return path, said, elements
        if self.layout == "flat":
            return self.root / "files" / f"{series_uid[-5:]}_{name}", said, elements
        study = f"07-20-2016-DDSM-NA-{study_uid[-5:]}"
        return (
            self.root / "CBIS-DDSM" / case / study / f"1.000000-{kind}-{series_uid[-5:]}" / name,
            said,
            {},
        )
