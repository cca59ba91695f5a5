"""Opens one image and cuts its masses. Runs in a worker of `sandbox`, see `run`."""

from __future__ import annotations

import io
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.crops import CropRecipe, mass_crop
from mammo_core.ingestion.images.formats import read_image
from mammo_core.ingestion.images.grey import Box, GreyImage
from mammo_core.ingestion.images.regions import boxes_from_mask
from mammo_core.ingestion.imports.survey import ImageToCut

_SAMPLES = 500  # per side, to tell a mask from an image
_EXTREME = 0.15  # of the range: how far compression may carry a mask's pixel from black and white
_BINARY_SHARE = 0.99
_SAME_ASPECT = 0.03
_SMALLEST_MASK = 0.5  # of the image's height; what is smaller is a crop
_JOIN_PX = 32  # parts of a mask at most this far apart are one mass
_MOST_VALUES = 64  # of a mask that numbers its masses
_FEW_VALUES = 8  # so few are numbers even if they are not consecutive
_EDGE_PX = 2  # soft edges are less than twice as wide
_CORE_PX = 9  # of a value's pixels further inside than that; edges and dust have fewer


TINY = "A box is less than 5 pixels high or wide."
_TINY_PX = 5


def is_tiny(box: Box) -> bool:
    """Checks whether a box is too small to hold a mass."""
    return min(box.height, box.width) < _TINY_PX


def cut_task(image: ImageToCut, recipe: CropRecipe) -> dict[str, Any]:
    """Describes an image for `cut`, as values that travel between processes."""
    return {
        "key": image.key,
        "path": image.path,
        "recipe": recipe.to_dict(),
        "masses": [
            {
                "box": mass.box and astuple(mass.box),
                "from_bottom": mass.from_bottom,
                "masks": list(mass.masks),
                "several": mass.several,
            }
            for mass in image.masses
        ],
    }


def cut(task: dict[str, Any]) -> dict[str, Any]:
    """Reads an image and cuts the masses that a `cut_task` names. Texts that come back name no file.

    Returns:
        "shape", "spacing_mm", "facts" and "warnings" of the image, and for each mass asked for a list of
        {"png", "box", "warnings"}, or a dict {"kind", "reason"} that says why it cannot be cut.

    Raises:
        IngestionError: If the image cannot be used.
    """
    image = read_image(task["path"], name="the image")
    recipe = CropRecipe(**task["recipe"])
    return {
        "shape": image.shape,
        "spacing_mm": image.spacing_mm,
        "facts": dict(image.facts),
        "warnings": list(image.warnings),
        "masses": [_cut_mass(image, mass, recipe) for mass in task["masses"]],
    }


def _cut_mass(
    image: GreyImage, mass: dict[str, Any], recipe: CropRecipe
) -> list[dict[str, Any]] | dict[str, str]:
    warnings: list[str] = []
    try:
        if mass["box"] is not None:
            box = Box(*mass["box"])
            if mass["from_bottom"]:
                box = replace(box, top=image.shape[0] - box.top - box.height)
            boxes = [box]
        elif mass["masks"]:
            boxes = _boxes_of_masks(image, mass, warnings)
        else:
            boxes = [Box(0, 0, *image.shape)]
    except IngestionError as error:
        return {"kind": "mask cannot be used", "reason": str(error)}
    try:
        return [
            {
                "png": _png(mass_crop(image, box, recipe)),
                "box": astuple(box),
                "warnings": warnings,
            }
            for box in boxes
        ]
    except IngestionError as error:
        return {"kind": "box beside the image", "reason": str(error)}


def _boxes_of_masks(image: GreyImage, mass: dict[str, Any], warnings: list[str]) -> list[Box]:
    """Finds boxes: one mass takes the first usable mask's largest, several masses take all of all masks."""
    if not mass["several"]:
        values = _mask_among(mass["masks"], image.shape)
        if len(values) > 1:
            raise IngestionError(
                f"Expected a mask of one mass; got one of {len(values)} values, which mark as many. Export a "
                "mask for each mass."
            )
        return _on_image(boxes_from_mask(values[0], join_px=_JOIN_PX), values[0], image, warnings)[
            :1
        ]
    boxes = []
    for path in mass["masks"]:
        for marked in _mask_among([path], image.shape):
            found = boxes_from_mask(marked, join_px=_JOIN_PX)
            boxes += _on_image(found, marked, image, warnings)
    return sorted(set(boxes), key=lambda box: (box.top, box.left, box.height, box.width))


def _on_image(
    boxes: list[Box], marked: np.ndarray, image: GreyImage, warnings: list[str]
) -> list[Box]:
    if not boxes:
        raise IngestionError("Expected a marked region in the mask; got none. Mark it again.")
    if is_tiny(boxes[0]):
        warnings.append(TINY)
    if marked.shape == image.shape:
        return boxes
    warnings.append("The mask has another size than its image: its box was scaled.")
    return [box.scaled(marked.shape, image.shape) for box in boxes]


def _mask_among(paths: list[Path], shape: tuple[int, int]) -> list[np.ndarray]:
    """Finds the mask among some files, of few values and the image's proportions: (h, w) bool for each value.

    Raises:
        IngestionError: If none is, or none can be read.
    """
    failed: IngestionError | None = None
    smaller: list[np.ndarray] | None = None
    for path in paths:
        try:
            stored = read_image(path, name="the mask").stored
            marked = _marked(stored) if _fits(stored.shape, shape) else None
        except IngestionError as error:
            failed = failed or error
            continue
        if marked is None:
            continue
        if stored.shape == shape:
            return marked
        if smaller is None or stored.size > smaller[0].size:
            smaller = marked
    if smaller is not None:
        return smaller
    raise failed or IngestionError(
        "Expected a mask, black and white and of the image's proportions; got none such. Export it again."
    )


def _fits(shape: tuple[int, int], of_image: tuple[int, int]) -> bool:
    if shape == of_image:
        return True
    down, right = shape[0] / of_image[0], shape[1] / of_image[1]
    return min(down, right) >= _SMALLEST_MASK and abs(down / right - 1) <= _SAME_ASPECT


def _marked(stored: np.ndarray) -> list[np.ndarray] | None:
    """Returns the marked pixels (h, w) bool of a mask, for each of its values; None for an image.

    A mask of one value is what is nearly all nearly as dark or as bright as any pixel, compressed with loss or
    not. A mask that numbers its masses has few values, each of them in areas.

    Raises:
        IngestionError: If greys between black and white mark areas, and are too many to be numbers.
    """
    low, high = int(stored.min()), int(stored.max())
    is_exact = bool(((stored == low) | (stored == high)).all())
    if not is_exact and len(numbers := _numbers(stored, low)) > 1:
        return [stored == number for number in numbers]
    steps = [max(1, side // _SAMPLES) for side in stored.shape]
    sample = stored[:: steps[0], :: steps[1]].astype(np.int64)
    reach = _EXTREME * (high - low)
    binary = np.mean((sample <= low + reach) | (sample >= high - reach)) >= _BINARY_SHARE
    if not binary:
        return None
    if not is_exact and _has_core((stored > low + reach) & (stored < high - reach)):
        raise IngestionError(
            "Expected a mask, black and white or with a number for each mass; got areas of grey between. Export "
            "it uncompressed, or a mask for each mass."
        )
    return [stored > (low + high) // 2]


def _numbers(stored: np.ndarray, low: int) -> list[int]:
    """Returns the values that number masses in a mask; none for another image."""
    values = np.flatnonzero(np.bincount(stored.ravel()))
    is_numbered = len(values) <= _FEW_VALUES or (
        len(values) <= _MOST_VALUES and values[-1] == len(values) - 1
    )
    if not is_numbered:
        return []
    return [value for value in values.tolist() if value != low and _has_core(stored == value)]


def _has_core(marked: np.ndarray) -> bool:
    """Tells areas from edges: whether some pixels (h, w) bool are marked with all those around them."""
    around = 2 * _EDGE_PX + 1
    core = ndimage.minimum_filter(marked, size=around, mode="constant", cval=False)
    return int(core.sum()) >= _CORE_PX


def _png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.getvalue()
