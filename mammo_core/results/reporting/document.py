"""A report as plain blocks, which `writers` turns into a file. Texts are unescaped and hold no markup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ReportKind = Literal["label", "methods", "claim", "tripod"]
ReportFormat = Literal["md", "html", "docx"]
KINDS: tuple[ReportKind, ...] = get_args(ReportKind)
FORMATS: tuple[ReportFormat, ...] = get_args(ReportFormat)
KIND_NAMES: dict[ReportKind, str] = {
    "label": "Privacy label",
    "methods": "Methods paragraph",
    "claim": "CLAIM 2024",
    "tripod": "TRIPOD+AI",
}


@dataclass(frozen=True)
class Heading:
    """Begins a part of a report."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """Sentences below each other."""

    items: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of texts.

    Attributes:
        columns: Names, C of them.
        rows: C texts each.
        widths: C shares of the width, which add up to 1.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]


Block = Heading | Paragraph | Bullets | Table


@dataclass(frozen=True, kw_only=True)
class Document:
    """A report.

    Attributes:
        title: Its first line.
        blocks: What follows, in order.
        is_compact: Whether it is set in small type, to fit a page.
    """

    title: str
    blocks: tuple[Block, ...]
    is_compact: bool = False
