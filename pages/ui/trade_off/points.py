"""Collects the points of the Trade-off page: shipped results, own runs, and the paper's."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from mammo_core import reference
from mammo_core.config.names import STRATEGY_NAMES, TEST_SET_NAMES, TRAINED_PART_NAMES
from mammo_core.config.network_recipe import TrainedPart
from mammo_core.config.runs import (
    HEAD_ON_FEATURES,
    PAPER_DELTA,
    Arithmetic,
    HeadOnFeatures,
    Strategy,
    Unit,
)
from mammo_core.evaluation.curves import curve_points
from mammo_core.evaluation.patients import EvaluationUnit
from mammo_core.figures.trade_off import measure_label
from mammo_core.figures.trade_off_marks import OWN, SHIPPED, point_id
from mammo_core.results.tags import ORIGIN_IMPORTED
from mammo_core.system.paths import home_dir
from mammo_core.system.secret_key import sealed_identity
from pages.ui.state import resources

SHIPPED_TEST_SETS = tuple(TEST_SET_NAMES)
_TIDY = {"target_epsilon": "epsilon", "num_seeds": "n"}
_TIDY_COLUMNS = (
    *("series", "origin", "strategy", "trained_part", "unit", "test_set", "evaluation_unit"),
    *("epsilon", "epsilon_spent", "metric", "mean", "low", "high", "n"),
)
_TOGETHER = ["data_hash", "backbone", "trained_part", "arithmetic"]


@dataclass(frozen=True)
class CurveChoices:
    """What the reader asked to see.

    Attributes:
        masses: Key of the synthetic masses of the shipped results, as `reference.synthetic_sets` lists them.
        own: Which runs of one's own, or None.
    """

    masses: str
    strategies: tuple[Strategy, ...]
    unit: Unit
    metric: str
    evaluated_per: EvaluationUnit
    test_sets: tuple[str, ...]
    every_seed: bool
    with_paper: bool
    own: OwnData | None

    @property
    def shows_paper(self) -> bool:
        """Whether the paper's results are drawn: they are of AUROC per mass."""
        return self.with_paper and self.metric == "auroc" and self.evaluated_per == "mass"

    @property
    def measure(self) -> str:
        """The measure as it is shown."""
        return measure_label(self.metric, self.evaluated_per)


@dataclass(frozen=True)
class OwnData:
    """Own runs that can be drawn together: on the same masses, training the same part of one network, with noise alike."""

    data_hash: str
    backbone: str
    trained_part: TrainedPart | HeadOnFeatures
    arithmetic: Arithmetic
    test_sets: tuple[str, ...]
    num_runs: int
    is_shipped_data: bool

    @property
    def name(self) -> str:
        """Their name in a list and in the URL."""
        same = ", the data of the shipped results" if self.is_shipped_data else ""
        part = TRAINED_PART_NAMES[self.trained_part]
        trained = "" if self.trained_part == HEAD_ON_FEATURES else f", {part}"
        old = ", noise in single precision" if self.arithmetic == "float" else ""
        return f"{' + '.join(self.test_sets)} ({sealed_identity(self.data_hash)[:6]}{same}), {self.backbone}{trained}{old}"


@dataclass(frozen=True)
class Drawn:
    """The tables behind the figures.

    Attributes:
        points: Shipped, as `curve_points` makes them.
        own: The same of one's own; empty if none were asked for.
        paper: As `reference.paper_points` makes them; empty if not shown.
        rows: Shipped single runs.
        own_rows: Single runs of one's own.
    """

    points: pd.DataFrame
    own: pd.DataFrame
    paper: pd.DataFrame
    rows: pd.DataFrame
    own_rows: pd.DataFrame

    def on(self, test_set: str) -> Drawn:
        """Selects the part of one test set."""
        return Drawn(
            *(table[table["test_set"] == test_set] for table in vars(self).values()),
        )

    def value_range(self) -> tuple[float, float]:
        """Returns a range of the vertical axis on which everything fits."""
        measured = pd.concat([part for part in (self.points, self.own) if len(part)])
        paper = self.paper["seed_low"].tolist() + self.paper["seed_high"].tolist()
        low, high = min([measured["low"].min(), *paper]), max([measured["high"].max(), *paper])
        return max(0.0, low - 0.02), min(1.0, high + 0.02)


def own_data() -> list[OwnData]:
    """Returns the cohorts with own runs, the one with most runs first; none if there is no run store."""
    rows = _own_rows()
    shipped = {resources.provenance(masses)["data_hash"] for masses in reference.synthetic_sets()}
    found = [
        OwnData(
            **dict(zip(_TOGETHER, cast("Any", keys), strict=True)),
            test_sets=tuple(sorted(part["test_set"].unique())),
            num_runs=part["run_key"].nunique(),
            is_shipped_data=part["data_hash"].iloc[0] in shipped,
        )
        for keys, part in rows.groupby(_TOGETHER)
    ]
    return sorted(found, key=lambda data: -data.num_runs)


def draw_from(choices: CurveChoices) -> Drawn:
    """Selects everything that the choices allow."""
    per = choices.evaluated_per
    points = resources.measured_points(choices.metric, choices.masses, per)
    own_rows = _own_rows(per)
    if choices.own is None:
        own_rows = own_rows.iloc[:0]
    else:
        meant = [getattr(choices.own, name) for name in _TOGETHER]
        own_rows = own_rows[(own_rows[_TOGETHER] == meant).all(axis=1)]
    own = _chosen(own_rows, choices)
    paper = resources.paper_points()
    paper = paper[paper["strategy"].isin(choices.strategies) & choices.shows_paper]
    return Drawn(
        points=_chosen(points, choices),
        own=curve_points(own, choices.metric) if len(own) else points.iloc[:0],
        paper=paper[paper["test_set"].isin(choices.test_sets)],
        rows=_chosen(resources.measured_rows(choices.masses, per), choices),
        own_rows=own,
    )


def clickable(drawn: Drawn) -> dict[str, pd.Series]:
    """Returns every measured point by its id, in the order of lists: own runs first, then by strategy and ε."""
    return {
        point_id(point, origin): point
        for origin, part in ((OWN, drawn.own), (SHIPPED, drawn.points))
        for _, point in part.sort_values(["test_set", "strategy", "target_epsilon"]).iterrows()
    }


def runs_of(drawn: Drawn, point: pd.Series) -> pd.DataFrame:
    """Selects the single own runs behind a point."""
    rows = drawn.own_rows
    keys = ("strategy", "unit", "test_set", "target_epsilon")
    return rows[(rows[list(keys)] == [point[key] for key in keys]).all(axis=1)]


def shipped_budgets() -> tuple[float, ...]:
    """Returns the ε of the shipped sweep, from the smallest to infinity."""
    budgets = resources.measured_rows()["target_epsilon"].astype(float)
    return tuple(sorted(set(budgets), key=lambda epsilon: (math.isinf(epsilon), epsilon)))


def _own_rows(evaluated_per: EvaluationUnit = "mass") -> pd.DataFrame:
    """Loads runs made here, each once; those at another δ than the shipped ones are no points of these curves."""
    uses_server = "MLFLOW_TRACKING_URI" in os.environ
    if not uses_server and not (home_dir() / "mlflow.db").exists():
        return (
            resources.measured_rows()
            .iloc[:0]
            .assign(data_hash="", run_id="", trained_part=HEAD_ON_FEATURES, arithmetic="grid")
        )
    rows = resources.archive_rows(evaluated_per)
    is_own = (rows["delta"] == PAPER_DELTA) & (rows["origin"] != ORIGIN_IMPORTED)
    return rows[is_own].drop_duplicates(["run_key", "test_set"])


def _chosen(table: pd.DataFrame, choices: CurveChoices) -> pd.DataFrame:
    return table[
        (table["unit"] == choices.unit)
        & table["strategy"].isin(choices.strategies)
        & table["test_set"].isin(choices.test_sets)
    ]


def names_of(test_sets: tuple[str, ...]) -> dict[str, str]:
    """Returns test sets with the names they are shown by."""
    return {name: TEST_SET_NAMES.get(name, name) for name in test_sets}


def points_table(points: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Tabulates points of curves, as `curves.curve_points` makes them; `measure` names the column of values."""
    shown = points.sort_values(["test_set", "strategy", "target_epsilon"])
    return pd.DataFrame(
        {
            "training data": shown["strategy"].map(STRATEGY_NAMES),
            "test set": shown["test_set"].replace(TEST_SET_NAMES),
            "target ε": shown["target_epsilon"].map("{:g}".format).replace("inf", "∞ (not DP)"),
            measure: shown["mean"].round(3),
            "95 % from": shown["low"].round(3),
            "to": shown["high"].round(3),
            "lowest seed": shown["seed_low"].round(3),
            "highest seed": shown["seed_high"].round(3),
            "seeds": shown["num_seeds"],
        }
    )


def visible_points(choices: CurveChoices, drawn: Drawn) -> pd.DataFrame:
    """Tabulates the points in the figures, one row per point, so that other programs draw the same figures.

    Returns:
        series (as in the legend), origin (shipped, own or paper), strategy, trained_part, unit, test_set,
        evaluation_unit, epsilon (asked for; infinite without privacy), epsilon_spent, metric, mean, low, high, n (seeds). Of the paper,
        low and high are its lowest and highest seed.
    """
    paper = drawn.paper
    paper = paper.assign(
        unit="image", evaluation_unit="mass", low=paper["seed_low"], high=paper["seed_high"]
    )
    parts = (
        (SHIPPED, "", drawn.points),
        (OWN, ", your runs", drawn.own),
        ("paper", ", the paper", paper),
    )
    tables = [
        part.assign(origin=origin, series=part["strategy"].map(STRATEGY_NAMES) + suffix)
        for origin, suffix, part in parts
        if len(part)
    ]
    table = pd.concat(tables, ignore_index=True).assign(metric=choices.metric)
    table = table.rename(columns={"epsilon": "epsilon_spent"}).rename(columns=_TIDY)
    table = table.reindex(columns=[*_TIDY_COLUMNS])
    return table.sort_values(["test_set", "origin", "series", "epsilon"], ignore_index=True)
