import shlex

import pytest
from PIL import Image

from mammo_core.cli import main
from mammo_core.ledger.ledger import open_ledger
from mammo_core.reading import make_heads
from mammo_core.reading.shipped_heads import load_heads
from tests.app.test_read_case_page import dicom_bytes, mass
from tests.cli.test_cli import TINY
from tests.conftest import make_cohort


@pytest.fixture
def crop(tmp_path):
    path = tmp_path / "crop.png"
    Image.fromarray(mass()).save(path)
    return path


@pytest.fixture
def data(tmp_path):
    """Options that name small folders of made-up masses, as noise of two mean greys."""
    for seed, (split, patients) in enumerate({"train": 20, "val": 12, "test": 12}.items()):
        cohort = make_cohort(patients, 1, split=split, seed=seed)
        for image, label, patient in zip(
            cohort.images, cohort.labels, cohort.patient_ids, strict=True
        ):
            folder = (
                tmp_path / "real" / "site" / split / f"is_benign_{'false' if label else 'true'}"
            )
            folder.mkdir(parents=True, exist_ok=True)
            name = f"patient{patient}_imagei_mass0_is_benign_{1 - label}.png"
            Image.fromarray(image).save(folder / name)
    (tmp_path / "made").mkdir()
    made = make_cohort(30, 1, source="synthetic", seed=9)
    for row, (image, label) in enumerate(zip(made.images, made.labels, strict=True)):
        name = f"{row}_{'malignant' if label else 'benign'}.png"
        Image.fromarray(image).save(tmp_path / "made" / name)
    return ["--data", str(tmp_path / "real"), "--synthetic", str(tmp_path / "made")]


def test_heads_are_made_charged_and_written_with_the_command_that_makes_them(
    data, tmp_path, capsys, monkeypatch, private_home
):
    monkeypatch.setattr(make_heads, "_DRAWN", 4)
    command = ["heads", "make", *data, "--epsilon", "3,inf", "--repeats", "2", *TINY]
    command += ["--licence", "made up", "--out", str(tmp_path / "own/heads")]
    monkeypatch.setattr("sys.argv", ["mammo_core", *command])

    status = main(command)

    printed = capsys.readouterr().out
    assert status == 0
    assert "The 2 private heads are 2 releases" in printed
    assert "not for diagnosis" in printed
    card = load_heads(tmp_path / "own/heads").card
    assert [head.target_epsilon for head in card.heads] == [3, 3, float("inf")]
    assert card.command == f"python -m mammo_core {shlex.join(command)}"
    assert card.licence == "made up"
    entries = open_ledger(private_home).book().entries
    assert [entry.origin for entry in entries] == ["heads make"] * 4


def test_crop_is_read_and_what_it_means_is_printed(crop, capsys):
    status = main(["heads", "read", str(crop)])

    printed = capsys.readouterr().out
    assert status == 0
    assert "∞ (not DP)" in printed
    assert "of 10 models call it" in printed or "all 10 models call it" in printed
    assert "Not a diagnosis." in printed
    assert "**" not in printed
    assert printed.rstrip().endswith("Research use only, not for diagnosis.")


def test_box_of_a_mammogram_is_read_as_it_is_cut(tmp_path, capsys):
    path = tmp_path / "IM0001"
    path.write_bytes(dicom_bytes())
    asked = ["heads", "read", str(path), "--box", "500,300,120,120"]

    tables = []
    for crop in ("paper", "standard"):
        assert main([*asked, "--crop", crop]) == 0
        tables.append(capsys.readouterr().out.split("\n\n")[0])

    assert tables[0] != tables[1]


def test_two_views_are_averaged_and_each_is_told(crop, tmp_path, capsys):
    other = tmp_path / "other.png"
    Image.fromarray(mass(seed=1)).save(other)

    status = main(["heads", "read", str(crop), str(other), "--same-patient"])

    printed = capsys.readouterr().out
    assert status == 0
    lines = printed.splitlines()
    assert [sum(line.startswith(name) for line in lines) for name in ("mean ", "view 1 ")] == [6, 6]
    assert "This is the mean of view 1 and view 2." in printed
    assert "view 1: " in printed
    assert "view 2: " in printed


def test_two_views_of_nobody_in_particular_need_a_person_to_say_so(crop, tmp_path, capsys):
    other = tmp_path / "other.png"
    Image.fromarray(mass(seed=1)).save(other)

    assert main(["heads", "read", str(crop), str(other)]) == 2

    assert "say so (on the command line: --same-patient)" in capsys.readouterr().err


def test_one_box_for_two_views_is_refused(crop, tmp_path, capsys):
    other = tmp_path / "other.png"
    Image.fromarray(mass(seed=1)).save(other)
    asked = ["heads", "read", str(crop), str(other), "--same-patient", "--box", "10,10,50,50"]

    assert main(asked) == 2

    assert "once for each image, or not at all; got 1 for 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--box", "9000,9000,10,10"], "Expected a box on the image"),
        (["--box", "0,0,0,10"], "at least 1 pixel high and wide"),
        (["--heads", "nowhere"], "Expected a card of heads"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(crop, capsys, asked, message):
    assert main(["heads", "read", str(crop), *asked]) == 2

    assert message in capsys.readouterr().err


def test_box_of_three_numbers_is_no_box(crop, capsys):
    with pytest.raises(SystemExit):
        main(["heads", "read", str(crop), "--box", "1,2,3"])

    assert "--box" in capsys.readouterr().err


def test_reading_leaves_no_file(crop, tmp_path, private_home):
    before = sorted(tmp_path.rglob("*"))

    main(["heads", "read", str(crop)])

    assert sorted(tmp_path.rglob("*")) == before
