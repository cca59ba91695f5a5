"""Asks which models read the mass: the shipped ones, or those of runs recorded here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.config.runs import BackboneConfig
from mammo_core.privacy.noise.kinds import FLOAT_NOISE
from mammo_core.results.runs_table import one_line_per_run
from mammo_core.system.paths import home_dir, models_dir
from mammo_core.text.numbers import counted
from pages.ui.components.inputs import choose_one
from pages.ui.components.messages import escape_markdown
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.classifiers.backbones import Backbone
    from mammo_core.reading.models import CaseModels
    from mammo_core.reading.shipped_heads import ShippedHeads
    from mammo_core.results.head_store import HeadStore

SHIPPED, OWN = "shipped with the product", "trained here"


@st.cache_resource(show_spinner="Loading the shipped models")
def shipped_heads() -> ShippedHeads:
    """Loads the heads that ship.

    Raises:
        CheckpointError: If they are missing or damaged.
    """
    from mammo_core.reading.shipped_heads import SHIPPED_HEADS, load_heads

    return load_heads(models_dir() / SHIPPED_HEADS)


@st.cache_resource(max_entries=3, show_spinner="Loading the network")
def backbone(config: BackboneConfig) -> Backbone:
    """Loads a network, shared by all sessions."""
    from mammo_core.classifiers.backbones import load_backbone

    return load_backbone(config)


def choose_models() -> list[CaseModels]:
    """Asks which models; empty until one is chosen.

    Raises:
        CheckpointError: If their file is damaged.
    """
    which = choose_one("Models", (SHIPPED, OWN), "case_models", wrap=True)
    if which == SHIPPED:
        shipped = shipped_heads()
        st.caption(
            f"{len(shipped.models.models)} models, trained on {escape_markdown(shipped.card.training_data)}. "
            f"{shipped.card.licence}. {FLOAT_NOISE if shipped.card.uses_float_noise else ''}"
        )
        return [shipped.models]
    return _own()


def chosen_runs() -> tuple[str, ...]:
    """Returns the ids of the runs whose models read the mass; none of the shipped ones."""
    chosen = st.session_state
    return tuple(chosen["case_runs"]) if chosen["case_models"] == OWN else ()


def _own() -> list[CaseModels]:
    if not resources.num_runs():
        st.info("Nothing was trained here yet.", icon=":material/model_training:")
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
        return []
    table = one_line_per_run(resources.archive_rows())
    kept = table[table.index.isin(_ids_with_head())]
    if len(kept) < len(table):
        st.caption(
            f"Left out: {counted(len(table) - len(kept), 'run')}. Full networks cannot read a case "
            "here, and old versions kept no last layers."
        )
    names = {
        str(
            run_id
        ): f"{run['training data']}, {run['unit']}, ε = {run['target ε']}, seed {run['seed']}, "
        f"{run['when']:%Y-%m-%d %H:%M}"
        for run_id, run in kept.iterrows()
    }
    chosen = st.multiselect(
        "Runs",
        list(names),
        format_func=lambda run_id: names[run_id],
        key="case_runs",
        persist_state="session",
        placeholder="Choose one or more; several seeds at one ε show the effect of noise",
    )
    models = [_models_of(run_id) for run_id in chosen]
    if any(one.is_demonstration for one in models):
        st.warning(
            "Some of these models learned from the built-in demo, where synthetic masses stand "
            "for patients. What they say about a real mass means nothing.",
            icon=":material/science:",
        )
    return models


@st.cache_data(ttl=10, max_entries=1, show_spinner=False)
def _ids_with_head() -> set[str]:
    return resources.archive().ids_with_head()


@st.cache_resource(show_spinner=False)
def _store() -> HeadStore:
    from mammo_core.results.head_store import HeadStore

    return HeadStore(home_dir())


@st.cache_resource(max_entries=64, show_spinner="Loading the model")
def _models_of(run_id: str) -> CaseModels:
    from mammo_core.reading.models import models_of_run

    return models_of_run(resources.stored_run(run_id), _store())
