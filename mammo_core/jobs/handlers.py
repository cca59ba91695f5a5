"""How each kind of job is done."""

from __future__ import annotations

from pathlib import Path

from mammo_core.auditing.heads import AuditTables, run_audit
from mammo_core.cohorts.installed import load_source
from mammo_core.ingestion.download.paper_data import run_fetch
from mammo_core.ingestion.imports.run import run_import
from mammo_core.ingestion.uploads import discard_upload
from mammo_core.jobs.context import JobContext
from mammo_core.jobs.network_handler import train_network_job
from mammo_core.jobs.requests import (
    AuditRequest,
    FeaturesRequest,
    FetchRequest,
    ImportRequest,
    JobRequest,
    NetworkRequest,
    SweepRequest,
)
from mammo_core.ledger.ledger import open_ledger
from mammo_core.results.plans import train_plan
from mammo_core.training.heads.feature_dataset import FeatureDataset, load_feature_dataset
from mammo_core.training.heads.progress import _LiveCurve


def run_request(request: JobRequest, job: JobContext, home: Path) -> None:
    """Does what a request says.

    Raises:
        JobStopped: If it was cancelled; what was finished is kept.
        MammoError: If the request cannot be done.
    """
    match request:
        case FeaturesRequest():
            _open_bench(request, job, home)
        case SweepRequest():
            _sweep(request, job, home)
        case NetworkRequest():
            train_network_job(request, job, home)
        case AuditRequest():
            _audit(request, job, home)
        case FetchRequest():
            _fetch(request, job)
        case ImportRequest():
            _import(request, job, home)


def _open_bench(request: FeaturesRequest, job: JobContext, home: Path) -> FeatureDataset:
    job.report(0, 0, "Reading masses")
    data = load_source(
        request.source,
        on_progress=lambda done, total: job.report(done, total, "Drawing the demo's masses"),
    )
    job.check()
    return load_feature_dataset(
        data,
        request.backbone,
        home / "features",
        on_progress=lambda done, total: job.report(done, total, "Computing features of masses"),
    )


def _sweep(request: SweepRequest, job: JobContext, home: Path) -> None:
    plan = request.plan
    needed = FeaturesRequest(source=request.source, backbone=plan.backbone)
    dataset = _open_bench(needed, job, home)
    job.note_data(dataset.data_hash)
    origin = "train" if plan.num_runs == 1 else "sweep"
    curve = _LiveCurve(job, plan.num_runs)
    job.report(0, plan.num_runs, "Training")
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
        on_step=curve.watch,
    )
    for done, _ in enumerate(runs, start=1):
        curve.runs_done = done
        job.report(done, plan.num_runs, f"Tested run {done} of {plan.num_runs}")


def _audit(request: AuditRequest, job: JobContext, home: Path) -> None:
    """Keeps the tables after each budget, so that a cancelled audit leaves those that were done."""
    plan = request.plan
    dataset = _open_bench(FeaturesRequest(source=request.source, backbone=plan.backbone), job, home)
    job.note_data(dataset.data_hash)
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
    run_audit(dataset, plan, tables, on_point=keep, on_step=show)


def _fetch(request: FetchRequest, job: JobContext) -> None:
    job.report(0, 0, "Looking at what is there")
    report = run_fetch(
        request.plan, request.data_dir, on_progress=job.report, should_stop=job.is_stopping
    )
    job.check()
    said = "was there already" if report.was_there else "came"
    notes = "".join(f"; {note}" for note in report.notes)
    job.report(report.num_files, report.num_files, f"Every file {said}, as published{notes}")


def _import(request: ImportRequest, job: JobContext, home: Path) -> None:
    job.report(0, 0, "Looking at the files")
    report = run_import(
        request.plan,
        request.data_dir,
        home,
        on_progress=lambda done, total: job.report(done, total, "Looking at and cutting images"),
        should_stop=job.is_stopping,
    )
    job.check()
    job.report(report.num_images, report.num_images, f"Cut {report.num_masses} masses")
    discard_upload(request.plan.source, request.data_dir)
    job.replace_request(request.without_paths())
