"""The images of a folder, found by whatever a table calls them, and the masks that belong to them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mammo_core.ingestion.images.crops import Box
from mammo_core.ingestion.imports.annotations import Annotation
from mammo_core.ingestion.imports.file_index import plain_name

_MASK_NAME = re.compile(r"(?P<stem>.+?)[_-](mask|roi|seg)[_-]?\d*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """One image file and what it says of itself.

    Attributes:
        parts: Of its path below the source, as `plain_name` spells them.
        uid: SOP Instance UID; "" for PNG, JPEG and TIFF.
        patient: Raw identifier; "" for PNG, JPEG and TIFF.
        study: UID; "" for PNG, JPEG and TIFF, as `series` is.
    """

    path: Path = field(repr=False)
    parts: tuple[str, ...] = field(repr=False)
    uid: str = field(default="", repr=False)
    patient: str = field(default="", repr=False)
    study: str = field(default="", repr=False)
    series: str = field(default="", repr=False)
    side: str = ""
    view: str = ""

    @property
    def shown(self) -> str:
        """Name on screen."""
        return "/".join(self.parts)


class ImageFiles:
    """Finds the one image that a row of a table is about."""

    def __init__(self, images: Iterable[ImageFile]) -> None:
        self.images = tuple(images)
        self._by_end: dict[tuple[str, ...], list[ImageFile]] = defaultdict(list)
        self._by_stem: dict[str, list[ImageFile]] = defaultdict(list)
        self._by_uid: dict[str, list[ImageFile]] = defaultdict(list)
        self._by_view: dict[tuple[str, ...], list[ImageFile]] = defaultdict(list)
        self._whole: dict[tuple[str, ...], ImageFile] = {}
        for image in self.images:
            for start in range(len(image.parts)):
                self._by_end[image.parts[start:]].append(image)
            self._by_stem[Path(image.parts[-1]).stem].append(image)
            self._by_view[image.patient, image.side, image.view].append(image)
            self._whole[image.parts] = image
            if image.uid:
                self._by_uid[image.uid].append(image)

    @property
    def names(self) -> set[str]:
        """Names of all files as `plain_name` spells them, with and without suffix."""
        return {image.parts[-1] for image in self.images} | set(self._by_stem)

    def meant_by(self, row: Annotation) -> list[ImageFile]:
        """Finds the images that fit a row: one, none, or several if it is unclear.

        A file may be named by its whole path, by the end of its path, by a path that continues upwards beyond
        the source, or by its bare name without a suffix.
        """
        kind, *named = row.key
        if kind == "uid":
            return self._by_uid.get(named[0], [])
        if kind == "view":
            return self._by_view.get(tuple(named), [])
        parts = tuple(named)
        if parts in self._whole:
            return [self._whole[parts]]
        if parts in self._by_end:
            return self._by_end[parts]
        for start in range(1, len(parts)):
            if parts[start:] in self._whole:
                return [self._whole[parts[start:]]]
        return self._by_stem.get(parts[0], []) if len(parts) == 1 else []


def mask_stem(path: Path) -> str | None:
    """Returns the name of the image that a file is named as a mask of; None if it is no mask.

    Example:
        >>> mask_stem(Path("IM_0001_mask_2.png")), mask_stem(Path("IM_0001.png"))
        ('im_0001', None)
    """
    match = _MASK_NAME.fullmatch(path.stem)
    return plain_name(match["stem"]) if match else None


@dataclass(frozen=True, kw_only=True)
class MaskFile:
    """A file that is a mask by its name, or as it lies in the folder of masks.

    Attributes:
        file: As if it were an image.
        stem: Of the image that it is a mask of.
        may_be_image: Whether its name alone makes it a mask, and its kind is that of the images.
    """

    file: ImageFile
    stem: str = field(repr=False)
    may_be_image: bool = False


@dataclass(frozen=True, eq=False)
class Masks:
    """Masks by the name of their image, and boxes by the UID of theirs."""

    by_folder: Mapping[tuple[str, ...], list[Path]]
    by_stem: Mapping[str, list[tuple[str, ...]]]
    boxes: Mapping[str, list[Box]]

    @classmethod
    def of(cls, files: Iterable[MaskFile], boxes: Mapping[str, list[Box]]) -> Masks:
        """Sorts masks by folder and name of their image."""
        by_folder: dict[tuple[str, ...], list[Path]] = defaultdict(list)
        by_stem: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for mask in files:
            key = (*mask.file.parts[:-1], mask.stem)
            if key not in by_folder:
                by_stem[mask.stem].append(key)
            by_folder[key].append(mask.file.path)
        return cls(dict(by_folder), dict(by_stem), boxes)

    def of_image(self, image: ImageFile) -> tuple[Path, ...]:
        """Finds the masks of an image: in a folder of the same name, or anywhere if the name is unique."""
        *folder, name = image.parts
        key = (*folder, Path(name).stem)
        if key in self.by_folder:
            return tuple(self.by_folder[key])
        same = self.by_stem.get(Path(name).stem, [])
        return tuple(self.by_folder[same[0]]) if len(same) == 1 else ()
