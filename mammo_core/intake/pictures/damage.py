"""The border to parsers and decoders of others: whatever they raise on a damaged file becomes an IntakeError."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mammo_core.errors import IntakeError

_log = logging.getLogger(__name__)


@contextmanager
def refusing_damage(name: str, expected: str) -> Iterator[None]:
    """Turns any error but an IntakeError into one that says what was expected of the file."""
    try:
        yield
    except (IntakeError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except MemoryError as error:
        raise IntakeError(
            f"Expected {expected}; {name} needs more memory than a file may take. Export it smaller."
        ) from error
    except BaseException as error:  # decoders in Rust panic with what is no Exception
        _log.info("expected %s, got %s", expected, type(error).__name__)
        raise IntakeError(
            f"Expected {expected}; reading {name} failed ({type(error).__name__}). "
            "Export or copy it again."
        ) from error
