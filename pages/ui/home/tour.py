"""The tour of three minutes: six steps from two kinds of masses to what privacy costs and buys.

The step stands in the link (`tour=2`), so that it can be sent. Whoever leaves can go on where they left.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from mammo_core.text.numbers import budget_name
from pages.ui.components.charts import chart
from pages.ui.components.links import from_link
from pages.ui.components.messages import shown_errors
from pages.ui.components.slides import Slide
from pages.ui.home.answer import show_answer
from pages.ui.home.question import show_question
from pages.ui.state import resources

_TOUR, _LEFT_AT = "tour", "tour_left_at"
_TEST_SET, _TEST_SET_NAME, _STRATEGY = "cbis-ddsm", "CBIS-DDSM", "pretrain"
_HEIGHT = 380  # pixels
_FIRST_EPSILON = 6.0


def step_of_link() -> int | None:
    """Which step the link names, from 0; None outside the tour."""
    steps: dict[str, int | None] = {str(step + 1): step for step in range(len(_STEPS))}
    return from_link(_TOUR, steps.get, None, "no tour")


def tour_button() -> None:
    """Draws the button that begins the tour, or goes on with it."""
    left_at = st.session_state.get(_LEFT_AT)
    st.button(
        "Tour of 3 minutes"
        if left_at is None
        else f"Go on with the tour ({left_at + 1} of {len(_STEPS)})",
        key="enter_tour",
        type="primary",
        icon=":material/hiking:",
        on_click=_go_to,
        args=(left_at or 0,),
    )


def show_tour(step: int) -> None:
    """Draws one step, with buttons to the one before, to the next, and out."""
    title, draw = _STEPS[step]
    st.progress((step + 1) / len(_STEPS), f"Step {step + 1} of {len(_STEPS)}")
    st.header(title, anchor=False)
    with shown_errors("This step cannot be drawn"):
        draw()
    with st.container(horizontal=True, horizontal_alignment="distribute", key="tour_steps"):
        st.button(
            "Back",
            key="tour_back",
            icon=":material/arrow_back:",
            disabled=step == 0,
            on_click=_go_to,
            args=(step - 1,),
        )
        st.button(
            "Leave the tour", key="tour_leave", type="tertiary", on_click=_leave, args=(step,)
        )
        if step + 1 < len(_STEPS):
            st.button(
                "Next",
                key="tour_next",
                type="primary",
                icon=":material/arrow_forward:",
                on_click=_go_to,
                args=(step + 1,),
            )
        else:
            st.button("Finish", key="tour_next", type="primary", on_click=_finish)


def _masses() -> None:
    picture, words = st.columns([2, 3], gap="large")
    with picture:
        show_question()
    words.markdown(
        "A mass in the breast may be **benign** or **malignant**. Computers learn to tell them apart from "
        "mammograms of many patients.\n\nThese four masses are **synthetic**: a generator drew them. No patient was "
        "imaged for them."
    )


def _classifier() -> None:
    from pages.ui.trade_off.slides import slides

    _show(
        slides("patient", _TEST_SET)["no privacy"](),
        "An AUROC of 0.5 is a coin toss, and 1 is never wrong. Look at the point at the right: this classifier was "
        "trained **without privacy**.",
    )


def _attacker() -> None:
    from pages.ui.privacy.slides import slides

    _show(
        slides()["no privacy"](),
        "A trained model keeps traces of its patients. Anyone who has the model and some images can ask: **was this "
        "patient among them?** That alone may reveal a diagnosis.",
    )


def _move() -> None:
    from mammo_core.config.runs import PAPER_DELTA
    from mammo_core.figures.odds import odds_figure
    from mammo_core.privacy.accounting.gaussian import mu_for
    from mammo_core.privacy.accounting.risk import fair_odds

    st.markdown(
        "**Differential privacy** adds noise while the model learns. The budget **ε** says how much the model may "
        "depend on any one patient. Move it, and watch both sides."
    )
    points = resources.measured_points("auroc")
    points = points[
        (points["unit"] == "patient")
        & (points["strategy"] == _STRATEGY)
        & (points["test_set"] == _TEST_SET)
    ].set_index("target_epsilon")
    epsilon = st.select_slider(
        "Privacy budget ε: ← better privacy · better accuracy →",
        sorted(points.index),
        value=_FIRST_EPSILON,
        format_func=budget_name,
        key="tour_epsilon",
        persist_state="session",
    )
    odds = fair_odds(mu_for(epsilon, PAPER_DELTA))
    point = points.loc[epsilon]
    numbers, dots = st.columns([1, 2], gap="large")
    numbers.metric(
        f"AUROC, {_TEST_SET_NAME}",
        f"{point['mean']:.3f}",
        delta=f"95 %: {point['low']:.3f} to {point['high']:.3f}",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    numbers.metric(
        "An attacker identifies", f"at most {odds.tpr} of 100", border=True, help=_ODDS_HELP
    )
    numbers.metric("and wrongly flags", f"{odds.fpr} of 100 others", border=True)
    figure = odds_figure(odds.tpr, odds.fpr).update_layout(height=_HEIGHT)
    with dots:
        alt = f"Of 100 who took part at most {odds.tpr} identified; of 100 others {odds.fpr} wrongly flagged"
        chart(figure, key="tour_odds", alt=alt)


_ODDS_HELP = (
    "An exact bound for the best attacker who errs alike on both sides, whatever this attacker computes. It covers "
    "the private training, not the generator of the synthetic masses."
)


def _cost() -> None:
    show_answer()
    st.markdown(
        "**Synthetic masses help**: a model first learns from them, and then privately from real ones. The curves "
        "show how much of what privacy costs this brings back."
    )


def _where_to() -> None:
    for column, (who, why, page, label, icon) in zip(st.columns(len(_WAYS)), _WAYS, strict=True):
        with column.container(border=True, height="stretch"):
            st.subheader(who, anchor=False)
            st.markdown(why)
            st.page_link(page, label=label, icon=icon)


_WAYS = (
    (
        "Clinician",
        "See what models at several budgets say about one mass.",
        "pages/read_case.py",
        "Read a case",
        ":material/radiology:",
    ),
    (
        "Student",
        "Predict, move a slider, and check: five short lessons.",
        "pages/lessons.py",
        "Lessons",
        ":material/school:",
    ),
    (
        "Speaker",
        "Show the measured curves. *Talk mode* there fills the screen.",
        "pages/trade_off.py",
        "Trade-off",
        ":material/show_chart:",
    ),
    (
        "Researcher",
        "Train on your own mammograms, and attack the result.",
        "pages/train.py",
        "Train",
        ":material/model_training:",
    ),
)
_STEPS: tuple[tuple[str, Callable[[], None]], ...] = (
    ("Two kinds of masses", _masses),
    ("What a classifier manages", _classifier),
    ("What an attacker learns from it", _attacker),
    ("Move the privacy budget yourself", _move),
    ("What privacy costs", _cost),
    ("Where to go from here", _where_to),
)


def _show(slide: Slide, words: str) -> None:
    st.markdown(slide.sentence)
    figure = slide.content
    if not callable(figure):
        chart(figure.update_layout(height=_HEIGHT), key="tour_figure", alt=slide.alt)
    st.markdown(words)
    st.caption(slide.note)


def _go_to(step: int) -> None:
    st.query_params[_TOUR] = str(step + 1)


def _leave(step: int) -> None:
    st.session_state[_LEFT_AT] = step
    st.query_params.pop(_TOUR, None)


def _finish() -> None:
    st.session_state.pop(_LEFT_AT, None)
    st.query_params.pop(_TOUR, None)
