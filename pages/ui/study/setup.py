"""Asks what a study should be, and freezes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.system.paths import DEFAULT_GENERATOR
from mammo_core.text.numbers import budget_name
from pages.ui.case import models as case_models
from pages.ui.components.inputs import number_input
from pages.ui.components.messages import escape_markdown, shown_errors
from pages.ui.masses import drawing
from pages.ui.study import studies

if TYPE_CHECKING:
    from mammo_core.studies.choosing import StudyPlan
    from mammo_core.studies.study import AnswerForm, Mode, Question

T = TypeVar("T", bound=str)
_MADE, _FAILED = "study_made", "study_failed"
_QUESTIONS: dict[Question, str] = {"class": "benign or malignant", "origin": "generated or real"}
_FORMS: dict[AnswerForm, str] = {
    "scale": "a scale from 0 to 100",
    "forced choice": "which of two masses",
}
_MODES: dict[Mode, str] = {
    "research": "research: no truth",
    "teaching": "teaching: truth after each answer",
}
_SOURCES = {"real": "real test masses", "paper": "the paper's synthetic masses"}


def show() -> None:
    """Draws the choices, and the button that freezes them."""
    from mammo_core.studies.choosing import StudyPlan

    st.caption("The cases are chosen at random when you freeze the study. Nobody sees them before.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", "My study", key="study_set_name", max_chars=60, width=240)
        question = _one("Question", _QUESTIONS, "question")
        form = _one("Answer", _FORMS, "form")
        mode = _one("Mode", _MODES, "mode")
    sources = _sources(question)
    is_scale = form == "scale"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        cases = number_input("Cases", 4, 1000, 40, key="study_set_cases", width=130)
        training = number_input("Training cases", 0, 100, 4, key="study_set_training", width=150)
        repeats = (
            number_input("Repeats", 0, 500, 8, key="study_set_repeats", width=130)
            if is_scale
            else 0
        )
        seed = number_input("Seed", 0, None, 0, key="study_set_seed", width=130)
        epsilon = _aid() if question == "class" and is_scale else None
    plan = StudyPlan(
        name=name.strip() or "Study",
        question=question,
        sources=tuple(sources),
        form=form,
        mode=mode,
        num_cases=int(cases),
        num_training=int(training),
        repeats=int(repeats),
        aid_epsilon=epsilon,
        seed=int(seed),
    )
    st.button(
        "Freeze the study",
        key="study_freeze",
        type="primary",
        icon=":material/lock:",
        on_click=_freeze,
        args=(plan,),
    )
    if failed := st.session_state.pop(_FAILED, None):
        st.error(escape_markdown(failed, longest=1000), icon=":material/error:")
    if made := st.session_state.pop(_MADE, None):
        st.success(
            "The study is frozen, and chosen above. Send your readers this page's address with this end:",
            icon=":material/check:",
        )
        st.code(made, language=None)
    st.caption(
        "Half of the cases have each answer. Sources and classes take equal shares. Real masses are test masses, one of "
        "each patient. The study keeps a hash of their pixels and no picture. Repeats are shown twice without notice, to "
        "compare readers with themselves."
    )


def _one(label: str, options: dict[T, str], name: str) -> T:
    return st.segmented_control(
        label,
        list(options),
        default=next(iter(options)),
        required=True,
        format_func=options.__getitem__,
        key=f"study_set_{name}",
    )


def _sources(question: str) -> list[str]:
    """Asks where masses are from: what is installed here."""
    data = studies.real_data()
    known = list(drawing.cards())
    if data is not None:
        known += ["real"] + (["paper"] if data.synthetic is not None else [])
    first = [DEFAULT_GENERATOR, *(["real"] if "real" in known and question == "origin" else [])]
    chosen = st.pills(
        "Masses of",
        known,
        selection_mode="multi",
        default=[name for name in first if name in known],
        format_func=lambda name: _SOURCES.get(name, f"generator {name}"),
        key=f"study_set_sources_{question}",
    )
    if question == "origin" and data is None:
        st.caption(
            "Real masses need a cohort. The page Data fetches the paper's, or imports yours."
        )
    return chosen


def _aid() -> float | None:
    """Asks for the model whose score a second pass shows."""
    from mammo_core.studies.aid import aid_budgets

    with shown_errors("The shipped models cannot be read"):
        budgets = aid_budgets(case_models.shipped_heads())
    return st.selectbox(
        "Second pass with the model at ε",
        [None, *budgets],
        format_func=lambda epsilon: "no second pass" if epsilon is None else budget_name(epsilon),
        key="study_set_aid",
        width=260,
        help="All cases are read again, with the score of one shipped model beside them. The change of the readers' AUC "
        "at several ε says what privacy costs a reader.",
    )


def _freeze(plan: StudyPlan) -> None:
    from mammo_core.studies.choosing import make_study

    try:
        study = make_study(plan, drawing.cards(), studies.real_data())
        studies.store().save(study)
    except MammoError as error:
        st.session_state[_FAILED] = str(error)
        return
    st.session_state[studies.CHOSEN] = study.title
    st.session_state[_MADE] = study.link
