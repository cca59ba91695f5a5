"""Reads the numbers that ship: the paper's results and our own, each with how it was made."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

_FOLDER = Path(str(files(__name__)))
PAPER = "paper"  # the key of the synthetic masses that its authors published
_ATTACKS = _FOLDER / "attacks"  # as the command `audit` writes them


def synthetic_sets() -> dict[str, str]:
    """Names the sets of synthetic masses that our sweep was run with, by key: the paper's first.

    A sweep with other masses is added as two files: NAME_results.csv, and NAME_results.json with "masses".
    """
    found = {made["masses"]["key"]: made["masses"]["name"] for made in _sweeps().values()}
    return dict(sorted(found.items(), key=lambda item: (item[0] != PAPER, item[1])))


def measured_results(masses: str = PAPER, evaluated_per: str = "mass") -> pd.DataFrame:
    """Reads our sweep on the real data, a table with the columns `results.table_file.COLUMNS`.

    Args:
        masses: Key of the synthetic masses. Runs on real masses only are the same with all of them.
        evaluated_per: "mass" or "patient", see `evaluation.patients`.
    """
    rows = _evaluated(pd.read_csv(_FOLDER / f"{_stem(masses)}.csv"), evaluated_per)
    if masses == PAPER:
        return rows
    papers = measured_results(PAPER, evaluated_per)
    return pd.concat([papers[papers["strategy"] == "real"], rows], ignore_index=True)


def measured_roc(evaluated_per: str = "mass") -> pd.DataFrame:
    """Reads the mean ROC curves of the same runs, with the paper's synthetic masses."""
    return _evaluated(pd.read_csv(_FOLDER / "measured_roc.csv"), evaluated_per)


def _evaluated(table: pd.DataFrame, per: str) -> pd.DataFrame:
    return table[table["evaluation_unit"] == per].reset_index(drop=True)


def measured_subgroups() -> pd.DataFrame:
    """Reads what privacy costs groups of test masses, the columns `results.subgroups.TABLE_COLUMNS`."""
    counts = ("num_masses", "num_patients", "num_malignant", "num_seeds")
    types = {"group": "str", **dict.fromkeys(counts, "Int64")}
    return pd.read_csv(_FOLDER / "measured_subgroups.csv", dtype=types)


def subgroups_provenance() -> dict[str, Any]:
    """Tells how the subgroups were measured: date, commands, data, tables."""
    return json.loads((_FOLDER / "measured_subgroups.json").read_text(encoding="utf-8"))


def measured_attacks() -> pd.DataFrame:
    """Reads membership attacks on models of the shipped recipes, one row per strategy, unit, ε, attack and level."""
    return pd.read_csv(_ATTACKS / "attacks.csv")


def measured_audits() -> pd.DataFrame:
    """Reads the lower bounds of ε that attacks prove, one row per strategy, unit, ε and method."""
    return pd.read_csv(_ATTACKS / "audits.csv")


def measured_attack_roc() -> pd.DataFrame:
    """Reads the ROC curves of the same attacks: strategy, unit, target_epsilon, attack, level, fpr, tpr."""
    return pd.read_csv(_ATTACKS / "roc.csv")


def measured_provenance(masses: str = PAPER) -> dict[str, Any]:
    """Tells how our sweep was made with these synthetic masses: date, command, backbone, data."""
    return _sweeps()[_stem(masses)]


def _sweeps() -> dict[str, dict[str, Any]]:
    """Reads how each shipped sweep was made, by the name of its files."""
    read = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(_FOLDER.glob("*_results.json"))
    }
    return {stem: made for stem, made in read.items() if "masses" in made}


def _stem(masses: str) -> str:
    sweeps = _sweeps()
    found = [stem for stem, made in sweeps.items() if made["masses"]["key"] == masses]
    if not found:
        keys = ", ".join(sorted(made["masses"]["key"] for made in sweeps.values()))
        raise ValueError(f"Expected synthetic masses of {keys}; got {masses!r}.")
    return found[0]


def paper_results() -> pd.DataFrame:
    """Reads every run of the paper: experiment, strategy, trained_part, epsilon, seed, test_set, auroc."""
    return pd.read_csv(_FOLDER / "paper_results.csv").drop(columns="auprc_benign")


def paper_points() -> pd.DataFrame:
    """Averages the paper's AUROC per strategy, trained part, ε and test set: mean, lowest and highest seed, seeds.

    The variant with a head initialised anew after pre-training is left out: it is not a strategy here.
    """
    runs = paper_results()
    runs = runs[runs["strategy"] != "pretrain_head_reinitialised"]
    keys = ["strategy", "trained_part", "test_set", "epsilon"]
    points = runs.groupby(keys)["auroc"].agg(
        mean="mean", seed_low="min", seed_high="max", num_seeds="size"
    )
    return points.reset_index().rename(columns={"epsilon": "target_epsilon"})


def paper_masses() -> dict[str, Any]:
    """Reads the quality of the paper's synthetic masses: the measures of a generator's card, and "provenance"."""
    return json.loads((_FOLDER / "paper_masses.json").read_text(encoding="utf-8"))


def measured_generator_attacks() -> pd.DataFrame:
    """Reads attacks on the paper's set and the shipped generators.

    The rows whose members are val are the control: nobody in val took part, so splits alone make the difference.
    """
    return pd.read_csv(_FOLDER / "measured_generator_attacks.csv")
