"""Reading processes played by this one, for tests of what surrounds them; values still travel as frames."""

import io

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.frames import read_frame, write_frame
from mammo_core.ingestion.images.reading_process import resolve


def through_frames(value):
    """The value as it arrives at the other side."""
    file = io.BytesIO()
    write_frame(file, value)
    file.seek(0)
    return read_frame(file)


def map_here(function, items, *, workers, should_stop=None):
    """As `sandbox.map_safely`, without processes."""
    assert workers >= 1
    for item in items:
        if should_stop is not None and should_stop():
            return
        try:
            yield item, through_frames(resolve(function)(through_frames(item)))
        except IngestionError as error:
            yield item, error
