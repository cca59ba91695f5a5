"""Measures how long a case is in view: from when it is drawn to the answer, without breaks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from mammo_core.studies.store import ReaderAnswers
    from mammo_core.studies.study import Reading, Study

_CLOCK = "study_clock"
_Step = tuple[str, str, int]


@dataclass
class _Clock:
    """The clock of one step.

    Attributes:
        step: Of which study, reader and number.
        before: Seconds before the last break.
        since: When the case came into view; None during a break.
    """

    step: _Step
    before: float
    since: float | None


def starts(study: Study, known: ReaderAnswers, reading: Reading) -> bool:
    """Starts the clock of a step when it is drawn for the first time; False during a break."""
    step = _step(study, known, reading)
    clock: _Clock | None = st.session_state.get(_CLOCK)
    if clock is None or clock.step != step:
        clock = st.session_state[_CLOCK] = _Clock(step, 0.0, time.monotonic())
    return clock.since is not None


def is_paused(study: Study, known: ReaderAnswers, reading: Reading) -> bool:
    """Whether there is a break in a step."""
    clock: _Clock | None = st.session_state.get(_CLOCK)
    if clock is None or clock.step != _step(study, known, reading):
        return False
    return clock.since is None


def seconds() -> float:
    """All time in view of the step that is drawn."""
    clock: _Clock = st.session_state[_CLOCK]
    return clock.before + (0.0 if clock.since is None else time.monotonic() - clock.since)


def pause() -> None:
    """Begins a break."""
    clock: _Clock = st.session_state[_CLOCK]
    clock.before, clock.since = seconds(), None


def go_on() -> None:
    """Ends a break."""
    st.session_state[_CLOCK].since = time.monotonic()


def _step(study: Study, known: ReaderAnswers, reading: Reading) -> _Step:
    return study.key, known.reader, reading.number
