"""Reads tasks from standard input, one at a time, and answers on standard output: the other end of `reader`.

Started as a program. It bounds its own memory, and the processor time of each task, so that it ends even if
nobody is left to end it. What libraries print or log goes nowhere.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from typing import IO, Any

import psutil

from mammo_core.errors import MammoError
from mammo_core.ingestion.images.frames import read_frame, write_frame
from mammo_core.ingestion.images.limits import RECYCLE_BYTES

_FRAMES_TOLD = 6


def resolve(reference: str) -> Callable[[Any], Any]:
    """Imports the function that "package.module:name" refers to."""
    module, name = reference.split(":")
    return getattr(importlib.import_module(module), name)


def serve(tasks: IO[bytes], answers: IO[bytes]) -> None:
    """Answers tasks until their sender is gone, or until too much memory stays in use."""
    settings = read_frame(tasks)
    function = resolve(settings["function"])
    _limit_memory(settings["memory_bytes"])
    write_frame(answers, {"ready": True})
    own = psutil.Process()
    while True:
        try:
            task = read_frame(tasks)
        except EOFError:
            return
        _limit_time(settings["seconds"])
        answer = _answer(function, task)
        answer["last"] = own.memory_info().rss > RECYCLE_BYTES
        write_frame(answers, answer)
        if answer["last"]:
            return
        del task, answer


def _answer(function: Callable[[Any], Any], task: Any) -> dict[str, Any]:
    try:
        return {"value": function(task)}
    except MammoError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"memory": True}
    except Exception as error:  # a process border: told to the other side, which logs it
        # where, not what: the text of an error may quote the file, and with it a patient
        where = traceback.format_tb(error.__traceback__)[-_FRAMES_TOLD:]
        return {"bug": "".join(where) + type(error).__name__}


def _limit_memory(num_bytes: int) -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (num_bytes, num_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: float) -> None:
    """Lets the system end this process once a task has used twice its time on the processor."""
    if sys.platform == "linux":
        import resource

        end = int(time.process_time() + 2 * seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (end, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started this
    warnings.simplefilter("ignore")
    logging.disable()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    serve(sys.stdin.buffer, answers)
