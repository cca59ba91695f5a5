"""`runs` at the command line: out of one installation, into another."""

import json

import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.results.archive import RunArchive
from mammo_core.results.recording import RunRecorder
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config


@pytest.fixture
def run_id(dataset, private_home):
    (result,) = run_many(dataset, [make_config(dataset, "real")])
    return RunRecorder(private_home).record(result, origin="train")


def test_runs_travel_from_one_installation_to_another(run_id, tmp_path, monkeypatch, capsys):
    file, table = tmp_path / "runs.zip", tmp_path / "runs.csv"

    assert main(["runs", "list", "--out", str(table)]) == 0
    assert main(["runs", "export", run_id[:6], "--out", str(file)]) == 0
    assert "Ids of patients are replaced by numbers" in capsys.readouterr().out
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "elsewhere"))
    assert main(["runs", "import", str(file)]) == 0
    assert main(["runs", "import", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "1 run imported, 0 there already" in printed
    assert "0 runs imported, 1 there already" in printed

    (new_id,) = RunArchive(tmp_path / "elsewhere").rows()["run_id"].unique()
    assert main(["runs", "card", new_id]) == 0
    assert json.loads(capsys.readouterr().out)["statement"]["schema"]
    assert set(pd.read_csv(table)["test_set"]) == {"here", "elsewhere"}


def test_unknown_or_ambiguous_runs_are_named(private_home, tmp_path, capsys):
    assert main(["runs", "export", "abc", "--out", str(tmp_path / "x.zip")]) == 2
    assert "0 begin with 'abc'" in capsys.readouterr().err
    assert main(["runs", "import", str(tmp_path / "none.zip")]) == 2
    assert "found nothing at" in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()
