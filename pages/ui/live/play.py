"""Plays the Live page's budgets one after the other, from strong privacy to none; every frame is a real training.

A frame is a budget that was put on the slider. The browser's timer starts when it has drawn the frame, and names it.
"""

from __future__ import annotations

import streamlit as st

from pages.ui.components.browser_part import browser_part, draw_unseen
from pages.ui.components.privacy_inputs import EPSILONS
from pages.ui.components.talk_mode import hand_on_keys

FRAME_SECONDS = 1.0
_TIMER = browser_part("play_timer", "timer")
_PLAYED = tuple(epsilon for epsilon in EPSILONS if epsilon >= 0.1)
_PLAYING, _BEFORE, _DUE = "live_playing", "live_before_play", "live_due"
_FRAME, _DRAWN, _LEFT = "live_frame", "live_drawn", "live_left"
_SLIDER = "live_epsilon"


def is_playing() -> bool:
    """Whether the budgets are moving by themselves."""
    return bool(st.session_state.get(_PLAYING))


def advance_if_due() -> None:
    """Puts the slider on the next budget if the timer asked for it; call it before the slider is drawn."""
    if st.session_state.pop(_DUE, None) != _frame() or not is_playing():
        return
    later = [epsilon for epsilon in _PLAYED if epsilon > st.session_state[_SLIDER]]
    _put(later[0])
    st.session_state[_PLAYING] = len(later) > 1


def pause() -> None:
    """Holds the budget where it is."""
    st.session_state[_PLAYING] = False


def slider_moved() -> None:
    """Holds the budget where the user moved it to.

    Whatever the user does before the newest frame is drawn sends the slider as it was: that is no move.
    """
    before, newest = st.session_state.get(_LEFT, (None, None))
    if st.session_state.get(_DRAWN) != _frame() and st.session_state[_SLIDER] == before:
        st.session_state[_SLIDER] = newest
    else:
        pause()


def play_buttons() -> None:
    """Play or pause (P), and stop (S), which puts the slider back to where it was."""
    hand_on_keys("live_keys", "P", "S")
    if is_playing():
        st.button("Pause", key="live_pause", icon=":material/pause:", shortcut="P", on_click=pause)
    else:
        st.button(
            "Play",
            key="live_play",
            icon=":material/play_arrow:",
            shortcut="P",
            on_click=_play,
            help="Trains a model at every ε from 0.1 to ∞, one a second. Each counts as a release.",
        )
    st.button(
        "Stop",
        key="live_stop",
        icon=":material/stop:",
        shortcut="S",
        on_click=_stop,
        disabled=_BEFORE not in st.session_state,
        help="Ends the animation and puts the slider back to where it was.",
    )


def frame_drawn() -> None:
    """The last line of the page: while playing, has the browser start the timer for the next frame."""
    st.session_state[_DRAWN] = _frame()
    if is_playing():
        data = {"frame": _frame(), "milliseconds": 1000 * FRAME_SECONDS}
        draw_unseen(_TIMER, "live_timer", data=data, on_due_change=_note_due)


def _play() -> None:
    shown = st.session_state[_SLIDER]
    paused = _BEFORE in st.session_state and shown < _PLAYED[-1]
    st.session_state.setdefault(_BEFORE, shown)
    if not paused:
        _put(_PLAYED[0])
    st.session_state[_PLAYING] = True


def _stop() -> None:
    st.session_state[_PLAYING] = False
    _put(st.session_state.pop(_BEFORE))


def _put(budget: float) -> None:
    """Puts the slider on a budget: a new frame."""
    st.session_state[_LEFT] = (st.session_state[_SLIDER], budget)
    st.session_state[_SLIDER] = budget
    st.session_state[_FRAME] = _frame() + 1


def _frame() -> int:
    return st.session_state.setdefault(_FRAME, 0)


def _note_due() -> None:
    timer = st.session_state.get("live_timer")
    if timer is not None:  # else the frame that it belonged to is no longer on the page
        st.session_state[_DUE] = timer.due
