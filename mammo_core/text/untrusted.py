"""Makes names that others chose fit to be shown: one line, of bounded length, in reading order.

Folder names, patient ids, run names and reasons come from outside. What a display takes for markup is escaped
by the display's own function: `figures.plotly_text.plotly_text`, `pages.ui.components.messages.escape_markdown`.
"""

from __future__ import annotations

import unicodedata

LONGEST = 120
# directional marks, embeddings, overrides and isolates: they can make a name read as another one
_DIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def single_line(text: str, longest: int = LONGEST) -> str:
    """Removes line breaks, control and directional characters, and cuts the middle of a text that is too long.

    Example:
        >>> single_line("site\\n\\u202eB")
        'site B'
        >>> single_line("abcdefghij", longest=5)
        'ab…ij'
    """
    kept = "".join(
        " " if unicodedata.category(one) in ("Cc", "Zl", "Zp", "Cs") else one
        for one in text
        if one not in _DIRECTIONAL
    )
    line = " ".join(kept.split())
    if len(line) <= longest:
        return line
    head = longest // 2
    return f"{line[:head]}…{line[len(line) - (longest - head - 1) :]}"
