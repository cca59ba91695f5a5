"""Runs a process that reads files from outside, bounded in memory and time.

If a decoder crashes, swells or never ends, that becomes an IngestionError and the process is replaced. The other
end is `reading_process`.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
import time
from typing import Any

import psutil

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.frames import read_frame, write_frame
from mammo_core.ingestion.images.limits import MEMORY_BYTES, RECYCLE_BYTES, START_SECONDS
from mammo_core.system.paths import child_environment

_log = logging.getLogger(__name__)
_WATCH_S = 0.25
_LAST_WORDS_S = 2.0  # for a process that broke down to tell its exit code
_LIMITED_BY_SYSTEM = sys.platform == "linux"
_CHILD_SETTINGS = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # glibc would return each image's memory and ask for it again, which costs more than decoding
    "MALLOC_TRIM_THRESHOLD_": str(RECYCLE_BYTES // 3),
    "MALLOC_MMAP_THRESHOLD_": str(RECYCLE_BYTES // 6),
}


class NoProcessError(IngestionError):
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
        """Applies the function to a task in the other process.

        Raises:
            IngestionError: If the function refuses, or the process crashed, needed too much memory or time.
        """
        process = self._ready()
        try:
            answer = _exchange(process, task, self._seconds, self._memory_bytes)
        except TimeoutError:
            self._end()
            raise IngestionError(
                f"Expected {name} to be read within {self._seconds:g} s; it took longer and was "
                "given up. Export it uncompressed, or leave it out."
            ) from None
        except (EOFError, OSError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LAST_WORDS_S)
            code = process.returncode
            self._end()
            raise IngestionError(
                f"Expected {name} to be read; its decoder broke down (exit code {code}). The file is damaged, "
                "or made to do that: export it again, or leave it out."
            ) from None
        if answer["last"]:
            self._end()
        return _result(answer, name, self._memory_bytes)

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
            [sys.executable, "-m", "mammo_core.ingestion.images.reading_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(**_CHILD_SETTINGS),
        )
        try:
            answer = _exchange(self._process, self._settings, START_SECONDS, self._memory_bytes)
            if "ready" not in answer:
                raise MemoryError
        except (EOFError, OSError, MemoryError) as error:
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
                if pipe is not None:
                    pipe.close()


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
    assert process.stdin is not None and process.stdout is not None  # both are pipes
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
        raise IngestionError(answer["error"])
    if "memory" in answer:
        raise IngestionError(
            f"Expected {name} to be read with less than {memory_bytes >> 20} MB of memory; it needs more. "
            "Export it smaller, or leave it out."
        )
    _log.error("a reading process met an error it should not:\n%s", answer["bug"])
    raise IngestionError(
        f"Expected {name} to be read; that failed in an unexpected way, see the log. "
        "Export it again, or leave it out."
    )


def _memory_of(process: subprocess.Popen[bytes]) -> int:
    try:
        return psutil.Process(process.pid).memory_info().rss
    except psutil.Error:
        return 0
