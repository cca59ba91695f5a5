"""What several pages say: texts, errors that the user can correct, and names from outside.

Any other error is a bug and keeps its traceback.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.text.untrusted import single_line
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.ledger.book import LedgerBook
    from mammo_core.ledger.releases import CohortIdentity

GLOSSARY = "[Glossary](glossary)"  # ends help texts
GET_DATA = (
    "The page **Data** fetches the paper's data in one step from the public repository "
    "**RichardObi/mammo_dp** (about 50 MB). CBIS-DDSM is CC BY 3.0. BCDR has its own terms. The "
    "page also imports your own mammograms."
)
INTERVALS = (
    "Bands and bars: 95 % interval for **one released model**. It joins the sampling of test "
    "patients (bootstrap over patients) and the noise of training (spread over seeds). It does "
    "not cover the choice of the recipe, made on validation data."
)


@contextmanager
def shown_errors(what: str) -> Iterator[None]:
    """Shows a MammoError under a heading that says what failed, and ends the page there."""
    try:
        yield
    except MammoError as error:
        st.error(f"**{what}**  \n{escape_markdown(error, longest=2000)}", icon=":material/error:")
        st.stop()


def show_ledger_warnings(book: LedgerBook, cohort: CohortIdentity | None = None) -> None:
    """Shows what makes the ledger's totals too low, or patients known under other ids."""
    for warning in resources.ledger().warnings(book, cohort):
        st.warning(escape_markdown(warning, longest=1000), icon=":material/warning:")


_MARKUP = re.compile(r"([\\`*\[\]<$~|]|(?<!\w)_|_(?!\w)|&(?=#?\w+;))")
_BLOCK = re.compile(r"^(\d*)([-+.)#]+(?=\s|$)|[>=]|--)")  # lists, headings, quotes, rules
# invisible; parts what is made an icon, a link or a dash after escapes were read
_WORD_JOINER = "\u2060"
_COLON = re.compile(r":(?=\S)")
_JOINED = re.compile(r"(?<=@)|(?i:(?<=www))(?=\.)|(?<=-)(?=[->])")


def escape_markdown(name: object, longest: int = 120) -> str:
    """Escapes Markdown, HTML, LaTeX, icons, colours and links; on one line, shortened if it is very long.

    For st.markdown, captions, labels, tabs, help, messages. Not for tables, inputs and options of selectboxes,
    which show text as it is.

    Example:
        >>> escape_markdown("*a*"), escape_markdown("CBIS-DDSM (left)")
        ('\\\\*a\\\\*', 'CBIS-DDSM (left)')
    """
    escaped = _MARKUP.sub(r"\\\1", single_line(str(name), longest))
    escaped = _COLON.sub(rf"\\:{_WORD_JOINER}", _BLOCK.sub(r"\1\\\2", escaped))
    return _JOINED.sub(_WORD_JOINER, escaped)
