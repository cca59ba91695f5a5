"""The answer sheet of a student, and the sheet of right answers for a teacher."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mammo_core.text.untrusted import single_line
from pages.ui.components.export import export_button, table_bundle
from pages.ui.components.inputs import ask
from pages.ui.lessons import given
from pages.ui.lessons.catalogue import LESSONS
from pages.ui.lessons.given import Given
from pages.ui.lessons.settings import LessonSettings
from pages.ui.state import resources

_NAME = "lessons_name"
_LONGEST_NAME = 80


def show_answer_sheet() -> None:
    """Draws what was predicted and checked so far, to download; nothing before the first check."""
    answers = given.checked()
    if not answers:
        return
    st.header("Your answer sheet")
    name = st.text_input(
        "Your name",
        key=_NAME,
        max_chars=_LONGEST_NAME,
        placeholder="may stay empty",
        persist_state="session",
        width=420,
        help="It stands in the downloaded sheet only. Nothing is sent or stored.",
    )
    table = answer_sheet(answers, name)
    st.dataframe(table, hide_index=True, key="lessons_table")
    with st.container(horizontal=True):
        export_button(
            table_bundle("mammo_privacy_answers", "Answer sheet of the lessons", table, _notes()),
            "Download the sheet",
        )
        if st.button("Start over", key="lessons_forget", icon=":material/delete:", type="tertiary"):
            _confirm()


def answer_sheet(answers: list[Given], name: str) -> pd.DataFrame:
    """Tabulates checked predictions, one a row."""
    return pd.DataFrame([_row(one, single_line(name, _LONGEST_NAME)) for one in answers])


def show_teachers_sheet(settings: LessonSettings) -> None:
    """Draws how to make a link, and the right answers once they are asked for."""
    with st.expander("For teachers", icon=":material/school:"):
        st.markdown(
            "The address of this page is the link. It holds the open lesson and the *Settings*. "
            "Send it to your students."
        )
        st.warning(
            "The right answers give the lessons away. Answer sheets say of every later prediction of this session that "
            "they had been shown.",
            icon=":material/visibility:",
        )
        is_shown = st.toggle("Show the right answers", key="lessons_teacher")
        if not is_shown:
            return
        given.note_answers_shown()
        table = teachers_sheet(settings)
        for row in table.to_dict("records"):
            st.markdown(
                f"**{row['lesson']}.** {row['question']}  \n**Answer:** {row['right answer']}. Counts as right: "
                f"{row['counts as right']}.  \n{row['why']}"
            )
        export_button(
            table_bundle("mammo_privacy_lessons", "Right answers of the lessons", table, _notes()),
            "Download the right answers",
        )


def teachers_sheet(settings: LessonSettings) -> pd.DataFrame:
    """Tabulates every lesson with its right answer for the settings."""
    rows = []
    for number, lesson in LESSONS.items():
        right = lesson.answer(settings)
        rows.append(
            _asked(number, settings)
            | {
                "right answer": right.text,
                "counts as right": lesson.asked(settings).tolerance,
                "why": right.why,
            }
        )
    return pd.DataFrame(rows)


def _row(one: Given, name: str) -> dict[str, object]:
    lesson = LESSONS[one.number]
    asked = lesson.asked(one.settings)
    return (
        {"name": name}
        | _asked(one.number, one.settings)
        | {
            "prediction": asked.shown(one.prediction),
            "right answer": lesson.answer(one.settings).text,
            "counts as right": asked.tolerance,
            "right": "yes" if one.is_right else "no",
            "predicted at (UTC)": f"{one.at:%Y-%m-%d %H:%M:%S}",
            "answers shown before": "yes" if one.answers_shown else "no",
        }
    )


def _asked(number: int, settings: LessonSettings) -> dict[str, object]:
    return {
        "lesson": number,
        "question": LESSONS[number].question(settings).replace("*", ""),
        "ε of the link": settings.epsilon,
        "unit": settings.unit,
        "training data": settings.strategy_name,
        "test set": settings.test_set_name,
    }


def _notes() -> tuple[str, ...]:
    made = resources.provenance()
    return (
        f"Lessons 1 and 5: shipped results measured {made['made']}, data {made['data_hash']}. The others: exact "
        "accounting at δ = 1e-4.",
    )


@st.dialog("Start over", icon=":material/delete:")
def _confirm() -> None:
    """Asks before the answers are dropped."""
    ask("Drop all predictions and the name?", "Drop", "lessons_drop", _forget)


def _forget() -> None:
    given.forget()
    st.session_state[_NAME] = ""
