"""Writes figures as PNG and SVG files, drawn by a Chrome on this computer where there is one.

Only a browser draws Plotly's figures. On the server there may be none: `can_draw_images` tells, and then
the page of `standalone` saves them in the reader's own browser. A Chrome is a large program that starts slowly and
may hang. One process drives it, draws one figure after the other, and is ended when it takes too long.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Literal

import plotly.graph_objects as go

from mammo_core.errors import InvalidRequestError
from mammo_core.figures.plotly_text import plotly_text
from mammo_core.figures.provenance import RESEARCH_USE, Provenance, with_png_facts, with_svg_facts
from mammo_core.figures.style import layout_of, traces_of
from mammo_core.system.paths import child_environment

ImageKind = Literal["png", "svg"]
SECONDS = 80  # for those before, and again for the figure; a browser waits 180 for a file
_WIDTH, _HEIGHT, _SCALE, _TITLE_HEIGHT = 1100, 600, 2, 75
_LEGEND_ROW_PX, _LEGEND_MARK_PX, _LETTER_PX = 24, 50, 8
_ONE_AT_A_TIME = threading.Lock()
_worker: subprocess.Popen[bytes] | None = None  # stays for the next figure


@functools.cache
def can_draw_images() -> bool:
    """Tells whether there is a Chrome, Chromium or Edge; `BROWSER_PATH` may name one."""
    from choreographer.browsers.chromium import Chromium

    path = Chromium.find_browser(skip_local=False)
    return bool(path) and Path(path).exists()


def figure_image(figure: go.Figure, kind: ImageKind, provenance: Provenance) -> bytes:
    """Draws a figure as a file, its title and "research use only" drawn above it.

    The first one takes about three seconds, and each after it less than one.

    Args:
        figure: Is not changed.

    Raises:
        InvalidRequestError: If there is no Chrome, it fails, or it takes longer than `SECONDS`.
    """
    if not can_draw_images():
        raise InvalidRequestError(
            "Expected Chrome or Chromium on the computer that runs this program; found none. Take the HTML file: "
            "its buttons save PNG and SVG in your own browser."
        )
    drawn = titled(figure, provenance)
    options = {
        "format": kind,
        "width": _WIDTH,
        "height": layout_of(drawn).height,
        "scale": _SCALE if kind == "png" else 1,
    }
    asked = json.dumps({"figure": json.loads(drawn.to_json() or ""), "options": options})
    if not _ONE_AT_A_TIME.acquire(timeout=SECONDS):
        raise InvalidRequestError(
            "Expected an image to be drawn in time; others are still being drawn. Try again in a minute."
        )
    try:
        image = _draw(asked.encode())
    finally:
        _ONE_AT_A_TIME.release()
    return with_png_facts(image, provenance) if kind == "png" else with_svg_facts(image, provenance)


def titled(figure: go.Figure, provenance: Provenance) -> go.Figure:
    """Copies a figure for paper: white, its title and what it is not for above the axes, and so much higher."""
    copy = go.Figure(figure)
    layout = layout_of(copy)
    top = 40 if layout.margin.t is None else layout.margin.t
    room = _TITLE_HEIGHT + _legend_height(copy)
    copy.update_layout(
        template="plotly_white",
        width=None,
        height=(layout.height or _HEIGHT) + room,
        margin={"t": top + room},
        title={
            "text": plotly_text(provenance.title, longest=110),
            "subtitle": {"text": RESEARCH_USE, "font": {"size": 12}},
            "x": 0.01,
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 12},
        },
    )
    return copy


def _legend_height(figure: go.Figure) -> int:
    """Estimates the height of a legend above the axes from its rows; Plotly does not keep a title clear of it."""
    if (layout_of(figure).legend.y or 0) <= 1:
        return 0
    names = [trace.name or "" for trace in traces_of(figure) if trace.showlegend is not False]
    width = sum(_LEGEND_MARK_PX + _LETTER_PX * len(name) for name in names)
    return _LEGEND_ROW_PX * -(-width // _WIDTH)


def end_worker() -> str:
    """Ends the process that draws, if there is one, and returns the end of what it said; the next figure starts another."""
    global _worker
    worker, _worker = _worker, None
    if worker is None:
        return ""
    _end(worker)
    assert worker.stdin and worker.stdout and worker.stderr
    worker.stderr.seek(0)
    said = worker.stderr.read().decode(errors="replace").strip()[-300:]
    with contextlib.suppress(BrokenPipeError):
        worker.stdin.close()
    worker.stdout.close()
    worker.stderr.close()
    return said


def _draw(asked: bytes) -> bytes:
    global _worker
    if _worker is not None and _worker.poll() is not None:
        end_worker()
    _worker = _worker or _start()
    worker, start = _worker, time.monotonic()
    late = threading.Timer(SECONDS, _end, [worker])
    late.daemon = True
    late.start()
    try:
        image = _answer(worker, asked)
    finally:
        late.cancel()
    if image:
        return image
    said = end_worker()
    if time.monotonic() - start >= SECONDS:
        raise InvalidRequestError(
            f"Expected an image within {SECONDS} s; Chrome took longer and was stopped. Try again, or take the "
            "HTML file: its buttons save PNG and SVG in your own browser."
        )
    raise InvalidRequestError(
        f"Expected Chrome to draw the figure; it failed ({said}). Take the HTML file: its buttons "
        "save PNG and SVG in your own browser."
    )


def _start() -> subprocess.Popen[bytes]:
    said = tempfile.TemporaryFile()  # noqa: SIM115 - goes with the worker
    worker = subprocess.Popen(
        [sys.executable, "-m", "mammo_core.figures.image_worker"],
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        start_new_session=True,
    )
    worker.stderr = said
    return worker


def _answer(worker: subprocess.Popen[bytes], asked: bytes) -> bytes:
    """Returns the image; nothing if the worker ended."""
    assert worker.stdin and worker.stdout
    try:
        worker.stdin.write(asked + b"\n")
        worker.stdin.flush()
    except BrokenPipeError:
        return b""
    length = int.from_bytes(worker.stdout.read(8), "big")
    image = worker.stdout.read(length)
    return image if len(image) == length else b""


def _end(worker: subprocess.Popen[bytes]) -> None:
    """Ends the worker with the Chrome it started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
    else:
        worker.kill()
    worker.wait()
