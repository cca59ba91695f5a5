"""Trains the network of a job: what it reports on the way, and that cancelling keeps a checkpoint."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from mammo_core.cohorts.installed import DataSource, LoadedData, load_source
from mammo_core.config.runs import run_key
from mammo_core.jobs.context import JobContext
from mammo_core.jobs.requests import NetworkRequest, TimingRequest
from mammo_core.jobs.store import JobStore
from mammo_core.ledger.ledger import open_ledger
from mammo_core.results.archive import RunArchive
from mammo_core.results.recording import RunRecorder
from mammo_core.system.device import choose_device, device_name
from mammo_core.training.dataset import run_dataset
from mammo_core.training.networks.execute import RunCallbacks, execute
from mammo_core.training.networks.loop import NetworkProgress, TrainingStopped
from mammo_core.training.networks.timing import StepTime, measure_step_time

_STEP_TIME = "step_time"
_DOING = {"pretraining": "Training on synthetic masses first", "training": "Training"}


def train_network_job(request: NetworkRequest, job: JobContext, home: Path) -> None:
    """Trains, measures and records the network of a request, unless it is recorded already.

    Raises:
        JobStopped: If it was cancelled; a run on images keeps its checkpoint, and a new attempt goes on from there.
        MammoError: If the request cannot be done.
    """
    data = run_dataset(load_masses(request.source, job), site=request.source.site)
    job.note_data(data.data_hash)
    total = request.config.recipe.steps
    if run_key(request.config, data.data_hash) in RunArchive(home).finished_keys(data.data_hash):
        job.report(total, total, "This run was recorded before")
        return
    device = choose_device(request.device)
    job.report(0, 0, "Building the network and finding how much noise its budget needs")
    ledger = open_ledger(home).on_behalf_of(
        "train", job=job.job_id, beyond_budget=request.beyond_budget
    )
    reports = _Reports(job, total, device_name(device))
    try:
        run = execute(
            request.config,
            data,
            ledger=ledger,
            home=home,
            device=device,
            micro_batch=request.micro_batch,
            callbacks=RunCallbacks(
                on_features=reports.on_features,
                on_prepared=reports.on_prepared,
                on_progress=reports.on_progress,
                should_stop=job.is_stopping,
            ),
        )
    except TrainingStopped:
        job.check()
        raise
    RunRecorder(home).record(run, origin="train", job_id=job.job_id)
    job.report(total, total, f"Tested after step {run.kept_step} of {total}")


def measure_time(request: TimingRequest, job: JobContext, _: Path) -> None:
    """Measures the steps of the network of a request, and keeps the result with the job.

    Raises:
        JobStopped: If it was cancelled.
        MammoError: As `measure_step_time`.
    """
    job.report(0, 0, "Measuring some steps on made-up images")
    device = choose_device(request.device)
    measured = measure_step_time(request.config, device, check=job.check)
    job.keep_table(_STEP_TIME, pd.DataFrame([asdict(measured)]))


def measured_time(store: JobStore, job_id: str) -> StepTime:
    """What a finished job of `measure_time` found."""
    return StepTime(**store.tables(job_id)[_STEP_TIME].iloc[0])


def load_masses(source: DataSource, job: JobContext) -> LoadedData:
    """Reads the masses of a source for a job, which says how far that is and may stop at any of them.

    Raises:
        JobStopped: If the job was cancelled.
        CohortError: As `load_source`.
    """
    doing = "Drawing the demo's masses" if source.is_demo else "Reading masses"
    job.report(0, 0, doing)
    loaded = load_source(source, on_progress=lambda done, total: job.report(done, total, doing))
    job.check()
    return loaded


class _Reports:
    """Says how far a run is, with the last ε that was counted, and draws its curve."""

    def __init__(self, job: JobContext, total: int, device: str) -> None:
        self._job, self._total, self._device = job, total, device
        self._epsilon: float | None = None

    def on_features(self, done: int, total: int) -> None:
        """Reports how many features are computed."""
        self._job.report(done, total, "Computing features of masses")

    def on_prepared(self, _: object) -> None:
        """Reports that the training begins."""
        self._job.report(0, self._total, f"The first step on {self._device}, the slowest")

    def on_progress(self, progress: NetworkProgress) -> None:
        """Reports a step."""
        is_training = progress.phase == "training"
        if progress.epsilon is not None and not math.isinf(progress.epsilon):
            self._epsilon = progress.epsilon
        if is_training and not math.isnan(progress.loss):
            point = {"loss": progress.loss}
            if progress.validation_auroc is not None:
                point["validation_auroc"] = progress.validation_auroc
            self._job.add_point(progress.step, point)
        if self._job.is_stopping():
            return  # the training ends by itself and writes its checkpoint first
        self._job.report(
            progress.step,
            progress.steps,
            f"{_DOING[progress.phase]} on {self._device}: step {progress.step} of {progress.steps}, "
            f"{progress.seconds_each:.2g} s each. {progress.message}".strip(),
            epsilon=self._epsilon if is_training else None,
        )
