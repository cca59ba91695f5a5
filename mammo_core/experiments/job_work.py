"""How each kind of job is done."""

from __future__ import annotations

from pathlib import Path

from sklearn.metrics import roc_auc_score
from torch.nn import functional

from mammo_core.cohorts.installed import load_source
from mammo_core.experiments.attack_audit import AuditTables, run_audit
from mammo_core.experiments.job_context import JobContext
from mammo_core.experiments.ledger import open_ledger
from mammo_core.experiments.network_job import train_network_job
from mammo_core.experiments.requests import (
    AuditRequest,
    FeaturesRequest,
    FetchRequest,
    ImportRequest,
    JobRequest,
    NetworkRequest,
    SweepRequest,
)
from mammo_core.experiments.run_archive import RunArchive
from mammo_core.experiments.runs import RunResult, StepReport
from mammo_core.experiments.sweep import run_sweep
from mammo_core.experiments.tracking import RunTracker
from mammo_core.experiments.workbench import Workbench, open_workbench
from mammo_core.intake.fetching.fetch import run_fetch
from mammo_core.intake.imports.importing import run_import
from mammo_core.intake.uploads import discard_upload

_POINTS = 40  # of a curve


def do_work(request: JobRequest, job: JobContext, home: Path) -> None:
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


def _open_bench(request: FeaturesRequest, job: JobContext, home: Path) -> Workbench:
    job.report(0, 0, "Reading masses")
    data = load_source(
        request.source,
        on_progress=lambda done, total: job.report(done, total, "Drawing the demo's masses"),
    )
    job.check()
    return open_workbench(
        data.real,
        data.synthetic,
        request.backbone,
        home / "features",
        origin=data.origin,
        is_demonstration=data.is_demonstration,
        on_progress=lambda done, total: job.report(done, total, "Computing features of masses"),
    )


def _sweep(request: SweepRequest, job: JobContext, home: Path) -> None:
    plan = request.plan
    needed = FeaturesRequest(source=request.source, backbone=plan.backbone)
    bench = _open_bench(needed, job, home)
    job.note_data(bench.data_hash)
    origin = "train" if plan.num_runs == 1 else "sweep"
    tracker, done = RunTracker(home), 0
    curve = _LiveCurve(job, plan.num_runs)
    job.report(0, plan.num_runs, "Training")

    def keep(result: RunResult | None) -> None:
        nonlocal done
        if result is not None:
            tracker.record(result, bench, origin=origin, job_id=job.job_id)
        done += 1
        curve.runs_done = done
        job.report(done, plan.num_runs, f"Tested run {done} of {plan.num_runs}")

    ledger = open_ledger(home).on_behalf_of(
        origin, job=job.job_id, beyond_budget=request.beyond_budget
    )
    run_sweep(
        bench,
        plan,
        ledger=ledger,
        finished=RunArchive(home).finished_keys(bench.data_hash),
        on_result=keep,
        on_step=curve.watch,
    )


def _audit(request: AuditRequest, job: JobContext, home: Path) -> None:
    """Keeps the tables after each budget, so that a cancelled audit leaves those that were done."""
    plan = request.plan
    bench = _open_bench(FeaturesRequest(source=request.source, backbone=plan.backbone), job, home)
    job.note_data(bench.data_hash)
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
    run_audit(bench, plan, tables, on_point=keep, on_step=show)


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


class _LiveCurve:
    """Draws loss and validation AUROC of the first run in training, and says how far it is."""

    def __init__(self, job: JobContext, num_runs: int) -> None:
        self._job = job
        self._num_runs = num_runs
        self.runs_done = 0

    def watch(self, report: StepReport) -> None:
        """Listens at every step; adds a point at some."""
        self._job.check()
        config = report.configs[0]
        steps = config.recipe.steps
        if report.step % max(1, steps // _POINTS) and report.step not in (1, steps):
            return
        self._job.add_point(report.step, curve_point(report))
        self._job.report(
            self.runs_done,
            self._num_runs,
            f"{config.strategy}, ε = {config.privacy.target_epsilon:g}, seed {config.seed}: "
            f"step {report.step} of {steps}"
            + (f" ({len(report.configs)} runs at once)" if len(report.configs) > 1 else ""),
            epsilon=report.spent_epsilon(0) if config.privacy.is_private else None,
        )


def curve_point(report: StepReport) -> dict[str, float]:
    """Where the first run in training is: "loss" on its training masses, "validation_auroc" if there are any.

    The loss is computed from private masses without noise: it is for the eyes of those who hold the data,
    and no ε covers it.
    """
    weights, prepared = report.weights[0], report.prepared
    loss = functional.binary_cross_entropy_with_logits(prepared.vectors @ weights, prepared.labels)
    point = {"loss": float(loss)}
    scores = prepared.validation_scores(weights)
    if scores is not None:
        point["validation_auroc"] = float(roc_auc_score(prepared.validation_labels, scores))
    return point
