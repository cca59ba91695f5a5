"""Reads frozen dataclasses back from the JSON-ready values that `runs.to_dict` wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any], Any]


def from_dict(kind: type[T], values: Mapping[str, Any]) -> T:
    """Builds a dataclass and those in its fields; the inverse of `runs.to_dict`.

    A field that was not written has its default, or the value that the class names for it in `UNWRITTEN`.

    Raises:
        TypeError: If a field is missing or unknown, or a value is of another form.
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
        kinds = tuple(part for part in parts if part is not NoneType)
        return _reader_of_one(kinds, may_be_none=len(kinds) < len(parts))
    if origin in (tuple, frozenset):
        item = _reader(parts[0])
        return lambda values: origin(map(item, values))
    if origin is dict:
        item = _reader(parts[1])
        return lambda values: {key: item(value) for key, value in values.items()}
    if is_dataclass(kind):
        return lambda values: from_dict(kind, values)
    if kind is float:
        return lambda value: float(value) if isinstance(value, str) else value  # "inf"
    return Path if kind is Path else _as_it_is


def _reader_of_one(kinds: tuple[Any, ...], *, may_be_none: bool) -> Reader:
    """How a value of one of several types is read; of dataclasses the one with most of its fields."""
    first, names = _reader(kinds[0]), {}
    if len(kinds) > 1 and all(map(is_dataclass, kinds)):
        names = {kind: {each.name for each in fields(kind)} for kind in kinds}

    def read(value: Any) -> Any:
        if value is None and may_be_none:
            return None
        if not names:
            return first(value)
        return from_dict(max(names, key=lambda kind: len(names[kind] & set(value))), value)

    return read


def _as_it_is(value: Any) -> Any:
    return value
