"""Escapes names in figures: Plotly takes <b>, <a href> and the like in any text for markup."""

from __future__ import annotations

import html

from mammo_core.text.untrusted import single_line


def plotly_text(name: str, longest: int = 60) -> str:
    """Escapes a name so that Plotly draws it as it is: in legends, titles, labels and hover texts.

    Example:
        >>> plotly_text("<b>site</b>")
        '&lt;b&gt;site&lt;/b&gt;'
    """
    return html.escape(single_line(name, longest), quote=False)
