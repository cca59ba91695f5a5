"""`runs` at the command line: out of one installation, into another."""

import json

import docx
import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.results.archive import RunArchive
from mammo_core.results.recording import RunRecorder
from tests.cli.test_cli import TINY
from tests.helpers.jobs import write_cohort
from tests.helpers.made_ledgers import run_many
from tests.ingestion.imports.made_imports import write_table
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


@pytest.fixture
def swept(tmp_path):
    """A folder of masses with runs on them, and what is known of the views."""
    folder = tmp_path / "masses"
    write_cohort(folder, patients=80)
    rows = [[f"test{number}", "1", "1", ("CC", "MLO")[number // 2 % 2]] for number in range(80)]
    write_table(folder / "metadata.csv", ("patient", "image", "mass", "view"), rows)
    arguments = ["--strategy", "real", "--epsilon", "6,inf", "--seed", "1,2", "--delta", "1e-3"]
    table = tmp_path / "sweep.csv"
    assert main(["sweep", "--data", str(folder), *arguments, "--out", str(table), *TINY]) == 0
    return folder


def test_subgroups_are_printed_and_written_with_what_they_cost(swept, tmp_path, capsys):
    capsys.readouterr()
    out = tmp_path / "subgroups.csv"

    assert main(["runs", "subgroups", "--data", str(swept), "--out", str(out)]) == 0

    printed = capsys.readouterr().out
    assert "real, unit patient, tested on site: change of AUROC" in printed
    assert "comparisons (" in printed and "No ε covers it." in printed
    assert "A group with fewer than 20 patients is not shown" in printed
    table = pd.read_csv(out)
    seen = table[(table["property"] == "view") & (table["target_epsilon"] == 6)]
    assert set(seen["group"]) == {"CC", "MLO"} and set(seen["num_patients"]) == {40}
    assert (seen["change_low"] <= seen["change_high"]).all()


def test_subgroups_of_other_masses_and_tables_that_join_to_nothing_are_refused(
    swept, tmp_path, capsys
):
    write_cohort(tmp_path / "others", patients=20)
    paths = ("image_file_path", "cropped_image_file_path", "roi_mask_file_path")
    table = write_table(
        tmp_path / "mass_case_description_test_set.csv",
        ("patient_id", "abnormality_id", "pathology", *paths),
        [["P_00001", "1", "BENIGN", "a/1.2/1.3/0.dcm", "b", "c"]],
    )

    assert main(["runs", "subgroups", "--data", str(tmp_path / "others")]) == 2
    assert "choose the data that the runs were made on" in capsys.readouterr().err
    assert main(["runs", "subgroups", "--data", str(swept), "--tables", str(table)]) == 2
    assert "none of its rows has the patient, series number" in capsys.readouterr().err


def test_reports_of_a_run_are_written(run_id, tmp_path, capsys):
    label, checklist = tmp_path / "label.html", tmp_path / "claim.docx"

    assert main(["runs", "report", run_id[:6], "--format", "html", "-o", str(label)]) == 0
    done = main(
        ["runs", "report", run_id, "--kind", "claim", "--format", "docx", "-o", str(checklist)]
    )

    assert done == 0
    assert f"CLAIM 2024 of run {run_id[:8]}" in capsys.readouterr().out
    assert "<h1>Privacy label: real only" in label.read_text(encoding="utf-8")
    assert len(docx.Document(str(checklist)).tables[0].rows) == 45


@pytest.mark.parametrize("wrong", [["--kind", "poster"], ["--format", "pdf"]])
def test_unknown_reports_are_refused(run_id, wrong, tmp_path, capsys):
    out = tmp_path / "x"

    with pytest.raises(SystemExit) as ended:
        main(["runs", "report", run_id, *wrong, "-o", str(out)])

    assert ended.value.code == 2 and not out.exists()
    assert f"invalid choice: '{wrong[1]}' (choose from" in capsys.readouterr().err
