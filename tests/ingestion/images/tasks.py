"""What tests have reading processes do: good work, and all the ways in which decoders misbehave."""

import ctypes
import os
import sys
import time

import numpy as np

from mammo_core.errors import CohortError


def double(value):
    return value * 2


def obey(task):
    """Does what the task says."""
    match task:
        case "crash":
            ctypes.string_at(0)
        case "loop":
            while True:
                pass
        case "sleep":
            time.sleep(60)
        case "swell":
            return len(np.ones(2**29))
        case "exit":
            os._exit(3)
        case "refuse":
            raise CohortError("Expected better; got this. Try again.")
        case "bug":
            return {}[task + " of JANE"]
        case "print":
            print("noise " * 10_000)
            sys.stdout.flush()
            os.write(1, b"more noise")
        case "pid":
            return os.getpid()
        case "keep":
            kept.append(np.ones(850 * 2**20, dtype=np.uint8))
    return task


kept = []
