"""Reads files from outside in separate processes, bounded in memory and time.

A decoder that crashes, swells or never ends takes its process with it, not this one; the file becomes an
IngestionError and the process is replaced. This stops accidents and bombs. It doesn't stop a file that takes a
decoder over: such a process may do whatever this user may.

Processes are started as programs, not forked or by multiprocessing, so this works inside daemonic
processes, too, as workers of Dask are, and nothing is pickled.
"""

from __future__ import annotations

import atexit
import itertools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.formats import read_image
from mammo_core.ingestion.images.grey import Coding, GreyImage
from mammo_core.ingestion.images.limits import BULK_SECONDS, MEMORY_BYTES, SECONDS
from mammo_core.ingestion.images.reader import NoProcessError, ReadingProcess

_POLL_S = 0.05
_AHEAD = 2  # items given out, per process: one under way and one that waits


def read_safely(source: Path | bytes, *, name: str) -> GreyImage:
    """Reads an image as `read_image` does, in another process. Safe to call from many threads.

    Raises:
        IngestionError: As `read_image`, and if the decoder crashed or took too much memory or time.
    """
    with _one_at_a_time:
        parts = _reader({"source": source, "name": name}, name=name)
    coding, warnings = Coding(**parts["coding"]), tuple(parts["warnings"])
    return GreyImage(**parts | {"coding": coding, "warnings": warnings})


def image_parts(task: dict[str, Any]) -> dict[str, Any]:
    """Reads an image for `read_safely` in the other process."""
    image = read_image(task["source"], name=task["name"])
    return {**vars(image), "coding": vars(image.coding)}


IMAGE_PARTS = "mammo_core.ingestion.images.sandbox:image_parts"
_reader = ReadingProcess(IMAGE_PARTS, seconds=SECONDS)
_one_at_a_time = threading.Lock()
atexit.register(_reader.close)


def map_safely(
    function: str,
    items: Iterable[Any],
    *,
    workers: int,
    seconds: float = BULK_SECONDS,
    memory_bytes: int = MEMORY_BYTES,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[tuple[Any, Any]]:
    """Applies a function to items in several processes; yields (item, result) as they finish, in no order.

    Items are taken as processes get free, and few results wait: neither need fit into memory.
    An item whose process crashed or was overdue costs only itself. Stopping the iteration ends the processes
    at once.

    Args:
        function: "package.module:name" of a function of one item; items and results as in `frames`, small.
        workers: Number of processes.
        seconds: For one item.
        memory_bytes: Address space of one process.
        should_stop: Asked about twenty times a second; then the iteration ends, with items under way given up.

    Yields:
        Every item with the function's result, or with the IngestionError it ended in.

    Raises:
        NoProcessError: If no process can be started.
    """
    lanes = [
        ReadingProcess(function, seconds=seconds, memory_bytes=memory_bytes) for _ in range(workers)
    ]
    free: queue.SimpleQueue[ReadingProcess] = queue.SimpleQueue()
    for lane in lanes:
        free.put(lane)

    def apply(item: Any) -> Any:
        lane = free.get()
        try:
            return lane(item)
        except NoProcessError:
            raise
        except IngestionError as error:
            return error
        finally:
            free.put(lane)

    remaining = iter(items)
    pool = ThreadPoolExecutor(workers)
    under_way: dict[Future[Any], Any] = {}
    try:
        while True:
            for item in itertools.islice(remaining, _AHEAD * workers - len(under_way)):
                under_way[pool.submit(apply, item)] = item
            done, _ = wait(under_way, _POLL_S, FIRST_COMPLETED)
            if not under_way or (should_stop is not None and should_stop()):
                return
            for future in done:
                yield under_way.pop(future), future.result()
    finally:
        for lane in lanes:
            lane.kill()
        pool.shutdown(cancel_futures=True)
        for lane in lanes:
            lane.close()
