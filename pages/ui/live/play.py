"""Plays the Live page's budgets one after the other, from strong privacy to none; every frame is a real training."""

from __future__ import annotations

import time

import streamlit as st

from pages.ui.components.privacy_inputs import EPSILONS

FRAME_SECONDS = 1.0
_PLAYED = tuple(epsilon for epsilon in EPSILONS if epsilon >= 0.1)
_PLAYING, _BEFORE, _DUE, _DRAWN = "live_playing", "live_before_play", "live_due", "live_drawn"
_SLIDER = "live_epsilon"


def is_playing() -> bool:
    """Whether the budgets are moving by themselves."""
    return bool(st.session_state.get(_PLAYING))


def advance_if_due() -> None:
    """Puts the slider on the next budget if the timer asked for it; call it before the slider is drawn."""
    if not st.session_state.pop(_DUE, False) or not is_playing():
        return
    later = [epsilon for epsilon in _PLAYED if epsilon > st.session_state[_SLIDER]]
    st.session_state[_SLIDER] = later[0]
    st.session_state[_PLAYING] = len(later) > 1


def pause() -> None:
    """Holds the budget where it is; moving the slider by hand does it too."""
    st.session_state[_PLAYING] = False


def play_buttons() -> None:
    """Play or pause (P), and stop (S), which puts the slider back to where it was."""
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
    """The last line of the page: while playing, starts the timer for the next frame."""
    st.session_state[_DRAWN] = time.monotonic()
    if is_playing():
        st.fragment(_tick, run_every=FRAME_SECONDS)()


def _play() -> None:
    shown = st.session_state[_SLIDER]
    paused = _BEFORE in st.session_state and shown < _PLAYED[-1]
    st.session_state.setdefault(_BEFORE, shown)
    if not paused:
        st.session_state[_SLIDER] = _PLAYED[0]
    st.session_state[_PLAYING] = True


def _stop() -> None:
    st.session_state[_PLAYING] = False
    st.session_state[_SLIDER] = st.session_state.pop(_BEFORE)


def _tick() -> None:
    """Runs with the page, when it must do nothing, and then by the timer."""
    if time.monotonic() - st.session_state[_DRAWN] > FRAME_SECONDS / 2:
        st.session_state[_DUE] = True
        st.rerun(scope="app")
