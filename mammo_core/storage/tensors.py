"""Tensors in files: written with the sha256 that their card names, read from files that may be anything.

Safetensors hold numbers only. PyTorch's own format is read as tensors only, so code that a pickle
brings is refused, not run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from mammo_core.errors import CheckpointError, MammoError
from mammo_core.storage.atomic import disk_errors_explained, write_bytes, write_json

_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def safetensors_bytes(
    tensors: Mapping[str, Tensor], facts: Mapping[str, str] | None = None
) -> bytes:
    """Encodes tensors by name, with facts about them in the header, as the content of a file."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(plain, None if facts is None else dict(facts))


def write_sealed(
    weights: Path,
    tensors: Mapping[str, Tensor],
    card: Path,
    values: Mapping[str, Any],
    *,
    facts: Mapping[str, str] | None = None,
    mode: int = 0o666,
) -> str:
    """Writes tensors, and after them the JSON card that names their sha256.

    Args:
        values: JSON-ready content of the card; "sha256" is filled in.
        facts: For the header of the tensors' file.
        mode: Permissions of the tensors' file.

    Returns:
        The sha256.

    Raises:
        StoreError: If the disk refuses; a card that was there before is then kept.
    """
    content = safetensors_bytes(tensors, facts)
    sha256 = hashlib.sha256(content).hexdigest()
    with disk_errors_explained(weights):
        weights.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(weights, content, mode=mode)
    write_json(card, {**values, "sha256": sha256})
    return sha256


def read_sealed(weights: Path, sha256: str, form: str = "") -> dict[str, Tensor]:
    """Reads the tensors of a file that is the very one that its card names.

    Args:
        form: The format that its header must name, as in `tensors_of_format`; empty for any.

    Raises:
        CheckpointError: If it is missing, another one, or holds something else.
    """
    if not weights.is_file():
        raise CheckpointError(
            f"Expected the weights of {weights.stem} at {weights}; found none. Get the file again."
        )
    content = weights.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise CheckpointError(
            f"Expected {weights} with sha256 {sha256}, as its card says; got {found}. "
            "The file was changed or damaged: get it again."
        )
    if form:
        return tensors_of_format(content, str(weights), form)[0]
    return tensors_from_safetensors(content, str(weights), CheckpointError)


def tensors_from_safetensors(
    content: bytes, name: str, error: type[MammoError]
) -> dict[str, Tensor]:
    """Decodes the content of a safetensors file.

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


def tensors_of_format(
    content: bytes, name: str, form: str
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Decodes tensors, all finite, and the facts in the header of a file of one of our formats.

    Raises:
        CheckpointError: If it is not safetensors, truncated, of another format, or holds other than numbers.
    """
    tensors = tensors_from_safetensors(content, name, CheckpointError)
    size = int.from_bytes(content[:8], "little")  # of a header that safetensors has accepted
    facts: dict[str, str] = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    if facts.get("format") != form:
        raise not_of_format(name, form, f"format {facts.get('format')!r}")
    require_finite(tensors, name)
    return tensors, facts


def not_of_format(name: str, form: str, found: object) -> CheckpointError:
    """Builds the error for a file that is not of one of our formats."""
    return CheckpointError(
        f"Expected {name} to be safetensors of the format {form}; got something else ({found}). "
        "It is damaged or another file: get it again."
    )


def require_finite(tensors: Mapping[str, Tensor], name: str) -> None:
    """Refuses NaN and infinity.

    Raises:
        CheckpointError: If there are any.
    """
    broken = sorted(key for key, tensor in tensors.items() if not tensor.isfinite().all())
    if broken:
        raise CheckpointError(
            f"Expected numbers in {name}; got NaN or infinity in: {', '.join(broken[:5])}. The training diverged, "
            "or the file was tampered with."
        )


def read_safetensors(path: Path, error: type[MammoError]) -> dict[str, Tensor]:
    """Reads the tensors of a file; raises as `tensors_from_safetensors`, also if it cannot be read."""
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
    """Reads what `torch.save` wrote, as tensors and plain values only.

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
