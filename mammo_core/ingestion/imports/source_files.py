"""Sorts the files of a folder by content, not by name. Raw identifiers stay in memory, see `folder_survey`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.crops import Box
from mammo_core.ingestion.images.sandbox import map_safely
from mammo_core.ingestion.imports.file_index import all_files, plain_name
from mammo_core.ingestion.imports.image_files import ImageFile, MaskFile, mask_stem
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.survey import Skipped

NO_IMAGES = {".csv", ".tsv", ".txt", ".json", ".xml", ".md", ".pdf", ".html", ".xlsx", ".zip"}
_READ_HEADER = "mammo_core.ingestion.imports.headers:read_header"


@dataclass(kw_only=True)
class SourceFiles:
    """Files of a source by kind.

    Attributes:
        others: PNG, JPEG and TIFF in a DICOM import, or the reverse.
        boxes: Of segmentations, by the SOP Instance UID of the image.
        notes: What was made of segmentations.
    """

    images: list[ImageFile] = field(default_factory=list)
    others: list[ImageFile] = field(default_factory=list)
    masks: list[MaskFile] = field(default_factory=list)
    boxes: dict[str, list[Box]] = field(default_factory=lambda: defaultdict(list))
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def scan_source(
    plan: ImportPlan,
    source: Path,
    workers: int,
    on_progress: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool] | None,
) -> SourceFiles:
    """Opens every file of a source far enough to know what it is.

    Args:
        source: A folder or a single image.
        on_progress: Called with (files read, files).

    Raises:
        IngestionError: If there is no file that may be an image.
    """
    files = _files(plan, source)
    if not files:
        raise IngestionError(f"Expected images in {source.name}; found none. Check the folder.")
    found = SourceFiles()
    roots = {path: root for root, path in files}
    for path, header in read_headers(list(roots), workers, on_progress, should_stop):
        _sort_in(plan, found, roots[path], path, header)
    found.images.sort(key=lambda image: image.parts)
    found.masks.sort(key=lambda mask: mask.file.path)
    return found


def read_headers(
    paths: Sequence[Path],
    workers: int,
    on_progress: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool] | None,
) -> Iterator[tuple[Path, dict[str, Any] | IngestionError]]:
    """Yields each file with what `headers.read_header` says of it, in no order."""
    found = map_safely(_READ_HEADER, paths, workers=workers, should_stop=should_stop)
    for done, (path, header) in enumerate(found, start=1):
        if on_progress:
            on_progress(done, len(paths))
        yield path, header


def _files(plan: ImportPlan, source: Path) -> list[tuple[Path, Path]]:
    """Lists every file that may be an image, a mask or a segmentation, with the folder searched."""
    tables = {path.absolute() for path in (plan.labels, plan.boxes) if path is not None}
    files = {}
    for root in (source, plan.masks):
        if root is None:
            continue
        if not root.exists():
            raise IngestionError(f"Expected files at {root.name}; found nothing. Check the path.")
        for path in [root] if root.is_file() else all_files(root):
            if path.suffix.lower() not in NO_IMAGES and path.absolute() not in tables:
                files[path.absolute()] = (root if root.is_dir() else root.parent, path)
    return list(files.values())


def _sort_in(
    plan: ImportPlan,
    found: SourceFiles,
    root: Path,
    path: Path,
    header: dict[str, Any] | IngestionError,
) -> None:
    parts = tuple(map(plain_name, path.relative_to(root).parts))
    shown = "/".join(parts)
    if isinstance(header, IngestionError):
        found.skipped.append(Skipped(what=shown, kind="cannot be read", reason=str(header)))
        return
    from_masks = plan.masks is not None and (root == plan.masks or path == plan.masks)
    named_mask = mask_stem(path)
    stem = named_mask or (plain_name(path.stem) if from_masks else None)
    names = ("uid", "patient", "study", "series", "side", "view")
    file = ImageFile(path=path, parts=parts, **{name: header.get(name, "") for name in names})
    expected = "raster" if plan.kind == "pictures" else "dicom"
    if header["kind"] == "segmentation":
        _sort_in_segments(found, shown, header["segments"], from_masks=from_masks)
    elif header["kind"] == "marks":
        reason = (
            f"Expected marks as a segmentation (SEG); got {header['name']}, which is not read. Export it as a "
            "segmentation, or give the boxes as a table."
        )
        found.skipped.append(Skipped(what=shown, kind="marks not read", reason=reason))
    elif header["kind"] == "other":
        found.skipped.append(
            Skipped(
                what=shown,
                kind="no image",
                reason="Expected DICOM, PNG, JPEG or TIFF; got another kind of file. Nothing to do.",
            )
        )
    elif stem is not None:
        may_be_image = not from_masks and header["kind"] == expected
        found.masks.append(MaskFile(file=file, stem=stem, may_be_image=may_be_image))
    elif header["kind"] == expected:
        found.images.append(file)
    else:
        found.others.append(file)


def _sort_in_segments(
    found: SourceFiles, shown: str, segments: list[dict[str, Any]], *, from_masks: bool
) -> None:
    """Keeps the boxes of masses; names segments that are none, and leaves out those that may be.

    Segments of an unknown kind count as masses where the user calls the file a mask and none is called a mass.
    """
    all_unknown = not any(segment["meaning"] == "mass" for segment in segments)
    for segment in segments:
        if not any(segment["boxes"].values()):
            continue
        if segment["meaning"] == "no abnormality":
            found.notes.append(
                f"Segments of the type {segment['name']} are no abnormality and no masses."
            )
            continue
        if segment["meaning"] == "unknown" and not (from_masks and all_unknown):
            reason = (
                f"Expected the property type of a mass; got {segment['name']}. If it is a mass, name the file as "
                "masks, or give the boxes as a table."
            )
            found.skipped.append(Skipped(what=shown, kind="segment not understood", reason=reason))
            continue
        if segment["meaning"] == "unknown":
            found.notes.append(
                f"Segments of the type {segment['name']} count as masses, as their files were named as masks."
            )
        for uid, boxes in segment["boxes"].items():
            found.boxes[uid] += [Box(*numbers) for numbers in boxes]
