"""Analyses the answers to a study: each reader, all of them, and with a model's help against without."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.evaluation.mrmc import (
    MeanAuc,
    ModalityComparison,
    cohen_kappa,
    compare_modalities,
    mean_auc,
)
from mammo_core.evaluation.operating_point import wilson_interval
from mammo_core.studies.store import Answer, ReaderAnswers
from mammo_core.studies.study import MIDDLE, Purpose, Study
from mammo_core.text.numbers import counted, with_interval

_YES_NO = {False: "no", True: "yes"}


@dataclass(frozen=True, kw_only=True)
class ReaderResult:
    """One reader in one pass, repeats and training left out.

    Attributes:
        num_asked: Cases, or pairs, of a whole pass.
        auc: None with forced choice, or while there are fewer than two cases of either truth.
        accuracy: Share of right answers; on the scale, above the middle is an answer of 1.
        kappa: Of the reader with themselves, over the repeats; None without, NaN if all calls are the same.
    """

    reader: str
    aided: bool
    num_read: int
    num_asked: int
    auc: Estimate | None
    accuracy: Estimate
    kappa: float | None
    median_seconds: float


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """All results.

    Attributes:
        means: By whether readers were aided, the mean AUC of those who have read the whole pass.
        num_complete: How many readers these are.
        kappa_between: Mean of Cohen's kappa over pairs of these; absent for fewer than two.
        comparison: Aided less unaided, of the readers who have read both passes; None if there is none.
    """

    readers: tuple[ReaderResult, ...]
    means: dict[bool, MeanAuc]
    num_complete: dict[bool, int]
    kappa_between: dict[bool, float]
    comparison: ModalityComparison | None


def scores_of(answers: Sequence[Answer], aided: bool, purpose: Purpose = "first") -> dict[str, int]:
    """Returns the answers of a pass on the scale, by case."""
    return {
        one.reading.cases[0]: one.value
        for one in answers
        if one.reading.aided == aided and one.reading.purpose == purpose
    }


def is_right(study: Study, answer: Answer) -> bool:
    """Whether an answer is right; on the scale, its middle counts as an answer of 0."""
    truths = [study.truth(study.by_id[case]) for case in answer.reading.cases]
    says_one = answer.value > MIDDLE
    return says_one == bool(truths[0]) if len(truths) == 1 else says_one == bool(truths[1])


def analyse(study: Study, readers: Sequence[ReaderAnswers]) -> StudyResult:
    """Computes all results; readers who have not finished count as far as they have come, but in no mean."""
    passes = (False, True) if study.aid_epsilon is not None else (False,)
    found = [_reader(study, one, aided) for one in readers for aided in passes]
    means: dict[bool, MeanAuc] = {}
    between: dict[bool, float] = {}
    complete = {aided: [one for one in readers if one.is_complete(aided)] for aided in passes}
    for aided, ready in complete.items():
        if ready and study.form == "scale":
            means[aided] = mean_auc(*_table(study, ready, (aided,), one_modality=True))
            between |= _between(study, ready, aided)
    both = [one for one in complete.get(True, []) if one in complete[False]]
    return StudyResult(
        readers=tuple(one for one in found if one is not None),
        means=means,
        num_complete={aided: len(ready) for aided, ready in complete.items()},
        kappa_between=between,
        comparison=compare_modalities(*_table(study, both, (True, False))) if both else None,
    )


def result_rows(result: StudyResult) -> list[dict[str, object]]:
    """Writes the results as rows of a table: the means of several readers, then each reader."""
    rows: list[dict[str, object]] = [
        {
            "reader": one.reader,
            "model's help": _YES_NO[one.aided],
            "read": f"{one.num_read} of {one.num_asked}",
            "AUC (95 %)": _auc_text(one.auc),
            "right (95 %)": with_interval(one.accuracy.value, one.accuracy.low, one.accuracy.high),
            "kappa, repeats": _kappa_text(one.kappa),
            "median time": f"{one.median_seconds:.1f} s",
        }
        for one in result.readers
    ]
    empty: dict[str, object] = dict.fromkeys(rows[0], "") if rows else {}
    means = [
        {
            **empty,
            "reader": f"mean of {result.num_complete[aided]}",
            "model's help": _YES_NO[aided],
            "AUC (95 %)": _auc_text(mean.auc),
        }
        for aided, mean in result.means.items()
        if result.num_complete[aided] > 1
    ]
    return means + rows


def comparison_words(result: StudyResult) -> tuple[str, ...]:
    """Says in sentences what a model's help changed, the finding first; empty if no reader has read both passes."""
    found = result.comparison
    if found is None:
        return ()
    difference = found.difference
    what = (
        "AUC of the one reader"
        if found.num_readers == 1
        else f"mean AUC of {found.num_readers} readers"
    )
    finding = f"With the model's help, the {what} changed by {100 * difference.value:+.1f} points"
    if math.isnan(found.p_value):
        return (
            f"{finding}.",
            "No case could be left out to tell how this varies: there is no interval and no test.",
        )
    low, high = (f"{100 * end:+.1f}" for end in (difference.low, difference.high))
    finding = f"{finding} (95 % interval {low} to {high})."
    if found.num_readers == 1:
        return (
            finding,
            f"p = {found.p_value:.2g}, DeLong's test.",
            "This holds for this reader only.",
        )
    freedom = "∞" if math.isinf(found.degrees_of_freedom) else f"{found.degrees_of_freedom:.1f}"
    return (
        finding,
        f"F(1, {freedom}) = {found.f:.2f}, p = {found.p_value:.2g}, by Obuchowski and Rockette with Hillis' degrees of "
        "freedom.",
        "This holds for other readers and other cases like these.",
    )


def agreement_words(result: StudyResult) -> str:
    """Says how far readers agree; empty for fewer than two."""
    told = [
        f"Cohen's kappa between readers {'with' if aided else 'without'} help is {_kappa_text(kappa)} "
        f"(mean over pairs of {counted(result.num_complete[aided], 'reader')})."
        for aided, kappa in result.kappa_between.items()
    ]
    return " ".join(told)


def _reader(study: Study, one: ReaderAnswers, aided: bool) -> ReaderResult | None:
    """The result of a pass; None before its first answer."""
    counted_answers = [
        answer
        for answer in one.answers
        if answer.reading.aided == aided and answer.reading.purpose == "first"
    ]
    if not counted_answers:
        return None
    accuracy = wilson_interval(
        sum(is_right(study, answer) for answer in counted_answers), len(counted_answers)
    )
    assert accuracy is not None  # there is an answer
    return ReaderResult(
        reader=one.reader,
        aided=aided,
        num_read=len(counted_answers),
        num_asked=sum(step.aided == aided and step.purpose == "first" for step in one.asked),
        auc=_auc(study, one, aided),
        accuracy=accuracy,
        kappa=_kappa_within(one, aided),
        median_seconds=float(np.median([answer.seconds for answer in counted_answers])),
    )


def _auc(study: Study, one: ReaderAnswers, aided: bool) -> Estimate | None:
    if study.form != "scale":
        return None
    scores = scores_of(one.answers, aided)
    truth = np.array([study.truth(study.by_id[case]) for case in scores])
    if min(np.bincount(truth, minlength=2)) < 2:
        return None
    return mean_auc(truth, np.array([list(scores.values())], dtype=float)).auc


def _kappa_within(one: ReaderAnswers, aided: bool) -> float | None:
    again = scores_of(one.answers, aided, "repeat")
    if not again:
        return None
    first = scores_of(one.answers, aided)
    return cohen_kappa(
        np.array([first[case] > MIDDLE for case in again]),
        np.array([value > MIDDLE for value in again.values()]),
    )


def _table(
    study: Study,
    readers: Sequence[ReaderAnswers],
    passes: Sequence[bool],
    *,
    one_modality: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Truth (N,) and scores (passes, R, N), or (R, N) of one modality, cases in the order of the study."""
    truth = np.array([study.truth(case) for case in study.cases])
    scores = np.array(
        [
            [[scores_of(one.answers, aided)[case.id] for case in study.cases] for one in readers]
            for aided in passes
        ],
        dtype=float,
    )
    return truth, scores[0] if one_modality else scores


def _between(study: Study, readers: Sequence[ReaderAnswers], aided: bool) -> dict[bool, float]:
    """The mean kappa over pairs of readers, by `aided`; empty for fewer than two. Pairs without a kappa are left out."""
    _, scores = _table(study, readers, (aided,), one_modality=True)
    kappas = [cohen_kappa(*pair) for pair in itertools.combinations(scores > MIDDLE, 2)]
    known = [kappa for kappa in kappas if not math.isnan(kappa)]
    if not kappas:
        return {}
    return {aided: float(np.mean(known)) if known else math.nan}


def _auc_text(auc: Estimate | None) -> str:
    if auc is None:
        return ""
    if (
        auc.low == auc.high
    ):  # all pairs in order, or none: no case could be left out to tell how it varies
        return f"{auc.value:.3f} (no interval)".replace("0.", ".", 1)
    return with_interval(auc.value, auc.low, auc.high)


def _kappa_text(kappa: float | None) -> str:
    if kappa is None:
        return ""
    return "all calls the same" if math.isnan(kappa) else f"{kappa:.2f}"
