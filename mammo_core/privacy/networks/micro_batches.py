"""Cuts steps into micro-batches that fit into memory; their size changes only the time of a deterministic network."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.networks.unit_source import UnitBatch, UnitSource

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_CPU_NUMBERS = 32 * 3 * 224 * 224  # of inputs at once: more is not faster on a CPU
_PROBED_UNITS = (2, 6)
_USED_SHARE = 0.8  # of free memory: units differ in size
_CPU_MESSAGES = ("not enough memory", "can't allocate memory")


class StepStopped(Exception):
    """A step was asked to stop before it was done."""


class MicroBatches:
    """Cuts the units of a step into parts, smaller ones from when memory was short.

    Args:
        should_stop: Asked before each part.

    Attributes:
        size: Units at once.
    """

    def __init__(
        self,
        device: torch.device,
        size: int = 1,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._device, self._should_stop = device, should_stop
        self._message = ""
        self.size = size

    def of(self, units: Tensor) -> Iterator[Tensor]:
        """Parts of whole units: (U,) -> none for no units.

        Raises:
            StepStopped: Before a part, if `should_stop` says so.
        """
        for part in torch.split(units, self.size) if len(units) else ():
            if self._should_stop():
                raise StepStopped
            yield part

    def patiently(self, compute: Callable[[], _Result]) -> _Result:
        """Computes, and starts again with half the units at once where memory does not hold them.

        Raises:
            InvalidRequestError: If not even one unit fits.
        """
        while True:
            try:
                return compute()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                shortage = str(error).splitlines()[0]
            # outside of the handler: the error would keep what was computed so far in memory
            if self.size == 1:
                raise InvalidRequestError(
                    f"Expected one unit at a time to fit into memory; it does not: {shortage} Choose a smaller "
                    "network or image size, fewer views, or end what else uses the memory."
                )
            self.size //= 2
            self._message = f"Memory was short: going on with {self.size} units at once."
            _LOG.warning(self._message)
            if self._device.type == "cuda":
                torch.cuda.empty_cache()

    def take_message(self) -> str:
        """Takes the message for the user since the last call; empty without one."""
        message, self._message = self._message, ""
        return message


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tells whether PyTorch ran out of memory, on a GPU or the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        message in str(error) for message in _CPU_MESSAGES
    )


def fit_micro_batch(
    compute: Callable[[UnitBatch], object], source: UnitSource, device: torch.device
) -> int:
    """Finds how many units to compute at once: as many as a GPU's free memory holds.

    On a GPU the peak of two small micro-batches is measured; on a CPU their number follows from the size
    of the inputs. A training halves it should it be too many after all.

    Args:
        compute: What is done with a micro-batch; its results are dropped.
    """
    few, more = (min(source.num_units, count) for count in _PROBED_UNITS)
    if device.type != "cuda":
        return max(1, _CPU_NUMBERS * few // _first_units(source, few).inputs.numel())
    if few == more:
        return source.num_units
    peaks: list[int] = []
    for count in (few, more):
        try:
            peaks.append(_peak(compute, _first_units(source, count).to(device), device))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            break
    torch.cuda.empty_cache()
    if len(peaks) < 2:
        return few if peaks else 1
    low, high = peaks
    per_unit = max(1, (high - low) / (more - few))
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
