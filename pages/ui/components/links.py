"""Reads what a link asks of a page, and says in one notice what of it was not understood.

Widgets whose value stands in the link are drawn through `linked`; what a page reads by itself goes through
`from_link`. Nothing else reads the link.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.components.messages import escape_markdown

P = ParamSpec("P")
T = TypeVar("T")

_KEY = "link_read"
_MOST = 6


@dataclass
class _Link:
    """What is known of the link of the page that is shown.

    Attributes:
        place: Where the notice stands.
        asked: What it newly asks for, by name, until that is read.
        missed: What was not understood, by name, and what is shown instead; None if nothing reads it.
        left: What stood in it when the page was drawn last.
    """

    page: str = ""
    place: DeltaGenerator | None = None
    asked: dict[str, list[str]] = field(default_factory=dict)
    missed: dict[str, tuple[list[str], str | None]] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)

    def explain(self) -> None:
        """Says what was not understood, and remembers what stands in the link now."""
        self.left = _now()
        if self.place is not None and self.missed:
            self.place.warning(_notice(self), icon=":material/link_off:")
        elif self.place is not None:
            self.place.empty()


def begin(page: str) -> None:
    """Begins to read the link of a page, before anything of it is drawn; the notice will stand here."""
    link = _link()
    if link.page != page:
        link = st.session_state[_KEY] = _Link(page)
    now = _now()
    link.place = st.empty()
    link.asked = {name: texts for name, texts in link.asked.items() if name in now}
    link.asked |= {name: texts for name, texts in now.items() if texts != link.left.get(name)}
    link.explain()


def end() -> None:
    """Ends the reading of the link when all of the page is drawn: what nobody has read has no effect."""
    link = _link()
    link.missed |= {name: (texts, None) for name, texts in link.asked.items()}
    link.asked = {}
    link.explain()


def linked(draw: Callable[P, T]) -> Callable[P, T]:
    """Makes a Streamlit widget whose value stands in the link, under its key.

    Example:
        `linked(st.toggle)("Show the paper's results", key="paper")`
    """

    def drawn(*args: P.args, **options: P.kwargs) -> T:
        name = str(options["key"])
        bound = {} if _is_dropped(name, draw, args) else {"bind": "query-params"}
        value = cast("Callable[..., T]", draw)(*args, **(options | bound))
        check(name, value, cast("Any", options.get("format_func", str)))
        return value

    return drawn


def check(name: str, value: object, shown: Callable[[Any], str] = str) -> None:
    """Compares the value of a widget that stands in the link with what the link asked for.

    Args:
        shown: Writes a value, or one of several, as the link does.
    """
    values = list(value) if isinstance(value, list | tuple) else [value]
    values = [one for one in values if one is not None and one != ""]
    link = _link()
    texts = link.asked.pop(name, None)
    instead = ", ".join(map(shown, values)) or "nothing"
    if texts is not None and not _say_the_same([text for text in texts if text], values, shown):
        link.missed[name] = texts, instead
    elif name in link.missed and link.missed[name][1] != instead:
        del link.missed[name]  # changed by hand since then
    link.explain()


def from_link(name: str, read: Callable[[str], T | None], instead: T, shown: str) -> T:
    """Reads a part of the link that belongs to no widget.

    Args:
        read: Returns None for a text that is not understood.
        instead: What counts then, and where the link says nothing.
        shown: `instead` in words.
    """
    link = _link()
    link.asked.pop(name, None)
    text = st.query_params.get(name)
    found = None if text is None else read(text)
    if text is None or found is not None:
        link.missed.pop(name, None)
    else:
        link.missed[name] = [text], shown
    link.explain()
    return instead if found is None else found


def rename(name: str, new_values: dict[str, str]) -> None:
    """Puts a new value in the place of one that earlier versions wrote; call it before its widget is drawn."""
    texts = _link().asked.get(name, [])
    if len(texts) == 1 and texts[0] in new_values:
        st.session_state[name] = new_values[texts[0]]
        _link().asked[name] = [new_values[texts[0]]]


def _is_dropped(name: str, draw: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Takes a number beyond its limits out of the link, an infinite one for example, before its widget shows it."""
    if getattr(draw, "__name__", "") != "number_input":
        return False
    _, low, high, *_ = args
    try:
        numbers = [float(text) for text in _link().asked.get(name, [])]
    except ValueError:
        return False
    if all(low <= number <= high for number in numbers):
        return False
    st.query_params.pop(name, None)
    return True


def _link() -> _Link:
    return st.session_state.setdefault(_KEY, _Link())


def _now() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _say_the_same(texts: list[str], values: list[Any], shown: Callable[[Any], str]) -> bool:
    return len(texts) == len(values) and all(
        any(_says(text, value, shown) for value in values) for text in texts
    )


def _says(text: str, value: object, shown: Callable[[Any], str]) -> bool:
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if text == shown(value):
        return True
    try:
        return isinstance(value, int | float) and float(text) == value
    except ValueError:
        return False


def _notice(link: _Link) -> str:
    lines = ["**Not all of this link was understood.**"]
    for name, (texts, instead) in list(link.missed.items())[:_MOST]:
        asked = (
            f"{escape_markdown(name, 40)} = {escape_markdown(', '.join(texts) or '(empty)', 40)}"
        )
        lines.append(
            f"{asked}: has no effect here."
            if instead is None
            else f"{asked}: cannot be used. Shown instead: {escape_markdown(instead)}."
        )
    if len(link.missed) > _MOST:
        lines.append(f"And {len(link.missed) - _MOST} others.")
    return "  \n".join(lines)
