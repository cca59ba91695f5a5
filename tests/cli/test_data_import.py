import pytest

from mammo_core.cli import main
from mammo_core.cohorts.folders import read_real
from tests.ingestion.imports.made_imports import (
    PLACES,
    CbisDownload,
    mammogram,
    write_png,
    write_table,
)

LEFT, TOP, WIDTH, HEIGHT = (PLACES[0][place] for place in (1, 0, 3, 2))


@pytest.fixture
def pictures(tmp_path):
    """Four pictures of two patients; the table names a fifth."""
    for number in range(4):
        write_png(tmp_path / "png" / f"{number}.png", mammogram(number))
    rows = [[f"{n}.png", n % 2, f"W{n // 2}", LEFT, TOP, WIDTH, HEIGHT] for n in range(5)]
    write_table(
        tmp_path / "labels.csv", ["file", "label", "patient_id", "x", "y", "width", "height"], rows
    )
    return [
        *("data", "import", "pictures", str(tmp_path / "png"), "--name", "own"),
        *("--labels", str(tmp_path / "labels.csv"), "--out", str(tmp_path / "out")),
        *("--val", "0", "--test", "0", "--workers", "1"),
    ]


def test_dry_run_says_what_would_happen_and_writes_nothing(tmp_path, pictures, capsys):
    status = main([*pictures, "--dry-run"])

    printed = capsys.readouterr().out
    assert status == 1
    assert "would import 4 masses of 2 patients from 4 images" in printed
    assert "left out: image not found (1)\n  - 4.png: Expected an image for line 6" in printed
    assert not (tmp_path / "out").exists()


def test_import_writes_a_cohort_and_counts_what_it_left_out(tmp_path, pictures, capsys):
    status = main([*pictures, "--recipe", "paper", "--size", "96"])

    printed = capsys.readouterr().out
    assert status == 1
    assert "imported 4 masses of 2 patients into" in printed
    assert "train  4       2         2       2" in printed
    assert read_real(tmp_path / "out/own").cohort.images.shape == (4, 96, 96)

    assert main(pictures) == 2
    assert "error: Expected a name that is free; own exists already" in capsys.readouterr().err


def test_cbis_is_split_officially_unless_told_otherwise(tmp_path, capsys):
    root = CbisDownload(tmp_path / "tcia").add().add("P_00002", split="test").write_tables()

    status = main(
        [
            *("data", "import", "cbis-ddsm", str(root), "--name", "cbis", "--out"),
            *(str(tmp_path / "out"), "--workers", "1"),
        ]
    )

    assert status == 0
    assert set(read_real(tmp_path / "out/cbis").cohort.splits) == {"train", "test"}
    assert "left out" not in capsys.readouterr().out


def test_doubtful_patients_stop_it_until_an_option_says_which(tmp_path, pictures, capsys):
    rows = [[f"{n}.png", n % 2, "removed", LEFT, TOP, WIDTH, HEIGHT] for n in range(4)]
    columns = ["file", "label", "patient_id", "x_min", "y_min", "width", "height"]
    write_table(tmp_path / "labels.csv", columns, rows)

    for extra in ([], ["--dry-run"]):
        assert main([*pictures, *extra]) == 2
        said = capsys.readouterr().err
        assert "4 images have the patient id 'removed', a placeholder" in said
        assert "The table names 1 patient, the files none." in said

    assert main([*pictures, "--patients-as-in", "table"]) == 0
    printed = capsys.readouterr().out
    assert "Places of masses are read from x_min, y_min, width, height" in printed
    assert "Labels are read from label." in printed
    assert "Patients are as in the table." in printed
    assert "warning: 4 images have the patient id 'removed', a placeholder" in printed


def test_dry_run_says_that_images_are_taken_whole(tmp_path, pictures, capsys):
    rows = [[f"{n}.png", n % 2, f"W{n}"] for n in range(4)]
    write_table(tmp_path / "labels.csv", ["file", "label", "patient_id"], rows)

    assert main([*pictures, "--dry-run", "--size", "64"]) == 0

    printed = capsys.readouterr().out
    assert "No boxes and no masks: each image is taken whole, as one mass." in printed
    assert "warning: Each image is taken whole as one mass, and images are up to 240" in printed
