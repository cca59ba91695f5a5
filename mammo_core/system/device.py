"""Chooses and names the device that PyTorch computes on, and cuts work into parts that its memory holds.

`machine` describes the computer without loading PyTorch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Literal, TypeVar, get_args

import torch
from torch import nn

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.system.machine import gpu_name, num_cores

DeviceWish = Literal["auto", "cpu", "cuda"]
DEVICE_WISHES: tuple[DeviceWish, ...] = get_args(DeviceWish)
_LOG = logging.getLogger(__name__)
_Part = TypeVar("_Part")
_Network = TypeVar("_Network", bound=nn.Module)


def choose_device(wish: DeviceWish = "auto") -> torch.device:
    """Returns the device to compute on; with "auto" the GPU if there is one.

    Raises:
        InvalidRequestError: If the wish is none of these, or a GPU is asked for and PyTorch finds none.
    """
    validate.one_of(DEVICE_WISHES, device=wish)
    if wish == "cpu" or torch.cuda.is_available():
        return torch.device("cpu" if wish == "cpu" else "cuda")
    if wish == "auto":
        return torch.device("cpu")
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    raise InvalidRequestError(
        f"Expected an NVIDIA GPU that PyTorch can use; PyTorch {torch.__version__}, {built}, finds none. "
        "Choose the device cpu or auto, or see whether nvidia-smi lists the GPU, CUDA_VISIBLE_DEVICES "
        "does not hide it, and the driver is new enough."
    )


def channels_last(network: _Network, device: torch.device | str) -> _Network:
    """Moves a network to a device, with its weights laid out as convolutions read them fastest."""
    network.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (no stub)
    return network


def device_name(device: torch.device) -> str:
    """Names a device beside a result, for example "NVIDIA H200, 140 GB" or "CPU, 2 cores"."""
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        return gpu_name(found.name, found.total_memory)
    return f"CPU, {num_cores()} cores"


def parts_that_fit(
    compute: Callable[[slice], _Part], num_rows: int, rows_at_once: int
) -> Iterator[_Part]:
    """Computes rows in parts; a part that the GPU's memory does not hold is halved and tried again.

    Args:
        compute: Given the rows of a part; called again with fewer after it ran out of memory, so it may
            change nothing before it returns.
        num_rows: Of all parts together.
        rows_at_once: Of the first part. Later parts are never larger than one that fitted.

    Yields:
        What `compute` returned, part after part, in order.

    Raises:
        InvalidRequestError: If not even one row fits.
    """
    start, rows_at_once = 0, max(1, rows_at_once)
    while start < num_rows:
        rows = slice(start, min(start + rows_at_once, num_rows))
        try:
            part = compute(rows)
        except torch.OutOfMemoryError as error:
            shortage = str(error).splitlines()[0]
        else:
            yield part
            start = rows.stop
            continue
        # outside of the handler: the error would keep what was computed so far in memory
        rows_at_once = (rows.stop - rows.start) // 2
        if rows_at_once == 0:
            raise InvalidRequestError(
                f"Expected one input to fit into the GPU's memory; it does not: {shortage} Choose a smaller "
                "network or image size, the device cpu, or end what else uses the GPU."
            )
        _LOG.warning("The GPU's memory is short; going on with %d at once.", rows_at_once)
        torch.cuda.empty_cache()
