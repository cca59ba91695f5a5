import csv
import json
import shutil

import pydicom
import pytest

from mammo_core.cli import main
from mammo_core.cohorts import demo
from mammo_core.config import runs
from mammo_core.synthesis.cards import load_card
from mammo_core.system.paths import models_dir
from tests.cohorts.test_folders import name, write_png
from tests.helpers.made_ledgers import TINY_JUDGE
from tests.helpers.small_demo import make_small_demo

CLASSES = ("benign", "malignant")
TINY = [
    "--backbone",
    "test_efficientnet",
    "--weights",
    "random",
    "--image-size",
    "32",
    "--views",
    "1",
]


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    few = {
        ("demo", "train"): 20,
        ("demo", "val"): 8,
        ("demo", "test"): 12,
        ("demo-external", "test"): 12,
    }
    return make_small_demo(tmp_path_factory.mktemp("demo") / "small", few)


@pytest.fixture(autouse=True)
def small_demo(monkeypatch, demo_folder):
    monkeypatch.setattr(demo, "DEMO_FOLDER", demo_folder)


@pytest.fixture(autouse=True)
def small_judge(monkeypatch):
    monkeypatch.setattr(runs, "JUDGE_BACKBONE", TINY_JUDGE)


def test_data_check_prints_what_is_there_and_what_is_wrong(tmp_path, capsys):
    for flag, folder in ((0, "is_benign_false"), (1, "is_benign_true")):
        write_png(tmp_path / "s/train" / folder / name(flag=flag))

    status = main(["data", "check", str(tmp_path)])

    printed = capsys.readouterr().out
    assert status == 1
    assert "s/train  2" in printed
    assert "error: identical images with different labels (1)" in printed


def test_mistake_prints_one_clear_line_and_no_traceback(tmp_path, capsys):
    status = main(["data", "check", str(tmp_path / "nowhere")])

    assert status == 2
    assert capsys.readouterr().err.startswith("error: Expected a folder of masses; found nothing")


def test_train_prints_measures_and_guarantee(capsys):
    status = main(["train", "--data", "demo", "--epsilon", "8", *TINY])

    printed = capsys.readouterr().out
    assert status == 0
    assert "demo-external" in printed
    assert "of 8" in printed
    assert "Demonstration with no patients behind the masses" in printed
    assert "ε = 8 per patient, δ = 0.0001, end to end" in printed
    assert "One release only" in printed
    assert "not for diagnosis" in printed

    assert main(["train", "--data", "demo", "--epsilon", "8", *TINY]) == 0
    again = capsys.readouterr().out
    assert again.startswith(printed.split("ε spent")[0])
    assert "shown again: nothing was trained and nothing released" in again
    assert main(["ledger", "show", "--data", "demo"]) == 0
    assert "With differential privacy: 1 of 1 release" in capsys.readouterr().out


def test_impossible_budget_is_refused_before_anything_is_computed(capsys, private_home):
    status = main(["train", "--data", "demo", "--epsilon", "-1", *TINY])

    assert status == 2
    assert "between 0.05 and 1000, or inf; got -1" in capsys.readouterr().err
    assert not private_home.exists()


def test_features_are_computed_once(capsys, private_home):
    assert main(["features", "--data", "demo", *TINY]) == 0
    shards = {path: path.stat().st_mtime_ns for path in private_home.rglob("*.safetensors")}
    assert main(["features", "--data", "demo", *TINY]) == 0

    assert shards
    assert shards == {path: path.stat().st_mtime_ns for path in private_home.rglob("*.safetensors")}
    assert "synthetic" in capsys.readouterr().out


def test_sweep_writes_table_and_provenance_and_prints_curves(tmp_path, capsys):
    out = tmp_path / "results.csv"
    arguments = ["sweep", "--data", "demo", "--strategy", "real,pretrain", "--epsilon", "1,inf"]

    status = main([*arguments, "--seed", "1,2", "--unit", "image", "--out", str(out), *TINY])

    assert status == 0
    with out.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 32
    assert json.loads(out.with_suffix(".json").read_text())["train"]["patients"] == 20
    assert "no privacy" in capsys.readouterr().out


def test_sweep_with_an_unknown_strategy_names_the_choices(tmp_path, capsys):
    out = tmp_path / "results.csv"

    status = main(["sweep", "--data", "demo", "--strategy", "magic", "--out", str(out), *TINY])

    assert status == 2
    assert (
        "one of: real, real+synthetic, synthetic, pretrain; got 'magic'" in capsys.readouterr().err
    )
    assert not out.exists()


@pytest.mark.parametrize("command", ["data", "features", "train", "sweep", "gan", "ledger"])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])

    assert stop.value.code == 0
    assert "usage: mammo " in capsys.readouterr().out


def test_gan_evaluate_prints_measures_beside_held_out_real_masses(tmp_path, capsys):
    out = tmp_path / "report.json"

    status = main(["gan", "evaluate", "--data", "demo", "--out", str(out), *TINY])

    printed = capsys.readouterr().out
    assert status == 0
    assert "held-out real" in printed
    assert "no privacy guarantee" in printed
    report = json.loads(out.read_text())
    assert len(report["comparisons"]) == 8
    assert [row["subject"] for row in report["judge"]["sets"]] == ["synthetic", "held-out real"]


def test_gan_evaluate_by_the_judge_alone_prints_its_columns_and_nothing_else(tmp_path, capsys):
    out = tmp_path / "report.json"

    status = main(["gan", "evaluate", "--data", "demo", "--judge-only", "--out", str(out), *TINY])

    printed = capsys.readouterr().out
    assert status == 0
    assert f"The judge is {TINY_JUDGE.name} at {TINY_JUDGE.image_size_px} px" in printed
    for column in (
        "KID",
        "precision / recall / coverage",
        "real or generated?",
        "says its class",
        "train on it, test on",
    ):
        assert column in printed
    assert "Radiomics" not in printed
    assert list(json.loads(out.read_text())) == ["judge"]


def test_gan_trains_and_draws_masses_that_read_back(tmp_path, capsys):
    generator = tmp_path / "models/tiny"
    train = ["gan", "train", "--data", "demo", "--images", "64", "--eval-every", "32"]

    trained = main([*train, "--width", "1", "--out", str(generator), *TINY])
    drawn = main(
        [
            "gan",
            "sample",
            "--generator",
            str(generator),
            "--count",
            "4",
            "--out",
            str(tmp_path / "d"),
        ]
    )

    printed = capsys.readouterr().out
    assert (trained, drawn) == (0, 0)
    assert "Guarantee: none" in printed
    assert len(list((tmp_path / "d").glob("*_malignant.png"))) == 2


def test_masses_are_written_as_dicom_under_an_own_root(tmp_path):
    out = tmp_path / "d"
    options = ["--format", "dicom", "--burn-in", "--uid-root", "1.2.826.0.1.3680043.10.1234"]

    assert main(["gan", "sample", "--count", "2", "--out", str(out), *options]) == 0

    read = [pydicom.dcmread(path) for path in sorted(out.glob("*.dcm"))]
    assert [data.BurnedInAnnotation for data in read] == ["YES", "YES"]
    assert all(data.SOPInstanceUID.startswith(options[-1] + ".") for data in read)
    assert {path.name for path in out.glob("*.dcm")} == {
        row["file"] for row in csv.DictReader((out / "manifest.csv").read_text().splitlines())
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--burn-in"], "Add --format dicom"),
        (["--format", "dicom", "--uid-root", "1.02"], "without leading zeros"),
        (["--format", "dicom", "--towards", "5", "--class", "benign"], "Write these as PNG"),
    ],
)
def test_formats_that_do_not_go_together_write_nothing(options, said, tmp_path, capsys):
    out = tmp_path / "d"

    assert main(["gan", "sample", "--count", "2", "--out", str(out), *options]) == 2

    assert said in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("way", "names"),
    [
        (["--twins"], {"seed3_benign", "seed3_malignant", "seed4_benign", "seed4_malignant"}),
        (
            ["--towards", "9", "--class", "benign"],
            {f"seed3to9step{step}_benign" for step in range(4)},
        ),
        (["--along", "2"], {f"seed3along2step{i}_{c}" for i in (0, 1) for c in CLASSES}),
        (["--class", "malignant"], {f"seed{seed}_malignant" for seed in range(3, 7)}),
    ],
)
def test_masses_are_drawn_in_several_ways(way, names, tmp_path):
    out = tmp_path / "d"

    assert main(["gan", "sample", "--count", "4", "--seed", "3", "--out", str(out), *way]) == 0

    assert {path.stem for path in out.glob("*.png")} == names


def test_evaluating_a_generator_writes_the_measures_into_its_card(tmp_path, capsys):
    generator = tmp_path / "g"
    for suffix in (".json", ".safetensors"):
        shutil.copy(models_dir() / f"cascade{suffix}", generator.with_suffix(suffix))
    before = load_card(generator)

    status = main(
        ["gan", "evaluate", "--data", "demo", "--generator", str(generator), "--count", "40", *TINY]
    )

    assert status == 0
    assert "Radiomics: Fréchet distance" in capsys.readouterr().out
    card = load_card(generator)
    assert card.metrics["num_synthetic"] == 40
    assert card.metrics["judge"]["sets"][0]["num_masses"] == 40
    assert card.sha256 == before.sha256


def test_drawing_from_a_missing_generator_is_one_clear_line(tmp_path, capsys):
    status = main(
        ["gan", "sample", "--generator", str(tmp_path / "no"), "--out", str(tmp_path / "d")]
    )

    assert status == 2
    assert "Expected a generator's card at" in capsys.readouterr().err


def test_audit_prints_claim_beside_attack_and_writes_tables(tmp_path, capsys):
    arguments = [
        "audit",
        "--data",
        "demo",
        "--strategy",
        "real",
        "--epsilon",
        "4,inf",
        "--delta",
        "0.001",
    ]
    few = ["--shadows", "20", "--trainings", "40", "--out", str(tmp_path / "audit")]

    status = main([*arguments, *few, *TINY])

    printed = capsys.readouterr().out
    assert status == 0
    assert "ε claimed" in printed and "likelihood ratio" in printed
    with (tmp_path / "audit/attacks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["target_epsilon"] for row in rows} == {"4", "inf"}
    provenance = json.loads((tmp_path / "audit/provenance.json").read_text())
    assert provenance["train"]["patients"] == 20
    assert (tmp_path / "audit/audits.csv").is_file() and (tmp_path / "audit/roc.csv").is_file()


def test_audit_of_what_never_saw_patients_is_refused(capsys):
    assert main(["audit", "--data", "demo", "--strategy", "synthetic", *TINY]) == 2
    assert "gan attack" in capsys.readouterr().err


def test_ledger_shows_looks_ahead_and_keeps_a_budget(tmp_path, capsys):
    train = ["train", "--data", "demo", *TINY]
    assert main([*train, "--epsilon", "4"]) == 0
    assert main(["ledger", "budget", "--epsilon", "6"]) == 0
    capsys.readouterr()

    assert main(["ledger", "what-if", "--epsilon", "6"]) == 0
    assert "goes from ε = 4 to ε = 7.7" in capsys.readouterr().out
    assert main([*train, "--epsilon", "6"]) == 2
    assert "within its budget ε = 6" in capsys.readouterr().err
    assert main([*train, "--epsilon", "6", "--beyond-budget", "for the talk"]) == 0
    out = tmp_path / "ledger.csv"
    assert main(["ledger", "show", "--data", "demo", "--out", str(out)]) == 0

    printed = capsys.readouterr().out
    assert "With differential privacy: 2 of 2 releases" in printed
    assert "is beyond it" in printed
    with out.open(newline="") as file:
        assert [row["reason"] for row in csv.DictReader(file)] == ["", "for the talk"]


def test_ledger_budget_can_be_set_before_anything_is_released(capsys):
    assert main(["ledger", "budget", "--data", "demo", "--epsilon", "3"]) == 0
    assert main(["ledger", "show"]) == 0
    assert "demo (demonstration)  20        0         0           0                3" in (
        capsys.readouterr().out
    )
    assert main(["ledger", "budget", "--remove"]) == 0
    assert "no budget any more" in capsys.readouterr().out


def test_ledger_asked_for_an_unknown_cohort_names_those_known(capsys):
    assert main(["ledger", "show", "--cohort", "zzz"]) == 2
    assert "Known are: none" in capsys.readouterr().err


def test_generator_is_charged_and_refused_beyond_the_budget(tmp_path, capsys):
    train = [
        "gan",
        "train",
        "--data",
        "demo",
        "--images",
        "32",
        "--look-every",
        "32",
        "--width",
        "1",
    ]
    assert main(["ledger", "budget", "--data", "demo", "--epsilon", "9"]) == 0

    refused = main([*train, "--out", str(tmp_path / "a"), *TINY])
    private = main(
        [*train, "--epsilon", "7", "--delta", "1e-3", "--out", str(tmp_path / "b"), *TINY]
    )

    assert (refused, private) == (2, 0)
    assert "without DP, which no ε covers" in capsys.readouterr().err
    assert not (tmp_path / "a.safetensors").exists()
    assert main(["ledger", "show", "--data", "demo", "--delta", "1e-3"]) == 0
    assert "ε = 7 at δ = 0.001" in capsys.readouterr().out
