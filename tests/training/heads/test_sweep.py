import csv
import math
from dataclasses import replace

import pandas as pd
import pytest
from mlflow import MlflowClient

from mammo_core.cli.tables import printable_curves
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.curves import curve_points
from mammo_core.results.recording import EXPERIMENT, RunRecorder
from mammo_core.results.table_file import COLUMNS, ResultsFile
from mammo_core.training.heads import sweep
from mammo_core.training.heads.sweep import SweepPlan
from tests.helpers.made_ledgers import run_sweep_into_file

REQUIRED = [
    "strategy",
    "backbone",
    "unit",
    "target_epsilon",
    "epsilon",
    "delta",
    "seed",
    "test_set",
    "auroc",
    "auroc_low",
    "auroc_high",
    "average_precision",
    "sensitivity_at_90_specificity",
    "seconds",
]


@pytest.fixture
def plan(dataset):
    return SweepPlan(
        strategies=("real", "pretrain"),
        units=("image",),
        epsilons=(1.0, math.inf),
        seeds=(0, 1),
        delta=1e-4,
        backbone=dataset.backbone,
        noise="reproducible",
    )


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def per_mass(rows):
    return [row for row in rows if row["evaluation_unit"] == "mass"]


def test_sweep_writes_one_row_per_run_test_set_and_evaluation_unit(dataset, plan, tmp_path):
    run_sweep_into_file(dataset, plan, ResultsFile(tmp_path / "r.csv"), tmp_path)

    rows = read(tmp_path / "r.csv")
    assert len(rows) == 32
    assert set(REQUIRED) <= set(rows[0])
    keys = ("strategy", "target_epsilon", "seed", "test_set", "evaluation_unit")
    assert len({tuple(row[key] for key in keys) for row in rows}) == 32
    assert {row["epsilon"] for row in rows} == {"1", "inf"}


def test_interrupted_sweep_goes_on_where_it_stopped(dataset, plan, tmp_path, monkeypatch):
    path, trained = tmp_path / "r.csv", []

    def stop_after_three(run):
        trained.append(run.result)
        if len(trained) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep_into_file(dataset, plan, ResultsFile(path), tmp_path, on_run=stop_after_three)
    with path.open("a") as file:
        file.write("pretrain,half a row")  # as a crash in the middle of writing leaves it
    seen = []
    run_sweep_into_file(dataset, plan, ResultsFile(path), tmp_path, on_run=seen.append)

    assert len(read(path)) == 32
    assert [run.result is None for run in seen] == [True] * 3 + [False] * 5


def test_finished_sweep_trains_nothing_again(dataset, plan, tmp_path, monkeypatch):
    path = tmp_path / "r.csv"
    run_sweep_into_file(dataset, plan, ResultsFile(path), tmp_path)
    before = path.read_bytes()

    monkeypatch.setattr(sweep, "train_together", lambda *_, **__: pytest.fail("trained again"))
    run_sweep_into_file(dataset, plan, ResultsFile(path), tmp_path)

    assert path.read_bytes() == before


def test_rows_of_another_sweep_in_the_same_file_are_kept(dataset, plan, tmp_path):
    path = tmp_path / "r.csv"
    run_sweep_into_file(dataset, plan, ResultsFile(path), tmp_path)
    one_site = replace(dataset, test_sets={"here": dataset.test_sets["here"]}, _prepared={})

    run_sweep_into_file(one_site, plan, ResultsFile(path), tmp_path)

    assert len(per_mass(read(path))) == 16 + 8


def test_table_from_before_patients_were_evaluated_is_gone_on_with(
    dataset, plan, tmp_path, monkeypatch
):
    path = tmp_path / "r.csv"
    run_sweep_into_file(dataset, plan, ResultsFile(path), tmp_path)
    old = pd.DataFrame(per_mass(read(path))).drop(columns="evaluation_unit")
    old.to_csv(path, index=False)

    monkeypatch.setattr(sweep, "train_together", lambda *_, **__: pytest.fail("trained again"))
    run_sweep_into_file(dataset, plan, ResultsFile(path), tmp_path)

    assert len(read(path)) == len(per_mass(read(path))) == 16


def test_foreign_file_is_never_overwritten(tmp_path):
    path = tmp_path / "thesis.csv"
    path.write_text("a,b\n1,2\n")

    with pytest.raises(InvalidRequestError, match=r"found another file there.*nothing was changed"):
        ResultsFile(path)
    assert path.read_text() == "a,b\n1,2\n"


def test_every_run_is_tracked_with_configuration_metrics_and_predictions(dataset, plan, tmp_path):
    run_sweep_into_file(dataset, plan, ResultsFile(tmp_path / "r.csv"), tmp_path)

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 8
    private = next(run for run in runs if run.data.params["privacy.target_epsilon"] == "1.0")
    assert private.info.status == "FINISHED"
    assert private.data.metrics["epsilon"] == pytest.approx(1.0)
    assert private.data.metrics["noise_multiplier"] > 1
    assert 0 <= private.data.metrics["elsewhere/auroc_low"] <= 1
    assert private.data.params["privacy.unit"] == "image"
    target = client.download_artifacts(private.info.run_id, "predictions.csv", str(tmp_path))
    predictions = pd.read_csv(target)
    assert len(predictions) == 100
    assert predictions["score"].between(0, 1).all()
    assert {artifact.path for artifact in client.list_artifacts(private.info.run_id)} == {
        "predictions.csv",
        "run.json",
        "head.safetensors",
    }


def test_tracking_uri_of_a_team_is_respected(dataset, plan, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'team.db'}")
    monkeypatch.chdir(tmp_path)

    RunRecorder(tmp_path / "home")

    assert (tmp_path / "team.db").exists()
    assert not (tmp_path / "home" / "mlflow.db").exists()


def make_rows(**overrides):
    shared = dict.fromkeys(COLUMNS, 0.5) | {
        "strategy": "real",
        "unit": "patient",
        "backbone": "b",
        "test_set": "t",
        "target_epsilon": 1.0,
        "epsilon": 1.0,
    }
    return [
        shared
        | {"seed": seed, "auroc": auroc, "auroc_low": auroc - 0.03, "auroc_high": auroc + 0.03}
        | overrides
        for seed, auroc in enumerate((0.70, 0.74))
    ]


def test_curve_point_joins_the_error_of_patients_and_of_seeds():
    (point,) = curve_points(pd.DataFrame(make_rows())).itertuples()

    half = math.hypot(0.03, 1.959964 * 0.02 * math.sqrt(2))
    assert point.mean == pytest.approx(0.72)
    assert (point.low, point.high) == pytest.approx((0.72 - half, 0.72 + half))
    assert (point.seed_low, point.seed_high, point.num_seeds) == (0.70, 0.74, 2)


def test_curve_point_of_one_seed_has_the_interval_of_patients():
    (point,) = curve_points(pd.DataFrame(make_rows()[:1])).itertuples()

    assert (point.low, point.high) == pytest.approx((0.67, 0.73))


def test_printed_curves_set_no_privacy_apart():
    rows = make_rows() + make_rows(target_epsilon=math.inf)

    (line,) = printable_curves(rows)

    assert line["ε=1"] == "0.720 (0.700 to 0.740)"
    assert "no privacy" in line


def test_test_sets_with_names_like_formulas_are_written_safely_and_read_back(dataset, tmp_path):
    path = tmp_path / "r.csv"
    row = dict.fromkeys(COLUMNS, "1") | {"test_set": "=HYPERLINK(1)", "run_key": "0" * 16}

    ResultsFile(path).add([row])

    assert ",'=HYPERLINK(1)," in path.read_text()
    again = ResultsFile(path)
    assert again.rows[0]["test_set"] == "=HYPERLINK(1)"
    assert path.read_text().count("'=HYPERLINK") == 1
