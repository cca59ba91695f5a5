"""Runs what reads files from outside in processes of its own, bounded in memory and time.

A decoder that crashes, swells or never ends takes its process with it, not this one; the file becomes an
IntakeError and the process is replaced. This stops accidents and bombs. It doesn't stop a file that takes a
decoder over: such a process may do whatever this user may.

Processes are started as programs, not forked or by multiprocessing, so this works inside daemonic
processes, too, as workers of Dask are, and nothing is pickled.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil

from mammo_core.errors import IntakeError
from mammo_core.intake.frames import read_frame, write_frame
from mammo_core.intake.grey import Coding, Picture
from mammo_core.intake.limits import (
    BULK_SECONDS,
    MEMORY_BYTES,
    RECYCLE_BYTES,
    SECONDS,
    START_SECONDS,
)
from mammo_core.intake.picture import read_picture

_log = logging.getLogger(__name__)
_POLL_S = 0.05
_WATCH_S = 0.25
_LIMITED_BY_SYSTEM = sys.platform == "linux"
_QUEUED = 2  # results kept for the caller, per process


class NoProcessError(IntakeError):
    """No reading process can be started: this computer's fault, not a file's."""


class ReadingProcess:
    """One process that applies one function to one task after another. For one thread at a time.

    Args:
        function: "package.module:name" of a function of one value that `frames` can carry, as its result.
        seconds: For one task, by the clock.
        memory_bytes: Address space of the process (on Linux).
    """

    def __init__(self, function: str, *, seconds: float, memory_bytes: int = MEMORY_BYTES) -> None:
        self._settings = {"function": function, "seconds": seconds, "memory_bytes": memory_bytes}
        self._seconds, self._memory_bytes = seconds, memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def __call__(self, task: Any, *, name: str = "the file") -> Any:
        """The function's result.

        Raises:
            IntakeError: If the function refuses, or the process crashed, needed too much memory or time.
        """
        process = self._ready()
        try:
            answer = _exchange(process, task, self._seconds, self._memory_bytes)
        except TimeoutError:
            self._end()
            raise IntakeError(
                f"Expected {name} to be read within {self._seconds:g} s; it took longer and was "
                "given up. Export it uncompressed, or leave it out."
            ) from None
        except (EOFError, OSError):
            code = process.wait()
            self._end()
            raise IntakeError(
                f"Expected {name} to be read; its decoder broke down (exit code {code}). The file is damaged, "
                "or made to do that: export it again, or leave it out."
            ) from None
        if answer["last"]:
            self._end()
        return _result(answer, name, self._memory_bytes)

    def start(self) -> None:
        """Starts the process ahead of its first task."""
        self._ready()

    def kill(self) -> None:
        """Ends the process at once, from whatever thread; a task under way fails."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Ends the process."""
        self._closed = True
        self._end()

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        if self._closed:
            raise NoProcessError("Expected a reading process; it was ended. Start again.")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mammo_core.intake.reading_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        try:
            _exchange(self._process, self._settings, START_SECONDS, self._memory_bytes)
        except (EOFError, OSError, TimeoutError) as error:
            self._end()
            raise NoProcessError(
                "Expected a process that reads files; it did not start. Free some memory and try again."
            ) from error
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                pipe.close()


def read_safely(source: Path | bytes, *, name: str) -> Picture:
    """As `read_picture`, in another process; for files somebody waits for. Safe to call from many threads.

    Raises:
        IntakeError: As `read_picture`, and if the decoder crashed or took too much memory or time.
    """
    with _one_at_a_time:
        parts = _reader({"source": source, "name": name}, name=name)
    coding, warnings = Coding(**parts["coding"]), tuple(parts["warnings"])
    return Picture(**parts | {"coding": coding, "warnings": warnings})


def picture_parts(task: dict[str, Any]) -> dict[str, Any]:
    """The half of `read_safely` that runs in the other process."""
    picture = read_picture(task["source"], name=task["name"])
    return {**vars(picture), "coding": vars(picture.coding)}


PICTURE_PARTS = "mammo_core.intake.sandbox:picture_parts"
_reader = ReadingProcess(PICTURE_PARTS, seconds=SECONDS)
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

    Items are taken one at a time, as processes get free, and few results wait: neither may be a long list.
    An item whose process crashed or was overdue costs only itself. Stopping the iteration ends the processes
    at once.

    Args:
        function: "package.module:name" of a function of one item; items and results as in `frames`, small.
        workers: Number of processes.
        seconds: For one item.
        memory_bytes: Address space of one process.
        should_stop: Asked about twenty times a second; then the iteration ends, with items under way given up.

    Yields:
        Every item with the function's result, or with the IntakeError it ended in.

    Raises:
        NoProcessError: If no process can be started.
    """
    lanes = [
        ReadingProcess(function, seconds=seconds, memory_bytes=memory_bytes) for _ in range(workers)
    ]
    work = _Work(iter(items), queue.Queue(maxsize=_QUEUED * workers))
    threads = [threading.Thread(target=work.do, args=(lane,), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads) or not work.done.empty():
            if should_stop is not None and should_stop():
                return
            try:
                item, result = work.done.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if isinstance(result, BaseException) and not isinstance(result, IntakeError):
                raise result
            if isinstance(result, NoProcessError):
                raise result
            yield item, result
    finally:
        work.stopped.set()
        for lane in lanes:
            lane.kill()
        for thread in threads:
            thread.join()


class _Work:
    """Items to do and results to fetch, shared by the threads that each feed one process."""

    def __init__(self, items: Iterator[Any], done: queue.Queue[tuple[Any, Any]]) -> None:
        self.items, self.done = items, done
        self.stopped = threading.Event()
        self._taking = threading.Lock()

    def do(self, lane: ReadingProcess) -> None:
        """Feeds one process until items are used up."""
        try:
            while not self.stopped.is_set():
                try:
                    with self._taking:
                        item = next(self.items)
                except StopIteration:
                    return
                try:
                    self._put(item, lane(item))
                except IntakeError as error:
                    self._put(item, error)
        except BaseException as error:  # of the items' iterator: raised where results are fetched
            self._put(None, error)
        finally:
            lane.close()

    def _put(self, item: Any, result: Any) -> None:
        while not self.stopped.is_set():
            try:
                return self.done.put((item, result), timeout=_POLL_S)
            except queue.Full:
                continue


def _exchange(
    process: subprocess.Popen[bytes], task: Any, seconds: float, memory_bytes: int
) -> dict[str, Any]:
    """Sends a task and waits for its answer; ends the process if that takes too long."""
    answered = threading.Event()
    overdue: list[str] = []

    def watch() -> None:
        deadline = time.monotonic() + seconds
        while not answered.wait(min(_WATCH_S, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                overdue.append("time")
            elif not _LIMITED_BY_SYSTEM and _memory_of(process) > memory_bytes:
                overdue.append("memory")
            if overdue:
                return process.kill()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        write_frame(process.stdin, task)
        return read_frame(process.stdout)
    except (EOFError, OSError):
        if overdue == ["time"]:
            raise TimeoutError from None
        if overdue == ["memory"]:
            return {"memory": True, "last": True}
        raise
    finally:
        answered.set()
        watcher.join()


def _result(answer: dict[str, Any], name: str, memory_bytes: int) -> Any:
    if "value" in answer:
        return answer["value"]
    if "error" in answer:
        raise IntakeError(answer["error"])
    if "memory" in answer:
        raise IntakeError(
            f"Expected {name} to be read with less than {memory_bytes >> 20} MB of memory; it needs more. "
            "Export it smaller, or leave it out."
        )
    _log.error("a reading process met an error it should not:\n%s", answer["bug"])
    raise IntakeError(
        f"Expected {name} to be read; that failed in an unexpected way, see the log. "
        "Export it again, or leave it out."
    )


def _memory_of(process: subprocess.Popen[bytes]) -> int:
    try:
        return psutil.Process(process.pid).memory_info().rss
    except psutil.Error:
        return 0


def _environment() -> dict[str, str]:
    """This process' environment, with the same places to import from, and one thread each.

    glibc would give the room of each image back and ask for it anew, which costs more than decoding it.
    """
    places = [str(Path(__file__).parents[2]), *(place or str(Path.cwd()) for place in sys.path)]
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    keep = {
        "MALLOC_TRIM_THRESHOLD_": str(RECYCLE_BYTES // 3),
        "MALLOC_MMAP_THRESHOLD_": str(RECYCLE_BYTES // 6),
    }
    return {**os.environ, **single, **keep, "PYTHONPATH": os.pathsep.join(places)}
