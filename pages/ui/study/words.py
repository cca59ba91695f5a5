"""Says what a study asks, and what the truth is: of all its cases before an answer, of one case after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mammo_core.labels import CLASS_NAMES
from pages.ui.components.messages import escape_markdown

if TYPE_CHECKING:
    from mammo_core.studies.study import Study, StudyCase

_QUESTIONS = {
    ("class", "scale"): "Benign or malignant?",
    ("origin", "scale"): "Generated or real?",
    ("class", "forced choice"): "Which one is malignant?",
    ("origin", "forced choice"): "Which one is real?",
}


def question(study: Study) -> str:
    """The question of every case."""
    return _QUESTIONS[study.question, study.form]


def truth_of_study(study: Study) -> str:
    """What counts as the truth, the same for all cases."""
    from mammo_core.studies.study import REAL

    sources = {case.source for case in study.cases}
    if study.question == "origin":
        return "Real masses are test masses of the cohort that is installed here."
    if REAL not in sources:
        return "All masses are synthetic. The truth is the class that the generator was asked for."
    if sources == {REAL}:
        return "The truth is the label of the cohort."
    return "The truth of a real mass is its label, and of a synthetic one the class that its generator was asked for."


def truth_of_case(study: Study, case: StudyCase) -> str:
    """What a mass is, in Markdown; only for after the answer."""
    from mammo_core.studies.study import PAPER, REAL

    label = CLASS_NAMES[case.label]
    if case.source == REAL:
        return f"A **real** mass of a test patient, **{label}**."
    by = "the paper" if case.source == PAPER else f"the generator {escape_markdown(case.source)}"
    if study.question == "class":
        return f"A synthetic mass of {by}, drawn as **{label}**."
    return f"**Generated** by {by}, as {label}."
