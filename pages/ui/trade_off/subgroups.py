"""Asks whose accuracy privacy costs most: groups of test masses along ε, of the shipped runs or of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core import reference
from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import Strategy
from mammo_core.evaluation.subgroup_words import (
    EXPLAINED,
    NOT_PRIVATE,
    SUPPRESSED,
    change_table,
    verdict,
)
from mammo_core.evaluation.subgroups import MEASURES
from mammo_core.figures.provenance import Provenance
from mammo_core.figures.trade_off import subgroups_figure
from pages.ui.components.charts import chart
from pages.ui.components.export import ExportBundle
from pages.ui.components.inputs import choose_one
from pages.ui.components.links import linked
from pages.ui.components.messages import escape_markdown, shown_errors
from pages.ui.state import resources
from pages.ui.trade_off.points import CurveChoices, Drawn, names_of

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource

_SHIPPED, _OWN = "shipped", "your runs"


def show_subgroups(choices: CurveChoices, drawn: Drawn) -> None:
    """Draws the question with its choices, the answer, a figure of one property and a table of all of them."""
    with st.expander("Who pays for privacy?", icon=":material/balance:"):
        runs = _SHIPPED
        if len(drawn.own_rows):
            runs = choose_one("Runs to compare", (_SHIPPED, _OWN), "subgroups_runs")
        table = _own_table(drawn.own_rows) if runs == _OWN else _shipped_table(choices)
        if table is None:
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            part, name = _choose(table, choices.test_sets)
            measure = choose_one(
                "Accuracy as",
                tuple(MEASURES),
                "subgroups_measure",
                shown=_MEASURE_NAMES.__getitem__,
            )
        _show(part, name, measure, runs)


_MEASURE_NAMES = {"auroc": "AUROC", "sensitivity": "sensitivity"}


def _choose(table: pd.DataFrame, test_sets: tuple[str, ...]) -> tuple[pd.DataFrame, str]:
    """Asks for training data, test set and property; returns the rows of the first two, and the property."""
    strategies: list[Strategy] = list(table["strategy"].unique())
    strategy = linked(st.selectbox)(
        "Training data",
        strategies,
        format_func=lambda one: STRATEGY_NAMES[one],
        key="subgroups_strategy",
        width=240,
    )
    part = table[table["strategy"] == strategy]
    found = set(part["test_set"])
    names = names_of(tuple(name for name in test_sets if name in found))
    test_set = linked(st.selectbox)(
        "Test set",
        list(names),
        format_func=lambda one: names[one],
        key="subgroups_test_set",
        width=240,
    )
    part = part[part["test_set"] == test_set]
    properties: list[str] = list(part["property"].unique())
    name: str = linked(st.selectbox)(
        "Group masses by", properties, key="subgroups_property", width=180
    )
    return part, name


def _show(part: pd.DataFrame, name: str, measure: str, runs: str) -> None:
    """Draws the answer, the figure of one property, and what changes for every group."""
    unit = part["unit"].iloc[0]
    st.markdown(f"**{escape_markdown(verdict(part, measure), longest=2000)}**")
    meant = part[part["property"] == name]
    if meant["value"].notna().any():
        chart(
            subgroups_figure(meant, measure),
            key="subgroups_figure",
            alt=f"{MEASURES[measure]} against privacy budget of masses grouped by {name}, with intervals",
            bundle=ExportBundle(
                name="mammo_privacy_subgroups",
                provenance=Provenance(
                    title=f"Who pays for privacy? {MEASURES[measure]} by {name}",
                    notes=(EXPLAINED, SUPPRESSED, NOT_PRIVATE, *_how_made(runs)),
                ),
                tables={"mammo_privacy_subgroups": part.reset_index(drop=True)},
            ),
        )
    else:
        st.info(f"No group by {name} is large enough. {SUPPRESSED}", icon=":material/group_off:")
    st.markdown(f"What privacy changes, ε per {unit}: {MEASURES[measure]}")
    st.dataframe(change_table(part, measure), hide_index=True, key="subgroups_table")
    st.caption(f"{EXPLAINED} {SUPPRESSED} {NOT_PRIVATE}")


def _shipped_table(choices: CurveChoices) -> pd.DataFrame | None:
    """Selects what was measured for the choices; says so where nothing was."""
    table = resources.measured_subgroups()
    is_meant = table["strategy"].isin(choices.strategies) & (table["unit"] == choices.unit)
    found = table[is_meant & table["test_set"].isin(choices.test_sets)]
    if found.empty:
        told: dict[Strategy, str] = dict(zip(table["strategy"], table["unit"], strict=True))
        names = ", ".join(f"{STRATEGY_NAMES[one]} (unit {unit})" for one, unit in told.items())
        st.info(
            f"Subgroups were not measured for these choices. They were for: {names}.",
            icon=":material/group_off:",
        )
        return None
    return found


def _how_made(runs: str) -> tuple[str, ...]:
    if runs == _OWN:
        return ()
    made = reference.subgroups_provenance()
    return (f"Measured {made['made']} with: {made['sweep']}; then {made['command']}",)


def _own_table(rows: pd.DataFrame) -> pd.DataFrame | None:
    """Compares the subgroups of own runs; says so where their masses are not installed here."""
    data_hash = str(rows["data_hash"].iloc[0])
    for source in resources.installed_sources():
        if resources.site_of_runs(source, data_hash) is not None:
            with shown_errors("Subgroups cannot be compared"):
                return _compared(source, tuple(sorted(rows["run_id"].unique())))
    st.info(
        "The masses that these runs were tested on are not installed here. The page **Data** fetches or imports them.",
        icon=":material/folder_off:",
    )
    return None


@st.cache_data(max_entries=4, show_spinner="Comparing groups of masses")
def _compared(source: DataSource, run_ids: tuple[str, ...]) -> pd.DataFrame:
    from mammo_core.ingestion.imports.mass_details import mass_details
    from mammo_core.results.subgroups import subgroups_of_runs

    loaded = resources.loaded_data(source)
    rows = resources.archive_rows()
    details = mass_details(source.real, loaded.real)
    meant = rows[rows["run_id"].isin(run_ids)]
    return subgroups_of_runs(meant, resources.stored_run, loaded, details)
