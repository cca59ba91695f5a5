"""What training a network means before it starts: its promise, and how long it takes on this computer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.config import RunConfig, to_dict
from mammo_core.errors import MammoError
from mammo_core.plain_text import duration
from pages.ui import resources
from pages.ui.errors import shown_errors
from pages.ui.literal import literal
from pages.ui.train_meaning import planned_statement, show_promise

if TYPE_CHECKING:
    from mammo_core.experiments.network_timing import NetworkTime
    from mammo_core.experiments.requests import NetworkRequest


def show_network_meaning(request: NetworkRequest) -> bool:
    """Draws what a request means; says what is wrong with it instead if it cannot be trained.

    Returns:
        Whether it can be trained.
    """
    try:
        with st.spinner("Finding how much noise this budget needs"):
            statement = planned_statement(
                request.config,
                resources.training_data(request.source),
                _num_weights(str(to_dict(request.config)), request.config),
            )
    except MammoError as error:
        st.error(literal(error, longest=2000), icon=":material/error:")
        return False
    show_promise(statement)
    _show_time(request)
    return True


def _show_time(request: NetworkRequest) -> None:
    """A measured estimate, once it was asked for."""
    st.caption(
        "Every step sends images through the network: slow. Cancelled or interrupted, it goes on from its last "
        "checkpoint, without spending more. Such models cannot be chosen on *Read a case* yet."
    )
    if st.button("Measure how long it takes", icon=":material/timer:", key="network_time"):
        st.session_state["network_timed"] = _identity(request)
    if st.session_state.get("network_timed") != _identity(request):
        return
    with shown_errors("This network cannot be timed"):
        time = _measured(_identity(request), request)
    st.info(
        f"About **{duration(time.total_seconds)}** on {time.device}: {duration(time.step_seconds)} per step, "
        "measured just now on a few made-up images.",
        icon=":material/timer:",
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _num_weights(identity: str, _config: RunConfig) -> int:
    from mammo_core.experiments.network_runs import count_weights

    return count_weights(_config)


@st.cache_data(max_entries=16, show_spinner="Measuring a step on made-up images")
def _measured(identity: str, _request: NetworkRequest) -> NetworkTime:
    from mammo_core.device import choose_device
    from mammo_core.experiments.network_timing import measure_network_time

    data = resources.training_data(_request.source)
    return measure_network_time(_request.config, data, choose_device(_request.device))


def _identity(request: NetworkRequest) -> str:
    config: RunConfig = request.config
    return f"{request.source.name} {request.device} {to_dict(config)}"
