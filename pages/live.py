"""Live: the slider that really retrains a private classifier on cached features."""

import math

import streamlit as st

from mammo_core.config import STRATEGIES, UNITS
from mammo_core.figures.palette import STRATEGY_NAMES
from mammo_core.figures.roc import roc_figure
from pages.ui import live_session, resources
from pages.ui.errors import shown_errors
from pages.ui.header import page_header
from pages.ui.navigation import enter
from pages.ui.texts import GET_DATA

enter()

EPSILONS = [
    *(0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 30.0, 60.0),
    *(100.0, 200.0, 500.0, 1000.0, math.inf),
]

page_header(
    "Live", "Move the privacy budget: a classifier retrains on the spot and is tested at once."
)

sources = resources.installed_sources()
source = sources[0]
if len(sources) > 1:
    source = st.selectbox("Cohort", sources, format_func=lambda item: item.name, key="live_cohort")
if source.is_demo:
    st.info(
        "This is the **built-in demo cohort**: synthetic masses, not mammograms, the two classes "
        "moved apart so that there is something to learn. Its numbers show "
        f"how privacy and accuracy pull against each other, and nothing about patients. {GET_DATA}",
        icon=":material/draw:",
    )

with shown_errors("This cohort cannot be used"):
    live_session.show_left_out(source)
    bench = live_session.open_bench(source)

controls, results = st.columns([1, 2], gap="large")
with controls:
    epsilon = st.select_slider(
        "Privacy budget ε",
        EPSILONS,
        value=6.0,
        format_func=lambda value: "∞ (not DP)" if math.isinf(value) else f"{value:g}",
        key="live_epsilon",
        bind="query-params",
        help="Logarithmic. Left: better privacy. Right: better accuracy.",
    )
    st.caption("← better privacy · better accuracy →")
    available = STRATEGIES if bench.synthetic is not None else ("real",)
    strategy = st.selectbox(
        "Training data",
        available,
        index=available.index("pretrain") if "pretrain" in available else 0,
        format_func=lambda name: STRATEGY_NAMES[name],
        key="live_strategy",
        bind="query-params",
    )
    unit = st.segmented_control(
        "Unit of privacy",
        UNITS,
        default=UNITS[0],
        required=True,
        key="live_unit",
        bind="query-params",
        help="What one ε hides: all masses of a patient together, or one mass at a time.",
    )
    seed = st.number_input(
        "Seed of the noise", 0, 10_000, 42, key="live_seed", help="Another seed is another release."
    )

with shown_errors("Cannot train with these choices"):
    result = live_session.retrain(bench, strategy, epsilon, unit, int(seed))

with results:
    for column, (name, estimates) in zip(
        st.columns(len(result.estimates)), result.estimates.items(), strict=True
    ):
        auroc = estimates["auroc"]
        column.metric(
            f"AUROC, {name}",
            f"{auroc.value:.3f}",
            delta=f"95 % interval {auroc.low:.3f} to {auroc.high:.3f}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help="Interval over test patients (bootstrap); another seed of the noise moves it further.",
        )
    st.plotly_chart(
        roc_figure(live_session.roc_curves(bench, result)),
        key="live_roc",
        alt="ROC curves of the classifier just trained, per test set",
        config={"displaylogo": False},
    )

with controls, st.container(border=True):
    st.markdown(live_session.spent_text(result))

st.subheader("What this ε promises, and what it leaves out")
for sentence in live_session.guarantee(result):
    st.markdown(f"- {sentence}")

history = live_session.remember(source, result)
with st.expander(f"Released in this session: {len(history)} model(s)", expanded=len(history) > 1):
    st.markdown(live_session.total_text(history))
    st.dataframe(live_session.history_table(history), hide_index=True, key="live_history")
live_session.track(bench, result)
