"""Reads masses from the folder layouts of the public data, listing every file it leaves out and why.

Real:       DIR/SITE/SPLIT/{is_benign_true,is_benign_false}/patientP_imageI_massM_is_benign_{0,1}.png
Synthetic:  DIR/*_malignant.png and DIR/*_benign.png, flat
The checks of what was read are in `checks`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mammo_core.cohorts.cohort import SPLITS, Cohort, Source
from mammo_core.errors import CohortError
from mammo_core.labels import CLASS_NAMES, label_from_is_benign
from mammo_core.text.numbers import counted

REAL_NAME = re.compile(
    r"patient(?P<patient>.+)_image(?P<image>.+?)_mass(?P<mass>[^_]+)_is_benign_(?P<flag>[01])"
)
SYNTHETIC_NAME = re.compile(r"(?P<id>.+)_(?P<label>malignant|benign)")
_LABELS = {name: label for label, name in CLASS_NAMES.items()}
Progress = Callable[[int, int], None]
_LAYOUT = "DIR/SITE/{train,val,test}/{is_benign_true,is_benign_false}/*.png"


@dataclass(frozen=True)
class SkippedFile:
    """A file that was left out, with the kind of reason and a sentence on what to do."""

    path: Path
    kind: str
    reason: str


@dataclass(frozen=True)
class CohortReading:
    """The masses of a folder: the cohort, the path of each mass in the same order, and what was left out."""

    cohort: Cohort
    paths: list[Path]
    skipped: list[SkippedFile]


@dataclass(frozen=True)
class _Entry:
    """A mass as its path describes it, before its pixels are read."""

    path: Path
    label: int
    patient_id: str
    image_id: str
    mass_id: str
    site: str
    split: str


def read_real(folder: Path | str, *, on_progress: Progress | None = None) -> CohortReading:
    """Reads real masses of all sites and splits below a folder.

    Args:
        on_progress: Called with (masses read, masses to read) before each file; what it raises ends the reading.

    Raises:
        CohortError: If the folder is missing, has no site in the expected layout, or no readable mass.
    """
    folder = _existing(folder)
    skipped: list[SkippedFile] = []
    entries = list(_real_entries(folder, skipped))
    return _read(folder, entries, skipped, on_progress, source="real", layout=_LAYOUT)


def read_synthetic(folder: Path | str, *, on_progress: Progress | None = None) -> CohortReading:
    """Reads synthetic masses from one flat folder; every mass is its own unit, without a patient.

    Args:
        on_progress: As of `read_real`.

    Raises:
        CohortError: If the folder is missing or has no readable mass.
    """
    folder = _existing(folder)
    skipped: list[SkippedFile] = []
    entries: list[_Entry] = []
    for path in sorted(folder.glob("*.png")):
        match = SYNTHETIC_NAME.fullmatch(path.stem)
        if match is None:
            skipped.append(_bad_name(path, "NAME_malignant.png or NAME_benign.png"))
            continue
        label, name = _LABELS[match["label"]], path.stem
        entries.append(_Entry(path, label, name, name, name, folder.name, "train"))
    layout = "DIR/*_malignant.png and DIR/*_benign.png"
    return _read(folder, entries, skipped, on_progress, source="synthetic", layout=layout)


def looks_real(folder: Path) -> bool:
    """Checks whether the folder has at least one SITE/SPLIT/is_benign_* folder."""
    return any(True for _ in _class_folders(folder))


def training_sites(folder: Path) -> list[str]:
    """Names of the sites that have a train split, told from the names of folders alone."""
    return sorted({site for site, split, _ in _class_folders(folder) if split == "train"})


def looks_synthetic(folder: Path) -> bool:
    """Checks whether the folder directly holds at least one synthetic mass."""
    return any(SYNTHETIC_NAME.fullmatch(path.stem) for path in folder.glob("*.png"))


def _existing(folder: Path | str) -> Path:
    folder = Path(folder)
    if not folder.is_dir():
        raise CohortError(
            f"Expected a folder of masses; found {'a file' if folder.exists() else 'nothing'} at "
            f"{folder}. Check the path."
        )
    return folder


def _class_folders(folder: Path) -> Iterator[tuple[str, str, Path]]:
    for site in sorted(path for path in folder.iterdir() if path.is_dir()):
        for split in SPLITS:
            for name in ("is_benign_false", "is_benign_true"):
                if (site / split / name).is_dir():
                    yield site.name, split, site / split / name


def _real_entries(folder: Path, skipped: list[SkippedFile]) -> Iterator[_Entry]:
    for site, split, class_folder in _class_folders(folder):
        folder_label = label_from_is_benign(class_folder.name.removeprefix("is_benign_"))
        for path in sorted(path for path in class_folder.iterdir() if path.is_file()):
            match = REAL_NAME.fullmatch(path.stem)
            if path.suffix.lower() != ".png" or match is None:
                skipped.append(
                    _bad_name(path, "patientP_imageI_massM_is_benign_F.png, F being 0 or 1")
                )
            elif label_from_is_benign(match["flag"]) != folder_label:
                skipped.append(
                    SkippedFile(
                        path,
                        "label in name and folder differ",
                        f"Expected is_benign_{int(not folder_label)} in a name inside "
                        f"{class_folder.name}; got is_benign_{match['flag']}. Move or rename it.",
                    )
                )
            else:
                yield _Entry(
                    path, folder_label, match["patient"], match["image"], match["mass"], site, split
                )


def _bad_name(path: Path, expected: str) -> SkippedFile:
    return SkippedFile(
        path, "name not understood", f"Expected {expected}; got {path.name}. Rename or remove it."
    )


def _read(
    folder: Path,
    entries: list[_Entry],
    skipped: list[SkippedFile],
    on_progress: Progress | None,
    *,
    source: Source,
    layout: str,
) -> CohortReading:
    decoded: list[tuple[_Entry, np.ndarray]] = []
    for done, entry in enumerate(entries):
        if on_progress:
            on_progress(done, len(entries))
        image = _decode(entry.path)
        if isinstance(image, SkippedFile):
            skipped.append(image)
        else:
            decoded.append((entry, image))
    if not decoded:
        hint = (
            f" Left out: {counted(len(skipped), 'file')}. The first: {skipped[0].reason}"
            if skipped
            else ""
        )
        raise CohortError(
            f"Expected masses laid out as {layout}; found none in {folder}. "
            f"Check that DIR is the folder above the sites.{hint}"
        )
    kept, odd = _of_usual_size(decoded)
    entries = [entry for entry, _ in kept]
    cohort = Cohort(
        images=np.stack([image for _, image in kept]),
        labels=np.array([entry.label for entry in entries], dtype=np.int64),
        patient_ids=_text(entry.patient_id for entry in entries),
        image_ids=_text(entry.image_id for entry in entries),
        mass_ids=_text(entry.mass_id for entry in entries),
        sites=_text(entry.site for entry in entries),
        splits=_text(entry.split for entry in entries),
        source=source,
    )
    return CohortReading(cohort, [entry.path for entry in entries], skipped + odd)


def _text(values: Iterable[str]) -> np.ndarray:
    return np.array(list(values), dtype=np.str_)


def _decode(path: Path) -> np.ndarray | SkippedFile:
    """Decodes pixels (H, W) uint8, or says why they cannot be used."""
    try:
        with Image.open(path) as opened:
            opened.load()
            if opened.mode == "L":
                return np.asarray(opened)
            mode = opened.mode
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        return SkippedFile(
            path, "unreadable", f"Expected a PNG image; got {error}. Copy the file again."
        )
    fix = (
        "Choose a grey window and save it as 8 bit."
        if mode.startswith(("I", "F"))
        else "Save it as 8-bit greyscale."
    )
    return SkippedFile(
        path, "not 8-bit grey", f"Expected an 8-bit grey image (mode L); got mode {mode}. {fix}"
    )


def _of_usual_size(
    decoded: list[tuple[_Entry, np.ndarray]],
) -> tuple[list[tuple[_Entry, np.ndarray]], list[SkippedFile]]:
    """Splits off the images whose size is not the most frequent one."""
    usual, _ = Counter(image.shape for _, image in decoded).most_common(1)[0]
    odd = [
        SkippedFile(
            entry.path,
            "odd size",
            f"Expected {usual[1]}×{usual[0]} pixels like most here; "
            f"got {image.shape[1]}×{image.shape[0]}. Crop or resize it.",
        )
        for entry, image in decoded
        if image.shape != usual
    ]
    return [pair for pair in decoded if pair[1].shape == usual], odd
