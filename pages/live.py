"""Live: the slider that really retrains a private classifier on cached features, and all that follows from it."""

import streamlit as st

from mammo_core.config import STRATEGIES
from mammo_core.figures.palette import STRATEGY_NAMES
from pages.ui import (
    live_budget,
    live_features,
    live_play,
    live_releases,
    live_session,
    live_tracking,
    live_view,
    resources,
)
from pages.ui.budgets import EPSILON_HELP, EPSILONS, budget_name
from pages.ui.errors import shown_errors
from pages.ui.header import page_header
from pages.ui.navigation import enter
from pages.ui.statement import show_statement
from pages.ui.talk import in_talk_mode, step_through, talk_frame, talk_link, talk_title
from pages.ui.unit_choice import choose_unit

enter()
on_big_screen = in_talk_mode()
if on_big_screen:
    talk_frame()
    talk_title("Live")
    live_view.show_step(step_through([name for name, _ in live_view.STORY], "live"))
else:
    page_header(
        "Live", "Move the privacy budget: a classifier retrains on the spot and is tested at once."
    )
    talk_link()

sources = resources.installed_sources()
source = sources[0]
if len(sources) > 1:
    source = st.selectbox(
        "Cohort",
        sources,
        format_func=lambda item: item.name,
        key="live_cohort",
        bind="query-params",
    )
if source.is_demo:
    live_view.say_demo(on_big_screen)
with shown_errors("This cohort cannot be used"):
    live_features.show_left_out(source)
    bench = live_features.open_bench(source)

live_play.advance_if_due()
slider, buttons = st.columns([5, 2], vertical_alignment="bottom")
epsilon = slider.select_slider(
    "Privacy budget ε: ← better privacy · better accuracy →",
    EPSILONS,
    value=6.0,
    format_func=budget_name,
    key="live_epsilon",
    bind="query-params",
    on_change=live_play.pause,
    help=EPSILON_HELP,
)
with buttons, st.container(horizontal=True, gap="small"):
    live_play.play_buttons()

results, choices = live_view.places(on_big_screen)
with choices, st.container(horizontal=True, vertical_alignment="bottom"):
    available = STRATEGIES if bench.synthetic is not None else ("real",)
    strategy = st.selectbox(
        "Training data",
        available,
        index=available.index("pretrain") if "pretrain" in available else 0,
        format_func=lambda name: STRATEGY_NAMES[name],
        key="live_strategy",
        bind="query-params",
        width=260,
    )
    unit = choose_unit("live_unit")
    test_set = live_view.choose_test_set(bench)
    specificity = st.select_slider(
        "Specificity of the decision",
        live_session.SPECIFICITIES,
        value=0.9,
        format_func="{:.0%}".format,
        key="live_specificity",
        bind="query-params",
        width=220,
        help="The share of benign masses that are rightly called benign. Sets the threshold above "
        "which a mass is called malignant.",
    )
    seed = st.number_input(
        "Seed",
        *(0, 10_000, 42),
        key="live_seed",
        bind="query-params",
        width=140,
        help="Tells repetitions apart: another seed is another release, with noise of its own.",
    )

with choices:
    beyond_budget = live_budget.ask_reason(bench)

with shown_errors("Cannot train with these choices"):
    result = live_session.retrain(
        bench, strategy, epsilon, unit, int(seed), beyond_budget=beyond_budget
    )
    decision = live_session.decide(bench, result, test_set, specificity)
history = live_releases.remember(source, result)

with results:
    live_view.show_metrics(result, history, unit)
    live_view.show_charts(bench, result, decision, test_set)
    st.markdown(live_session.decision_text(decision, test_set, specificity))
    st.markdown(live_session.spent_text(result))
live_view.show_rates(decision)
live_view.show_total(history, unit)
show_statement(result.statement, key="live")
live_tracking.track(bench, result)
live_play.frame_drawn()
