"""Runs, heads and tables of jobs go with a home that is moved; new ones are kept in its new place."""

import numpy as np
import pandas as pd

from mammo_core.generators.recording import Evaluation, GeneratorRecord
from mammo_core.ingestion.download.paper_data import FetchPlan
from mammo_core.jobs.requests import FetchRequest
from mammo_core.jobs.store import JobStore
from mammo_core.ledger.ledger import open_ledger
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange.export import export_runs
from mammo_core.results.exchange.load import import_runs
from mammo_core.results.head_store import HeadStore
from mammo_core.results.recording import RunRecorder
from mammo_core.synthesis.config import GanConfig
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config


def test_runs_heads_and_export_work_after_a_move(dataset, private_home, tmp_path, monkeypatch):
    first, second = run_many(dataset, [make_config(dataset, "real", seed=seed) for seed in (0, 1)])
    before = RunRecorder(private_home).record(first, origin="train")
    moved = tmp_path / "über 50% of #1?"
    private_home.rename(moved)
    monkeypatch.setenv("MAMMO_HOME", str(moved))

    after = RunRecorder(moved).record(second, origin="train")

    archive = RunArchive(moved)
    assert set(archive.rows()["run_id"]) == {before, after}
    assert archive.load(before).card["metrics"] and archive.load(after).card["metrics"]
    assert HeadStore(moved).load(before) and HeadStore(moved).load(after)
    package = tmp_path / "runs.zip"
    package.write_bytes(export_runs(moved, [before, after]))
    assert len(import_runs(package, tmp_path / "elsewhere")) == 2
    assert open_ledger(moved).book().num_missing == 0
    assert not private_home.exists()


def test_tables_of_jobs_are_read_after_a_move(private_home, tmp_path):
    request = FetchRequest(plan=FetchPlan(), data_dir=tmp_path)
    job = JobStore(private_home).add(request, "me", 0)
    JobStore(private_home).keep_table(job.id, "bounds", pd.DataFrame({"epsilon": [1, 2]}))
    moved = tmp_path / "moved"
    private_home.rename(moved)

    JobStore(moved).keep_table(job.id, "members", pd.DataFrame({"guess": [0]}))

    tables = JobStore(moved).tables(job.id)
    assert tables["bounds"]["epsilon"].tolist() == [1, 2]
    assert tables["members"]["guess"].tolist() == [0]
    assert not private_home.exists()


def test_a_training_of_a_generator_goes_on_after_a_move(private_home, tmp_path):
    """Its loss curves and sample grids."""
    config = GanConfig()
    grid = np.zeros((8, 32), np.uint8)
    GeneratorRecord(private_home, "key", config).write(evaluation(grid, 1))
    moved = tmp_path / "moved"
    private_home.rename(moved)

    GeneratorRecord(moved, "key", config).write(evaluation(grid, 2))

    names = sorted(path.name for path in moved.glob("artifacts/*/artifacts/grids/*"))
    assert names == ["000000001.png", "000000002.png"]
    assert not private_home.exists()


def evaluation(grid, images_seen):
    return Evaluation(
        images_seen=images_seen,
        generator_loss=1.0,
        discriminator_loss=1.0,
        kid=0.1,
        best_kid=0.1,
        masses_per_second=1.0,
        grid=grid,
    )
