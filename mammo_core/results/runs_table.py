"""Makes the table of recorded runs: one line per run, with the AUROC of each test set."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mammo_core.config.names import (
    ARITHMETIC_NAMES,
    STRATEGY_NAMES,
    TEST_SET_NAMES,
    TRAINED_PART_NAMES,
)
from mammo_core.config.runs import Strategy, Unit
from mammo_core.evaluation.patients import EvaluationUnit
from mammo_core.figures.trade_off import measure_label
from mammo_core.system.secret_key import sealed_identity
from mammo_core.text.numbers import budget_name


def one_line_per_run(
    rows: pd.DataFrame, evaluated_per: EvaluationUnit = "mass", aurocs: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Turns rows of `RunArchive.rows` into a table for reading, the newest run first, run_id as index.

    Args:
        rows: Per mass, so that no run is missing.
        evaluated_per: Of `aurocs`.
        aurocs: Rows whose AUROC is shown; None shows that of `rows`.
    """
    first = rows.drop_duplicates("run_id").set_index("run_id")
    table = pd.DataFrame(
        {
            "training data": first["strategy"].map(STRATEGY_NAMES),
            "target ε": first["target_epsilon"].map(budget_name),
        }
    )
    shown = rows if aurocs is None else aurocs
    auroc = shown.pivot(index="run_id", columns="test_set", values="auroc").reindex(first.index)
    measure = measure_label("auroc", evaluated_per)
    for test_set in auroc.columns:
        table[f"{measure} {TEST_SET_NAMES.get(test_set, test_set)}"] = auroc[test_set].round(3)
    return table.assign(
        **{
            "unit": first["unit"],
            "seed": first["seed"],
            "when": first["started"].dt.tz_localize(None),  # UTC
            "trained part": first["trained_part"].map(TRAINED_PART_NAMES),
            "noise": first["arithmetic"].map(ARITHMETIC_NAMES),
            "from": first["origin"],
            "data": first["data_hash"].map(sealed_identity).str[:6],
            "backbone": first["backbone"],
        }
    )


def without_repeats(rows: pd.DataFrame) -> pd.DataFrame:
    """Keeps the newest run of each configuration on the same data, of rows of `RunArchive.rows`."""
    newest = rows.drop_duplicates("run_id").drop_duplicates("run_key")["run_id"]
    return rows[rows["run_id"].isin(newest)]


def filtered(
    table: pd.DataFrame,
    *,
    strategies: Sequence[Strategy],
    units: Sequence[Unit],
    origins: Sequence[str],
    text: str,
) -> pd.DataFrame:
    """Keeps the lines that match every filter; an empty filter keeps all."""
    names = [STRATEGY_NAMES[strategy] for strategy in strategies]
    keep = pd.Series(True, index=table.index)
    for column, wanted in (("training data", names), ("unit", units), ("from", origins)):
        if wanted:
            keep &= table[column].isin(wanted)
    if text.strip():
        lines = table.astype(str).agg(" ".join, axis=1) + " " + table.index
        keep &= lines.str.contains(text.strip(), case=False, regex=False)
    return table[keep]
