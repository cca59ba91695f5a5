"""Says in tables and words which groups of masses privacy costs more accuracy than others, see `subgroups`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from mammo_core.evaluation.bootstrap import LEVEL
from mammo_core.evaluation.grouping import MIN_PATIENTS, MIN_PATIENTS_OF_CLASS
from mammo_core.evaluation.subgroups import MEASURES
from mammo_core.text.numbers import counted, with_interval

EXPLAINED = (
    "Each group is compared with itself without privacy, over the same patients and seeds: intervals are 95 %, by bootstrap. "
    "Excess is the change of a group minus that of all other masses. Its intervals are wider: they hold for all "
    "comparisons of this test set at once. Sensitivity is at one threshold for all groups, set where 90 % of all benign "
    "masses are called benign. Thirds by size, contrast, sharpness and grey level have limits from the training masses of "
    "CBIS-DDSM; where a third is too small, the median parts the masses."
)
SUPPRESSED = (
    f"A group with fewer than {MIN_PATIENTS} patients is not shown, nor one with fewer than {MIN_PATIENTS_OF_CLASS} "
    "patients who have a malignant mass, or a benign one."
)
NOT_PRIVATE = "This table is itself computed from test patients, without noise. No ε covers it."


def change_table(table: pd.DataFrame, measure: str = "auroc") -> pd.DataFrame:
    """Tabulates what privacy changes for each group, for reading: a row for each group, a column for each ε.

    Args:
        table: Of one test set, one strategy and one unit of privacy, as `compare_subgroups` makes it.
        measure: One of `MEASURES`.
    """
    return pd.DataFrame(
        [
            {"property": name, "group": group, **_of_group(part)}
            for (name, group), part in table[table["measure"] == measure].groupby(
                ["property", "group"], sort=False
            )
        ]
    )


def _of_group(part: pd.DataFrame) -> dict[str, str]:
    """Writes the cells of one group."""
    num_patients = part["num_patients"].iloc[0]
    is_shown = bool(part["value"].notna().all())
    cells = {"patients": str(num_patients) if is_shown else "too few", "no privacy": ""}
    for one in records(part):
        is_private = one["target_epsilon"] < math.inf
        column = f"ε = {one['target_epsilon']:g}" if is_private else "no privacy"
        shown = _change(one, "change") if is_private else _value(one)
        cells[column] = shown if is_shown else "not shown"
    return cells


def verdict(table: pd.DataFrame, measure: str = "auroc") -> str:
    """Says in words whether a group pays more or less for privacy than the other masses of its test set.

    Args:
        table: Of one test set, one strategy and one unit of privacy, as `compare_subgroups` makes it.
        measure: One of `MEASURES`.
    """
    compared = table[(table["measure"] == measure) & table["excess"].notna()]
    if compared.empty:
        return "No group is large enough to be compared with the other masses."
    num_groups = len(compared[["property", "group"]].drop_duplicates())
    looked = f"{len(compared)} comparisons ({num_groups} groups at {compared['target_epsilon'].nunique()} budgets)"
    told = []
    for says, found in (
        ("loses more", compared[compared["excess_high"] < 0]),
        ("loses less", compared[compared["excess_low"] > 0]),
    ):
        told += [
            f"{_place(row)} {says} than the other masses: {_change(row, 'excess')}."
            for row in records(found)
        ]
    alone = int(((compared["excess_one_high"] < 0) | (compared["excess_one_low"] > 0)).sum())
    one_by_one = (
        f"Taken one by one, {counted(alone, 'interval')} would exclude 0; chance alone gives about "
        f"{(1 - LEVEL) * len(compared):.0f}."
    )
    if told:
        return f"{' '.join(told)} These intervals allow for all {looked}. {one_by_one}"
    worst = records(compared.sort_values("excess"))[0]
    return (
        f"No group loses more {MEASURES[measure]} than chance explains, in {looked}. Furthest below the others: "
        f"{_place(worst)}, {_change(worst, 'excess')}. {one_by_one}"
    )


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns the rows of a table by column."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['property']} {row['group']} at ε = {row['target_epsilon']:g}"


def _value(row: Mapping[str, Any]) -> str:
    return with_interval(row["value"], row["low"], row["high"])


def _change(row: Mapping[str, Any], name: str) -> str:
    """Writes the change or the excess of a row with its signs."""
    return with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"], signed=True)
