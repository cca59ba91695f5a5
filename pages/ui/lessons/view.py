"""Draws the list of the lessons, and one lesson: predict, try it out, check."""

from __future__ import annotations

import streamlit as st

from pages.ui.components.links import from_link
from pages.ui.lessons import given
from pages.ui.lessons.catalogue import LESSONS
from pages.ui.lessons.given import Given
from pages.ui.lessons.lesson import Lesson
from pages.ui.lessons.settings import LessonSettings

_LESSON = "lesson"


def number_of_link() -> int | None:
    """Which lesson the link names; None for the list."""
    numbers: dict[str, int | None] = {str(number): number for number in LESSONS}
    return from_link(_LESSON, numbers.get, None, "the list of lessons")


def show_list(settings: LessonSettings) -> None:
    """Draws every lesson with its question and how far it is."""
    for number, lesson in LESSONS.items():
        text, way = st.container(border=True).columns([6, 1], vertical_alignment="center")
        state = _state(given.find(number, settings))
        text.markdown(
            f"**{number}. {lesson.title}** {state}  \n{lesson.question(settings)}",
        )
        way.button(
            "Open",
            key=f"lesson_open_{number}",
            icon=":material/arrow_forward:",
            on_click=_go_to,
            args=(number,),
        )


def show_lesson(number: int, settings: LessonSettings) -> None:
    """Draws one lesson, and the ways to the others."""
    lesson = LESSONS[number]
    st.header(f"{number}. {lesson.title}", anchor=False)
    st.markdown(lesson.question(settings))
    predicted = given.find(number, settings)
    content = st.container()
    _show_ways(number)  # also where an impossible prediction ends the page
    with content:
        if predicted is None:
            _ask(number, lesson, settings)
        else:
            _show_rest(lesson, predicted)


def _state(predicted: Given | None) -> str:
    if predicted is None:
        return ""
    if not predicted.is_checked:
        return "· predicted"
    return "· :material/check: right" if predicted.is_right else "· :material/close: not right"


def _ask(number: int, lesson: Lesson, settings: LessonSettings) -> None:
    asked = lesson.asked(settings)
    with st.form(f"lesson{number}_form", border=False):
        prediction = asked.ask(f"lesson{number}_prediction")
        st.caption(f"Counts as right: {asked.tolerance}. You cannot change your prediction later.")
        is_given = st.form_submit_button(
            "Predict, then try it out", key=f"lesson{number}_predict", type="primary"
        )
    if not is_given:
        return
    if prediction is None:
        st.error(
            "Expected a prediction; got none. Answer first, then press the button.",
            icon=":material/error:",
        )
        return
    asked.require(prediction)
    given.predict(number, settings, prediction)
    st.rerun()


def _show_rest(lesson: Lesson, predicted: Given) -> None:
    settings, asked = predicted.settings, lesson.asked(predicted.settings)
    st.markdown(f"Your prediction: **{asked.shown(predicted.prediction)}**. Now move the slider.")
    lesson.experiment(settings)
    if not predicted.is_checked:
        st.button(
            "Check",
            key=f"lesson{predicted.number}_check",
            type="primary",
            icon=":material/done_all:",
            on_click=given.check,
            args=(predicted.number, settings),
        )
        return
    right = lesson.answer(settings)
    told = f"You predicted {asked.shown(predicted.prediction)}. The answer: **{right.text}**."
    counts = f"Counts as right: {asked.tolerance}."
    if predicted.is_right:
        st.success(f"**Right.** {told} {counts}", icon=":material/check:")
    else:
        st.info(f"**Not right.** {told} {counts}", icon=":material/close:")
    st.markdown(right.why)


def _show_ways(number: int) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", key="lesson_ways"):
        st.button(
            "Back",
            key="lesson_back",
            icon=":material/arrow_back:",
            disabled=number == 1,
            on_click=_go_to,
            args=(number - 1,),
        )
        st.button("All lessons", key="lesson_list", type="tertiary", on_click=_go_to_list)
        st.button(
            "Next",
            key="lesson_next",
            icon=":material/arrow_forward:",
            disabled=number == len(LESSONS),
            on_click=_go_to,
            args=(number + 1,),
        )


def _go_to(number: int) -> None:
    st.query_params[_LESSON] = str(number)


def _go_to_list() -> None:
    st.query_params.pop(_LESSON, None)
