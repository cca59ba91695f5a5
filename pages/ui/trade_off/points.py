"""Collects the points of the Trade-off page: shipped results, own runs, and the paper's."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from mammo_core.config.names import STRATEGY_NAMES, TRAINED_PART_NAMES
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
from mammo_core.figures.trade_off import METRIC_LABELS
from mammo_core.figures.trade_off_marks import OWN, SHIPPED, point_id
from mammo_core.results.tags import ORIGIN_IMPORTED
from mammo_core.system.paths import home_dir
from mammo_core.system.secret_key import sealed_identity
from pages.ui.state import resources

TEST_SET_NAMES = {"cbis-ddsm": "CBIS-DDSM test (same site)", "bcdr": "BCDR (another site)"}
SHIPPED_TEST_SETS = tuple(TEST_SET_NAMES)
_TOGETHER = ["data_hash", "backbone", "trained_part", "arithmetic"]


@dataclass(frozen=True)
class CurveChoices:
    """What the reader asked to see.

    Attributes:
        own: Which runs of one's own, or None.
    """

    strategies: tuple[Strategy, ...]
    unit: Unit
    metric: str
    test_sets: tuple[str, ...]
    every_seed: bool
    with_paper: bool
    own: OwnData | None


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
    shipped = resources.provenance()["data_hash"]
    found = [
        OwnData(
            **dict(zip(_TOGETHER, cast("Any", keys), strict=True)),
            test_sets=tuple(sorted(part["test_set"].unique())),
            num_runs=part["run_key"].nunique(),
            is_shipped_data=part["data_hash"].iloc[0] == shipped,
        )
        for keys, part in rows.groupby(_TOGETHER)
    ]
    return sorted(found, key=lambda data: -data.num_runs)


def draw_from(choices: CurveChoices) -> Drawn:
    """Selects everything that the choices allow."""
    points = resources.measured_points(choices.metric)
    own_rows = _own_rows()
    if choices.own is None:
        own_rows = own_rows.iloc[:0]
    else:
        meant = [getattr(choices.own, name) for name in _TOGETHER]
        own_rows = own_rows[(own_rows[_TOGETHER] == meant).all(axis=1)]
    own = _chosen(own_rows, choices)
    paper = resources.paper_points()
    is_shown = choices.with_paper and choices.metric == "auroc"
    paper = paper[paper["strategy"].isin(choices.strategies)] if is_shown else paper.iloc[:0]
    return Drawn(
        points=_chosen(points, choices),
        own=curve_points(own, choices.metric) if len(own) else points.iloc[:0],
        paper=paper[paper["test_set"].isin(choices.test_sets)],
        rows=_chosen(resources.measured_rows(), choices),
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


def _own_rows() -> pd.DataFrame:
    """Loads runs made here, each once; those at another δ than the shipped ones are no points of these curves."""
    uses_server = "MLFLOW_TRACKING_URI" in os.environ
    if not uses_server and not (home_dir() / "mlflow.db").exists():
        return (
            resources.measured_rows()
            .iloc[:0]
            .assign(data_hash="", run_id="", trained_part=HEAD_ON_FEATURES, arithmetic="grid")
        )
    rows = resources.archive_rows()
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


def points_table(points: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Tabulates points of curves, as `curves.curve_points` makes them."""
    shown = points.sort_values(["test_set", "strategy", "target_epsilon"])
    return pd.DataFrame(
        {
            "training data": shown["strategy"].map(STRATEGY_NAMES),
            "test set": shown["test_set"],
            "target ε": shown["target_epsilon"].map("{:g}".format).replace("inf", "∞ (not DP)"),
            METRIC_LABELS[metric]: shown["mean"].round(3),
            "95 % from": shown["low"].round(3),
            "to": shown["high"].round(3),
            "lowest seed": shown["seed_low"].round(3),
            "highest seed": shown["seed_high"].round(3),
            "seeds": shown["num_seeds"],
        }
    )
