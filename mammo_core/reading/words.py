"""Says what models make of one mass, in words and in rows of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mammo_core.labels import BENIGN, MALIGNANT
from mammo_core.reading.case import BudgetReading, OutlierCheck
from mammo_core.text.numbers import budget_name

CAUTION = (
    "**Not a diagnosis.** A score ranks masses. It is not a probability of cancer. The models learned from masses chosen "
    "for study, and far more of these are malignant than in a clinic or in screening. There, the same score means far "
    "less cancer. Their threshold flags one in ten benign masses of their own validation data. Elsewhere it may flag more "
    "or fewer."
)

TWO_BREASTS = "The views show two breasts, so their mean mixes two masses. Two views of one breast show one mass twice."


def budget_words(epsilon: float) -> str:
    """Names a budget: "ε = 6", or what infinity means."""
    return "no privacy (ε = ∞, not DP)" if math.isinf(epsilon) else f"ε = {epsilon:g}"


def call_words(reading: BudgetReading) -> str:
    """Says how many models of a budget call the mass malignant."""
    deciding, malignant = reading.num_deciding, reading.num_malignant
    begin = f"With {budget_words(reading.target_epsilon)}"
    if not deciding:
        return f"{begin}, no model has a threshold to decide by."
    if deciding == 1:
        return f"{begin}, the one model calls it {'malignant' if malignant else 'benign'}."
    if malignant in (0, deciding):
        everyone = "both" if deciding == 2 else f"all {deciding}"
        return f"{begin}, {everyone} models call it {'malignant' if malignant else 'benign'}."
    return f"{begin}, {malignant} of {deciding} models call it malignant, the others benign."


def headline_words(readings: Sequence[BudgetReading]) -> str:
    """Says in one sentence what the models of the smallest and of the largest budget call the mass.

    Empty if no model has a threshold.
    """
    deciding = [reading for reading in readings if reading.num_deciding]
    private = [reading for reading in deciding if not math.isinf(reading.target_epsilon)]
    told = private or deciding
    if not told:
        return ""
    first, *rest = [told[0], told[-1]] if len(told) > 1 else told
    models = "model says" if first.num_deciding == 1 else "models say"
    parts = [f"{_share(first)} {models} malignant {_at(first)}"]
    return ", ".join([*parts, *(f"{_share(reading)} {_at(reading)}" for reading in rest)]) + "."


def _share(reading: BudgetReading) -> str:
    return f"{reading.num_malignant} of {reading.num_deciding}"


def _at(reading: BudgetReading) -> str:
    infinite = math.isinf(reading.target_epsilon)
    return "without privacy" if infinite else f"at {budget_words(reading.target_epsilon)}"


def noise_words(readings: Sequence[BudgetReading]) -> str:
    """Says what the noise of training does to this one answer, from the smallest budget to the largest.

    Empty if no private budget has several models.
    """
    several = [
        reading
        for reading in readings
        if len(reading.scores) > 1 and not math.isinf(reading.target_epsilon)
    ]
    if any(not reading.differ_in_noise_only for reading in several):
        return (
            "The models chosen here differ in more than noise: in their data, strategy, unit or recipe. To see what noise "
            "alone does, choose runs that differ only in their seed."
        )
    if not several:
        return ""
    first, last = several[0], several[-1]
    words = (
        "The models of one ε saw the same masses and differ only in the noise that hides their patients. At "
        f"{budget_words(first.target_epsilon)} they score this mass between {_range(first)}"
    )
    if last is not first:
        words += f". At {budget_words(last.target_epsilon)} they score it between {_range(last)}"
    return words + ". A released model gives one of these answers, by chance."


def averaged_words(names: Sequence[str], readings: Sequence[BudgetReading]) -> str:
    """Says what the answer for a patient is the mean of, what it costs, and what is not known of it.

    Args:
        names: Of the views.
        readings: Of the patient.
    """
    words = (
        f"This is the mean of {' and '.join(names)}. Each model scores each view, and its scores are averaged as logits "
        "(log-odds). Thresholds and test masses are those of single views: no threshold was chosen for the mean."
    )
    if all(math.isinf(reading.target_epsilon) for reading in readings):
        return words
    return f"{words} Reading and averaging spend no privacy budget: the models stay as they were trained."


def outlier_words(usual: OutlierCheck) -> str:
    """Warns of a mass unlike those that the models know; empty if it is like them."""
    if usual.is_low_contrast:
        return (
            "**Hardly any contrast.** Its grey levels differ less than in 99 % of the training masses. Check the crop "
            "and its window. The scores below mean little."
        )
    if usual.is_outlier:
        return (
            "**Not like the masses these models were trained on.** In the models' features, it lies further away than "
            "99 % of the training masses. The scores below mean little."
        )
    return ""


def reading_rows(readings: Sequence[BudgetReading]) -> list[dict[str, object]]:
    """Tabulates readings, one row per budget."""
    rows = []
    for reading in readings:
        row: dict[str, object] = {
            "ε": budget_name(reading.target_epsilon),
            "models": len(reading.scores),
            "mean score": round(float(reading.scores.mean()), 3),
            "lowest": round(float(reading.scores.min()), 3),
            "highest": round(float(reading.scores.max()), 3),
            "call it malignant": f"{reading.num_malignant} of {reading.num_deciding}",
        }
        for name, shares in reading.shares_below.items():
            row[f"above % of benign, {name}"] = round(100 * shares[BENIGN])
            row[f"above % of malignant, {name}"] = round(100 * shares[MALIGNANT])
        rows.append(row)
    return rows


def view_rows(readings: Mapping[str, Sequence[BudgetReading]]) -> list[dict[str, object]]:
    """Tabulates readings of several views, or of their mean, by name."""
    return [{"view": name, **row} for name, read in readings.items() for row in reading_rows(read)]


def _range(reading: BudgetReading) -> str:
    return f"{reading.scores.min():.2f} and {reading.scores.max():.2f}"
