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
        num_cores=os.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / 2**30,
        gpus=_nvidia_gpus(),
    )


def _nvidia_gpus() -> tuple[str, ...]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    listed = subprocess.run(
        [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return tuple(listed.stdout.splitlines()) if listed.returncode == 0 else ()
