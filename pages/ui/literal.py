"""Names that others chose, in texts that Streamlit reads as Markdown: shown as they are, whatever they hold."""

from __future__ import annotations

import re

from mammo_core.plain_text import one_line

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_WORD_JOINER = "\u2060"  # invisible; ends what is made an icon or a link after escapes were read
_AFTER_ESCAPES = re.compile(r"(\\:|\\@|(?i:www)(?=\\\.))")


def literal(name: object, longest: int = 120) -> str:
    """Escapes Markdown, HTML, LaTeX, icons, colours and links; on one line, shortened if it is very long.

    For st.markdown, captions, labels, tabs, help, messages. Not for tables, inputs and options of selectboxes,
    which show text as it is.

    Example:
        >>> literal("*a*")
        '\\\\*a\\\\*'
    """
    escaped = _PUNCTUATION.sub(r"\\\1", one_line(str(name), longest))
    return _AFTER_ESCAPES.sub(rf"\1{_WORD_JOINER}", escaped)
