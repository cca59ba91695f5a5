"""Small real jobs on image files, executors without Dask, and waiting for what a job should become."""

import threading
import time
from concurrent.futures import Executor, Future

import numpy as np
from PIL import Image

from mammo_core.cohorts.installed import DataSource
from mammo_core.config.runs import BackboneConfig
from mammo_core.jobs.requests import FeaturesRequest, SweepRequest
from mammo_core.training.heads.sweep import RecipeChanges, SweepPlan

TINY = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)


def write_cohort(folder, patients=12, site="site"):
    """A few noisy masses of each class and split, brighter if malignant, as files."""
    rng = np.random.default_rng(len(site) - 4)
    for split in ("train", "val", "test"):
        for patient in range(patients):
            benign = patient % 2
            place = folder / site / split / f"is_benign_{'true' if benign else 'false'}"
            place.mkdir(parents=True, exist_ok=True)
            grey = rng.normal(140 - 50 * benign, 30, (16, 16)).clip(0, 255).astype(np.uint8)
            name = f"patient{split}{patient}_image1_mass1_is_benign_{benign}.png"
            Image.fromarray(grey).save(place / name)
    return DataSource(folder)


def sweep_request(source, seeds=(1, 2), epsilons=(1.0, 6.0), steps=5, engine="opacus"):
    return SweepRequest(
        source=source,
        plan=SweepPlan(
            strategies=("real",),
            units=("patient",),
            epsilons=epsilons,
            seeds=seeds,
            delta=1e-3,
            backbone=TINY,
            noise="reproducible",
            changes=RecipeChanges(steps=steps),
            engine=engine,
        ),
    )


def features_request(source):
    return FeaturesRequest(source=source, backbone=TINY)


class ThreadExecutors:
    """One thread that does one job at a time, the highest priority first, once `release` is called."""

    def __init__(self, waits=False):
        self._executor = _PriorityExecutor(waits)

    def open(self):
        return self._executor

    def submit_options(self, priority):
        return {"priority": priority}

    def is_alive(self):
        return True

    def close(self):
        self._executor.shutdown()

    def release(self):
        self._executor.go.set()

    def num_submitted(self):
        """How many tasks wait for `release`."""
        return len(self._executor._tasks)


class _PriorityExecutor(Executor):
    def __init__(self, waits):
        self.go = threading.Event()
        if not waits:
            self.go.set()
        self._closed = threading.Event()
        self._tasks = []
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, fn, *args, priority):
        future = Future()
        self._tasks.append((-priority, len(self._tasks), future, fn, args))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._closed.set()
        self.go.set()
        self._thread.join()

    def _work(self):
        self.go.wait()
        while not self._closed.is_set():
            if not self._tasks:
                time.sleep(0.01)
                continue
            task = min(self._tasks)
            self._tasks.remove(task)
            _, _, future, fn, args = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args))
                except BaseException as error:
                    future.set_exception(error)


def wait_for(look, wanted, limit_s=60):
    """Polls until `wanted` of what `look` returns holds; returns it."""
    end = time.monotonic() + limit_s
    while not wanted(seen := look()):
        assert time.monotonic() < end, f"still {seen}"
        time.sleep(0.05)
    return seen


def wait_until_over(engine, job_id, limit_s=90):
    return wait_for(lambda: engine.store.view(job_id), lambda view: view.is_over, limit_s)
