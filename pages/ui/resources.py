"""What pages share between users and reruns: cached tables and loaded data. Heavy imports happen inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from mammo_core import reference
from mammo_core.cohorts.installed import DataSource, find_sources, load_source
from mammo_core.config import BackboneConfig
from mammo_core.experiments.summary import curve_points
from mammo_core.settings import data_dir, home_dir

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import LoadedData
    from mammo_core.experiments.tracking import RunTracker
    from mammo_core.experiments.workbench import Workbench

DEMO_BACKBONE = BackboneConfig(views=1)


def installed_sources() -> list[DataSource]:
    """Cohorts found on this computer; the built-in demo is last."""
    return find_sources(data_dir())


def backbone_for(source: DataSource) -> BackboneConfig:
    """All eight views for real mammograms; one for the demo, to be ready sooner."""
    return DEMO_BACKBONE if source.is_demo else BackboneConfig()


@st.cache_data
def measured_rows() -> pd.DataFrame:
    """Our shipped results, one row per run and test set."""
    return reference.measured_results()


@st.cache_data
def provenance() -> dict[str, Any]:
    """How our shipped results were made."""
    return reference.measured_provenance()


@st.cache_data(max_entries=8)
def measured_points(metric: str) -> pd.DataFrame:
    """Our shipped results as points of curves."""
    return curve_points(reference.measured_results(), metric)


@st.cache_data
def paper_points() -> pd.DataFrame:
    """The paper's results as points of curves."""
    return reference.paper_points()


@st.cache_resource(max_entries=3, show_spinner="Reading masses")
def loaded_data(source: DataSource) -> LoadedData:
    """The masses of a source."""
    return load_source(source)


@st.cache_resource(max_entries=8, show_spinner=False)
def count_missing(source: DataSource) -> int:
    """How many masses have no features yet."""
    from mammo_core.classifiers.features import FeatureStore

    data = loaded_data(source)
    store = FeatureStore(home_dir() / "features")
    backbone = backbone_for(source)
    parts = [data.real] if data.synthetic is None else [data.real, data.synthetic]
    return sum(store.count_missing(part.images, backbone) for part in parts)


@st.cache_resource(max_entries=3, show_spinner=False)
def workbench(source: DataSource, _on_progress: object = None) -> Workbench:
    """Data and features of a source; computes what is missing, reporting (done, total)."""
    from mammo_core.experiments.workbench import open_workbench

    data = loaded_data(source)
    return open_workbench(
        data.real,
        data.synthetic,
        backbone_for(source),
        home_dir() / "features",
        on_progress=_on_progress,
    )


@st.cache_resource(show_spinner="Opening the run store")
def tracker() -> RunTracker:
    """The MLflow store of this installation."""
    from mammo_core.experiments.tracking import RunTracker

    return RunTracker(home_dir())
