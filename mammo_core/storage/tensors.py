"""Reads tensors from files that may be anything: damaged, another format, or made to do harm.

Safetensors hold numbers only. PyTorch's own format is read as tensors only, so code that a pickle
brings is refused, not run.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from mammo_core.errors import MammoError

_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def tensors_from_safetensors(
    content: bytes, name: str, error: type[MammoError]
) -> dict[str, Tensor]:
    """The tensors of a safetensors file's content.

    Args:
        name: Of the file, for the message.
        error: What to raise.

    Raises:
        MammoError: Of the type given, if it is anything else.
    """
    try:
        return load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as found:
        what = (
            "a pickle, which may run code and is never opened"
            if content.startswith(_PICKLE_STARTS)
            else "a ZIP file, perhaps PyTorch's own format"
            if content.startswith(b"PK")
            else f"{len(content)} bytes of something else ({found})"
        )
        raise error(
            f"Expected tensors as safetensors in {name}; got {what}. Get the file again, or save the "
            "tensors with safetensors.torch.save_file."
        ) from found


def read_sealed(file: Path, sha256: str, error: type[MammoError]) -> bytes:
    """The content of a file, if it is the one that its card names.

    Raises:
        MammoError: Of the type given, if it is missing or another.
    """
    if not file.is_file():
        raise error(
            f"Expected the weights of {file.stem} at {file}; found none. Get the file again."
        )
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise error(
            f"Expected {file} with sha256 {sha256}, as its card says; got {found}. "
            "The file was changed or damaged: get it again."
        )
    return content


def read_safetensors(path: Path, error: type[MammoError]) -> dict[str, Tensor]:
    """The tensors of a file; raises as `tensors_from_safetensors`, also if it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as found:
        raise error(
            f"Expected a safetensors file at {path}; got {found}. Check the path."
        ) from found
    return tensors_from_safetensors(content, str(path), error)


def read_torch(
    path: Path, error: type[MammoError], device: torch.device | str = "cpu"
) -> dict[str, Any]:
    """What `torch.save` wrote, as tensors and plain values only.

    Raises:
        MammoError: Of the type given, if it holds anything else or cannot be read.
    """
    try:
        found = torch.load(path, map_location=device, weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as cause:
        what = (
            f"PyTorch's format, but damaged or with more than tensors ({_first_line(cause)})"
            if is_zipfile(path) or isinstance(cause, UnpicklingError)
            else f"something else ({_first_line(cause)})"
        )
        raise error(
            f"Expected tensors in {path}; got {what}. Nothing in it was run. Get the file again, or "
            "convert it to safetensors where it comes from."
        ) from cause
    if not isinstance(found, dict):
        raise error(
            f"Expected tensors by name in {path}; got a {type(found).__name__}. Save a state dict."
        )
    return found


def _first_line(cause: Exception) -> str:
    return (str(cause).splitlines() or [type(cause).__name__])[0][:200]
