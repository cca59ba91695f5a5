import csv

import numpy as np
import pytest

from mammo_core.cli import main
from mammo_core.studies.store import StudyStore
from tests.cohorts.test_folders import name, write_png
from tests.studies.made import read_all


def created(capsys):
    """The key that `study create` printed."""
    return capsys.readouterr().out.split()[1].rstrip(":")


def test_study_is_created_read_analysed_and_exported(tmp_path, capsys, private_home):
    options = ["--source", "simulated", "--cases", "8", "--training", "2", "--aid-epsilon", "6"]
    assert main(["study", "create", "--name", "Mine", *options]) == 0
    key = created(capsys)
    store = StudyStore(private_home)
    study = store.find(key)
    assert (study.repeats, study.aid_epsilon, len(study.training)) == (1, 6.0, 2)

    assert main(["study", "analyse", key[:6]]) == 0
    assert "Nobody has read this study yet" in capsys.readouterr().out
    for seed, reader in enumerate(("Ada", "Bob")):
        read_all(store, study, reader, seed=seed)
    assert main(["study", "analyse", key[:6]]) == 0
    printed = capsys.readouterr().out
    assert "With the model's help, the mean AUC of 2 readers changed by" in printed
    assert "mean of 2" in printed and "Cohen's kappa between readers" in printed

    assert main(["study", "export", key[:6], "--out", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / f"study_{key}.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2 * (2 + 2 * 9)
    assert "BEGIN DATA:" in (tmp_path / "out" / f"study_{key}.imrmc").read_text()


def test_study_of_real_masses_is_created_from_a_folder(tmp_path, capsys, private_home):
    for patient in range(6):
        for flag, folder in ((0, "is_benign_false"), (1, "is_benign_true")):
            file = name(patient=f"p{patient}{flag}", flag=flag)
            pixels = np.full((128, 128), 10 * patient + flag, np.uint8)
            write_png(tmp_path / "s/test" / folder / file, pixels)

    options = ["--question", "origin", "--data", str(tmp_path), "--source", "real"]
    status = main(["study", "create", *options, "--source", "simulated", "--cases", "8"])

    assert status == 0
    study = StudyStore(private_home).find(created(capsys))
    assert sum(case.source == "real" for case in study.cases) == 4


def test_mistakes_print_one_line(capsys):
    assert main(["study", "create", "--aid-epsilon", "7", "--source", "simulated"]) == 2
    assert "Expected ε of a shipped model" in capsys.readouterr().err
    assert main(["study", "analyse", "12"]) == 2
    assert "Make one with `study create`" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["study", "export", "12"])
