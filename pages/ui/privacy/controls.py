"""The choices of the Privacy page; all of them stand in the URL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import PAPER_DELTA, HeadRecipe, Strategy, Unit
from mammo_core.figures.provenance import Provenance
from mammo_core.privacy.accounting.gaussian import calibrate_gaussian, mu_for
from mammo_core.text.numbers import budget_name
from pages.ui.components import cohort_choice
from pages.ui.components.export import ExportBundle
from pages.ui.components.privacy_inputs import EPSILON_HELP, EPSILONS, choose_unit

EPSILON_KEY = "privacy_epsilon"
_STRATEGIES: tuple[Strategy, ...] = ("real", "real+synthetic", "pretrain")


@dataclass(frozen=True)
class PrivacyChoices:
    """What the page is asked about: one model, trained by the recipe of a strategy."""

    epsilon: float
    unit: Unit
    strategy: Strategy

    @property
    def delta(self) -> float:
        """That of every shipped result."""
        return PAPER_DELTA

    @property
    def is_private(self) -> bool:
        """Whether noise is added at all."""
        return not math.isinf(self.epsilon)

    @property
    def mu(self) -> float:
        """As Gaussian DP; infinity without privacy."""
        return mu_for(self.epsilon, self.delta)

    @property
    def recipe(self) -> HeadRecipe:
        """Steps and clipping norm of the training."""
        return RECIPES[self.strategy]

    @property
    def noise_multiplier(self) -> float:
        """Noise over clipping norm; 0 without privacy."""
        return calibrate_gaussian(self.epsilon, self.delta, self.recipe.steps)

    @property
    def one(self) -> str:
        """One of those whom ε hides."""
        return "patient" if self.unit == "patient" else "mass"

    @property
    def units(self) -> str:
        """More than one of those whom ε hides."""
        return "patients" if self.unit == "patient" else "masses"

    @property
    def name(self) -> str:
        """The budget as it is said."""
        return "no privacy (not DP)" if not self.is_private else f"ε = {budget_name(self.epsilon)}"


def choose() -> PrivacyChoices:
    """Draws the choices and returns what was chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        epsilon = st.select_slider(
            "Privacy budget ε: ← better privacy",
            EPSILONS,
            value=6.0,
            format_func=budget_name,
            key=EPSILON_KEY,
            bind="query-params",
            help=EPSILON_HELP,
            width=320,
        )
        unit = choose_unit("privacy_unit")
        strategy = st.selectbox(
            "Training data",
            _STRATEGIES,
            format_func=lambda strategy: STRATEGY_NAMES[strategy],
            key="privacy_strategy",
            bind="query-params",
            width=265,
            help="The limit on attackers follows from ε alone; how much of the model it covers, from what the "
            "model was trained on. *Synthetic only* is not listed: its ε promises nothing to any patient.",
        )
    return PrivacyChoices(epsilon, unit, strategy)


def choose_source() -> DataSource:
    """The cohort to look into, for the tabs that need one."""
    source = cohort_choice.choose_source("privacy_cohort", bind="query-params", width=360)
    source = cohort_choice.choose_site(source, "privacy_site")
    if source.is_demo:
        st.caption(
            "The built-in demo cohort: synthetic masses and made-up patients. It shows how things work; its "
            "numbers say nothing about real ones."
        )
    return source


def camera(name: str) -> dict[str, Any]:
    """How a figure's camera button saves it."""
    return {
        "format": "png",
        "filename": f"mammo_privacy_{name}",
        "width": 1100,
        "height": 700,
        "scale": 2,
    }


def bundle(
    choices: PrivacyChoices, name: str, title: str, tables: Mapping[str, pd.DataFrame] | None = None
) -> ExportBundle:
    """What a figure or table of this page is taken away as.

    Args:
        name: Of the files.
        title: What it shows.
        tables: By name of the file; without any, the numbers that the figure draws.
    """
    promise = f"{choices.name} per {choices.unit}, δ = {choices.delta:g}"
    notes = (
        f"For one model trained on {STRATEGY_NAMES[choices.strategy]}: {promise}.",
        "Bounds hold for everything released from the unit's data together. Attacks and audits are measured from patients "
        "without noise: no ε covers them.",
    )
    return ExportBundle(
        name=f"mammo_privacy_{name}",
        provenance=Provenance(title=title, notes=notes),
        tables={f"mammo_privacy_{table}": content for table, content in (tables or {}).items()},
    )
