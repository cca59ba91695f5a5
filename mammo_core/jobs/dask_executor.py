"""Executors on Dask: a cluster of processes on this computer, or any cluster named by MAMMO_DASK_SCHEDULER."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from distributed import Client

from mammo_core.errors import MammoError
from mammo_core.jobs.local_cluster import RESOURCE
from mammo_core.system.paths import child_environment

SCHEDULER_VARIABLE = "MAMMO_DASK_SCHEDULER"
RESOURCE_VARIABLE = "MAMMO_DASK_RESOURCE"
_START_SECONDS = 240  # of a first start on a slow disk, before anything is compiled
_END_SECONDS = 2


class DaskExecutors:
    """Opens an executor when one is needed and again when its scheduler has died.

    With `MAMMO_DASK_SCHEDULER=tcp://host:8786` jobs go to that cluster; its workers need this program and
    the same `MAMMO_HOME` and data on the same paths. `MAMMO_DASK_RESOURCE=GPU` makes each job take one
    GPU of workers started with `--resources GPU=1`.
    """

    def __init__(self) -> None:
        self._client: Any = None  # of `distributed`, which has no types
        self._cluster: subprocess.Popen[bytes] | None = None
        self._closed = threading.Event()
        self._external = os.environ.get(SCHEDULER_VARIABLE)
        self._resource = os.environ.get(RESOURCE_VARIABLE) if self._external else RESOURCE

    def open(self) -> Executor:
        """A working executor.

        Raises:
            MammoError: If no scheduler answers, or all was closed.
        """
        client = self._client
        if client is None or not self.is_alive():
            self._end()
            address = self._external or self._start_cluster()
            try:
                self._client = Client(address, timeout=10, set_as_default=False)
            except OSError as error:
                raise MammoError(
                    f"Expected a Dask scheduler at {address}; got no answer ({error}). Start it, or "
                    f"unset {SCHEDULER_VARIABLE} to use this computer."
                ) from error
            client = self._client
        return client.get_executor(pure=False)

    def submit_options(self, priority: int) -> dict[str, object]:
        """Dask's keywords: its priority, and what one job takes of a worker."""
        resources = {self._resource: 1} if self._resource else None
        return {"priority": priority, "resources": resources}

    def is_alive(self) -> bool:
        """Whether there is a client whose scheduler answers."""
        if self._cluster is not None and self._cluster.poll() is not None:
            return False
        return self._client is not None and self._client.status == "running"

    def close(self) -> None:
        """Ends client and local cluster, for good: also one that another thread is just starting."""
        self._closed.set()
        self._end()

    def _end(self) -> None:
        if self._client is not None:
            self._client.close(timeout=_END_SECONDS)
            self._client = None
        if self._cluster is not None:
            if self._cluster.stdin is not None:
                self._cluster.stdin.close()  # tells it to end
            try:
                self._cluster.wait(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._cluster.kill()
                self._cluster.wait()
            self._cluster = None

    def _start_cluster(self) -> str:
        """Starts the process of the local cluster; returns its scheduler's address."""
        with tempfile.TemporaryDirectory() as folder:
            address_file = Path(folder) / "address"
            module = "mammo_core.jobs.local_cluster"
            cluster = self._cluster = subprocess.Popen(
                [sys.executable, "-m", module, str(address_file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=child_environment(DASK_LOGGING__DISTRIBUTED="warning"),
            )
            deadline = time.monotonic() + _START_SECONDS
            while not address_file.exists():
                is_over = cluster.poll() is not None or time.monotonic() > deadline
                if is_over or self._closed.is_set():
                    cluster.kill()  # it would look for a folder that is gone
                    cluster.wait()
                    self._cluster = None
                    raise MammoError(
                        f"Expected the local cluster to start within {_START_SECONDS} s; it did not. "
                        "The program's output says why; try again."
                    )
                time.sleep(0.05)
            return address_file.read_text(encoding="utf-8")
