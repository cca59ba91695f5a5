"""The tab Accounting: ε over the steps of a training, the cost of noise, and the value of a better accountant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.figures.attacker import attacker_figure
from mammo_core.figures.budget_curves import budget_curves_figure
from mammo_core.privacy.accounting.gaussian import spent_epsilon
from mammo_core.privacy.accounting.risk import attacker_curve, sampled_attacker_curve
from pages.ui.components.charts import chart
from pages.ui.components.inputs import choose_one
from pages.ui.components.links import linked
from pages.ui.privacy.controls import PrivacyChoices, bundle, camera

_SHARES_OF_STEPS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)

_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def show_accounting(choices: PrivacyChoices) -> None:
    """Draws the tab."""
    if not choices.is_private:
        st.info(
            "Without noise there is nothing to account for: ε is infinite from the first step. "
            "Choose a finite ε."
        )
        return
    recipe, noise = choices.recipe, choices.noise_multiplier
    st.markdown(
        f"The training takes **T = {recipe.steps} steps**. Each step sums the gradients of all "
        f"{choices.units}, clipped to C = {recipe.max_grad_norm:g}. It adds Gaussian noise of "
        f"standard deviation σ C with **σ = {noise:.4g}**. All {choices.units} take part in every "
        "step, so T steps are exactly one Gaussian mechanism with μ = √T / σ = "
        f"**{choices.mu:.4g}**. At δ = {choices.delta:g} this is {choices.name}."
    )
    steps, cost = st.columns(2, gap="medium")
    with steps:
        st.header("ε over the steps")
        _show_steps(choices)
    with cost:
        st.header("What noise costs, and δ")
        _show_cost(choices)
    _show_sampling(choices)


@st.cache_data(max_entries=64, show_spinner="Asking four accountants")
def steps_table(noise_multiplier: float, steps: int, delta: float) -> pd.DataFrame:
    """Computes ε after some of the steps with each accountant: steps, exact, PRV, RDP, adding up."""
    from mammo_core.privacy.accounting.comparison import epsilons_over_steps

    counts = sorted({max(1, round(share * steps)) for share in _SHARES_OF_STEPS})
    return pd.DataFrame({"steps": counts} | epsilons_over_steps(noise_multiplier, counts, delta))


def _show_steps(choices: PrivacyChoices) -> None:
    table = steps_table(choices.noise_multiplier, choices.recipe.steps, choices.delta)
    adding = linked(st.toggle)(
        "Show simple addition",
        key="privacy_adding",
        help="Adds up the ε of every step at δ / T. The sum is a correct bound, but far too large.",
    )
    ways = ["exact", "PRV", "RDP", *(["adding up"] if adding else [])]
    last = table.iloc[-1]
    chart(
        budget_curves_figure(
            {way: (table["steps"], table[way]) for way in ways},
            x_title="steps done",
            marks=[(last["steps"], last["exact"], f"in the end ε = {last['exact']:.4g}")],
        ),
        key="accounting_steps",
        alt="ε over training steps by exact Gaussian accounting, PRV, RDP" + ", adding" * adding,
        toolbar=camera("accounting"),
        bundle=bundle(choices, "accounting", "ε over the steps", {"accounting": table}),
    )
    st.caption(
        f"In the end: exact {last['exact']:.4g}, PRV {_number(last['PRV'])}, RDP "
        f"{last['RDP']:.4g}, adding up {last['adding up']:.4g}. PRV is an upper bound with a "
        "margin of 0.01. RDP overestimates ε a little. At equal noise the training is equally "
        "private with every accountant. A better accountant only proves more of it."
    )


def _show_cost(choices: PrivacyChoices) -> None:
    from mammo_core.privacy.accounting.comparison import epsilons_of_noise

    noise, steps = choices.noise_multiplier, choices.recipe.steps
    over = choose_one("Over", ("noise", "δ"), "privacy_cost", show_label=False)
    if over == "noise":
        x = np.geomspace(noise / 10, noise * 10, 60)
        x_title, mark = "noise multiplier σ (log scale)", noise
        epsilons = epsilons_of_noise(x.tolist(), steps, choices.delta)
    else:
        x = np.geomspace(1e-9, 1e-2, 60)
        x_title, mark = "δ (log scale)", choices.delta
        epsilons = [spent_epsilon(choices.mu, delta) for delta in x]
    is_shown = np.asarray(epsilons) > 1e-3
    chart(
        budget_curves_figure(
            {f"{steps} steps": (x[is_shown], np.asarray(epsilons)[is_shown])},
            x_title=x_title,
            y_title="ε (log scale)",
            marks=[(mark, choices.epsilon, f"here: ε = {choices.epsilon:g}")],
            log_x=True,
            log_y=True,
        ),
        key="accounting_cost",
        alt=f"ε over {x_title}, with the chosen training marked",
        toolbar=camera("noise_cost"),
        bundle=bundle(choices, "noise_cost", f"ε over {x_title}"),
    )
    st.caption(
        "Half the noise costs about twice the ε where ε is small, and more where ε is large."
        if over == "noise"
        else "One training has an ε for every δ, so neither number says anything without the other. μ "
        "describes all pairs at once."
    )


@st.cache_data(max_entries=64, show_spinner="Composing privacy losses")
def _sampled_curve(
    noise_multiplier: float, sample_rate: float, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    return sampled_attacker_curve([(noise_multiplier, sample_rate, steps)])


def _show_sampling(choices: PrivacyChoices) -> None:
    if not linked(st.toggle)(
        f"What if each step saw only a random sample of the {choices.units}?",
        key="privacy_sampling",
        help=(
            "DP-SGD with Poisson sampling, which generators here may use. Heads do not: all take "
            "part in every step."
        ),
    ):
        return
    rate = linked(st.select_slider)(
        "In each step, each takes part with probability",
        _RATES,
        value=0.1,
        format_func="{:.0%}".format,
        key="privacy_rate",
        width=320,
    )
    curves = {
        "all take part in every step": attacker_curve(choices.mu),
        f"{rate:.0%} take part, at random": _sampled_curve(
            choices.noise_multiplier, rate, choices.recipe.steps
        ),
    }
    chart(
        attacker_figure(curves),
        key="sampling",
        alt="The attacker's ROC bound with all taking part, and with a random sample in each step",
        toolbar=camera("sampling"),
        bundle=bundle(choices, "sampling", "What random sampling is worth"),
    )
    st.caption(
        f"Both curves use the noise σ = {choices.noise_multiplier:.4g} and {choices.recipe.steps} "
        "steps. With sampling, an attacker cannot know whom a step used. Sampling is not free: "
        "fewer contributions stand against the same noise. The bound holds only if the sample is "
        "drawn independently for each one and kept secret. Shuffled batches do not earn it."
    )


def _number(value: float) -> str:
    return "cannot count so much" if np.isnan(value) else f"{value:.4g}"
