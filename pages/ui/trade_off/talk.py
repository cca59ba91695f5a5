"""The Trade-off page in talk mode: one figure, one sentence, arrow keys."""

from __future__ import annotations

import streamlit as st

from pages.ui.components.charts import chart, readable_type
from pages.ui.components.talk_mode import step_through
from pages.ui.state import resources
from pages.ui.trade_off.controls import choose
from pages.ui.trade_off.points import SHIPPED_TEST_SETS, TEST_SET_NAMES
from pages.ui.trade_off.slides import STEPS, scene


def show_story() -> None:
    """Draws the step that the URL names; the page's choices of unit, measure and test set hold here too."""
    step = step_through(STEPS, "trade_off")
    stage = st.container()
    with st.expander("Choices"):
        choices = choose()
    test_set = next((name for name in choices.test_sets if name in SHIPPED_TEST_SETS), "cbis-ddsm")
    points = resources.measured_points(choices.metric)
    points = points[(points["unit"] == choices.unit) & (points["test_set"] == test_set)]
    rows = resources.measured_rows()
    is_meant = (rows["unit"] == choices.unit) & (rows["strategy"] == "real")
    told = scene(
        step,
        points,
        metric=choices.metric,
        unit=choices.unit,
        num_units=int(rows[is_meant]["num_units"].iloc[0]),
        test_set=TEST_SET_NAMES[test_set],
    )
    with stage:
        readable_type()
        st.markdown(f"### {told.sentence}")
        with st.container(
            height=600, border=False, key="talk_stage"
        ):  # talk mode fits it to the screen
            chart(told.figure, key="story", alt=told.alt, height="stretch")
        st.caption(told.note)
