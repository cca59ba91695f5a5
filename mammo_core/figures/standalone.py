"""Writes a web page of figures that needs nothing else: it opens offline and saves its figures as PNG or SVG."""

from __future__ import annotations

import html
from collections.abc import Mapping

import plotly.graph_objects as go

from mammo_core.figures.images import titled
from mammo_core.figures.provenance import Provenance
from mammo_core.figures.style import layout_of

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d1a20; background: #fff; max-width: 1100px;
  margin: 2rem auto; padding: 0 1rem; }
figure { margin: 2rem 0; }
button { font: inherit; padding: 0.3rem 0.8rem; margin-right: 0.5rem; }
pre { white-space: pre-wrap; background: #f5f3f6; padding: 1rem; }
"""
_SCRIPT = """
for (const button of document.querySelectorAll("button[data-figure]")) {
  button.addEventListener("click", () => Plotly.downloadImage(button.dataset.figure,
    { format: button.dataset.format, filename: button.dataset.name, width: 1100,
      height: Number(button.dataset.height), scale: 2 }));
}
"""


def standalone_html(
    figures: Mapping[str, go.Figure],
    *,
    provenance: Provenance,
    file_name: str,
) -> str:
    """Writes the whole page as text, about 5 MB: Plotly's code is inside.

    Args:
        figures: By caption; they are not changed.
        provenance: Heading, and paragraphs under the figures: what was measured, how, what it does not say.
        file_name: Of the images, without an ending.
    """
    parts = []
    for index, (caption, figure) in enumerate(figures.items()):
        light = titled(figure, Provenance(title=caption))
        drawn = light.to_html(full_html=False, include_plotlyjs=index == 0, div_id=f"figure{index}")
        buttons = "".join(
            f'<button data-figure="figure{index}" data-format="{kind}" '
            f'data-height="{layout_of(light).height}" data-name="{html.escape(file_name)}_{index + 1}">Save as {kind.upper()}</button>'
            for kind in ("png", "svg")
        )
        parts.append(
            f'<figure aria-label="{html.escape(caption)}">{drawn}<figcaption>{buttons}</figcaption></figure>'
        )
    title, notes = html.escape(provenance.title), provenance.readme().split("\n\n")[1:]
    paragraphs = "".join(f"<pre>{html.escape(note)}</pre>" for note in notes)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>{''.join(parts)}{paragraphs}"
        f"<script>{_SCRIPT}</script></body></html>\n"
    )
