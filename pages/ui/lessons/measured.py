"""Looks up the shipped results that the lessons are about."""

from __future__ import annotations

import pandas as pd

from mammo_core.config.runs import Strategy
from pages.ui.lessons.settings import LessonSettings
from pages.ui.state import resources


def rows_of(settings: LessonSettings, *strategies: Strategy) -> pd.DataFrame:
    """Selects single trainings at every ε with these training data."""
    return _selected(resources.measured_rows(), settings, strategies)


def points_of(settings: LessonSettings) -> pd.DataFrame:
    """Selects the means over seeds for the settings: one point per ε, which is the index."""
    points = _selected(resources.measured_points("auroc"), settings, (settings.strategy,))
    return points.set_index("target_epsilon", drop=False).rename_axis(index=None).sort_index()


def _selected(
    table: pd.DataFrame, settings: LessonSettings, strategies: tuple[Strategy, ...]
) -> pd.DataFrame:
    return table[
        table["strategy"].isin(strategies)
        & (table["unit"] == settings.unit)
        & (table["test_set"] == settings.test_set)
    ]
