"""What a plan means before it is trained: noise, attacker's bound, and the guarantee in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import RunConfig
from mammo_core.errors import InvalidRequestError, MammoError
from mammo_core.text.numbers import budget_name, counted
from pages.ui.components.messages import GLOSSARY, escape_markdown
from pages.ui.components.statement import show_statement
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource
    from mammo_core.privacy.statements.statement import Statement
    from mammo_core.privacy.statements.training_data import TrainingData
    from mammo_core.training.heads.sweep import SweepPlan

_FALSE_ALARMS = 0.01
_MAX_RUNS = 5000


def show_meaning(source: DataSource, plan: SweepPlan) -> bool:
    """Draws what a plan means; says what is wrong with it instead if it cannot be trained.

    Returns:
        Whether it can be trained.
    """
    try:
        configs = _checked(plan)
        data = resources.training_data(source)
        statements = [planned_statement(config, data) for config in configs]
    except MammoError as error:
        st.error(escape_markdown(error, longest=2000), icon=":material/error:")
        return False
    if plan.num_runs == 1:
        show_guarantee(statements[0])
    else:
        _show_several(plan, statements)
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
    return [config for config in plan.configs() if config.seed == plan.seeds[0]]


def planned_statement(
    config: RunConfig, data: TrainingData, num_weights: int | None = None
) -> Statement:
    """States what the run will guarantee, which follows from its plan."""
    from mammo_core.privacy.accounting import gaussian
    from mammo_core.privacy.accounting.calibration import calibrate_run
    from mammo_core.privacy.statements.statement import make_statement

    privacy = config.privacy
    if privacy.is_private:
        num_units = data.num_units(config.strategy, privacy.unit)
        gaussian.require_meaningful_delta(privacy.target_delta, num_units)
    return make_statement(config, data, calibrate_run(config), num_weights=num_weights)


def _mu_text(statement: Statement) -> str:
    if statement.mu is None:
        return "none"
    return "∞" if math.isinf(statement.mu) else f"{statement.mu:.3g}"


def show_guarantee(statement: Statement) -> None:
    """Draws what one run guarantees: three numbers, the sentence, and more when opened."""
    with st.container(horizontal=True, key="train_promise"):
        st.metric(
            "Noise multiplier",
            f"{statement.noise_multiplier:.3g}",
            border=True,
            width="content",
            help="Standard deviation of the noise added at every step, in units of the clipping norm C. "
            + GLOSSARY,
        )
        st.metric(
            "μ (GDP)",
            _mu_text(statement),
            border=True,
            width="content",
            help="Gaussian DP: one number for the whole guarantee. To detect whether one patient took part is as hard as "
            "to distinguish two normal distributions whose means lie μ standard deviations apart. There is no such number "
            "where units are sampled. " + GLOSSARY,
        )
        st.metric(
            "Attacker identifies ≤",
            f"{statement.attacker_tpr(_FALSE_ALARMS):.1%}",
            border=True,
            width="content",
            help="The largest share of those who took part that an attacker can identify while wrongly flagging 1 in 100 "
            "others. Guessing without a model identifies 1%.",
        )
    show_statement(statement, key="train")


def _show_several(plan: SweepPlan, statements: list[Statement]) -> None:
    rows = [
        {
            "training data": STRATEGY_NAMES[statement.strategy],
            "unit": statement.unit,
            "ε": statement.target_epsilon,
            "noise multiplier": statement.noise_multiplier,
            "μ": _mu_text(statement),
            "attacker identifies at most": statement.attacker_tpr(_FALSE_ALARMS),
            "covers": statement.coverage,
        }
        for statement in statements
    ]
    st.markdown(
        f"**{plan.num_runs} runs**: {counted(len(rows), 'combination')} with {counted(len(plan.seeds), 'seed')} "
        "each. Each row is the guarantee of **one** released model. The privacy costs of several releases add up."
    )
    table = pd.DataFrame(rows)
    table["ε"] = table["ε"].map(budget_name)
    table["noise multiplier"] = table["noise multiplier"].map("{:.3g}".format)
    table["attacker identifies at most"] = table["attacker identifies at most"].map("{:.1%}".format)
    st.dataframe(table, hide_index=True, key="train_promises")
    st.caption(
        "The attacker identifies at most this share of those who took part, while wrongly flagging 1 in 100 "
        "others. Rows of *synthetic only* give patients no privacy guarantee."
    )
