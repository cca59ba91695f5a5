"""Compares subgroups along ε for recorded runs: joins their predictions with the masses they were tested on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mammo_core.cohorts.cohort import Cohort
from mammo_core.cohorts.installed import LoadedData
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.grouping import Grouping, group_by_appearance, group_by_words
from mammo_core.evaluation.subgroups import (
    COLUMNS,
    ScoredRun,
    compare_subgroups,
)
from mammo_core.training.dataset import site_of_runs
from mammo_core.training.outcome import FinishedRun

SHARED = ("strategy", "trained_part", "backbone", "unit", "delta", "arithmetic", "data_hash")
TABLE_COLUMNS = ("strategy", "trained_part", "backbone", "unit", "test_set", *COLUMNS)
_ID_COLUMNS = ["patient_id", "image_id", "mass_id"]


def subgroups_of_runs(
    rows: pd.DataFrame,
    load: Callable[[str], FinishedRun],
    loaded: LoadedData,
    details: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Compares the groups of every test set, for all runs that were made on these masses.

    Args:
        rows: Of recorded runs, as `RunArchive.rows` makes them. Runs on other masses are left out.
        load: Reads a run by its id.
        loaded: The masses.
        details: What is known of the real masses, as `mass_details` finds it; grouped beside their appearance.

    Returns:
        `TABLE_COLUMNS`, see `compare_subgroups`.

    Raises:
        InvalidRequestError: If no runs with and without privacy were made on these masses with the same seed, or
            predictions are of other masses.
    """
    known = {name for name in rows["data_hash"].unique() if site_of_runs(loaded, name) is not None}
    mine = rows[rows["data_hash"].isin(known)].drop_duplicates(["run_id", "test_set"])
    groupings: dict[str, list[Grouping]] = {}
    tables = []
    for keys, part in _comparable(mine):
        runs = [load(run_id) for run_id in part["run_id"].unique()]
        for test_set in part["test_set"].unique():
            is_mine = (loaded.real.sites == test_set) & (loaded.real.splits == "test")
            cohort = loaded.real.where(is_mine)
            if test_set not in groupings:
                words = {name: column[is_mine] for name, column in details.items()}
                groupings[test_set] = _groupings(cohort, words)
            table = compare_subgroups(
                cohort.labels,
                cohort.patient_ids,
                groupings[test_set],
                [_scored(run, test_set, cohort) for run in runs],
            )
            tables.append(table.assign(**keys, test_set=test_set))
    if not tables:
        raise InvalidRequestError(
            "Expected runs on these masses with privacy and without, with the same seed; found none. Train them, "
            "for example with `sweep --epsilon 6,inf`, or choose the data that the runs were made on."
        )
    return pd.concat(tables, ignore_index=True)[list(TABLE_COLUMNS)]


def _comparable(rows: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yields runs that differ in ε and seed only, if some with privacy share a seed with one without."""
    for keys, part in rows.groupby(list(SHARED), sort=True):
        is_private = part["target_epsilon"] < math.inf
        if set(part["seed"][is_private]) & set(part["seed"][~is_private]):
            yield (
                dict(zip(SHARED, keys, strict=True)),
                part.drop_duplicates(["run_key", "test_set"]),
            )


def _groupings(cohort: Cohort, words: Mapping[str, np.ndarray]) -> list[Grouping]:
    labels, patients = cohort.labels, cohort.patient_ids
    return [
        *group_by_appearance(cohort.images, labels, patients),
        *(
            group_by_words(name, column, patients)
            for name, column in words.items()
            if np.any(column != "")
        ),
    ]


def _scored(run: FinishedRun, test_set: str, cohort: Cohort) -> ScoredRun:
    """Takes the scores of a test set, after checking that they are of just these masses."""
    part = run.predictions[run.predictions["test_set"] == test_set]
    ids = np.stack([cohort.patient_ids, cohort.image_ids, cohort.mass_ids], axis=1)
    if not np.array_equal(part[_ID_COLUMNS].to_numpy(dtype=str), ids):
        raise InvalidRequestError(
            f"Expected the predictions of run {run.run_id[:8]} to be of the {len(cohort)} masses of {test_set}; got "
            f"{len(part)} of others, or other ids. Choose the data that the run was tested on."
        )
    scores = part["score"].to_numpy(dtype=np.float64)
    return ScoredRun(run.config.privacy.target_epsilon, run.config.seed, scores)
