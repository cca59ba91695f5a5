"""Cuts a mass out of an image: a square around its box, with margin, resized to one size."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.ingestion.images.grey import Box, GreyImage

_SMALLEST, _LARGEST = 16, 1024


@dataclass(frozen=True, kw_only=True)
class CropRecipe:
    """Settings that turn a box into a square image.

    Attributes:
        size_px: Side of the result.
        margin_px: Added on every side, in pixels of the mammogram.
        margin_share: Added on every side, as a share of the box's side.
        min_side_px: The square is at least this large in the mammogram, so that small masses keep their size.
        side: Which side of the box the square follows: the "longer", or the "width", then tall masses are cut.
        shift_up_px: The square is moved up by this.
        shift_share: The square is moved up and to the left by this share of its side.
        grey: "display" as a viewer shows it, or "range" from the darkest to the brightest pixel of the image.
    """

    size_px: int = 128
    margin_px: int = 0
    margin_share: float = 0.25
    min_side_px: int = 64
    side: Literal["longer", "width"] = "longer"
    shift_up_px: int = 0
    shift_share: float = 0.0
    grey: Literal["display", "range"] = "display"

    def __post_init__(self) -> None:
        validate.at_least(_SMALLEST, size_px=self.size_px)
        if self.size_px > _LARGEST:
            raise InvalidRequestError(
                f"Expected size_px <= {_LARGEST}; got {self.size_px}. Networks here see 224 pixels or fewer."
            )
        validate.at_least(
            0,
            margin_px=self.margin_px,
            margin_share=self.margin_share,
            shift_up_px=self.shift_up_px,
            shift_share=self.shift_share,
        )
        validate.at_least(1, min_side_px=self.min_side_px)
        validate.one_of(("longer", "width"), side=self.side)
        validate.one_of(("display", "range"), grey=self.grey)

    def to_dict(self) -> dict[str, Any]:
        """Converts to JSON-ready values; `CropRecipe(**values)` is the inverse."""
        return asdict(self)


STANDARD = CropRecipe()
# As in the paper's public code: 60 px margin, at least 128 px, square by width, grey by the image's range, and the
# square too high by the margin, as that is subtracted twice from its top. The code that wrote the published crops
# also moved them at random up and left by at least 5 % of the side and widened them by 2.5 % on average (its
# configuration has zoom and translation of 0.05). Simulated, masses then lie 8 px right of and 24 px below the
# middle of 128; in the published CBIS-DDSM crops, the brightest spot on average does, too. Here the mean shift
# stands for the random one, so single crops differ from the published ones by a few pixels.
PAPER = CropRecipe(
    margin_px=60,
    margin_share=0,
    min_side_px=128,
    side="width",
    shift_up_px=60,
    shift_share=0.06,
    grey="range",
)
WHOLE = CropRecipe(margin_share=0, min_side_px=1)  # for images that are crops already
RECIPES = {"standard": STANDARD, "paper": PAPER, "whole": WHOLE}


def crop_square(box: Box, shape: tuple[int, int], recipe: CropRecipe) -> Box:
    """Returns the square to cut for a box on an image (H, W).

    Moved into the image where it reaches over an edge; where the image is smaller, it keeps reaching over.
    """
    side = box.width if recipe.side == "width" else max(box.height, box.width)
    side += 2 * (recipe.margin_px + round(recipe.margin_share * side))
    side = max(side, recipe.min_side_px)
    shift = round(recipe.shift_share * side)
    top = box.top - (side - box.height) // 2 - shift - recipe.shift_up_px
    left = box.left - (side - box.width) // 2 - shift
    return Box(_moved_in(top, side, shape[0]), _moved_in(left, side, shape[1]), side, side)


def mass_crop(image: GreyImage, box: Box, recipe: CropRecipe) -> np.ndarray:
    """Cuts out the mass in a box: (S, S) uint8, S being the recipe's size.

    Shrunk by averaging areas, enlarged linearly.

    Raises:
        IngestionError: If the box lies beside the image.
    """
    image.require(box)
    square = crop_square(box, image.shape, recipe)
    cut = image.grey(square) if recipe.grey == "display" else image.ranged_grey(square)
    if square.height == recipe.size_px:
        return cut
    how = Image.Resampling.BOX if square.height > recipe.size_px else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(cut).resize((recipe.size_px, recipe.size_px), how))


def _moved_in(start: int, side: int, length: int) -> int:
    """Returns where a side starts so that it lies inside, or extends beyond both ends alike if too long."""
    if side > length:
        return -((side - length) // 2)
    return min(max(start, 0), length - side)
