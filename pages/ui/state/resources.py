"""What pages share between users and reruns: cached tables and loaded data. Heavy imports happen inside."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core import reference
from mammo_core.cohorts.folders import training_sites
from mammo_core.cohorts.installed import DataSource, find_sources, load_source, read_training_data
from mammo_core.config.runs import HEAD_BACKBONE, BackboneConfig
from mammo_core.evaluation.curves import curve_points
from mammo_core.synthesis.cards import find_generators, load_card
from mammo_core.system.machine import Machine, this_machine
from mammo_core.system.paths import data_dir, home_dir, models_dir

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import LoadedData
    from mammo_core.evaluation.patients import EvaluationUnit
    from mammo_core.ledger.ledger import PrivacyLedger
    from mammo_core.privacy.statements.training_data import TrainingData
    from mammo_core.results.archive import RunArchive
    from mammo_core.training.heads.feature_dataset import FeatureDataset
    from mammo_core.training.outcome import FinishedRun

DEMO_BACKBONE = BackboneConfig(views=1)


def installed_sources() -> list[DataSource]:
    """Cohorts found on this computer; the built-in demo is last."""
    return find_sources(data_dir())


_SOURCES = "sources_of_visit"


def sources_of_visit() -> dict[DataSource, list[str]]:
    """The installed cohorts with their training sites, looked for once a visit of a page.

    What changes on the page, as the slider of Live, scans no folder.
    """
    if _SOURCES not in st.session_state:
        st.session_state[_SOURCES] = {
            source: [] if source.real is None else training_sites(source.real)
            for source in installed_sources()
        }
    return st.session_state[_SOURCES]


def begin_visit() -> None:
    """Has the cohorts looked for again, when another page is shown."""
    st.session_state.pop(_SOURCES, None)


def backbone_for(source: DataSource) -> BackboneConfig:
    """The one of the shipped results for real mammograms; a quicker one for the demo, to be ready sooner."""
    return DEMO_BACKBONE if source.is_demo else HEAD_BACKBONE


# shipped numbers, read once
measured_rows = st.cache_data(reference.measured_results)
measured_roc = st.cache_data(reference.measured_roc)
measured_subgroups = st.cache_data(reference.measured_subgroups)
measured_generator_attacks = st.cache_data(reference.measured_generator_attacks)
provenance = st.cache_data(reference.measured_provenance)
paper_points = st.cache_data(reference.paper_points)


@st.cache_data
def measured_attack_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Our shipped attacks on shipped recipes, the audits, and the attacks' ROC curves."""
    return (
        reference.measured_attacks(),
        reference.measured_audits(),
        reference.measured_attack_roc(),
    )


@st.cache_data(max_entries=16)
def measured_points(
    metric: str, masses: str = reference.PAPER, evaluated_per: EvaluationUnit = "mass"
) -> pd.DataFrame:
    """Our shipped results with these synthetic masses as points of curves."""
    return curve_points(reference.measured_results(masses, evaluated_per), metric)


def loaded_data(source: DataSource) -> LoadedData:
    """The masses of a source, of all its sites."""
    return _loaded(replace(source, site=None))


@st.cache_resource(max_entries=3, show_spinner="Reading masses")
def _loaded(source: DataSource) -> LoadedData:
    return load_source(source)


@st.cache_resource(max_entries=8, show_spinner=False)
def count_missing(source: DataSource) -> int:
    """How many masses have no features yet."""
    from mammo_core.training.heads.feature_dataset import count_missing_features

    return count_missing_features(
        loaded_data(source), backbone_for(source), home_dir() / "features", site=source.site
    )


@st.cache_resource(max_entries=3, show_spinner="Loading features")
def feature_dataset(source: DataSource) -> FeatureDataset:
    """Data and features of a source."""
    from mammo_core.training.heads.feature_dataset import load_feature_dataset

    return load_feature_dataset(
        loaded_data(source), backbone_for(source), home_dir() / "features", site=source.site
    )


@st.cache_resource(max_entries=3, show_spinner="Counting patients")
def training_data(source: DataSource) -> TrainingData:
    """What runs on a source are trained on, as far as a guarantee depends on it."""
    return read_training_data(source, load=loaded_data)


@st.cache_resource(max_entries=32, show_spinner="Finding the training site of the run")
def site_of_runs(source: DataSource, data_hash: str) -> str | None:
    """The site of a source that runs with this data hash were trained on; None if on other masses."""
    from mammo_core.training.dataset import site_of_runs

    return site_of_runs(loaded_data(source), data_hash)


def forget_cohorts() -> None:
    """Drops what was read of cohorts, after one was removed or before one is put in its place."""
    for cached in (_loaded, count_missing, feature_dataset, training_data, site_of_runs):
        cached.clear()


@st.cache_resource(show_spinner="Opening the run store")
def archive() -> RunArchive:
    """The recorded runs of this installation."""
    from mammo_core.results.archive import RunArchive

    return RunArchive(home_dir())


@st.cache_resource(show_spinner="Opening the ledger")
def ledger() -> PrivacyLedger:
    """Everything ever released from the cohorts of this installation."""
    from mammo_core.ledger.ledger import open_ledger

    return open_ledger(home_dir())


@st.cache_data(ttl=10, max_entries=2, show_spinner=False)
def archive_rows(evaluated_per: EvaluationUnit = "mass") -> pd.DataFrame:
    """One row per recorded run and test set; what others recorded shows after ten seconds at the latest."""
    return archive().rows(evaluated_per)


@st.cache_resource(max_entries=32, show_spinner="Loading the run")
def stored_run(run_id: str) -> FinishedRun:
    """One recorded run as a whole."""
    return archive().load(run_id)


@st.cache_data(ttl=10, show_spinner=False)
def num_runs() -> int:
    """How many runs are recorded; spares a new installation the making of a store."""
    if "MLFLOW_TRACKING_URI" not in os.environ and not (home_dir() / "mlflow.db").exists():
        return 0
    return archive().count()


@st.cache_data(max_entries=1)
def machine() -> Machine:
    """What this computer has for training."""
    return this_machine()


@st.cache_data(max_entries=1)
def generator_guarantees() -> dict[str, str]:
    """Returns what each shipped generator guarantees, by name."""
    return {
        name: load_card(models_dir() / name).guarantee_text
        for name in find_generators(models_dir())
    }


def mlflow_command() -> str:
    """What opens MLflow's interface on the store of this installation."""
    from mammo_core.storage.mlflow_store import database_address

    uri = os.environ.get("MLFLOW_TRACKING_URI") or database_address(home_dir())
    return f'python -m mlflow ui --backend-store-uri "{uri}"'
