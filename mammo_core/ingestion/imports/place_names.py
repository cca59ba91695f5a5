"""Tells by their names which columns of a table say where masses are, and which only may.

Names are compared without underscores, prefixes like bbox_ and units like _px.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mammo_core.ingestion.imports.tables import Table

Order = Literal["corners", "size", "centre", "circle", "yxyx", "undecided"]

_PREFIX = re.compile(
    r"((bounding_box|bbox|bndbox|box|bb|roi|lesion|mass|finding|rect|tumou?r|nodule|abnormality|annotation|anno|gt)_)+"
    r"(?=.)"
)
_SUFFIX = re.compile(r"_(px|pixels?)$")
_LEFT = ("xmin", "minx", "xstart", "startx", "xtl", "left", "xleft", "leftx", "mincol", "colmin")
_TOP = ("ymin", "miny", "ystart", "starty", "ytl", "top", "ytop", "topy", "minrow", "rowmin")
_RIGHT = ("xmax", "maxx", "xend", "endx", "xbr", "right", "xright", "rightx", "maxcol", "colmax")
_BOTTOM = (
    "ymax",
    "maxy",
    "yend",
    "endy",
    "ybr",
    "bottom",
    "ybottom",
    "bottomy",
    "maxrow",
    "rowmax",
)
_WIDTH, _HEIGHT = ("width", "w"), ("height", "h")
_ACROSS = ("xcenter", "xcentre", "centerx", "centrex", "cx", "xc", "xmid")
_DOWN = ("ycenter", "ycentre", "centery", "centrey", "cy", "yc", "ymid")
_RADIUS = ("radius", "r")
_UPWARDS = ("yfrombottom",)
_BARE_CIRCLE = (("x",), ("y",), _RADIUS)
_FAMILIES: tuple[tuple[Order, tuple[tuple[str, ...], ...]], ...] = (
    ("corners", (_LEFT, _TOP, _RIGHT, _BOTTOM)),
    ("corners", (("x1",), ("y1",), ("x2",), ("y2",))),
    ("corners", (("x0",), ("y0",), ("x1",), ("y1",))),
    ("size", (("x",), ("y",), _WIDTH, _HEIGHT)),
    ("size", (_LEFT, _TOP, _WIDTH, _HEIGHT)),
    ("centre", (_ACROSS, _DOWN, _WIDTH, _HEIGHT)),
    ("circle", (_ACROSS, _DOWN, _RADIUS)),
    ("circle", (("x", *_ACROSS), _UPWARDS, _RADIUS)),
    ("circle", _BARE_CIRCLE),
)
_LISTS: dict[str, Order] = {
    **dict.fromkeys(
        ("bbox", "bboxes", "box", "boxes", "boundingbox", "boundingboxes"), "undecided"
    ),
    **dict.fromkeys(("bboxxywh", "bboxcoco", "cocobbox", "xywh"), "size"),
    **dict.fromkeys(("bboxxyxy", "bboxcorners", "xyxy"), "corners"),
    **dict.fromkeys(("roicoords", "bboxyxyx", "yxyx"), "yxyx"),
}
SPELLINGS = "xmin, ymin, xmax, ymax, or x, y, width, height, or x_center, y_center, radius, in pixels from the top left"
_MIAS = re.compile(r"(.*[\\/])?mdb\d{3}[a-z]*(\.\w+)?", re.IGNORECASE)

_STRONG = re.compile(
    r"b?(nd)?box(es)?|coord(inate)?s?|polygons?|contours?|rect(angle)?|vertices|segmentation|centroid|rois?|xywh|xyxy"
)
_NOT_STRONG = re.compile(
    r"num|number|count|n|ids?|uid|name|type|labels?|class|score|match|level|status|birads"
)
_NOT_WEAK = re.compile(r"spacing|resolution|size|dim|dpi|ray")
_NUMERIC = re.compile(r"[+-]?[\d.,]+(e[+-]?\d+)?", re.IGNORECASE)
_AXIS = r"(min|max|start|end|left|right|top|bottom|c|cent(er|re)|ctr|mid|tl|tr|bl|br|ul|ur|ll|lr|from|to|pos|px|norm|rel|pct|percent|frac|share)"
_WEAK = re.compile(
    rf"[xy]{_AXIS}*\d?|{_AXIS}+([xy]|row|col)|(row|col)({_AXIS}+|\d)|c[xy]|[xy]c|radius|left|right|top|bottom|xy"
)
_LIST = re.compile(r"[\[({][\s\[({]*[\d.+-]+([\s,;]+[\d.+-]+){3,}[\s,;\])}]*.*")


@dataclass(frozen=True)
class PlaceNames:
    """Columns that together say where masses are.

    Attributes:
        order: What their numbers are.
        from_bottom: Whether rows are counted from the bottom of the image.
    """

    names: tuple[str, ...]
    order: Order
    from_bottom: bool = False


def families(table: Table) -> Iterator[PlaceNames]:
    """Finds complete sets of columns; all of a set have the same prefix."""
    by_prefix: dict[str, dict[str, str]] = defaultdict(dict)
    for name in table.frame.columns:
        prefix = _PREFIX.match(name)
        plain = _SUFFIX.sub("", name[prefix.end() :] if prefix else name).replace("_", "")
        by_prefix[prefix[0] if prefix else ""].setdefault(plain, name)
    for columns in by_prefix.values():
        has_corners = False
        for order, roles in _FAMILIES:
            found = [
                next((columns[name] for name in role if name in columns), "") for role in roles
            ]
            if not all(found) or (has_corners and roles[0] is _LEFT):  # then width is the image's
                continue
            has_corners |= order == "corners"
            from_bottom = roles[1] is _UPWARDS
            if roles == _BARE_CIRCLE:
                if not _is_mias(table):
                    continue
                from_bottom = True
            yield PlaceNames(tuple(found), order, from_bottom)


def lists(table: Table) -> Iterator[PlaceNames]:
    """Finds columns that by their names hold all numbers of a box in one cell."""
    for name in table.frame.columns:
        if order := _LISTS.get(name.replace("_", "")):
            yield PlaceNames((name,), order)


def no_places(table: Table, other_columns: Collection[str]) -> str:
    """Says why no place is understood, and which columns look like places; "" if none does.

    Args:
        other_columns: Columns that are read as something else.
    """
    like = [
        name
        for name in table.frame.columns
        if name not in other_columns and _looks_like_place(name, table.frame[name])
    ]
    if not like:
        return ""
    return (
        f"Expected the place of each mass as {SPELLINGS}; {table.name} has {', '.join(like)}, which may be "
        f"places and are not understood{_about_circles(like)}. Rename them so, call the file of a mask mask, "
        "or remove them."
    )


def _is_mias(table: Table) -> bool:
    """Checks whether all files are called as MIAS calls them: mdb001.pgm."""
    for name in table.frame.columns:
        cells = [cell for cell in table.frame[name] if cell]
        if cells and all(_MIAS.fullmatch(cell) for cell in cells):
            return True
    return False


def _about_circles(like: Sequence[str]) -> str:
    if {"x", "y", "radius"} <= set(like):
        return (
            ": MIAS counts y from the bottom, others from the top. Call y y_from_bottom, or x and y x_center and "
            "y_center"
        )
    return ""


def _looks_like_place(name: str, cells: Iterable[str]) -> bool:
    """Tells by name and content whether a column may say where something is."""
    said = [cell for cell in cells if cell]
    if not said:
        return False
    words = name.split("_")
    if any(map(_STRONG.fullmatch, words)) and not any(map(_NOT_STRONG.fullmatch, words)):
        return True
    if sum(map(bool, map(_LIST.fullmatch, said))) > len(said) / 2:
        return True
    if (
        any(map(_NOT_WEAK.fullmatch, words))
        or not all(map(_NUMERIC.fullmatch, said))
        or {"0", "1", "0.0", "1.0"} >= set(said)
    ):
        return False
    plain = _SUFFIX.sub("", _PREFIX.sub("", name)).replace("_", "")
    return bool(_WEAK.fullmatch(plain)) or any(map(_WEAK.fullmatch, words))
