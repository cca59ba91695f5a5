"""Keeps what was predicted, for as long as the session lasts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import streamlit as st

from pages.ui.lessons.catalogue import LESSONS
from pages.ui.lessons.lesson import Prediction
from pages.ui.lessons.settings import LessonSettings

_GIVEN, _ANSWERS_SHOWN = "lessons_given", "lessons_answers_shown"
_Key = tuple[int, str]  # number and question of a lesson


@dataclass(frozen=True)
class Given:
    """A prediction, which is not changed any more.

    Attributes:
        number: Of the lesson.
        at: When, in UTC.
        answers_shown: Whether the right answers had been shown in this session before.
        is_checked: Whether it was compared with the right answer.
    """

    number: int
    settings: LessonSettings
    prediction: Prediction
    at: datetime
    answers_shown: bool
    is_checked: bool = False

    @property
    def is_right(self) -> bool:
        """Whether it counts as right."""
        lesson = LESSONS[self.number]
        right = lesson.answer(self.settings).value
        return lesson.asked(self.settings).is_right(self.prediction, right)


def predict(number: int, settings: LessonSettings, prediction: Prediction) -> None:
    """Keeps a prediction; the first one of a question stays."""
    now = datetime.now(UTC)
    shown = st.session_state.get(_ANSWERS_SHOWN, False)
    made = Given(number, settings, prediction, now, shown)
    _all().setdefault(_key(number, settings), made)


def check(number: int, settings: LessonSettings) -> None:
    """Marks a prediction as compared with the right answer."""
    key = _key(number, settings)
    _all()[key] = replace(_all()[key], is_checked=True)


def find(number: int, settings: LessonSettings) -> Given | None:
    """Returns what was predicted of a question."""
    return _all().get(_key(number, settings))


def checked() -> list[Given]:
    """Returns the compared predictions, the oldest first."""
    return [one for one in _all().values() if one.is_checked]


def forget() -> None:
    """Drops every prediction."""
    _all().clear()


def note_answers_shown() -> None:
    """Remembers that the right answers were shown."""
    st.session_state[_ANSWERS_SHOWN] = True


def _all() -> dict[_Key, Given]:
    return st.session_state.setdefault(_GIVEN, {})


def _key(number: int, settings: LessonSettings) -> _Key:
    return number, LESSONS[number].question(settings)
