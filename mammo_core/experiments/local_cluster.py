"""A Dask cluster on this computer, in a process of its own: `python -m mammo_core.experiments.local_cluster FILE`.

One worker process per GPU, or one for all processor cores where there is none; each does one job at a time.
It writes its address into FILE and ends when its standard input closes, so it never outlives the program that
started it, however that one ended. It runs at low priority: pages come before jobs.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import dask
from distributed import Nanny, Scheduler, SpecCluster

RESOURCE = "job"  # each worker has one; each job takes one


def worker_specs(num_gpus: int, num_cores: int) -> dict[int, dict[str, object]]:
    """What workers to start: one per GPU that sees only this one, or one for the processor."""
    num_workers = max(1, num_gpus)
    threads = str(max(1, num_cores // num_workers))
    specs = {}
    for index in range(num_workers):
        env = {name: threads for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        if num_gpus:
            env["CUDA_VISIBLE_DEVICES"] = str(index)
        options = {"nthreads": 1, "resources": {RESOURCE: 1}, "env": env, "memory_limit": 0}
        options["dashboard_address"] = "127.0.0.1:0"
        options["preload"] = [
            "mammo_core.experiments.job_run"
        ]  # heavy imports before the first job
        specs[index] = {"cls": Nanny, "options": options}
    return specs


def _num_gpus() -> int:
    if shutil.which("nvidia-smi") is None:
        return 0  # spares the import of torch
    import torch

    return torch.cuda.device_count()


def main(address_file: Path) -> None:
    """Runs the cluster until standard input closes."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(10)
    # a worker that died is started anew, however long imports take on a busy machine
    dask.config.set({"distributed.deploy.lost-worker-timeout": "10 minutes"})
    cluster = SpecCluster(
        workers=worker_specs(_num_gpus(), os.cpu_count() or 1),
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
