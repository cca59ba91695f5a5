"""The answer of the front page: one sentence and one figure, both made from the shipped results."""

import streamlit as st

from mammo_core.config.runs import Strategy, Unit
from mammo_core.figures.trade_off import trade_off_figure
from pages.ui.components.charts import chart
from pages.ui.state import resources
from pages.ui.trade_off.headline import cost_sentence

_METRIC = "auroc"
_UNIT: Unit = "patient"
_TEST_SET, _TEST_SET_NAME = "cbis-ddsm", "CBIS-DDSM"
_STRATEGIES: tuple[Strategy, ...] = ("real", "pretrain")
_HEIGHT = 330  # pixels


def show_answer() -> None:
    """Draws what privacy costs on the patients of the training site."""
    points = resources.measured_points(_METRIC)
    points = points[
        (points["unit"] == _UNIT)
        & (points["test_set"] == _TEST_SET)
        & points["strategy"].isin(_STRATEGIES)
    ]
    sentence = cost_sentence(points, _METRIC, _UNIT, _TEST_SET_NAME)
    st.header(sentence, anchor=False)
    figure = trade_off_figure(points, metric=_METRIC)
    figure.update_layout(height=_HEIGHT)
    chart(figure, key="answer", alt=f"AUROC against privacy budget. {sentence.replace('**', '')}")
    st.caption(
        "AUROC: how often a malignant mass scores above a benign one. 0.5 is chance. A smaller ε protects more. "
        "The sentence is about *real only*. Bands: 95 % interval for one released model."
    )
