"""Tabulates the measures of synthetic masses for reading: one row per set, with its best values and a sentence.

`quality` measures; values come from a generator's card or from `reference`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

SeenBy = Literal["judge", "full", "low-pass"]
SYNTHETIC, HELDOUT = "synthetic", "held-out real"
_TRANSFER = "transfer "  # begins the key of a column; its site follows


@dataclass(frozen=True)
class Column:
    """One measure.

    Attributes:
        name: In the field's terms, with an arrow to what is better.
        meaning: What it tells.
        digits: That are shown behind the point.
        ideal: What no value beats; None of a measure that ranks nothing.
    """

    name: str
    meaning: str
    digits: int
    ideal: float | None

    def rounded(self, value: float) -> float:
        """Rounds as shown: what looks equal is equally good."""
        return round(value, self.digits) + 0.0  # never "-0.00"

    def text(self, value: float | None) -> str:
        """Writes a value; "–" of one that was not measured."""
        return "–" if value is None else f"{self.rounded(value):.{self.digits}f}"


@dataclass(frozen=True)
class QualityRow:
    """One set of masses.

    Attributes:
        numbers: By key of the column; those not measured are missing.
        best: Keys of columns in which no other synthetic set is better, and some are worse.
        sentence: What the numbers say, in words.
    """

    name: str
    numbers: dict[str, float]
    best: frozenset[str]
    sentence: str


@dataclass(frozen=True)
class QualityTable:
    """Sets of masses side by side.

    Attributes:
        columns: By key, those that were measured of any set.
        rows: The synthetic sets in their order, then the held-out real masses if they were measured.
    """

    columns: dict[str, Column]
    rows: list[QualityRow]


def quality_table(
    metrics: Mapping[str, Mapping[str, Any]], seen_by: SeenBy = "judge"
) -> QualityTable:
    """Tabulates the measures of any number of synthetic sets, and of held-out real masses.

    Args:
        metrics: By name of the set, the metrics of a card, also of an old one that lacks some.
        seen_by: "judge" is the network that no generator learned through, "full" the one that generators learned
            through, and "low-pass" the latter without film grain.
    """
    sets = {name: _numbers(values, SYNTHETIC, seen_by) for name, values in metrics.items()}
    real = max((_numbers(values, HELDOUT, seen_by) for values in metrics.values()), key=len)
    columns = _columns([*sets.values(), real])
    best = {key: _best(key, column, sets) for key, column in columns.items()}
    rows = [
        QualityRow(
            name,
            numbers,
            frozenset(key for key, names in best.items() if name in names),
            _in_words(numbers, real),
        )
        for name, numbers in sets.items()
    ]
    if real:
        rows.append(QualityRow(HELDOUT, real, frozenset(), _real_in_words(real)))
    return QualityTable(columns, rows)


def _numbers(metrics: Mapping[str, Any], subject: str, seen_by: SeenBy) -> dict[str, float]:
    """Collects what was measured of a set, by key of the column."""
    found = (
        _judged(metrics, subject) if seen_by == "judge" else _compared(metrics, subject, seen_by)
    )
    numbers: dict[str, float] = {}
    if found:
        numbers |= {"kid": found["kid"]["value"]} | found["around"]
    numbers |= {
        key: found[key] for key in ("num_masses", "told_apart", "class_auroc") if key in found
    }
    transfer = found.get("transfer_auroc", {})
    numbers |= {f"{_TRANSFER}{site}": auroc for site, auroc in transfer.items()}
    if seen_by == "low-pass":
        return numbers
    if subject in metrics.get("radiomics", {}):
        numbers["radiomics"] = metrics["radiomics"][subject]
    if "copies" in metrics:
        rate = "flagged_rate" if subject == SYNTHETIC else "expected_rate"
        numbers["copies"] = 100 * metrics["copies"][rate]
    return numbers


def _judged(metrics: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
    sets = metrics.get("judge", {}).get("sets", [])
    return next((one for one in sets if one["subject"] == subject), {})


def _compared(metrics: Mapping[str, Any], subject: str, detail: str) -> Mapping[str, Any]:
    wanted = (subject, "all", detail)
    rows = metrics.get("comparisons", [])
    found = next(
        (row for row in rows if (row["subject"], row["masses"], row["detail"]) == wanted), {}
    )
    if not found or subject != SYNTHETIC:
        return found
    of_all_detail = ("class_auroc", "transfer_auroc") if detail == "full" else ()
    return (
        found
        | {"num_masses": metrics["num_synthetic"]}
        | {key: metrics[key] for key in of_all_detail}
    )


def _columns(sets: Iterable[Mapping[str, float]]) -> dict[str, Column]:
    """Returns the columns in which any set has a number, in the order of `_COLUMNS`."""
    keys = {key for numbers in sets for key in numbers}
    sites = sorted((key for key in keys if key.startswith(_TRANSFER)), reverse=True)
    columns = _COLUMNS | {key: _transfer_column(key.removeprefix(_TRANSFER)) for key in sites}
    return {key: column for key, column in columns.items() if key in keys}


def _best(key: str, column: Column, sets: Mapping[str, Mapping[str, float]]) -> set[str]:
    """Returns the names of the sets nearest to the ideal; of none where sets do not differ."""
    if column.ideal is None:
        return set()
    away = {
        name: abs(column.rounded(numbers[key]) - column.ideal)
        for name, numbers in sets.items()
        if key in numbers
    }
    nearest = min(away.values(), default=0.0)
    best = {name for name, distance in away.items() if distance == nearest}
    return best if len(best) < len(away) else set()


def _in_words(numbers: Mapping[str, float], real: Mapping[str, float]) -> str:
    """Says how real a set looks, and whether it shows its class; `real` are the held-out real masses."""
    if "told_apart" not in numbers:
        return _around_in_words(numbers)
    told, shows = numbers["told_apart"], numbers["class_auroc"]
    ease = ("Hardly", "Sometimes", "Often", "Almost always")[
        sum(told >= limit for limit in (0.6, 0.75, 0.9))
    ]
    share = (shows - 0.5) / max(real.get("class_auroc", 1.0) - 0.5, 1e-6)
    clarity = (
        *("hardly shows", "shows in part", "shows about as well as in real ones"),
        "shows more plainly than in real ones",
    )[sum(share >= limit for limit in (0.4, 0.8, 1.2))]
    return (
        f"{ease} told from real masses ({_of_100(told)}), and whether they are malignant {clarity} "
        f"({_of_100(shows)})."
    )


def _real_in_words(numbers: Mapping[str, float]) -> str:
    if "told_apart" not in numbers:
        return f"Real masses that no generator saw. {_around_in_words(numbers)}"
    told, shows = numbers["told_apart"], numbers["class_auroc"]
    return (
        f"Real masses that no generator saw: told from other real ones {_of_100(told)}, and whether they are malignant "
        f"shows {_of_100(shows)}."
    )


def _around_in_words(numbers: Mapping[str, float]) -> str:
    if "precision" not in numbers:
        return "Not measured by this network."
    return (
        f"Of 100 of these masses, {100 * numbers['precision']:.0f} lie among real ones. Of 100 real ones, "
        f"{100 * numbers['recall']:.0f} lie among these."
    )


def _of_100(auroc: float) -> str:
    return f"{100 * auroc:.0f} times in 100"


def _transfer_column(site: str) -> Column:
    return Column(
        f"Train on it, test on {site} ↑",
        "AUROC on real masses of this site, of a classifier that learned from the set alone. In the row of the held-out real "
        "masses, it learned from the real training masses.",
        2,
        1.0,
    )


_COLUMNS = {
    "num_masses": Column(
        "Masses measured", "Recall and coverage grow with the number of masses.", 0, None
    ),
    "kid": Column(
        "KID ↓", "Distance of the whole set to the real training masses; 0 is none.", 3, 0.0
    ),
    "precision": Column(
        "Precision ↑", "Realism: share of these masses that lie among real ones.", 2, 1.0
    ),
    "recall": Column("Recall ↑", "Variety: share of real masses that lie among these.", 2, 1.0),
    "density": Column(
        "Density → 1",
        "How densely real masses surround these; 1 is as densely as they surround each other.",
        2,
        1.0,
    ),
    "coverage": Column(
        "Coverage ↑", "Reach: share of real masses that have one of these close by.", 2, 1.0
    ),
    "told_apart": Column(
        "Real or generated? → 0.5",
        "AUROC: how often a computer that saw examples of both picks the real one of a pair; 0.5 is guessing.",
        2,
        0.5,
    ),
    "class_auroc": Column(
        "Class ↑",
        "AUROC: how often a classifier that learned on real masses ranks a malignant one of these above a benign one; 0.5 is "
        "guessing, 1 is always.",
        2,
        1.0,
    ),
    "radiomics": Column(
        "Radiomics ↓",
        "Fréchet distance to the real training masses in plain statistics of grey and texture, without any network.",
        1,
        0.0,
    ),
    "copies": Column(
        "Suspected copies (%)",
        "Masses nearer to a training mass than unseen real ones usually are; 1 % is what chance gives. Always searched through "
        "the network that generators learned through.",
        2,
        None,
    ),
}
