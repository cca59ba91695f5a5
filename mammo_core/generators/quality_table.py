"""Tabulates the measures of synthetic masses for reading: what each tells, in one sentence, and its values.

`quality` measures; values come from a generator's card or from `reference`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Detail = Literal["full", "low-pass"]
SYNTHETIC, HELDOUT = "synthetic", "held-out real"


@dataclass(frozen=True)
class Measure:
    """One measure and its values as texts.

    Attributes:
        name: Short, with the field's word in brackets.
        sentence: What it tells and which way is better.
        values: By column, in the order given; "–" where it was not measured.
    """

    name: str
    sentence: str
    values: dict[str, str]


def quality_table(
    metrics: Mapping[str, Mapping[str, Any]], detail: Detail = "full"
) -> list[Measure]:
    """Tabulates all measures of several sets of synthetic masses, and of held-out real ones.

    Args:
        metrics: By name of the set, the metrics of a card. The held-out real masses of the first are shown
            as the last column.
        detail: "full", or "low-pass" to leave film grain out where a measure has both.
    """
    first = next(iter(metrics.values()))
    columns = [(name, values, SYNTHETIC) for name, values in metrics.items()]
    columns.append((HELDOUT, first, HELDOUT))
    return [
        Measure(
            name,
            sentence,
            {column: show(values, subject, detail) for column, values, subject in columns},
        )
        for name, sentence, show in _MEASURES
    ]


def _comparison(values: Mapping[str, Any], subject: str, detail: str) -> Mapping[str, Any] | None:
    wanted = (subject, "all", detail)
    found = (
        row
        for row in values["comparisons"]
        if (row["subject"], row["masses"], row["detail"]) == wanted
    )
    return next(found, None)


def _kid(values: Mapping[str, Any], subject: str, detail: str) -> str:
    row = _comparison(values, subject, detail)
    if row is None:
        return "–"
    value = round(row["kid"]["value"], 3) + 0.0  # never "-0.000"
    return f"{value:.3f} ± {row['kid']['spread']:.3f}"


def _around(name: str) -> Callable[[Mapping[str, Any], str, str], str]:
    def show(values: Mapping[str, Any], subject: str, detail: str) -> str:
        row = _comparison(values, subject, detail)
        return "–" if row is None else f"{row['around'][name]:.2f}"

    return show


def _radiomics(values: Mapping[str, Any], subject: str, detail: str) -> str:
    return f"{values['radiomics'][subject]:.1f}"


def _class_auroc(values: Mapping[str, Any], subject: str, detail: str) -> str:
    return f"{values['class_auroc']:.2f}" if subject == SYNTHETIC else "–"


def _transfer(values: Mapping[str, Any], subject: str, detail: str) -> str:
    if subject != SYNTHETIC:
        return "–"
    return " / ".join(f"{auroc:.2f}" for auroc in values["transfer_auroc"].values())


def _copies(values: Mapping[str, Any], subject: str, detail: str) -> str:
    rate = "flagged_rate" if subject == SYNTHETIC else "expected_rate"
    return f"{values['copies'][rate]:.2%}".replace("%", " %")


_MEASURES = (
    (
        "Distance to real masses (KID)",
        "How far the whole set is from the real training masses; 0 is none, lower is better.",
        _kid,
    ),
    (
        "Realism (precision)",
        "Share of synthetic masses that lie among real ones; higher is better.",
        _around("precision"),
    ),
    (
        "Variety (recall)",
        "Share of real masses that lie among synthetic ones; low means that many kinds never appear.",
        _around("recall"),
    ),
    (
        "Typicality (density)",
        "How densely real masses surround the synthetic ones; near 1 is as among real ones.",
        _around("density"),
    ),
    (
        "Reach (coverage)",
        "Share of real masses that have a synthetic one close by; higher is better.",
        _around("coverage"),
    ),
    (
        "Grey levels and texture (radiomics)",
        "Distance in plain statistics of grey and texture, without any network; lower is better.",
        _radiomics,
    ),
    (
        "Shows its class (AUROC)",
        "How often a classifier that learned on real masses ranks a malignant synthetic mass above a benign "
        "one; 0.5 is chance, 1 always.",
        _class_auroc,
    ),
    (
        "Useful for training (AUROC)",
        "How well a classifier that saw only these masses tells real ones apart, at the training site / at "
        "another; 0.5 is chance.",
        _transfer,
    ),
    (
        "Suspected copies",
        "Share of masses nearer to a training mass than unseen real ones usually are; 1 % is what chance "
        "gives.",
        _copies,
    ),
)
