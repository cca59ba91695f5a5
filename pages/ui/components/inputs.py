"""Draws choices, tabs, numbers and questions in the same way on every page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from mammo_core.evaluation.patients import EVALUATION_UNITS, PATIENT_RULE, EvaluationUnit
from pages.ui.components import links
from pages.ui.components.messages import escape_markdown

T = TypeVar("T")


def choose_one(
    label: str,
    options: Sequence[T],
    key: str,
    *,
    default: T | None = None,
    shown: Callable[[T], str] = str,
    show_label: bool = True,
    **others: Any,
) -> T:
    """Asks for exactly one option; the choice stands in the URL.

    Args:
        default: The first option, if None.
        shown: Writes an option.
        show_label: Whether the label is visible; screen readers read it in any case.
        others: For `st.segmented_control`.
    """
    return links.linked(st.segmented_control)(
        label,
        options,
        default=options[0] if default is None else default,
        required=True,
        format_func=shown,
        key=key,
        label_visibility="visible" if show_label else "collapsed",
        **others,
    )


def choose_evaluation_unit(key: str, **others: Any) -> EvaluationUnit:
    """Asks whether results are per mass or per patient; the choice stands in the URL.

    Args:
        others: For `st.segmented_control`.
    """
    return choose_one("Evaluated per", EVALUATION_UNITS, key, help=EVALUATION_HELP, **others)


EVALUATION_HELP = (
    "What one answer is about. **Mass**: each mass is judged by itself, as in the paper. **Patient**: "
    f"{PATIENT_RULE} Averaging costs no privacy. The unit of *evaluation* is not the unit of *privacy*."
)


def draw_open_tab(
    tabs: Mapping[str, Callable[[], object]], key: str, *, in_link: bool = True
) -> None:
    """Draws tabs and the content of the open one; the others are not computed.

    Args:
        tabs: By name, what draws the content.
        in_link: Whether the open one stands in the link.
    """
    drawn = st.tabs(
        list(tabs), key=key, on_change="rerun", bind="query-params" if in_link else None
    )
    for (name, draw), tab in zip(tabs.items(), drawn, strict=True):
        if tab.open:
            if in_link:
                links.check(key, name)
            with tab:
                draw()


def number_box(label: str, value: str | int, note: str, explained: str = "", **others: Any) -> None:
    """Draws a number in a box with a note below it.

    Args:
        explained: Help text.
        others: For `st.metric`.
    """
    st.metric(
        label,
        value,
        delta=note,
        delta_color="off",
        delta_arrow="off",
        border=True,
        help=explained or None,
        **others,
    )


def ask(question: str, yes: str, key: str, do: Callable[[], None], *, note: str = "") -> None:
    """Draws a question with two buttons in a dialog; either of them closes it.

    Args:
        yes: Label of the button that does it.
        key: The buttons are KEY_yes and KEY_no.
        do: Called when the answer is yes.
        note: In small type.
    """
    st.markdown(question)
    if note:
        st.caption(note)
    left, right = st.columns(2)
    if left.button(yes, type="primary", width="stretch", key=f"{key}_yes", on_click=do):
        st.rerun()
    if right.button("Keep", width="stretch", key=f"{key}_no"):
        st.rerun()


def number_input(
    label: str, low: float, high: float | None, value: float | None, *, key: str, **others: Any
) -> Any:
    """Asks for a number within limits; one beyond them stays where it was typed, and ends the page with the reason.

    The browser's own limits would put back the number before, without a word.

    Args:
        low, high: Both allowed; None has no limit.
        value: The first one; its type is that of the answer. None leaves the field empty.
        others: For `st.number_input`.

    Returns:
        The number; None while the field is empty.
    """
    if value is None:
        others = {"step": 1} | others
    found = st.number_input(label, value=value, key=key, **others)
    require_within(label, found, low, high)
    return found


def require_within(label: str, number: float | None, low: float, high: float | None) -> None:
    """Ends the page with the reason if a number is beyond its limits; see `number_input`."""
    if number is None or low <= number <= (math.inf if high is None else high):
        return
    limits = f"{low:.10g} or more" if high is None else f"{low:.10g} to {high:.10g}"
    st.error(
        f"Expected {escape_markdown(label)}: {limits}; got {number:.10g}. Type another number.",
        icon=":material/error:",
    )
    st.stop()
