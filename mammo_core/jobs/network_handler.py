"""How a job trains a network on images: what it reports, and that cancelling keeps a checkpoint."""

from __future__ import annotations

import math
from pathlib import Path

from mammo_core.cohorts.installed import LoadedData, load_source
from mammo_core.config.runs import run_key
from mammo_core.jobs.context import JobContext
from mammo_core.jobs.requests import NetworkRequest
from mammo_core.ledger.ledger import open_ledger
from mammo_core.results.archive import RunArchive
from mammo_core.results.recording import RunRecorder, record_network
from mammo_core.system.device import choose_device, device_name
from mammo_core.training.dataset import run_dataset
from mammo_core.training.heads.feature_dataset import load_feature_dataset
from mammo_core.training.networks.loop import NetworkProgress, TrainingStopped
from mammo_core.training.networks.plan import NetworkRun, prepare_network
from mammo_core.training.networks.runs import run_network
from mammo_core.training.paper.frozen_runs import EpochReport, run_frozen_preset
from mammo_core.training.paper.presets import is_on_features

_DOING = {"pretraining": "Training on synthetic masses first", "training": "Training"}


def train_network_job(request: NetworkRequest, job: JobContext, home: Path) -> None:
    """Trains, measures and records the network of a request, unless it is recorded already.

    Raises:
        JobStopped: If it was cancelled; its checkpoint is kept, and a new attempt goes on from there.
        MammoError: If the request cannot be done.
    """
    job.report(0, 0, "Reading masses")
    loaded = load_source(
        request.source,
        on_progress=lambda done, total: job.report(done, total, "Drawing the demo's masses"),
    )
    data = run_dataset(loaded, site=request.source.site)
    job.note_data(data.data_hash)
    total = request.config.recipe.steps
    if run_key(request.config, data.data_hash) in RunArchive(home).finished_keys(data.data_hash):
        job.report(total, total, "This run was recorded before")
        return
    if is_on_features(request.config):
        _train_on_features(request, loaded, job, home)
        return
    job.report(0, 0, "Building the network and finding how much noise its budget needs")
    device = choose_device(request.device)
    run = prepare_network(data, request.config)
    reports = _Reports(job, run, device_name(device))
    job.report(0, total, f"The first step on {device_name(device)}, the slowest")
    try:
        outcome = run_network(
            run,
            ledger=open_ledger(home).on_behalf_of(
                "train", job=job.job_id, beyond_budget=request.beyond_budget
            ),
            home=home,
            device=device,
            micro_batch=request.micro_batch,
            on_progress=reports.show,
            should_stop=job.is_stopping,
        )
    except TrainingStopped:
        job.check()
        raise
    record_network(outcome, data, home, origin="train", job_id=job.job_id)
    job.report(total, total, f"Tested after step {outcome.kept_step} of {total}")


def _train_on_features(
    request: NetworkRequest, loaded: LoadedData, job: JobContext, home: Path
) -> None:
    config, device = request.config, choose_device(request.device)
    dataset = load_feature_dataset(
        loaded,
        config.backbone,
        home / "features",
        site=request.source.site,
        on_progress=lambda done, total: job.report(done, total, "Computing features of masses"),
    )

    def show(epoch: EpochReport) -> None:
        job.add_point(epoch.epoch, {"loss": epoch.loss})
        job.report(
            epoch.epoch,
            epoch.epochs,
            f"Training on {device_name(device)}: epoch {epoch.epoch} of {epoch.epochs}",
        )

    outcome = run_frozen_preset(
        dataset,
        config,
        ledger=open_ledger(home).on_behalf_of(
            "train", job=job.job_id, beyond_budget=request.beyond_budget
        ),
        device=device,
        on_epoch=show,
    )
    RunRecorder(home).record_network(outcome, dataset, None, origin="train", job_id=job.job_id)
    total = config.recipe.steps
    job.report(total, total, f"Tested after step {outcome.kept_step} of {total}")


class _Reports:
    """Says how far a run is, with the last ε that was counted, and draws its curve."""

    def __init__(self, job: JobContext, run: NetworkRun, device: str) -> None:
        self._job, self._run, self._device = job, run, device
        self._epsilon: float | None = None

    def show(self, progress: NetworkProgress) -> None:
        """Listens after every step."""
        is_training = progress.phase == "training"
        if progress.epsilon is not None and not math.isinf(progress.epsilon):
            self._epsilon = progress.epsilon
        if is_training and not math.isnan(progress.loss):
            point = {"loss": progress.loss}
            if progress.validation_auroc is not None:
                point["validation_auroc"] = progress.validation_auroc
            self._job.add_point(progress.step, point)
        if self._job.is_stopping():
            return  # the training stops by itself and writes its checkpoint first
        self._job.report(
            progress.step,
            progress.steps,
            f"{_DOING[progress.phase]} on {self._device}: step {progress.step} of {progress.steps}, "
            f"{progress.seconds_each:.2g} s each. {progress.message}".strip(),
            epsilon=self._epsilon if is_training else None,
        )
