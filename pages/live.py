"""Live: the slider that really retrains a private classifier on cached features, and all that follows from it."""

import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import STRATEGIES
from mammo_core.text.numbers import budget_name
from pages.ui.components import feature_job
from pages.ui.components.cohort_choice import choose_site, choose_source
from pages.ui.components.inputs import choose_evaluation_unit, number_input
from pages.ui.components.links import linked
from pages.ui.components.messages import shown_errors
from pages.ui.components.privacy_inputs import EPSILON_HELP, EPSILONS, choose_unit
from pages.ui.components.script import show_script
from pages.ui.components.statement import show_statement
from pages.ui.components.talk_mode import (
    in_talk_mode,
    step_through,
    talk_frame,
    talk_title,
)
from pages.ui.live import budget, kept, play, recording, releases, training, view
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave
from pages.ui.state import resources

enter()
on_big_screen = in_talk_mode()
if on_big_screen:
    talk_frame()
    talk_title("Live")
    view.show_step(step_through([name for name, _ in view.STORY], "live"))
else:
    page_header(
        "Live",
        "Move the slider: a classifier retrains at this privacy budget ε and is tested on patients "
        "it has not seen.",
        with_talk=True,
    )
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
        width=250,
    )
    unit = choose_unit("live_unit")
    test_set = view.choose_test_set(dataset)
    with st.popover("More", icon=":material/tune:", key="live_more"):
        specificity = linked(st.select_slider)(
            "Specificity of the decision",
            training.SPECIFICITIES,
            value=0.9,
            format_func="{:.0%}".format,
            key="live_specificity",
            help="The share of benign masses that are called benign. It sets the threshold above "
            "which a mass is called malignant.",
        )
        seed = linked(number_input)(
            "Seed",
            *(0, 10_000, 42),
            key="live_seed",
            help="Each seed is a separate repetition with its own noise. A new seed makes a new release.",
        )
        evaluated_per = choose_evaluation_unit("live_evaluated_per")
        with_paper = linked(st.toggle)(
            "Show the paper's points",
            key="live_paper",
            disabled=not set(resources.paper_points()["test_set"]) & set(dataset.test_sets),
            help="The paper trained whole networks with the image as the unit. Its points belong to its own test "
            "sets, CBIS-DDSM and BCDR, and are per mass.",
        )

with shown_errors("Cannot train with these choices"):
    with budget.shown_after(choices, dataset) as reason:
        config = training.configure(dataset, strategy, epsilon, unit, int(seed))
        keeping = kept.of(source, dataset)
        if keeping is None and (strategy == "synthetic" or recording.has(dataset, config)):
            keeping = "recorded"  # nothing to ask: it releases nothing of a patient
        if keeping is None:
            play.pause()
            with results:
                kept.ask(source, dataset)
            leave()
            st.stop()
        result = training.retrain(dataset, config, keeping, beyond_budget=reason)
    history = releases.remember(source, result)
    shown = result.evaluated_per(evaluated_per)
    decision = training.decide(shown, test_set, specificity)

with results:
    view.show_metrics(shown, history, unit)
    view.show_charts(
        dataset, shown, history, decision, test_set, specificity, with_paper=with_paper
    )
view.show_rates(decision)
view.show_total(history, unit, evaluated_per)
kept.show_choice(source)
show_statement(result.statement, key="live")
show_script(
    "live",
    source=source,
    backbone=dataset.backbone,
    strategy=strategy,
    epsilon=epsilon,
    unit=unit,
    seed=int(seed),
    evaluated_per=evaluated_per,
)
if result.started is None and keeping == "recorded":  # trained just now
    recording.track(result)
play.frame_drawn()
leave()
