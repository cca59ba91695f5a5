"""Talk mode: shows a page on a big screen, with only its content, large type, and slides stepped by keyboard.

Both the mode (`talk=1`) and the step (`step=2`) live in the URL, so that a talk can be bookmarked, reloaded
and resumed. The left and right arrow keys step, also while a slider has the focus, which the other two arrows still
move. So do Page Up and Page Down, which presenter remotes send, and the space bar. Home and End go to the first and the
last step. F fills the screen, B or a full stop makes it black. Escape ends talk mode.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mammo_core.errors import InvalidRequestError
from pages.ui.components.browser_part import browser_part, draw_unseen
from pages.ui.components.links import from_link

_KEYS = browser_part("page_keys", "keys")
_STAGE = browser_part("talk_stage_keys", "stage")
_TALK, _STEP = "talk", "step"
_CSS = """<style>
html { font-size: clamp(16px, 0.72vw + 11px, 26px) !important; }
[data-testid="stSidebar"], [data-testid="stSidebarCollapsedControl"], [data-testid="stExpandSidebarButton"],
[data-testid="stHeader"], [data-testid="stToolbar"], [data-testid="stDecoration"] { display: none !important; }
[data-testid="stMainBlockContainer"] { max-width: 100% !important; padding: 0.4rem 2.2vw 4.5rem !important; }
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] { gap: 0.6rem; }
[data-testid="stMainBlockContainer"] h2 { font-size: 1.75rem !important; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.3rem !important; padding: 0 !important; }
[data-testid="stLayoutWrapper"]:has(> .st-key-talk_stage) {
  flex: 0 0 max(320px, calc(100dvh - 17.5rem)) !important; }
[data-testid="stLayoutWrapper"]:has(> .st-key-talk_stage_below_slider) {
  flex: 0 0 max(260px, calc(100dvh - 23rem)) !important; }
.st-key-talk_stage, .st-key-talk_stage_below_slider { overflow: hidden; }
.st-key-talk_title { max-width: calc(100% - 10.5rem); min-height: 2rem; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] *,
[data-testid="stMetricLabel"] *, [data-testid="stMetricDelta"] * {
  color: inherit !important; opacity: 1 !important; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p { font-size: 0.9rem !important; }
.st-key-leave_talk { position: absolute; top: 0; right: 2.2vw; width: auto !important; z-index: 10; }
[class*="st-key-talk_steps_"] { position: fixed; bottom: 0; left: 0; padding: 0.4rem 2.2vw; z-index: 20;
  backdrop-filter: blur(12px); border-top: 1px solid #8886; flex-wrap: nowrap !important; }
@media (max-width: 640px) { [class*="st-key-talk_steps_"] p { font-size: 0.8rem !important; }
  [data-testid="stPlotlyChart"] svg text { font-size: 11px !important; }
  [data-testid="stLayoutWrapper"]:has(> .st-key-talk_stage) { flex-basis: max(320px, calc(100dvh - 23rem)) !important; } }
[class*="st-key-remote_"] { display: none; }
</style>"""


def in_talk_mode() -> bool:
    """Tells whether talk mode is on: the URL says `talk=1`."""
    return from_link(_TALK, {"1": True}.get, False, "the page")


def talk_link() -> None:
    """Draws the small button that switches talk mode on."""
    st.button(
        "Talk mode",
        key="enter_talk",
        type="tertiary",
        icon=":material/present_to_all:",
        help=(
            "For a big screen: only the content, in large type. The left and right arrow keys, the space bar and "
            "a presenter's remote step through it. Up and down move a slider. F fills the screen, B makes it "
            "black, Escape ends it."
        ),
        on_click=_enter,
    )


def talk_frame() -> None:
    """Removes menu, header and margins, enlarges the type, and draws the way back (Escape)."""
    st.html(_CSS)
    st.button(
        "Leave talk mode",
        key="leave_talk",
        type="tertiary",
        shortcut="Esc",
        on_click=_leave,
    )
    hand_on_keys("talk_keys", "ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End")
    draw_unseen(_STAGE, "talk_screen")


def hand_on_keys(key: str, *names: str, once: bool = False) -> None:
    """Lets the page's shortcuts have these keys, also while a slider has the focus and would take them.

    Args:
        key: Of the component.
        names: As browsers call them, letters in upper case.
        once: Whether a key that is held down counts once.
    """
    draw_unseen(_KEYS, key, data={"keys": list(names), "once": once})


def talk_title(title: str) -> None:
    """Draws the head of a page in talk mode: one small line in place of `page_header`.

    A figure drawn with `height="stretch"` inside `st.container(height=600, border=False, key="talk_stage")`
    fits the rest of the screen.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="talk_title"):
        st.title(title, anchor=False, width="content")
        st.caption("Research use only, not for diagnosis.", width="content")


def step_through(names: Sequence[str], key: str) -> int:
    """Draws previous and next, with the name of the current step between, and returns which step it is.

    Args:
        names: What the steps are called, one or more.
        key: Tells the buttons of several pages apart.

    Returns:
        Index of the step shown, 0 to len(names) - 1. An impossible step in the URL becomes the first.

    Raises:
        InvalidRequestError: If there are no steps.
    """
    if not names:
        raise InvalidRequestError("Expected one step or more; got none. Name the steps.")
    current = current_step(len(names))
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key=f"talk_steps_{key}",
    ):
        st.button(
            "Previous",
            key=f"{key}_previous",
            shortcut="Left",
            disabled=current == 0,
            on_click=_go_to,
            args=(current - 1,),
        )
        st.markdown(f"**{current + 1} of {len(names)}: {names[current]}**", width="content")
        st.button(
            "Next",
            key=f"{key}_next",
            shortcut="Right",
            disabled=current == len(names) - 1,
            on_click=_go_to,
            args=(current + 1,),
        )
    _remote_control(current, len(names), key)
    return current


def current_step(num_steps: int) -> int:
    """Returns the step that the URL names, as an index."""
    steps = {str(step + 1): step for step in range(num_steps)}
    return from_link(_STEP, steps.get, 0, "1")


def _remote_control(current: int, num_steps: int, key: str) -> None:
    """Draws buttons, unseen, for the keys of a presenter remote and for both ends."""
    for name, shortcut, target in (
        ("Previous", "PageUp", current - 1),
        ("Next", "PageDown", current + 1),
        ("First", "Home", 0),
        ("Last", "End", num_steps - 1),
    ):
        st.button(
            name,
            key=f"remote_{key}_{name.lower()}",
            shortcut=shortcut,
            disabled=not 0 <= target < num_steps,
            on_click=_go_to,
            args=(target,),
        )


def _enter() -> None:
    st.query_params[_TALK] = "1"


def _leave() -> None:
    for name in (_TALK, _STEP):
        st.query_params.pop(name, None)


def _go_to(step: int) -> None:
    st.query_params[_STEP] = str(step + 1)
