"""Reads the numbers that ship: the paper's results and our own, each with how it was made."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

_FOLDER = Path(str(files(__name__)))
_ATTACKS = _FOLDER / "attacks"  # as the command `audit` writes them


def measured_results() -> pd.DataFrame:
    """Reads our sweep on the real data, a table with the columns `results.table_file.COLUMNS`."""
    return pd.read_csv(_FOLDER / "measured_results.csv")


def measured_roc() -> pd.DataFrame:
    """Reads the mean ROC curves of the same runs."""
    return pd.read_csv(_FOLDER / "measured_roc.csv")


def simulated_results() -> pd.DataFrame:
    """Reads the same sweep with simulated masses in place of the paper's synthetic ones."""
    return pd.read_csv(_FOLDER / "simulated_results.csv")


def measured_attacks() -> pd.DataFrame:
    """Reads membership attacks on models of the shipped recipes, one row per strategy, unit, ε, attack and level."""
    return pd.read_csv(_ATTACKS / "attacks.csv")


def measured_audits() -> pd.DataFrame:
    """Reads the lower bounds of ε that attacks prove, one row per strategy, unit, ε and method."""
    return pd.read_csv(_ATTACKS / "audits.csv")


def measured_attack_roc() -> pd.DataFrame:
    """Reads the ROC curves of the same attacks: strategy, unit, target_epsilon, attack, level, fpr, tpr."""
    return pd.read_csv(_ATTACKS / "roc.csv")


def measured_provenance() -> dict[str, Any]:
    """Tells how our sweep was made: date, command, backbone, data."""
    return json.loads((_FOLDER / "measured_results.json").read_text(encoding="utf-8"))


def paper_results() -> pd.DataFrame:
    """Reads every run of the paper: experiment, strategy, trained_part, epsilon, seed, test_set, auroc."""
    return pd.read_csv(_FOLDER / "paper_results.csv").drop(columns="auprc_benign")


def paper_points() -> pd.DataFrame:
    """Averages the paper's AUROC per strategy, trained part, ε and test set: mean, lowest and highest seed.

    The variant with a head initialised anew after pre-training is left out: it is not a strategy here.
    """
    runs = paper_results()
    runs = runs[runs["strategy"] != "pretrain_head_reinitialised"]
    keys = ["strategy", "trained_part", "test_set", "epsilon"]
    points = runs.groupby(keys)["auroc"].agg(mean="mean", seed_low="min", seed_high="max")
    return points.reset_index().rename(columns={"epsilon": "target_epsilon"})


def paper_masses() -> dict[str, Any]:
    """Reads the quality of the paper's synthetic masses: the measures of a generator's card, and "provenance"."""
    return json.loads((_FOLDER / "paper_masses.json").read_text(encoding="utf-8"))


def measured_generator_attacks() -> pd.DataFrame:
    """Reads attacks on the paper's set and the shipped generators.

    The rows whose members are val are the control: nobody in val took part, so splits alone make the difference.
    """
    return pd.read_csv(_FOLDER / "measured_generator_attacks.csv")
