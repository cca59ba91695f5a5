"""The inputs of the Train page for a network trained on images. Returns a request, trains nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES, TRAINED_PART_NAMES
from mammo_core.config.network_recipe import PRECISIONS, TRAINED_PARTS, NetworkRecipe, TrainedPart
from mammo_core.config.runs import STRATEGIES, BackboneConfig, PrivacyConfig, RunConfig, Strategy
from mammo_core.text.numbers import budget_name
from pages.ui.components.inputs import number_input
from pages.ui.state import resources
from pages.ui.train.head_form import choose_delta, choose_one, choose_reproducible, choose_seed
from pages.ui.train.network_backbone import choose_start

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource
    from mammo_core.jobs.requests import NetworkRequest
    from mammo_core.system.device import DeviceWish
    from mammo_core.training.paper.presets import Preset

_OWN = "my own"
_PART_HELP = (
    "*the network itself* trains all of it, or its last stages. *adapters* are small updates of frozen layers, so far "
    "fewer numbers need noise. *head* keeps the backbone frozen. Cached features train a head much faster."
)


def choose_network(source: DataSource) -> NetworkRequest:
    """What to train, as a request.

    Raises:
        MammoError: If the inputs do not make one.
    """
    from mammo_core.jobs.requests import NetworkRequest
    from mammo_core.system.device import DEVICE_WISHES
    from mammo_core.training.paper.presets import paper_presets

    presets = paper_presets()
    name = st.selectbox(
        "Recipe",
        (_OWN, *presets),
        format_func=lambda name: name if name == _OWN else _short(presets[name]),
        key="network_preset",
        persist_state="session",
        help="Your own choices, or one of the paper's 21 experiments with all its settings.",
    )
    config = _own_config(source) if name == _OWN else _preset_config(source, presets[name])
    with st.expander("This computer", icon=":material/memory:"):
        device: DeviceWish = st.segmented_control(
            "Device",
            DEVICE_WISHES,
            default=DEVICE_WISHES[0],
            required=True,
            key="network_device",
            persist_state="session",
            help="*auto* uses a GPU if there is one. The device changes only the time.",
        )
    return NetworkRequest(source=source, config=config, device=device)


def _own_config(source: DataSource) -> RunConfig:
    from mammo_core.config.recipes import network_recipe

    available = STRATEGIES if source.is_demo or source.synthetic else ("real",)
    (strategy,), (unit,), (epsilon,), _ = choose_one(available)
    part: TrainedPart = st.segmented_control(
        "Trained part",
        tuple(reversed(TRAINED_PARTS)),
        default=TRAINED_PARTS[-1],
        format_func=lambda part: TRAINED_PART_NAMES[part],
        required=True,
        wrap=True,
        key="network_part",
        persist_state="session",
        help=_PART_HELP,
    )
    with st.expander("Advanced settings", icon=":material/settings:"):
        backbone = choose_start(
            resources.DEMO_BACKBONE if source.is_demo else BackboneConfig(), "own"
        )
        recipe = _choose_recipe(network_recipe(strategy, part), strategy, part)
        delta, seed = choose_delta(), choose_seed("Seed")
        noise = "reproducible" if choose_reproducible() else "secret"
    return RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(target_epsilon=epsilon, target_delta=delta, unit=unit, noise=noise),
        recipe=recipe,
        backbone=backbone,
        seed=seed,
    )


def _choose_recipe(usual: NetworkRecipe, strategy: Strategy, part: TrainedPart) -> NetworkRecipe:
    """The usual recipe with what was changed; widgets of different parts are different."""
    key = f"{strategy}_{part}"
    steps = number_input(
        "Training steps",
        1,
        20_000,
        usual.steps,
        key=f"network_steps_{key}",
        persist_state="session",
    )
    rate = number_input(
        "Sample rate",
        *(0.001, 1.0, usual.sample_rate),
        format="%.3f",
        key=f"network_rate_{key}",
        persist_state="session",
        help="The probability that a unit takes part in a step. At 1 all units take part. This is slowest and needs "
        "the least noise for its ε.",
    )
    learning_rate = number_input(
        "Learning rate",
        *(1e-7, 10.0, usual.learning_rate),
        format="%.1e",
        key=f"network_learning_{key}",
        persist_state="session",
    )
    views = number_input(
        "Random views per mass and step",
        1,
        16,
        usual.views,
        key=f"network_views_{key}",
        persist_state="session",
        help="Flips and quarter turns, averaged before clipping. They cost time, not privacy.",
    )
    before = usual.pretraining_steps
    if strategy == "pretrain":
        before = number_input(
            "Steps on synthetic masses before",
            1,
            20_000,
            usual.pretraining_steps,
            key=f"network_before_{key}",
            persist_state="session",
            help="Plain steps of the whole network on batches of 128. They see no real mass.",
        )
    stages = None
    if part == "network":
        stages = (
            number_input(
                "Last stages that train",
                0,
                20,
                0,
                key=f"network_stages_{key}",
                persist_state="session",
                help="0 trains all of the network.",
            )
            or None
        )
    precision = st.segmented_control(
        "Precision",
        PRECISIONS,
        default=usual.precision,
        required=True,
        key=f"network_precision_{key}",
        persist_state="session",
        help="Of the forward and backward passes. bfloat16 is faster on recent GPUs.",
    )
    return replace(
        usual,
        steps=int(steps),
        sample_rate=rate,
        learning_rate=learning_rate,
        views=int(views),
        pretraining_steps=int(before),
        trained_stages=None if stages is None else int(stages),
        precision=precision,
    )


def _short(preset: Preset) -> str:
    """A preset in few words, for a list: the paper's names and its target."""
    config = preset.config
    budget = f"ε {budget_name(config.privacy.target_epsilon)}"
    whole = ["whole network"] if config.trained_part == "network" else []
    return " · ".join([preset.name, STRATEGY_NAMES[config.strategy], *whole, budget])


def _preset_config(source: DataSource, preset: Preset) -> RunConfig:
    data = resources.training_data(source)
    st.markdown(preset.meaning)
    published = ", ".join(f"{of.test_set.upper()} {of.mean:.3f}" for of in preset.published)
    st.caption(
        f"AUROC in the paper, mean of {len(preset.published[0].by_seed)} seeds: {published}."
        + (" The demo cohort gives other numbers." if source.is_demo else "")
    )
    with st.expander("How this differs from the paper", icon=":material/difference:"):
        st.markdown("\n".join(f"- {text}" for text in (*preset.differences, *preset.inferred)))
    with st.expander("Advanced settings", icon=":material/settings:"):
        backbone = choose_start(preset.config.backbone, preset.path)
        if backbone.name != preset.config.backbone.name:
            st.caption("With another network, this is no longer the paper's experiment.")
        seed = choose_seed("Seed")
        noise = "reproducible" if choose_reproducible() else "secret"
    return preset.for_data(
        data.num_images, data.num_synthetic, seed=seed, noise=noise, backbone=backbone
    )
