"""What training a network means before it starts: its guarantee, the device, and how long it takes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import RunConfig, to_dict
from mammo_core.errors import MammoError
from mammo_core.text.numbers import counted, duration
from pages.ui.components.job_panel import show_job
from pages.ui.components.messages import escape_markdown
from pages.ui.state import jobs, resources
from pages.ui.train.head_preview import planned_statement, show_guarantee
from pages.ui.train.network_backbone import show_where_weights_come_from

if TYPE_CHECKING:
    import torch

    from mammo_core.jobs.requests import NetworkRequest
    from mammo_core.training.networks.timing import StepTime

_TIMED = "network_timed"


def show_network_meaning(request: NetworkRequest) -> bool:
    """Draws what a request means; says what is wrong with it instead if it cannot be trained.

    Returns:
        Whether it can be trained.
    """
    from mammo_core.system.device import choose_device

    try:
        with st.spinner("Finding how much noise this budget needs"):
            device = choose_device(request.device)
            statement = planned_statement(
                request.config,
                resources.training_data(request.source),
                _num_weights(str(to_dict(request.config)), request.config),
            )
    except MammoError as error:
        st.error(escape_markdown(error, longest=2000), icon=":material/error:")
        return False
    show_guarantee(statement)
    show_where_weights_come_from(request.config.backbone)
    _show_time(request, device)
    return True


def _show_time(request: NetworkRequest, device: torch.device) -> None:
    """Where it is computed, what happens when it is stopped, and a measured estimate once it was asked for."""
    from mammo_core.jobs.network_handler import measured_time
    from mammo_core.system.device import device_name
    from mammo_core.training.networks.timing import timing_key
    from mammo_core.training.paper.presets import is_on_features

    on_features = is_on_features(request.config)
    where = f"**{device_name(device)}**"
    if device.type == "cpu":
        where += ", no GPU" if request.device == "auto" else ", as chosen"
    st.markdown(f"Trains on {where}.")
    st.caption(_FEATURES_WORDS if on_features else _NETWORK_WORDS)
    identity = f"{device} {timing_key(request.config)}"
    st.button(
        "Measure how long it takes",
        icon=":material/timer:",
        key="network_time",
        on_click=_measure,
        args=(identity, request),
    )
    measured_as, job_id = st.session_state.get(_TIMED, ("", ""))
    if measured_as != identity:
        return
    store = jobs.job_queue().store
    if store.view(job_id).state != "finished":
        show_job(job_id)
        return
    step_time = measured_time(store, job_id)
    st.info(_time_words(request, step_time, on_features=on_features), icon=":material/timer:")


def _measure(identity: str, request: NetworkRequest) -> None:
    """Has a worker measure: it may take a minute, and there the training will run, too."""
    from mammo_core.jobs.requests import TimingRequest

    timing = TimingRequest(config=request.config, device=request.device)
    st.session_state[_TIMED] = identity, jobs.start(timing)


_NETWORK_WORDS = (
    "Every step runs images through the network. This takes minutes to hours with a GPU, and hours to days without one. "
    "Fewer steps, smaller inputs, adapters or the head alone take less time. After a cancellation, training continues from "
    "its last checkpoint at no further privacy cost. *Read a case* cannot use its model yet."
)
_FEATURES_WORDS = (
    "The network stays frozen. The features of every mass are computed once and kept. Then the head trains for some "
    "minutes. After a cancellation, the features are kept, but the head starts again with new noise. That is another "
    "release. *Read a case* cannot use its model yet."
)


def _time_words(request: NetworkRequest, step_time: StepTime, *, on_features: bool) -> str:
    from mammo_core.training.networks.timing import time_of_features, time_of_run

    config, data = request.config, resources.training_data(request.source)
    assert isinstance(config.recipe, NetworkRecipe)
    measured = f"on {step_time.device}, estimated from a few steps on made-up images"
    if on_features:
        masses = data.num_images + (data.num_synthetic if config.strategy != "real" else 0)
        seconds = time_of_features(config, masses, step_time)
        return (
            f"About **{duration(seconds)}** for the features of {masses} masses in {counted(config.backbone.views, 'view')}, "
            f"{measured}. Test masses are not counted. Features that are already there take no time."
        )
    time = time_of_run(config, data, step_time)
    return (
        f"About **{duration(time.total_seconds)}** {measured}: {_pace(time.step_seconds)} for each of "
        f"{config.recipe.steps} private steps"
        + (
            f", after {config.recipe.pretraining_steps} on synthetic masses"
            if step_time.pretraining
            else ""
        )
        + ". Scoring validation and test masses takes extra time."
    )


def _pace(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else duration(seconds)


@st.cache_data(max_entries=64, show_spinner=False)
def _num_weights(identity: str, _config: RunConfig) -> int:
    from mammo_core.training.networks.plan import count_weights

    return count_weights(_config)
