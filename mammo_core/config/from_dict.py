"""Reads frozen dataclasses back from the JSON-ready values that `runs.to_dict` wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any], Any]


def from_dict(kind: type[T], values: Mapping[str, Any]) -> T:
    """Builds a dataclass and those in its fields; the inverse of `runs.to_dict`.

    A field that was not written has its default, or the value that the class names for it in `UNWRITTEN`.

    Raises:
        TypeError: If a field is missing or unknown, or a value is not of its field's type.
        MammoError: If a value is impossible.
    """
    readers = _readers(kind)
    given = {**getattr(kind, "UNWRITTEN", {}), **values}
    return kind(**{name: readers.get(name, _as_it_is)(value) for name, value in given.items()})


@cache
def _readers(kind: type[Any]) -> dict[str, Reader]:
    return {name: _reader(part) for name, part in get_type_hints(kind).items()}


def _reader(kind: Any) -> Reader:
    """How a value of a type is read."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        none_first = sorted(parts, key=lambda part: part is not NoneType)
        return _first_that_fits([_reader(part) for part in none_first])
    if origin in (tuple, frozenset):
        make: Any = origin
        item = _reader(parts[0])
        return lambda values: make(map(item, values))
    if origin is dict:
        item = _reader(parts[1])
        return lambda values: {key: item(value) for key, value in values.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        return partial(from_dict, kind)
    if kind is Any or kind is Path:
        return _as_it_is if kind is Any else Path
    return _checked(kind, parts if origin is Literal else ())


def _first_that_fits(readers: list[Reader]) -> Reader:
    def read(value: Any) -> Any:
        for reader in readers[:-1]:
            try:
                return reader(value)
            except TypeError:
                continue
        return readers[-1](value)

    return read


def _checked(kind: Any, literals: tuple[Any, ...]) -> Reader:
    """Reads one of several literals, or a text, number or truth value; infinity is written as the text "inf"."""
    types = (float, int) if kind is float else kind

    def read(value: Any) -> Any:
        if kind is float and value == "inf":
            return float(value)
        is_other = isinstance(value, bool) and kind is not bool
        if is_other or not (value in literals if literals else isinstance(value, types)):
            raise TypeError(f"{value!r} where {kind} is expected")
        return value

    return read


def _as_it_is(value: Any) -> Any:
    return value
