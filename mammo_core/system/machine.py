"""What this computer has for training, found without loading PyTorch."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Machine:
    """Processor, memory and GPUs of this computer.

    Attributes:
        gpus: Name and memory of each NVIDIA GPU that its driver lists.
    """

    num_cores: int
    memory_gb: float
    gpus: tuple[str, ...]


def this_machine() -> Machine:
    """Looks at this computer."""
    return Machine(
        num_cores=num_cores(),
        memory_gb=psutil.virtual_memory().total / 2**30,
        gpus=_nvidia_gpus(),
    )


def num_cores() -> int:
    """Processor cores of this computer."""
    return os.cpu_count() or 1


def gpu_name(name: str, memory_bytes: int) -> str:
    """What to call a GPU everywhere: its maker's name and how much memory it has."""
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
    """A GPU from the driver's "NAME, MEBIBYTES"; some share the computer's memory and have none to tell."""
    name, _, mebibytes = line.rpartition(", ")
    return gpu_name(name, int(mebibytes) * 2**20) if mebibytes.isdigit() else name
