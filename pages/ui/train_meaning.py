"""What a plan means before it is trained: noise, attacker's bound, and the guarantee in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.config import RunConfig
from mammo_core.errors import InvalidRequestError, MammoError
from pages.ui import resources
from pages.ui.budgets import budget_name

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource
    from mammo_core.experiments.sweep import SweepPlan

_FALSE_ALARMS = 0.01
_MAX_RUNS = 5000


def show_meaning(source: DataSource, plan: SweepPlan) -> bool:
    """Draws what a plan means; says what is wrong with it instead if it cannot be trained.

    Returns:
        Whether it can be trained.
    """
    try:
        configs = _checked(plan)
        units = resources.training_units(source)
        rows = [_promise(config, _num_units(config, units)) for config in configs]
    except MammoError as error:
        st.error(str(error), icon=":material/error:")
        return False
    if plan.num_runs == 1:
        _show_one(configs[0], rows[0], _num_units(configs[0], units))
    else:
        _show_several(plan, rows)
    return True


def _checked(plan: SweepPlan) -> list[RunConfig]:
    """One configuration per strategy, unit and budget."""
    if not plan.num_runs:
        raise InvalidRequestError(
            "Expected at least one ε, one kind of training data and one unit; got none of one. Choose some."
        )
    if plan.num_runs > _MAX_RUNS:
        raise InvalidRequestError(
            f"Expected at most {_MAX_RUNS} runs at once; got {plan.num_runs}. Choose fewer combinations."
        )
    return [config for group in plan.groups() for config in group if config.seed == plan.seeds[0]]


def _num_units(config: RunConfig, units: dict[str, int]) -> int:
    return units["synthetic" if config.strategy == "synthetic" else config.privacy.unit]


def _promise(config: RunConfig, num_units: int) -> dict[str, object]:
    from mammo_core.privacy import accounting, risk

    privacy = config.privacy
    if not privacy.is_private:
        noise, mu, found = 0.0, math.inf, 1.0
    else:
        accounting.require_meaningful_delta(privacy.target_delta, num_units)
        noise = accounting.calibrate_noise(
            privacy.target_epsilon, privacy.target_delta, config.recipe.steps
        )
        mu = accounting.composed_mu(noise, config.recipe.steps)
        found = risk.attacker_tpr(mu, _FALSE_ALARMS)
    return {
        "training data": config.strategy,
        "unit": privacy.unit,
        "ε": privacy.target_epsilon,
        "noise multiplier": noise,
        "μ": mu,
        "attacker finds at most": found,
    }


def _show_one(config: RunConfig, row: dict[str, object], num_units: int) -> None:
    from mammo_core.privacy.statement import guarantee_sentences

    with st.container(horizontal=True, key="train_promise"):
        st.metric(
            "Noise multiplier",
            f"{row['noise multiplier']:.3g}",
            border=True,
            width="content",
            help="Standard deviation of the noise added at every step, in units of the clipping norm C.",
        )
        st.metric(
            "μ (GDP)",
            "∞" if math.isinf(row["μ"]) else f"{row['μ']:.3g}",
            border=True,
            width="content",
            help="Gaussian DP, the whole guarantee in one number: telling with or without you apart is as hard as telling "
            "two bell curves apart whose centres lie μ standard deviations from each other.",
        )
        st.metric(
            "Attacker finds ≤",
            f"{row['attacker finds at most']:.1%}",
            border=True,
            width="content",
            help="At most this share of those who took part, when 1 in 100 others is wrongly accused. Without "
            "any model: 1 %.",
        )
    sentences = guarantee_sentences(config, config.privacy.target_epsilon, num_units)
    for sentence in sentences:
        st.markdown(f"- {sentence}")


def _show_several(plan: SweepPlan, rows: list[dict[str, object]]) -> None:
    st.markdown(
        f"**{plan.num_runs} runs**: {len(rows)} combinations with {len(plan.seeds)} seed(s) each. Each row "
        "is the promise of **one** released model; publishing several adds up."
    )
    table = pd.DataFrame(rows)
    table["ε"] = table["ε"].map(budget_name)
    table["μ"] = table["μ"].map(lambda mu: "∞" if math.isinf(mu) else f"{mu:.3g}")
    table["noise multiplier"] = table["noise multiplier"].map("{:.3g}".format)
    table["attacker finds at most"] = table["attacker finds at most"].map("{:.1%}".format)
    st.dataframe(table, hide_index=True, key="train_promises")
    st.caption(
        "Attacker: share of those who took part that are rightly named when 1 in 100 others is wrongly "
        "accused. Rows of synthetic data only promise nothing to any patient."
    )
