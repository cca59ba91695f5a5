"""The tab Clipping and noise: one training step, on the real gradients of this very model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import PrivacyConfig, RunConfig
from mammo_core.figures.gradients import norms_figure, signal_noise_figure
from pages.ui.components import feature_job
from pages.ui.components.charts import chart
from pages.ui.components.links import linked
from pages.ui.components.messages import shown_errors
from pages.ui.privacy.controls import PrivacyChoices, bundle, camera, choose_source

if TYPE_CHECKING:
    import torch

    from mammo_core.privacy.heads.vectorised import HeadTrainingData
    from mammo_core.training.heads.feature_dataset import FeatureDataset

_CLIPS = tuple(float(f"{clip:.2g}") for clip in np.geomspace(0.01, 10, 25))
_WARNING = (
    "These figures are computed from single patients' data without noise. No ε covers them. "
    "Figures of a real cohort are for your eyes, not for a paper."
)


def show_clipping(choices: PrivacyChoices) -> None:
    """Draws the tab."""
    st.markdown(
        f"Each step asks every {choices.one} in which direction the model should move and how "
        "far: a **gradient**. Each gradient is then shortened to at most the length C "
        "(**clipping**), so that nobody pulls harder than C. The step sums the gradients and "
        "adds **noise** of σ C, which hides whether one of them was there."
    )
    source = choose_source()
    if not source.is_demo:
        st.caption(_WARNING)
    with shown_errors("This cohort cannot be used"):
        dataset = feature_job.open_dataset(source)
        with st.spinner("Training the model"):
            config = _config(dataset, choices)
            weights, problem = _training(dataset, dataset.data_hash, config)
    recipe = config.recipe
    with st.container(horizontal=True, gap="medium"):
        step = linked(st.slider)(
            "Training step",
            1,
            recipe.steps,
            recipe.steps // 2,
            key="clipping_step",
            width=380,
        )
        max_grad_norm = linked(st.select_slider)(
            "Clipping norm C",
            _CLIPS,
            value=_nearest(recipe.max_grad_norm),
            format_func="{:g}".format,
            key="clipping_norm",
            width=380,
            help=f"The recipe uses {recipe.max_grad_norm:g}. The weights come from training at that C. "
            "This slider shows what the step would be at another C.",
        )
    _show_step(choices, problem, weights[step - 1], max_grad_norm, step)


def _show_step(
    choices: PrivacyChoices,
    problem: HeadTrainingData,
    weights: torch.Tensor,
    max_grad_norm: float,
    step: int,
) -> None:
    from mammo_core.privacy.heads.gradients import clipped_step, unit_gradients

    gradients = unit_gradients(problem, weights)
    norms = gradients.norm(dim=1).numpy()
    noise = choices.noise_multiplier or None
    steps = {clip: clipped_step(gradients, clip, noise) for clip in _CLIPS}
    here = steps[max_grad_norm]
    lengths, balance = st.columns(2, gap="medium")
    with lengths:
        st.header(f"Gradients at step {step}")
        chart(
            norms_figure(norms, max_grad_norm, unit=choices.one, units=choices.units),
            key="gradient_norms",
            alt=f"Histogram of gradient lengths of {len(norms)} {choices.units}; {here.clipped_share:.0%} are clipped",
            toolbar=camera("gradient_norms"),
            bundle=bundle(
                choices,
                "gradient_norms",
                f"Lengths of the gradients of {choices.units}",
                {"gradient_norms": pd.DataFrame({"norm": np.sort(norms)})},
            ),
        )
    with balance:
        st.header("Signal and noise")
        if noise is None:
            st.info(
                "Without privacy nothing is clipped and no noise is added. The gradients on the "
                "left are summed as they are. Choose a finite ε."
            )
            return
        chart(
            signal_noise_figure(
                _CLIPS,
                [part.ratio for part in steps.values()],
                [part.agreement for part in steps.values()],
                max_grad_norm,
            ),
            key="signal_noise",
            alt="Signal over noise and agreement with the unclipped direction, over the clipping norm",
            toolbar=camera("signal_noise"),
            bundle=bundle(choices, "signal_noise", "Signal over noise, over the clipping norm"),
        )
    st.markdown(
        f"- **{here.clipped_share:.0%}** of {len(norms)} {choices.units} are clipped at C = "
        f"{max_grad_norm:g}. The clipped sum points where the unclipped sum does with a cosine of "
        f"{here.agreement:.3f}.\n"
        f"- The clipped sum is **{here.signal:.3g}** long. The noise along it has a standard "
        f"deviation of σ C = **{here.noise_along:.3g}**, so signal over noise is "
        f"**{here.ratio:.2f}** in this one step. Over all {gradients.shape[1]} weights the noise "
        f"is {here.noise_length:.3g} long.\n"
        "- Noise grows with C. A small C makes all gradients count alike, even those with more "
        "to say. A large C lets a few gradients dominate, and its larger noise hides all others."
    )


def _config(dataset: FeatureDataset, choices: PrivacyChoices) -> RunConfig:
    strategy = choices.strategy if dataset.synthetic is not None else "real"
    return RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(
            target_epsilon=choices.epsilon, unit=choices.unit, noise="reproducible"
        ),
        recipe=RECIPES[strategy],
        backbone=dataset.backbone,
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _training(
    _bench: FeatureDataset, data_hash: str, config: RunConfig
) -> tuple[torch.Tensor, HeadTrainingData]:
    """Trains without keeping the model; returns weights over all steps (T + 1, K) and the data."""
    from mammo_core.privacy.heads.gradients import weights_over_steps
    from mammo_core.training.heads.runs import head_settings

    recipe = RECIPES[config.strategy]
    problem = _bench.prepare(config.strategy, recipe, config.privacy.unit)
    return weights_over_steps(problem, recipe, head_settings(config)), problem


def _nearest(clip: float) -> float:
    return min(_CLIPS, key=lambda option: abs(option - clip))
