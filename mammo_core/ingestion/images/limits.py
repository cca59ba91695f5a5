"""Bounds what a file from outside may ask for, and turns a decoder's failure into an IngestionError.

A file beyond a limit is refused before or while it is read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mammo_core.errors import IngestionError

_log = logging.getLogger(__name__)

MAX_PIXELS = 100_000_000  # of one image; the largest mammograms have about 30 million
MAX_FILE_BYTES = 512 * 2**20  # of one image file, and of what a deflated one unpacks to
SECONDS = 5.0  # to read one image that somebody waits for
BULK_SECONDS = 60.0  # for one item of a bulk import, which may be an image with its mask
MEMORY_BYTES = 2 * 2**30  # address space of one reading process
START_SECONDS = 60.0  # for a reading process to start, on a busy computer
RECYCLE_BYTES = 768 * 2**20  # a reading process that keeps more than this is replaced


@contextmanager
def refusing_damage(name: str, expected: str) -> Iterator[None]:
    """Turns any error but an IngestionError into an IngestionError that says what was expected of the file."""
    try:
        yield
    except (IngestionError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except MemoryError as error:
        raise IngestionError(
            f"Expected {expected}; {name} needs more memory than a file may take. Export it smaller."
        ) from error
    except BaseException as error:  # decoders in Rust panic with what is no Exception
        _log.info("expected %s, got %s", expected, type(error).__name__)
        raise IngestionError(
            f"Expected {expected}; reading {name} failed ({type(error).__name__}). "
            "Export or copy it again."
        ) from error
