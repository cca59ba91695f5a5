"""Random numbers that repeat: of dropout, stochastic depth and random views, not of noise that protects anybody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it, torch's own generators start from a seed; afterwards they go on as if nothing had been."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def seed_of_step(seed: int | None, step: int) -> int:
    """Another seed for each step, the same whenever it is asked for; for None from the operating system."""
    if seed is None:
        return int.from_bytes(os.urandom(8), "little") >> 1
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
