"""Offers a Python script that repeats what a page shows, with the choices of the page filled in.

Choices are written as Python code that makes them again, so a name from outside stays data, whatever is in it.
"""

from __future__ import annotations

import ast
import dataclasses
import math
import textwrap
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import streamlit as st

from pages.ui.components.export import download
from pages.ui.components.talk_mode import in_talk_mode

_SCRIPTS = Path(__file__).parents[1] / "scripts"
_LONGEST_LINE = 96


def show_script(name: str, **choices: object) -> None:
    """Draws a script to unfold, copy and download; nothing in talk mode.

    Args:
        name: Of the script in `pages/ui/scripts`.
        choices: Values of its constants, by their names in small letters.
    """
    if in_talk_mode():
        return
    text = filled(script(name), {key.upper(): value for key, value in choices.items()})
    with st.expander("The same in Python", icon=":material/code:", key=f"script_{name}"):
        st.code(text, language="python", wrap_lines=True)
        file = f"mammo_{name}.py"
        download(file, text.encode, key=f"download_script_{name}")
        st.caption(
            f"Run it where the product is installed: `python {file}`. In a checkout: "
            f"`.venv/bin/python {file}`."
        )


@lru_cache
def script(name: str) -> str:
    """Reads a script as it stands."""
    return (_SCRIPTS / f"{name}.py").read_text(encoding="utf-8")


def filled(text: str, values: Mapping[str, object]) -> str:
    """Puts values in the place of those of a script's constants, and imports their classes.

    Args:
        values: By the name of a constant.

    Example:
        >>> print(filled("import math\\nA, B = 1, 2\\nC = 3  # kept", {"C": "it's"}))
        import math
        A, B = 1, 2
        C = "it's"  # kept
    """
    tree = ast.parse(text)
    lines = text.encode().split(b"\n")  # as the columns of ast count
    unused = dict(values)
    for node in reversed(tree.body):  # so that the lines above keep their numbers
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in unused:
            old, new = node.value, as_python(unused.pop(ast.unparse(node.targets[0])))
            assert old.end_lineno is not None
            start = lines[old.lineno - 1][: old.col_offset]
            end = lines[old.end_lineno - 1][old.end_col_offset :]
            lines[old.lineno - 1 : old.end_lineno] = [start + new.encode() + end]
    if unused:
        raise ValueError(f"Expected constants of the script; got {', '.join(unused)}.")
    return "\n".join(_with_imports(tree, lines, values))


def _with_imports(tree: ast.Module, lines: list[bytes], values: Mapping[str, object]) -> list[str]:
    """Adds the imports of the classes of the values that the script lacks."""
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    known = {alias.name for node in imports for alias in node.names}
    missing = {kind for value in values.values() for kind in _classes(value)}
    missing = {kind for kind in missing if kind.__name__ not in known}
    ours = [f"from {kind.__module__} import {kind.__name__}" for kind in missing - {Path}]
    text = [line.decode() for line in lines]
    text[imports[-1].end_lineno : imports[-1].end_lineno] = sorted(ours)
    if Path in missing:
        text[imports[0].lineno - 1 : imports[0].lineno - 1] = ["from pathlib import Path", ""]
    return text


def _classes(value: object) -> Iterator[type]:
    """Yields the classes whose names `as_python` writes."""
    if isinstance(value, Path):
        yield Path
    elif isinstance(value, tuple):
        for part in value:
            yield from _classes(part)
    elif dataclasses.is_dataclass(value):
        yield type(value)
        for part in _given(value).values():
            yield from _classes(part)


def as_python(value: object) -> str:
    """Writes a value as Python code that makes it again; fields of a dataclass at their defaults are left out.

    Example:
        >>> as_python((math.inf, "a\\n"))
        '(float("inf"), \\'a\\\\n\\')'
    """
    if isinstance(value, tuple):
        parts = [as_python(part) for part in value]
        return _joined("(", parts, ",)" if len(parts) == 1 else ")")
    if dataclasses.is_dataclass(value):
        parts = [f"{name}={as_python(part)}" for name, part in _given(value).items()]
        return _joined(f"{type(value).__name__}(", parts, ")")
    if isinstance(value, Path):
        return f"Path({str(value)!r})"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or type(value) in (str, int, float, bool):
        return repr(value)
    raise TypeError(f"Expected a value that can be written as Python; got {type(value).__name__}.")


def _given(value: object) -> dict[str, object]:
    """The fields of a dataclass that are not at their defaults."""
    assert dataclasses.is_dataclass(value)
    given = {}
    for field in dataclasses.fields(value):
        made = field.default_factory
        default = field.default if made is dataclasses.MISSING else made()
        if getattr(value, field.name) != default:
            given[field.name] = getattr(value, field.name)
    return given


def _joined(start: str, parts: list[str], end: str) -> str:
    """One line, or one line for each part if that is too long."""
    line = f"{start}{', '.join(parts)}{end}"
    if len(line) <= _LONGEST_LINE:
        return line
    inside = textwrap.indent(",\n".join(parts), "    ")
    return f"{start}\n{inside},\n{end.removeprefix(',')}"
