"""Does what a job asks for: one handler for each kind of request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.nn import functional

from mammo_core.auditing.heads import AuditTables, run_audit
from mammo_core.cohorts.installed import DataSource
from mammo_core.config.runs import BackboneConfig
from mammo_core.evaluation.metrics import auroc
from mammo_core.ingestion.download.paper_data import run_fetch
from mammo_core.ingestion.imports.run import run_import
from mammo_core.ingestion.uploads import discard_upload
from mammo_core.jobs.context import JobContext
from mammo_core.jobs.network_handler import load_masses, measure_time, train_network_job
from mammo_core.jobs.requests import (
    AuditRequest,
    FeaturesRequest,
    FetchRequest,
    ImportRequest,
    JobRequest,
    NetworkRequest,
    SweepRequest,
    TimingRequest,
)
from mammo_core.ledger.ledger import open_ledger
from mammo_core.results.plans import train_plan
from mammo_core.training.heads.feature_dataset import FeatureDataset, load_feature_dataset
from mammo_core.training.heads.runs import HeadStep

_POINTS = 40  # of a curve


def run_request(request: JobRequest, job: JobContext, home: Path) -> None:
    """Does what a request says.

    Raises:
        JobStopped: If it was cancelled; what was finished is kept.
        MammoError: If the request cannot be done.
    """
    _HANDLERS[request.kind](request, job, home)


def compute_features(request: FeaturesRequest, job: JobContext, home: Path) -> None:
    """Computes and keeps the features that a cohort lacks."""
    _load_features(request.source, request.backbone, job, home)


def train_heads(request: SweepRequest, job: JobContext, home: Path) -> None:
    """Trains, tests and records the runs of a plan that are not recorded yet."""
    plan = request.plan
    dataset = _load_features(request.source, plan.backbone, job, home)
    origin, total = "train" if plan.num_runs == 1 else "sweep", plan.num_runs
    curve = _Curve(job, total)
    job.report(0, total, "Training")
    runs = train_plan(
        dataset,
        plan.configs(),
        home,
        ledger=open_ledger(home).on_behalf_of(
            origin, job=job.job_id, beyond_budget=request.beyond_budget
        ),
        origin=origin,
        job_id=job.job_id,
        backend=plan.engine,
        on_step=curve.on_step,
    )
    num_recorded = 0
    for done, run in enumerate(runs, start=1):
        curve.runs_done = done
        num_recorded += run.result is None
        known = (
            f"; {num_recorded} were recorded before and not trained again" if num_recorded else ""
        )
        job.report(done, total, f"Tested run {done} of {total}{known}")


class _Curve:
    """Reports the first of the runs in training, at about forty of its steps.

    Attributes:
        runs_done: Kept up to date by whoever counts the runs.
    """

    def __init__(self, job: JobContext, num_runs: int) -> None:
        self._job, self._num_runs = job, num_runs
        self.runs_done = 0

    def on_step(self, step: HeadStep) -> None:
        """Listens after every step, see `run_plan`."""
        self._job.check()
        config = step.configs[0]
        steps, together = config.recipe.steps, len(step.configs)
        if step.step % max(1, steps // _POINTS) and step.step not in (1, steps):
            return
        self._job.add_point(step.step, _curve_point(step))
        self._job.report(
            self.runs_done,
            self._num_runs,
            f"{config.strategy}, ε = {config.privacy.target_epsilon:g}, seed {config.seed}: "
            f"step {step.step} of {steps}"
            + (f" ({together} runs at once)" if together > 1 else ""),
            epsilon=step.spent_epsilon(0) if config.privacy.is_private else None,
        )


def _curve_point(step: HeadStep) -> dict[str, float]:
    """Measures the first run in training: "loss" on its training masses, "validation_auroc" if there are any.

    The loss is computed from private masses without noise, and no ε covers it: show it only to those who hold
    the data.
    """
    weights, inputs = step.weights[0], step.inputs
    loss = functional.binary_cross_entropy_with_logits(inputs.vectors @ weights, inputs.labels)
    point = {"loss": float(loss)}
    labels, scores = inputs.validation_labels, inputs.validation_scores(weights)
    if labels is not None and scores is not None:
        point["validation_auroc"] = auroc(labels, scores)
    return point


def attack_heads(request: AuditRequest, job: JobContext, home: Path) -> None:
    """Attacks models; keeps the tables after each budget, so that a cancelled audit leaves those it finished."""
    plan = request.plan
    dataset = _load_features(request.source, plan.backbone, job, home)
    total, tables = len(plan.epsilons), AuditTables()
    done = 0

    def show() -> None:
        job.report(done, total, f"Attacking models at ε = {plan.epsilons[done]:g}")

    def keep() -> None:
        nonlocal done
        for name, frame in tables.frames().items():
            job.keep_table(name, frame)
        done += 1
        job.report(done, total, f"Attacked {done} of {total} budgets")

    job.report(0, total, "Training shadow models")
    ledger = open_ledger(home).on_behalf_of(
        "audit", job=job.job_id, beyond_budget=request.beyond_budget
    )
    run_audit(dataset, plan, tables, ledger=ledger, on_point=keep, on_step=show)


def fetch_paper_data(request: FetchRequest, job: JobContext, home: Path) -> None:
    """Downloads the paper's data into the data folder."""
    job.report(0, 0, "Checking what is there")
    report = run_fetch(
        request.plan, request.data_dir, on_progress=job.report, should_stop=job.is_stopping
    )
    job.check()
    if report is None:
        return  # stopped, which `check` has said
    said = "was there already" if report.was_there else "came"
    notes = "".join(f"; {note}" for note in report.notes)
    job.report(report.num_files, report.num_files, f"Every file {said}, as published{notes}")


def import_mammograms(request: ImportRequest, job: JobContext, home: Path) -> None:
    """Imports mammograms as a cohort, then forgets where their files were."""
    job.report(0, 0, "Reading the files")
    report = run_import(
        request.plan,
        request.data_dir,
        home,
        on_progress=lambda done, total: job.report(done, total, "Reading and cutting images"),
        should_stop=job.is_stopping,
    )
    job.check()
    job.report(report.num_images, report.num_images, f"Cut {report.num_masses} masses")
    discard_upload(request.plan.source, request.data_dir)
    job.replace_request(request.without_paths())


def _load_features(
    source: DataSource, backbone: BackboneConfig, job: JobContext, home: Path
) -> FeatureDataset:
    """The masses of a source with their features, computed where they are missing."""
    dataset = load_feature_dataset(
        load_masses(source, job),
        backbone,
        home / "features",
        site=source.site,
        on_progress=lambda done, total: job.report(done, total, "Computing features of masses"),
    )
    job.note_data(dataset.data_hash)
    return dataset


_HANDLERS: dict[str, Callable[[Any, JobContext, Path], None]] = {
    FeaturesRequest.kind: compute_features,
    SweepRequest.kind: train_heads,
    NetworkRequest.kind: train_network_job,
    TimingRequest.kind: measure_time,
    AuditRequest.kind: attack_heads,
    FetchRequest.kind: fetch_paper_data,
    ImportRequest.kind: import_mammograms,
}
