"""Groups test masses by a property: what is seen of them, or a word that a table says of them.

A mass is grouped, not a patient: the masses of one woman can differ in size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mammo_core.labels import BENIGN, MALIGNANT

MIN_PATIENTS = 20
MIN_PATIENTS_OF_CLASS = 5
OTHERS = "others"


@dataclass(frozen=True, eq=False)
class Grouping:
    """The masses of one test set, grouped by one property.

    Attributes:
        name: Of the property, such as "size".
        groups: By name, which masses belong, (N,) bool. No mass is in two; one of which nothing is known is in none.
    """

    name: str
    groups: Mapping[str, np.ndarray]


# of the 1104 training masses of CBIS-DDSM, which are public: the lower third, the median and the upper third of each
# measure of `appearance`. No test set chooses its own limits, and none tells of private training masses.
LIMITS = {
    "size": (0.248479, 0.285978, 0.319889),
    "density": (10.91971, 17.97188, 26.00873),
    "sharpness": (0.528458, 0.581779, 0.640075),
    "brightness": (120.04704, 135.07086, 148.40202),
}
# the property, its lower and its higher end, in words
_NAMES = {
    "size": ("size", "small", "large"),
    "density": ("contrast", "low", "high"),
    "sharpness": ("sharpness", "smooth", "sharp"),
    "brightness": ("grey level", "dark", "bright"),
}


def group_by_appearance(
    images: np.ndarray, labels: np.ndarray, patient_ids: np.ndarray
) -> list[Grouping]:
    """Groups masses by size, contrast, sharpness and grey level, as measured in their images.

    The groups are thirds, see `LIMITS`. Where a third would be too
    small to be shown, masses are parted at the median instead.

    Args:
        images: (N, H, H) uint8.
        labels: (N,) 0 or 1.
        patient_ids: (N,) str.
    """
    from mammo_core.evaluation.appearance import APPEARANCES, appearance

    measured = appearance(images)  # (N, M)
    columns = {each.name: measured[:, place] for place, each in enumerate(APPEARANCES)}
    groupings = []
    for name, (shown, low, high) in _NAMES.items():
        lower, median, upper = LIMITS[name]
        thirds = np.digitize(columns[name], [lower, upper])
        groups = {word: thirds == place for place, word in enumerate((low, "medium", high))}
        if not all(is_shown(mask, labels, patient_ids) for mask in groups.values()):
            is_high = columns[name] >= median
            groups = {f"{low} half": ~is_high, f"{high} half": is_high}
        groupings.append(Grouping(shown, groups))
    return groupings


def group_by_words(name: str, words: np.ndarray, patient_ids: np.ndarray) -> Grouping:
    """Groups masses by a word that is known of each; words of fewer than 20 patients become one group, `OTHERS`.

    Args:
        name: Of the property.
        words: (N,) str, "" where nothing is known.
        patient_ids: (N,) str.
    """
    groups = {str(word): words == word for word in np.unique(words[words != ""])}
    small = [word for word, mask in groups.items() if len(set(patient_ids[mask])) < MIN_PATIENTS]
    if len(small) > 1:
        together = np.any([groups.pop(word) for word in small], axis=0)
        groups[OTHERS] = together
    return Grouping(name, groups)


def is_shown(mask: np.ndarray, labels: np.ndarray, patient_ids: np.ndarray) -> bool:
    """Checks that a group is large enough to be shown, and has enough of both classes."""
    of_class = [len(set(patient_ids[mask & (labels == label)])) for label in (BENIGN, MALIGNANT)]
    return len(set(patient_ids[mask])) >= MIN_PATIENTS and min(of_class) >= MIN_PATIENTS_OF_CLASS
