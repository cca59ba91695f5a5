"""Names in figures: Plotly takes <b>, <a href> and the like in any text for markup."""

from __future__ import annotations

import html

from mammo_core.text.untrusted import single_line


def plotly_text(name: str, longest: int = 60) -> str:
    """A name that Plotly draws as it is: in legends, titles, labels and hover texts.

    Example:
        >>> plotly_text("<b>site</b>")
        '&lt;b&gt;site&lt;/b&gt;'
    """
    return html.escape(single_line(name, longest), quote=False)
