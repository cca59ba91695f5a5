"""Live: the slider that really retrains a private classifier on cached features, and all that follows from it."""

import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import STRATEGIES
from mammo_core.text.numbers import budget_name
from pages.ui.components import feature_job
from pages.ui.components.cohort_choice import choose_site, choose_source
from pages.ui.components.inputs import number_input
from pages.ui.components.links import linked
from pages.ui.components.messages import shown_errors
from pages.ui.components.privacy_inputs import EPSILON_HELP, EPSILONS, choose_unit
from pages.ui.components.statement import show_statement
from pages.ui.components.talk_mode import (
    in_talk_mode,
    step_through,
    talk_frame,
    talk_link,
    talk_title,
)
from pages.ui.live import budget, play, recording, releases, training, view
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave

enter()
on_big_screen = in_talk_mode()
if on_big_screen:
    talk_frame()
    talk_title("Live")
    view.show_step(step_through([name for name, _ in view.STORY], "live"))
else:
    page_header(
        "Live",
        "Move the slider to change the privacy budget ε. A classifier retrains at once and is tested on "
        "patients it has not seen.",
    )
    talk_link()

source = choose_source("live_cohort")
source = choose_site(source, "live_site")
if source.is_demo:
    view.say_demo(on_big_screen)
with shown_errors("This cohort cannot be used"):
    feature_job.show_left_out(source)
    dataset = feature_job.open_dataset(source)

play.advance_if_due()
slider, buttons = st.columns([5, 2], vertical_alignment="bottom")
epsilon = linked(slider.select_slider)(
    "Privacy budget ε: ← better privacy · better accuracy →",
    EPSILONS,
    value=6.0,
    format_func=budget_name,
    key="live_epsilon",
    on_change=play.slider_moved,
    help=EPSILON_HELP,
)
with buttons, st.container(horizontal=True, gap="small"):
    play.play_buttons()

results, choices = view.places(on_big_screen)
with choices, st.container(horizontal=True, vertical_alignment="bottom"):
    available = STRATEGIES if dataset.synthetic is not None else ("real",)
    strategy = linked(st.selectbox)(
        "Training data",
        available,
        index=available.index("pretrain") if "pretrain" in available else 0,
        format_func=lambda name: STRATEGY_NAMES[name],
        key="live_strategy",
        width=260,
    )
    unit = choose_unit("live_unit")
    test_set = view.choose_test_set(dataset)
    specificity = linked(st.select_slider)(
        "Specificity of the decision",
        training.SPECIFICITIES,
        value=0.9,
        format_func="{:.0%}".format,
        key="live_specificity",
        width=220,
        help="The share of benign masses that are rightly called benign. It sets the threshold above "
        "which a mass is called malignant.",
    )
    seed = linked(number_input)(
        "Seed",
        *(0, 10_000, 42),
        key="live_seed",
        width=140,
        help="Each seed is a separate repetition with its own noise. A new seed makes a new release.",
    )

with shown_errors("Cannot train with these choices"):
    with budget.shown_after(choices, dataset) as reason:
        result = training.retrain(dataset, strategy, epsilon, unit, int(seed), beyond_budget=reason)
    decision = training.decide(result, test_set, specificity)
history = releases.remember(source, result)

with results:
    view.show_metrics(result, history, unit)
    view.show_charts(dataset, result, decision, test_set)
    st.markdown(training.decision_text(decision, test_set, specificity))
    st.markdown(training.spent_text(result))
view.show_rates(decision)
view.show_total(history, unit)
show_statement(result.statement, key="live")
if result.started is None:  # trained just now
    recording.track(result)
play.frame_drawn()
leave()
