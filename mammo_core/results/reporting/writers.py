"""Writes a report as Markdown, as a web page or as a Word document; names from outside stay text in each."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mammo_core
from mammo_core.config import validate
from mammo_core.figures.provenance import RESEARCH_USE
from mammo_core.results.reporting.document import (
    FORMATS,
    Bullets,
    Document,
    Heading,
    Paragraph,
    ReportFormat,
    Table,
)
from mammo_core.text.untrusted import single_line

if TYPE_CHECKING:
    from docx.document import Document as WordFile

_LONGEST = 20_000  # of one text
_STYLE = """
@page { size: A4; margin: 12mm; }
body { font: 15px/1.4 system-ui, sans-serif; color: #1d1a20; background: #fff; max-width: 60rem; margin: 1.5rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5em; margin: 0 0 0.4em; } h2 { font-size: 1.1em; margin: 0.9em 0 0.3em; }
p, ul { margin: 0.3em 0; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { border: 1px solid #8a858e; padding: 0.15em 0.5em; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
thead th { background: #f0edf2; }
@media print {
  body { font-size: 10pt; margin: 0; padding: 0; max-width: none; }
  body.compact { font-size: 8pt; line-height: 1.2; }
  .compact :is(th, td) { padding-block: 0; }
}
"""
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~$&#])")
_MARKDOWN_BLOCK = re.compile(r"^(\d*)([-+.)](?=\s|$)|=|--)")
_MARGIN_CM, _PAGE_CM = 1.5, (21.0, 29.7)
_FONT_PT, _COMPACT_PT = 10, 8


def write_report(document: Document, file_format: ReportFormat) -> bytes:
    """Writes a report as a file.

    Raises:
        InvalidRequestError: If there is no such format.
    """
    validate.one_of(FORMATS, format=file_format)
    writers: dict[ReportFormat, Callable[[Document], bytes]] = {
        "md": _markdown,
        "html": _html,
        "docx": _docx,
    }
    return writers[file_format](document)


def _footer() -> str:
    return f"{RESEARCH_USE} Written by Mammo Privacy Explorer {mammo_core.__version__}."


def _plain(text: str) -> str:
    """Drops line breaks, control and directional characters, which no Word file may hold."""
    return single_line(text, _LONGEST)


def escape_markdown_file(text: str) -> str:
    """Escapes what CommonMark and its tables take for markup or HTML, for a file.

    Example:
        >>> escape_markdown_file("<b>a|b</b>"), escape_markdown_file("1. x")
        ('\\\\<b\\\\>a\\\\|b\\\\</b\\\\>', '1\\\\. x')
    """
    return _MARKDOWN_BLOCK.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", _plain(text)))


def _markdown(document: Document) -> bytes:
    parts = [f"# {escape_markdown_file(document.title)}"]
    for block in document.blocks:
        match block:
            case Heading(text):
                parts.append(f"## {escape_markdown_file(text)}")
            case Paragraph(text):
                parts.append(escape_markdown_file(text))
            case Bullets(items):
                parts.append("\n".join(f"- {escape_markdown_file(item)}" for item in items))
            case Table():
                rows = [block.columns, tuple("---" for _ in block.columns), *block.rows]
                parts.append("\n".join(_markdown_row(row) for row in rows))
    return "\n\n".join([*parts, f"{_footer()}\n"]).encode()


def _markdown_row(cells: tuple[str, ...]) -> str:
    shown = (cell if cell == "---" else escape_markdown_file(cell) for cell in cells)
    return f"| {' | '.join(shown)} |"


def _html(document: Document) -> bytes:
    title = _escaped(document.title)
    parts = [f"<h1>{title}</h1>"]
    for block in document.blocks:
        match block:
            case Heading(text):
                parts.append(f"<h2>{_escaped(text)}</h2>")
            case Paragraph(text):
                parts.append(f"<p>{_escaped(text)}</p>")
            case Bullets(items):
                parts.append(f"<ul>{''.join(f'<li>{_escaped(item)}</li>' for item in items)}</ul>")
            case Table():
                parts.append(_html_table(block))
    body = '<body class="compact">' if document.is_compact else "<body>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"{body}{''.join(parts)}<p>{_escaped(_footer())}</p></body></html>\n"
    ).encode()


def _html_table(table: Table) -> str:
    columns = "".join(f'<col style="width: {width:.0%}">' for width in table.widths)
    head = "".join(f'<th scope="col">{_escaped(name)}</th>' for name in table.columns)
    rows = "".join(
        f'<tr><th scope="row">{_escaped(first)}</th>'
        + "".join(f"<td>{_escaped(cell)}</td>" for cell in others)
        + "</tr>"
        for first, *others in table.rows
    )
    return f"<table><colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _escaped(text: str) -> str:
    return html.escape(_plain(text))


def _docx(document: Document) -> bytes:
    from docx import Document as new_document
    from docx.shared import Cm, Pt

    file, body = new_document(), _COMPACT_PT if document.is_compact else _FONT_PT
    for section in file.sections:
        section.page_width, section.page_height = (Cm(side) for side in _PAGE_CM)
        section.left_margin = section.right_margin = Cm(_MARGIN_CM)
        section.top_margin = section.bottom_margin = Cm(_MARGIN_CM)
    for name, size in (("Normal", body), ("Title", 16), ("Heading 1", body + 2)):
        style: Any = file.styles[name]
        style.font.size = Pt(size)
        style.paragraph_format.space_before = Pt(6 if name == "Heading 1" else 0)
        style.paragraph_format.space_after = Pt(0 if document.is_compact else 4)
    facts = file.core_properties
    facts.title, facts.author = _plain(document.title)[:255], "Mammo Privacy Explorer"
    facts.comments = _footer()
    file.add_heading(_plain(document.title), 0)
    for block in document.blocks:
        match block:
            case Heading(text):
                file.add_heading(_plain(text), 1)
            case Paragraph(text):
                file.add_paragraph(_plain(text))
            case Bullets(items):
                for item in items:
                    file.add_paragraph(_plain(item), "List Bullet")
            case Table():
                _add_table(file, block)
    file.add_paragraph(_footer())
    content = io.BytesIO()
    file.save(content)
    return content.getvalue()


def _add_table(file: WordFile, table: Table) -> None:
    from docx.oxml import OxmlElement
    from docx.shared import Cm

    rows = [table.columns, *table.rows]
    drawn = file.add_table(len(rows), len(table.columns), "Table Grid")
    drawn.autofit = False
    widths = [Cm((_PAGE_CM[0] - 2 * _MARGIN_CM) * share) for share in table.widths]
    for column, width in zip(drawn.columns, widths, strict=True):
        column.width = width
    # rows are walked once, because python-docx searches for each cell that is named by its place
    for row, texts in zip(drawn.rows, rows, strict=True):
        for cell, text, width in zip(row.cells, texts, widths, strict=True):
            cell.text, cell.width = _plain(text), width
    head = drawn.rows[0]
    head._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))  # on every page anew
    for cell in head.cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True
