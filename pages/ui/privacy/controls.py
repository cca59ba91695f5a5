"""Asks for the choices of the Privacy page and keeps them in the URL."""

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
from pages.ui.components.links import linked
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
        """δ of every shipped result."""
        return PAPER_DELTA

    @property
    def is_private(self) -> bool:
        """Whether noise is added at all."""
        return not math.isinf(self.epsilon)

    @property
    def mu(self) -> float:
        """μ of Gaussian DP; infinity without privacy."""
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
        """One protected unit, in words."""
        return "patient" if self.unit == "patient" else "mass"

    @property
    def units(self) -> str:
        """Several protected units, in words."""
        return "patients" if self.unit == "patient" else "masses"

    @property
    def name(self) -> str:
        """The budget in words."""
        return "no privacy (not DP)" if not self.is_private else f"ε = {budget_name(self.epsilon)}"


def choose() -> PrivacyChoices:
    """Draws the choices and returns what was chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        epsilon = linked(st.select_slider)(
            "Privacy budget ε: ← better privacy",
            EPSILONS,
            value=6.0,
            format_func=budget_name,
            key=EPSILON_KEY,
            help=EPSILON_HELP,
            width=320,
        )
        unit = choose_unit("privacy_unit")
        strategy = linked(st.selectbox)(
            "Training data",
            _STRATEGIES,
            format_func=lambda strategy: STRATEGY_NAMES[strategy],
            key="privacy_strategy",
            width=265,
            help="The limit on attackers follows from ε alone. The training data decide how much of "
            "the model ε covers. *Synthetic only* is not listed: its ε gives no privacy guarantee to any "
            "patient.",
        )
    return PrivacyChoices(epsilon, unit, strategy)


def choose_source() -> DataSource:
    """Asks for the cohort, for the tabs that need one."""
    source = cohort_choice.choose_source("privacy_cohort", width=360)
    source = cohort_choice.choose_site(source, "privacy_site", width=360)
    if source.is_demo:
        st.caption(
            "This is the built-in demo cohort: synthetic masses and made-up patients. It shows "
            "how things work. Its numbers say nothing about real patients."
        )
    return source


def camera(name: str) -> dict[str, Any]:
    """Returns how a figure's camera button saves it."""
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
    """Bundles a figure or table of this page for export.

    Args:
        name: Of the files.
        title: What it shows.
        tables: By file name; without any, the numbers that the figure draws.
    """
    guarantee = f"{choices.name} per {choices.unit}, δ = {choices.delta:g}"
    notes = (
        f"For one model trained on {STRATEGY_NAMES[choices.strategy]}: {guarantee}.",
        "Bounds hold for everything released from the unit's data together. Attacks and audits "
        "are measured from patients without noise: no ε covers them.",
    )
    return ExportBundle(
        name=f"mammo_privacy_{name}",
        provenance=Provenance(title=title, notes=notes),
        tables={f"mammo_privacy_{table}": content for table, content in (tables or {}).items()},
    )
