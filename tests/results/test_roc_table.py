import numpy as np
import pytest
from sklearn.metrics import roc_curve

from mammo_core.results.archive import RunArchive
from mammo_core.results.plans import train_plan
from mammo_core.results.roc_table import GRID, mean_roc, write_mean_roc
from mammo_core.training.heads.sweep import SweepPlan
from tests.helpers.made_ledgers import FreeLedger


@pytest.fixture
def runs(dataset, tmp_path):
    plan = SweepPlan(
        strategies=("real",),
        units=("image",),
        epsilons=(6.0,),
        seeds=(1, 2, 3),
        delta=1e-3,
        backbone=dataset.backbone,
    )
    list(train_plan(dataset, plan.configs(), tmp_path, ledger=FreeLedger(), origin="sweep"))
    archive = RunArchive(tmp_path)
    return [archive.load(run_id) for run_id in archive.rows()["run_id"].unique()]


def test_mean_roc_is_the_mean_of_the_seeds_at_each_false_positive_rate(runs):
    table = mean_roc(runs)

    assert set(table["test_set"]) == {"here", "elsewhere"}
    here = table[table["test_set"] == "here"].set_index("fpr")
    assert list(here.index) == list(GRID)
    single = []
    for run in runs:
        part = run.predictions[run.predictions["test_set"] == "here"]
        fpr, tpr, _ = roc_curve(part["label"], part["score"])
        single.append(np.interp(0.3, fpr, tpr))
    at = here.iloc[np.argmin(np.abs(GRID - 0.3))]
    assert at["tpr"] == pytest.approx(np.mean(single))
    assert (at["tpr_low"], at["tpr_high"]) == pytest.approx((min(single), max(single)))


def test_mean_roc_rises_from_no_alarm_to_all(runs):
    for _, curve in mean_roc(runs).groupby("test_set"):
        assert curve["tpr"].is_monotonic_increasing
        assert curve["tpr"].iloc[-1] == 1


def test_written_table_reads_back(runs, tmp_path):
    import pandas as pd

    write_mean_roc(runs, tmp_path / "roc.csv")

    read = pd.read_csv(tmp_path / "roc.csv")
    assert np.allclose(read["tpr"], mean_roc(runs)["tpr"], atol=1e-4)
