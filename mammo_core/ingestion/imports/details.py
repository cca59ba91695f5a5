"""Keeps facts about a mass in fixed vocabularies; leaves anything else in a table behind.

Free text could name a patient; words of a fixed vocabulary cannot. The words are those of BI-RADS as
CBIS-DDSM spells them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mammo_core.ingestion.images.dicom_facts import VIEWS
from mammo_core.labels import BENIGN, MALIGNANT

FIELDS = ("side", "view", "density", "shape", "margins", "assessment", "pathology", "subtlety")
_MALIGNANT = {"malignant", "malign", "1", "true", "yes", "cancer", "positive", "m"}
_BENIGN = {"benign", "benign_without_callback", "0", "false", "no", "negative", "b"}
_SHAPES = {
    "round",
    "oval",
    "irregular",
    "lobulated",
    "lymph_node",
    "architectural_distortion",
    "asymmetric_breast_tissue",
    "focal_asymmetric_density",
}
_MARGINS = {
    "circumscribed",
    "ill_defined",
    "microlobulated",
    "obscured",
    "spiculated",
    "indistinct",
}
_SIDES = {"l": "L", "left": "L", "r": "R", "right": "R"}
_DENSITIES = {"1": "1", "2": "2", "3": "3", "4": "4", "a": "1", "b": "2", "c": "3", "d": "4"}


def label_from_word(word: str) -> int | None:
    """Translates a word to a label; None if it means none.

    Example:
        >>> label_from_word("BENIGN_WITHOUT_CALLBACK") == BENIGN, label_from_word("normal")
        (True, None)
    """
    word = _plain(without_decimals(word))
    return MALIGNANT if word in _MALIGNANT else BENIGN if word in _BENIGN else None


def without_decimals(word: str) -> str:
    """Takes the decimals from a whole number, as tables with gaps are often written: 1.0 becomes 1."""
    number = re.fullmatch(r"(\d+)[.,]0+", word.strip())
    return number[1] if number else word


def tidy_details(cells: Mapping[str, str]) -> dict[str, str]:
    """Translates the fields of `FIELDS` to fixed vocabularies; "" for what is in none of them."""
    return {field: _tidy(field, cells.get(field, "").strip()) for field in FIELDS}


def _tidy(field: str, cell: str) -> str:
    match field:
        case "side":
            return _SIDES.get(cell.lower(), "")
        case "view":
            return cell.upper() if cell.upper() in VIEWS else ""
        case "density":
            return _DENSITIES.get(without_decimals(cell).lower(), "")
        case "shape":
            return _words(cell, _SHAPES)
        case "margins":
            return _words(cell, _MARGINS)
        case "pathology":
            word = _plain(cell)
            return word if word in ("benign", "benign_without_callback", "malignant") else ""
    number = without_decimals(cell)
    return number if re.fullmatch(r"[0-6]|4[abc]", number.lower()) else ""


def _words(cell: str, known: set[str]) -> str:
    """Words joined by hyphens, if all of them are known: IRREGULAR-ARCHITECTURAL_DISTORTION."""
    words = [_plain(word) for word in cell.split("-")]
    return "-".join(words) if all(word in known for word in words) else ""


def _plain(word: str) -> str:
    return re.sub(r"\s+", "_", word.strip().lower())
