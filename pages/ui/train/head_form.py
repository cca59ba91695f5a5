"""The inputs of the Train page: what to train, on what, at which budget. Returns a plan, trains nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import PAPER_DELTA, STRATEGIES, UNITS, BackboneConfig, Strategy, Unit
from mammo_core.text.numbers import budget_name
from pages.ui.components import links
from pages.ui.components.inputs import number_input
from pages.ui.components.links import linked
from pages.ui.components.messages import GLOSSARY
from pages.ui.components.privacy_inputs import EPSILON_HELP, EPSILONS, UNIT_HELP, choose_unit
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource
    from mammo_core.training.heads.runs import TrainingBackend
    from mammo_core.training.heads.sweep import RecipeChanges, SweepPlan

_BACKBONES = ("tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2")
_ONE, _SEVERAL = "one model", "several at once"
_FIRST_SEED = 42
KINDS = ("fast: last layer", "slow: full network")
_OLD_KINDS = {"heads on features": KINDS[0], "networks on images": KINDS[1]}
_STRATEGY_HELP = (
    "*real only* uses no synthetic mass. *real + synthetic* trains on both together. *synthetic only* never "
    "reads a real mass. *synthetic, then private on real* first learns from synthetic masses, then trains "
    f"privately on real ones. {GLOSSARY}"
)


def choose_kind() -> bool:
    """Whether a network is trained on images, in place of heads on cached features."""
    links.rename("train_kind", _OLD_KINDS)
    return (
        linked(st.segmented_control)(
            "What is trained",
            KINDS,
            default=KINDS[0],
            required=True,
            wrap=True,
            key="train_kind",
            help="*fast* trains the last layer, a linear classifier on features that a frozen network computes once per "
            "mass. It takes seconds to minutes. *slow* trains a whole network on the images, adapters in it, or the "
            "paper's own experiments. It takes long, and a GPU helps.",
        )
        == KINDS[1]
    )


def choose_plan(source: DataSource) -> SweepPlan:
    """What to train, as a plan of one run or of several.

    Raises:
        MammoError: If the inputs do not make one.
    """
    from mammo_core.training.heads.runs import BACKENDS
    from mammo_core.training.heads.sweep import SweepPlan

    available = STRATEGIES if source.is_demo or source.synthetic else ("real",)
    many = linked(st.segmented_control)(
        "Train",
        (_ONE, _SEVERAL),
        default=_ONE,
        required=True,
        key="train_many",
        help="*several at once* trains every combination of training data, unit, ε and seed (a sweep).",
    )
    strategies, units, epsilons, num_seeds = (
        choose_one(available) if many == _ONE else _choose_several(available)
    )
    with st.expander("Advanced settings", icon=":material/settings:"):
        backbone = choose_backbone(source)
        delta = choose_delta()
        first_seed = choose_seed("Seed" if num_seeds == 1 else "First seed")
        reproducible = choose_reproducible()
        engine: TrainingBackend = st.segmented_control(
            "Engine",
            BACKENDS,
            default=BACKENDS[0],
            required=True,
            key=f"train_engine_{many}",
            persist_state="session",
            help="*vectorised* trains all runs together, in milliseconds. *opacus* trains one after the other, in "
            "seconds. Update and noise are the same. The results agree up to rounding.",
        )
        changes = _choose_changes()
    return SweepPlan(
        strategies=strategies,
        units=units,
        epsilons=epsilons,
        seeds=tuple(range(first_seed, first_seed + num_seeds)),
        delta=delta,
        backbone=backbone,
        noise="reproducible" if reproducible else "secret",
        changes=changes,
        engine=engine,
    )


def choose_delta() -> float:
    """δ."""
    return number_input(
        "δ (slack of the guarantee)",
        *(1e-9, 0.1, PAPER_DELTA),
        format="%.1e",
        key="train_delta",
        persist_state="session",
        help="The probability of any outcome may exceed the factor e^ε by at most δ. Keep δ below "
        "0.1 / number of patients. The paper uses 1e-4.",
    )


def choose_seed(name: str) -> int:
    """The seed, under a name."""
    return int(
        number_input(
            name,
            *(0, None, _FIRST_SEED),
            key="train_seed",
            persist_state="session",
            help="Each seed is a separate repetition. A new seed makes a new release.",
        )
    )


def choose_reproducible() -> bool:
    """Whether the noise follows from the seed."""
    return st.checkbox(
        "Reproducible noise, for demonstration",
        key="train_reproducible",
        persist_state="session",
        help="The noise follows from the seed, so others can repeat the result. But anyone who knows the seed can "
        "subtract the noise. Leave this off for secret noise from the operating system.",
    )


def choose_one(
    available: tuple[Strategy, ...],
) -> tuple[tuple[Strategy, ...], tuple[Unit, ...], tuple[float, ...], int]:
    """Training data, unit and budget of one run, and one seed."""
    epsilon = linked(st.select_slider)(
        "Privacy budget ε",
        EPSILONS,
        value=6.0,
        format_func=budget_name,
        key="train_epsilon",
        help=EPSILON_HELP,
    )
    st.caption("← better privacy · better accuracy →")
    strategy = linked(st.selectbox)(
        "Training data",
        available,
        index=len(available) - 1,
        format_func=lambda name: STRATEGY_NAMES[name],
        key="train_strategy",
        help=_STRATEGY_HELP,
    )
    unit = choose_unit("train_unit")
    return (strategy,), (unit,), (epsilon,), 1


def _choose_several(
    available: tuple[Strategy, ...],
) -> tuple[tuple[Strategy, ...], tuple[Unit, ...], tuple[float, ...], int]:
    epsilons = linked(st.multiselect)(
        "Privacy budgets ε",
        EPSILONS,
        default=(1.0, 6.0, 20.0, EPSILONS[-1]),
        format_func=budget_name,
        key="train_epsilons",
        help=EPSILON_HELP,
    )
    strategies = linked(st.pills)(
        "Training data",
        available,
        selection_mode="multi",
        default=[name for name in ("real", "pretrain") if name in available],
        format_func=lambda name: STRATEGY_NAMES[name],
        key="train_strategies",
        wrap=True,
        help=_STRATEGY_HELP,
    )
    units = linked(st.pills)(
        "Units of privacy",
        UNITS,
        selection_mode="multi",
        default=UNITS[:1],
        key="train_units",
        help=UNIT_HELP,
    )
    num_seeds = linked(number_input)(
        "Seeds",
        *(1, 20, 3),
        key="train_num_seeds",
        help="How often each model is trained, each time with new noise. Three or more show the spread.",
    )
    return tuple(strategies), tuple(units), tuple(sorted(epsilons)), int(num_seeds)


def choose_backbone(source: DataSource) -> BackboneConfig:
    """The network to begin with."""
    default = resources.backbone_for(source)
    names = dict.fromkeys((default.name, *_BACKBONES))
    name = st.selectbox(
        "Backbone",
        list(names),
        key="train_backbone",
        accept_new_options=True,
        persist_state="session",
        help="A frozen network with ImageNet weights that turns masses into features. The listed ones are "
        "installed. Any other timm model is downloaded when it is first used.",
    )
    return default if name == default.name else BackboneConfig(name=name, views=default.views)


def _choose_changes() -> RecipeChanges:
    from mammo_core.training.heads.sweep import RecipeChanges

    if not st.checkbox(
        "Change the recipe",
        key="train_change_recipe",
        persist_state="session",
        help="The recipes were chosen on validation data of CBIS-DDSM. If you try several recipes on your own "
        "data, ε does not account for that choice.",
    ):
        return RecipeChanges()
    steps = number_input("Training steps", 1, 2000, 100, key="train_steps", persist_state="session")
    clipping = number_input(
        "Clipping norm C",
        *(0.001, 10.0, 0.1),
        format="%.3f",
        key="train_clipping",
        persist_state="session",
        help="A longer gradient of a patient is shortened to this norm. The noise is proportional to it.",
    )
    rate = number_input(
        "Learning rate", 0.01, 1000.0, 15.0, key="train_rate", persist_state="session"
    )
    return RecipeChanges(steps=int(steps), max_grad_norm=clipping, learning_rate=rate)
