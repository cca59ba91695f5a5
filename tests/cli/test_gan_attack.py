import csv
import json

import pytest

from mammo_core.cli import main
from mammo_core.system.paths import models_dir
from tests.cli.test_cli import TINY, demo_folder, small_demo  # noqa: F401  (used by every test here)

CASCADE, SIMULATED = (str(models_dir() / name) for name in ("cascade", "simulated"))


@pytest.fixture
def drawn(tmp_path):
    folder = tmp_path / "drawn"
    main(["gan", "sample", "--count", "12", "--seed", "900", "--out", str(folder)])
    return folder


@pytest.mark.pitfall("A failed attack taken for proof of privacy")
def test_attack_prints_and_writes_every_comparison_with_its_control(drawn, tmp_path, capsys):
    out = tmp_path / "attacks.csv"

    status = main(
        ["gan", "attack", "--data", "demo", "--masses", str(drawn), "--out", str(out), *TINY]
    )

    printed = capsys.readouterr().out
    assert status == 0
    assert "(control)" in printed
    assert "A failed attack is no privacy guarantee" in printed
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 32
    assert {row["generator"] for row in rows} == {"drawn", "planted copies"}
    made = json.loads(out.with_suffix(".json").read_text())
    assert made["generators"]["drawn"]["masses"] == 12
    assert not made["generators"]["drawn"]["patients_checked"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Expected something to attack; got nothing"),
        (["--masses", "d", "--state", "f.pt"], "Expected one --generator beside --state"),
        (
            ["--generator", CASCADE, "--count", "8"],
            "Expected cascade to have seen all patients of the train split",
        ),
        (
            ["--generator", SIMULATED, "--count", "8"],
            "simulated to have learned from patients; it learned from nobody, so there is nobody to attack",
        ),
    ],
)
def test_attack_that_cannot_be_judged_is_refused_with_one_line(options, message, capsys):
    status = main(["gan", "attack", "--data", "demo", *options, *TINY])

    assert status == 2
    assert message in capsys.readouterr().err
