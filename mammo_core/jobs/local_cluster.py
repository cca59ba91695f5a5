"""A Dask cluster on this computer, in a process of its own: `python -m mammo_core.jobs.local_cluster FILE`.

One worker process per GPU, or one for all processor cores where there is none; each does one job at a time.
It writes its address into FILE and ends when its standard input closes, so it never outlives the program that
started it, however that one ended. It runs at low priority: pages come before jobs.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from dask import config as dask_config
from distributed import Nanny, Scheduler, SpecCluster

RESOURCE = "job"  # each worker has one; each job takes one


def worker_specs(num_gpus: int) -> dict[int, dict[str, object]]:
    """Describes the workers to start: one per GPU that sees only this one, or one for the processor."""
    shared: dict[str, object] = {
        "nthreads": 1,
        "resources": {RESOURCE: 1},
        "memory_limit": 0,
        "dashboard_address": "127.0.0.1:0",
        "preload": ["mammo_core.jobs.worker"],  # heavy imports before the first job
    }
    envs = [{"CUDA_VISIBLE_DEVICES": str(index)} for index in range(num_gpus)] or [{}]
    return {
        index: {"cls": Nanny, "options": shared | {"env": env}} for index, env in enumerate(envs)
    }


def thread_settings(num_gpus: int, num_cores: int) -> dict[str, str]:
    """How many threads a worker computes with: as the environment says, else all cores shared among the workers.

    Dask's own default is 1.
    """
    threads = str(max(1, num_cores // max(1, num_gpus)))
    return {name: os.environ.get(name, threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}


def _num_gpus() -> int:
    if shutil.which("nvidia-smi") is None:
        return 0  # spares the import of torch
    import torch

    return torch.cuda.device_count()


def main(address_file: Path) -> None:
    """Runs the cluster until standard input closes."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(10)
    num_gpus = _num_gpus()
    dask_config.set(
        {
            # a worker that died is started anew, however long imports take on a busy machine
            "distributed.deploy.lost-worker-timeout": "10 minutes",
            "distributed.nanny.pre-spawn-environ": thread_settings(num_gpus, os.cpu_count() or 1),
        }
    )
    cluster = SpecCluster(
        workers=worker_specs(num_gpus),
        scheduler={
            "cls": Scheduler,
            "options": {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"},
        },
    )
    with cluster:
        partial = address_file.with_suffix(".partial")
        partial.write_text(cluster.scheduler_address, encoding="utf-8")
        partial.replace(address_file)
        sys.stdin.read()
        os._exit(0)  # the workers notice and end at once, whatever they compute


if __name__ == "__main__":
    main(Path(sys.argv[1]))
