"""How many units at once fit into memory; fewer change nothing but the time, as far as the network is deterministic."""

from __future__ import annotations

from collections.abc import Callable

import torch

from mammo_core.privacy.networks.unit_source import UnitBatch, UnitSource

_CPU_NUMBERS = 32 * 3 * 224 * 224  # of inputs at once: more is not faster on a CPU
_PROBED_UNITS = (2, 6)
_USED_SHARE = 0.8  # of free memory: units differ in size
_CPU_MESSAGES = ("not enough memory", "can't allocate memory")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether PyTorch found no memory, on a GPU or the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        message in str(error) for message in _CPU_MESSAGES
    )


def fit_micro_batch(
    compute: Callable[[UnitBatch], object], source: UnitSource, device: torch.device
) -> int:
    """Units to compute at once: as many as a GPU's free memory holds.

    On a GPU the peak of two small micro-batches is measured; on a CPU their number follows from the size
    of the inputs. A training halves it should it be too many after all.

    Args:
        compute: What is done with a micro-batch; its results are let go.
    """
    few, more = (min(source.num_units, count) for count in _PROBED_UNITS)
    if device.type != "cuda":
        return max(1, _CPU_NUMBERS * few // _first_units(source, few).inputs.numel())
    if few == more:
        return source.num_units
    low, high = (
        _peak(compute, _first_units(source, count).to(device), device) for count in (few, more)
    )
    per_unit = max(1, (high - low) / (more - few))
    torch.cuda.empty_cache()
    free = torch.cuda.mem_get_info(device)[0] * _USED_SHARE
    return max(1, min(source.num_units, int((free - low) / per_unit) + few))


def _first_units(source: UnitSource, count: int) -> UnitBatch:
    return source.batch(torch.arange(count), torch.Generator().manual_seed(0))


def _peak(compute: Callable[[UnitBatch], object], batch: UnitBatch, device: torch.device) -> int:
    """Bytes of GPU memory that a micro-batch needs beside what is there already."""
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    compute(batch)
    return torch.cuda.max_memory_allocated(device) - before
