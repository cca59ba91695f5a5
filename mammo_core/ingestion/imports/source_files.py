"""Sorts the files of a folder by content, not by name. Raw identifiers stay in memory, see `folder_survey`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.crops import Box
from mammo_core.ingestion.images.sandbox import map_safely
from mammo_core.ingestion.imports.file_index import all_files
from mammo_core.ingestion.imports.image_files import ImageFile, mask_stem
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.survey import Skipped

_NO_IMAGES = {".csv", ".tsv", ".txt", ".json", ".xml", ".md", ".pdf", ".html", ".xlsx", ".zip"}
_READ_HEADER = "mammo_core.ingestion.imports.headers:read_header"


@dataclass(kw_only=True)
class SourceFiles:
    """Files of a source by kind; `others` are PNG, JPEG and TIFF in a DICOM import, or the reverse."""

    images: list[ImageFile] = field(default_factory=list)
    others: list[ImageFile] = field(default_factory=list)
    masks: list[tuple[tuple[str, ...], str, Path]] = field(default_factory=list)
    boxes: dict[str, list[Box]] = field(default_factory=lambda: defaultdict(list))
    skipped: list[Skipped] = field(default_factory=list)


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
    tasks = [path for _, path in files]
    roots = dict(zip(tasks, (root for root, _ in files), strict=True))
    headers = map_safely(_READ_HEADER, tasks, workers=workers, should_stop=should_stop)
    for done, (path, header) in enumerate(headers, start=1):
        if on_progress:
            on_progress(done, len(tasks))
        _sort_in(plan, found, roots[path], path, header)
    found.images.sort(key=lambda image: image.parts)
    found.masks.sort(key=lambda mask: mask[2])
    return found


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
            if path.suffix.lower() not in _NO_IMAGES and path.absolute() not in tables:
                files[path.absolute()] = (root if root.is_dir() else root.parent, path)
    return list(files.values())


def _sort_in(
    plan: ImportPlan, found: SourceFiles, root: Path, path: Path, header: dict | IngestionError
) -> None:
    parts = tuple(part.lower() for part in path.relative_to(root).parts)
    shown = "/".join(parts)
    if isinstance(header, IngestionError):
        found.skipped.append(Skipped(what=shown, kind="cannot be read", reason=str(header)))
        return
    from_masks = plan.masks is not None and (root == plan.masks or path == plan.masks)
    stem = mask_stem(path) or (path.stem.lower() if from_masks else None)
    if header["kind"] == "segmentation":
        for uid, boxes in header["boxes"].items():
            found.boxes[uid] += [Box(*numbers) for numbers in boxes]
    elif header["kind"] == "other":
        found.skipped.append(
            Skipped(
                what=shown,
                kind="no image",
                reason="Expected DICOM, PNG, JPEG or TIFF; got another kind of file. Nothing to do.",
            )
        )
    elif stem is not None:
        found.masks.append((parts[:-1], stem, path))
    elif plan.kind == "pictures" and header["kind"] == "raster":
        found.images.append(ImageFile(path=path, parts=parts))
    elif plan.kind == "dicom" and header["kind"] == "dicom":
        names = ("uid", "patient", "side", "view")
        found.images.append(
            ImageFile(path=path, parts=parts, **{name: header[name] for name in names})
        )
    else:
        found.others.append(ImageFile(path=path, parts=parts))
