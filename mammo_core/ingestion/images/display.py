"""Converts stored values to display grey by one table: modality LUT, VOI LUT or window, inversion, padding.

Source: DICOM PS3.3 C.11.1 (modality), C.11.2 (VOI LUT, window functions), C.7.5.1.1.2 (padding).
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from mammo_core.ingestion.images.grey import Coding, linear_table

_log = logging.getLogger(__name__)
_SAMPLES = 250  # per side, for statistics of a whole image
_AIR_SPREAD = 0.05  # of the range of greys: what is dark and varies less than this is air
NO_WINDOW = "No usable display window is in the file: grey spans the 0.5th to the 99.5th percentile of the breast."

NO_LUT = "The look-up table for display in the file cannot be used: grey is shown as it is stored."


def grey_table(data: Dataset, stored: np.ndarray, coding: Coding) -> tuple[np.ndarray, list[str]]:
    """Computes the display grey (256,) or (65536,) uint8 of every bit pattern, and warnings.

    The first VOI LUT is preferred to the first window, as vendors of mammography intend. One whose entries need
    fewer bits than it declares is spread over those it needs. Without either, or if they are damaged, images of
    up to 8 bits are shown as they are, others in the `fallback_window`.

    Args:
        stored: (H, W) uint8 or uint16 bit patterns.
    """
    values = coding.values()
    table, warnings = _table(data, stored, coding, values)
    padding = _padding(data, values)
    if padding is not None:
        table = np.where(padding, np.uint8(0), table)
    return coding.for_patterns(table, stored.dtype), warnings


def _table(
    data: Dataset, stored: np.ndarray, coding: Coding, values: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Computes the display grey of every value, padding included, and warnings."""
    rescaled = _rescaled(data, values)
    for given in (_by_lut, _by_window):
        if rescaled is None:
            break
        try:
            share, warnings = given(data, rescaled)
        except Exception as error:  # damaged elements: whatever access to them gives
            _log.info("display %s cannot be used: %s", given.__name__, type(error).__name__)
            continue
        if share is not None and np.isfinite(share).all():
            grey = np.rint(255 * share.clip(0, 1)).astype(np.uint8)
            table = 255 - grey if coding.inverted else grey
            return table, warnings
    if coding.bits <= 8:
        table = linear_table(values, values.min(), values.max(), inverted=coding.inverted)
        return table, [NO_LUT] if rescaled is None or data.get("VOILUTSequence") else []
    padding = _padding(data, values)
    if rescaled is None:
        rescaled = values.astype(np.float64)
    low, high = fallback_window(stored, rescaled, leave_out=padding, inverted=coding.inverted)
    return linear_table(rescaled, low, high, inverted=coding.inverted), [NO_WINDOW]


def fallback_window(
    stored: np.ndarray,
    values: np.ndarray,
    *,
    leave_out: np.ndarray | None = None,
    inverted: bool = False,
) -> tuple[float, float]:
    """Estimates the 0.5th and 99.5th percentile of breast pixels from about 60,000 pixels.

    Breast is what is brighter than air; air is the darker of two groups (Otsu) if it hardly varies. Where no
    group is that even, as in a crop, all pixels count.

    Args:
        stored: (H, W) bit patterns.
        values: (2^bits,) what each pattern stands for.
        leave_out: (2^bits,) bool, which patterns are padding, not image.
        inverted: Whether small values are bright.

    Source: Otsu, A threshold selection method from gray-level histograms, IEEE Trans. SMC 1979.
    """
    steps = [max(1, side // _SAMPLES) for side in stored.shape]
    patterns = stored[:: steps[0], :: steps[1]].ravel() & (len(values) - 1)
    if leave_out is not None and not leave_out[patterns].all():
        patterns = patterns[~leave_out[patterns]]
    found = values[patterns].astype(np.float64)
    if inverted:
        found = -found
    breast = _breast(found)
    low, high = np.percentile(breast, (0.5, 99.5))
    return (-high, -low) if inverted else (low, high)


def _breast(found: np.ndarray) -> np.ndarray:
    low, high = np.percentile(found, (0.1, 99.9))
    if high <= low:
        return found
    bins = ((found - low) * (255 / (high - low))).clip(0, 255).astype(np.intp)
    counts = np.bincount(bins, minlength=256)
    threshold = _otsu(counts, low + (np.arange(256) + 0.5) * (high - low) / 255)
    air = found[found <= threshold]
    if len(air) in (0, len(found)) or air.std() > _AIR_SPREAD * (high - low):
        return found
    return found[found > max(threshold - (high - low) / 4, air.mean() + 4 * air.std())]


def _otsu(counts: np.ndarray, centres: np.ndarray) -> float:
    """Finds the centre that splits a histogram with the largest variance between groups."""
    below = counts.cumsum()
    above = below[-1] - below
    sums = (counts * centres).cumsum()
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(centres[np.nanargmax(between[:-1])])


def _rescaled(data: Dataset, values: np.ndarray) -> np.ndarray | None:
    """Applies the modality LUT or rescaling; leaves values as they are if it is missing.

    Damaged rescaling counts as none. Of a damaged modality LUT comes None: no window fits without it.
    """
    try:
        if data.get("ModalityLUTSequence"):
            return _looked_up(data, "ModalityLUTSequence", values)[0].astype(np.float64)
    except Exception as error:  # damaged elements: whatever access to them gives
        _log.info("the modality LUT cannot be used: %s", type(error).__name__)
        return None
    try:
        slope = float(data.get("RescaleSlope") or 1)
        rescaled = values * slope + float(data.get("RescaleIntercept") or 0)
    except Exception as error:
        _log.info("rescaling cannot be used: %s", type(error).__name__)
        return values.astype(np.float64)
    return rescaled if slope and np.isfinite(rescaled).all() else values.astype(np.float64)


def _by_lut(data: Dataset, values: np.ndarray) -> tuple[np.ndarray | None, list[str]]:
    """Computes shares of full brightness by the first VOI LUT, before inversion, and warnings."""
    if not data.get("VOILUTSequence"):
        return None, []
    found, declared, needed = _looked_up(data, "VOILUTSequence", np.floor(values))
    warnings = []
    if needed < declared:
        warnings.append(
            f"The look-up table for display declares {declared} bits and uses {needed}: grey spans {needed} bits."
        )
    return found / (2**needed - 1), warnings


def _looked_up(data: Dataset, sequence: str, values: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Applies the first LUT of a sequence to values (N,).

    Values before the first that is mapped give the first entry, those behind the last one give the last.

    Returns:
        Entries (N,), the bits per entry that the LUT declares, and those that its entries need, 8 at least.

    Raises:
        ValueError: If it lacks entries, has some that are signed or beyond the bits declared, has but one value,
            or maps none of the values.
    """
    item = data[sequence][0]
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    count = count % 2**16 or 2**16
    word = ">u2" if data.file_meta.TransferSyntaxUID == ExplicitVRBigEndian else "<u2"
    entries = _entries(item.LUTData, count, bits, word)
    if entries.ndim != 1 or len(entries) < max(2, count) or not 8 <= bits <= 16:
        raise ValueError(f"a look-up table of {entries.shape} entries of {bits} bits")
    if not 0 <= entries.min() < entries.max() < 2**bits:
        raise ValueError(f"entries that are signed, of one value, or beyond {bits} bits")
    if first > values.max() or first + count <= values.min():
        raise ValueError("a look-up table for other values")
    found = entries[(values - first).clip(0, count - 1).astype(int)]
    return found, bits, max(8, int(entries.max()).bit_length())


def _entries(content: Any, count: int, bits: int, word: str) -> np.ndarray:
    """Reads the entries (count,) of a LUT, of 16 bits each, or packed as bytes."""
    if not isinstance(content, bytes):
        return np.asarray(content)[:count]
    words = np.frombuffer(content, word)
    if bits == 8 and len(content) == count + count % 2:
        return words.astype("<u2").view(np.uint8)[:count]
    return words[:count]


def _by_window(data: Dataset, values: np.ndarray) -> tuple[np.ndarray | None, list[str]]:
    """Computes shares of full brightness by the first window, before inversion; no warnings."""
    if data.get("WindowCenter") is None or data.get("WindowWidth") is None:
        return None, []
    centre, width = _first(data.WindowCenter), _first(data.WindowWidth)
    share = None
    match str(data.get("VOILUTFunction") or "LINEAR").strip().upper():
        case "SIGMOID" if width > 0:
            share = 1 / (1 + np.exp((-4 * (values - centre) / width).clip(-700, 700)))
        case "LINEAR_EXACT" if width > 0:
            share = (values - centre) / width + 0.5
        case "LINEAR" if width >= 1:
            share = (values - (centre - 0.5)) / max(width - 1, 1e-9) + 0.5
        case _:
            pass
    return share, []


def _first(element: Any) -> float:
    values = element if isinstance(element, str | float | int) else list(element)
    return float(values[0] if isinstance(values, list) else values)


def _padding(data: Dataset, values: np.ndarray) -> np.ndarray | None:
    """Marks the patterns that are padding; None if the file names none."""
    try:
        start = data.get("PixelPaddingValue")
        if start is None:
            return None
        end = data.get("PixelPaddingRangeLimit")
        low, high = sorted((int(start), int(start if end is None else end)))
    except (TypeError, ValueError):
        return None
    return (values >= low) & (values <= high)
