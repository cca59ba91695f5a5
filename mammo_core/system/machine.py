"""Describes the processor, memory and GPUs of this computer without loading PyTorch."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Machine:
    """Holds the processor, memory and GPUs of this computer.

    Attributes:
        gpus: Name and memory of each NVIDIA GPU that its driver lists.
    """

    num_cores: int
    memory_gb: float
    gpus: tuple[str, ...]


def this_machine() -> Machine:
    """Finds what this computer has."""
    return Machine(
        num_cores=num_cores(),
        memory_gb=psutil.virtual_memory().total / 2**30,
        gpus=_nvidia_gpus(),
    )


def num_cores() -> int:
    """Counts the processor cores of this computer."""
    return os.cpu_count() or 1


def gpu_name(name: str, memory_bytes: int) -> str:
    """Names a GPU: its maker's name and how much memory it has."""
    return f"{name}, {memory_bytes / 2**30:.0f} GB"


def _nvidia_gpus() -> tuple[str, ...]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    listed = subprocess.run(
        [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return tuple(map(_gpu_of_line, listed.stdout.splitlines())) if listed.returncode == 0 else ()


def _gpu_of_line(line: str) -> str:
    """Names a GPU from the driver's "NAME, MEBIBYTES"; one without memory of its own has no number."""
    name, _, mebibytes = line.rpartition(", ")
    return gpu_name(name, int(mebibytes) * 2**20) if mebibytes.isdigit() else name
