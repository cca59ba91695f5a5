"""Shows the known ways to break a guarantee of privacy, what prevents each, and what nothing prevents."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from mammo_core.privacy.pitfalls import PITFALLS, SEVERITIES, STATUSES, Pitfall, Status, by_severity
from pages.ui.components.links import linked

_HEADINGS: dict[Status, tuple[str, str]] = {
    "not prevented": ("What you must take care of yourself", ":material/front_hand:"),
    "partly": ("What is prevented in part", ":material/contrast:"),
    "prevented": ("What this program prevents", ":material/verified:"),
}


def show_pitfalls() -> None:
    """Draws the tab: what is not prevented comes first and open, the rest to unfold."""
    counts: Counter[str] = Counter(pitfall.status for pitfall in PITFALLS)
    st.markdown(
        "A small mistake that nobody sees can break a guarantee of privacy. This program knows "
        f"**{len(PITFALLS)} such mistakes**. It prevents **{counts['prevented']}** of them and {counts['partly']} in "
        f"part. **{counts['not prevented']} are up to you**. Each one that it prevents has a test that fails if that "
        "changes. There may be mistakes that nobody knows yet."
    )
    words = linked(st.text_input)(
        "Search",
        key="trust_search",
        placeholder="for example: seed, batch, generator, crops",
    )
    found: dict[Status, list[Pitfall]] = {status: _matching(status, words) for status in _HEADINGS}
    if not any(found.values()):
        st.info(f"No known pitfall mentions “{words}”. Try another word, or clear the search.")
    for status, pitfalls in found.items():
        if pitfalls:
            heading, icon = _HEADINGS[status]
            st.header(f"{icon} {heading}")
            st.caption(STATUSES[status])
            _show(pitfalls, is_open=status == "not prevented" or bool(words))
    st.caption(
        "`python -m pytest -m pitfall` runs the tests. The documentation has the same list with the names of the "
        "tests."
    )


def _matching(status: Status, words: str) -> list[Pitfall]:
    """Finds those that hold every word of the search, the most severe first."""
    wanted = words.casefold().split()
    return [
        pitfall
        for pitfalls in by_severity(status).values()
        for pitfall in pitfalls
        if all(word in _text(pitfall) for word in wanted)
    ]


def _text(pitfall: Pitfall) -> str:
    parts = (pitfall.name, pitfall.problem, pitfall.prevention, pitfall.source, pitfall.severity)
    return " ".join(parts).casefold()


def _show(pitfalls: list[Pitfall], *, is_open: bool) -> None:
    severity = None
    for pitfall in pitfalls:
        if pitfall.severity != severity:
            severity = pitfall.severity
            st.markdown(f"**{severity.capitalize()}:** {SEVERITIES[severity]}")
        with st.expander(pitfall.name, expanded=is_open):
            st.markdown(f"{pitfall.problem}\n\n**Here:** {pitfall.prevention}")
            st.caption(f"Source: {pitfall.source}")
