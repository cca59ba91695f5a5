"""Describes every exported file: what it shows, of which data, and what it is not for."""

from __future__ import annotations

import html
import io
from dataclasses import dataclass

import mammo_core

RESEARCH_USE = "Research use only, not for diagnosis."


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a figure or table is.

    Attributes:
        title: What it shows.
        notes: How it was made, of which data; where it shows scores, what their ε guarantees.
    """

    title: str
    notes: tuple[str, ...] = ()

    def facts(self) -> dict[str, str]:
        """Returns facts by keyword of the PNG specification; Parquet files get them as well."""
        return {
            "Title": self.title,
            "Description": "\n".join(self.notes),
            "Software": f"Mammo Privacy Explorer {mammo_core.__version__}",
            "Disclaimer": RESEARCH_USE,
        }

    def readme(self) -> str:
        """Writes the same as a text file."""
        facts = self.facts()
        return "\n\n".join(
            [facts["Title"], RESEARCH_USE, *self.notes, f"Made with {facts['Software']}."]
        )


def with_png_facts(image: bytes, provenance: Provenance) -> bytes:
    """Adds facts to the text chunks of a PNG file; pixels stay as they are."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    for key, value in provenance.facts().items():
        chunks.add_itxt(key, value)
    content = io.BytesIO()
    with Image.open(io.BytesIO(image)) as opened:
        opened.save(content, "PNG", pnginfo=chunks)
    return content.getvalue()


def with_svg_facts(image: bytes, provenance: Provenance) -> bytes:
    """Adds facts to an SVG file as its title and description, first inside its root."""
    facts = provenance.facts()
    title = html.escape(facts.pop("Title"))
    described = html.escape("\n".join(value for value in facts.values() if value))
    head, separator, rest = image.decode().partition(">")
    return f"{head}{separator}<title>{title}</title><desc>{described}</desc>{rest}".encode()
