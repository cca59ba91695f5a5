"""Trade-off: shows diagnostic accuracy against the privacy budget, beside the paper's results."""

import streamlit as st

from pages.ui.components.messages import INTERVALS
from pages.ui.components.talk_mode import in_talk_mode, talk_link
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave
from pages.ui.state import resources
from pages.ui.trade_off import card as trade_off_card
from pages.ui.trade_off import export, slides
from pages.ui.trade_off.charts import show_curves
from pages.ui.trade_off.citation import citation
from pages.ui.trade_off.controls import choose
from pages.ui.trade_off.missing_runs import show_missing_runs
from pages.ui.trade_off.points import draw_from, points_table

enter()
if in_talk_mode():
    slides.show_talk()
    st.stop()
page_header(
    "Trade-off",
    "How well does a classifier tell malignant from benign masses at a privacy budget ε "
    "(epsilon)? The smaller ε is, the less the model may depend on any one patient.",
)
talk_link()

choices = choose()
if not choices.strategies or not choices.test_sets:
    st.info(
        "Choose at least one kind of training data and at least one test set.",
        icon=":material/touch_app:",
    )
    st.stop()

drawn = draw_from(choices)
curves = st.container()
point = trade_off_card.choose_point(drawn)
if point is not None:
    trade_off_card.show_card(drawn, point, choices.metric)

if choices.with_paper and choices.metric != "auroc":
    st.caption(
        "The paper is shown for AUROC only. Its other measures take benign as the positive class."
    )
elif choices.with_paper and choices.unit == "patient":
    st.caption(
        "The paper's ε protects one **image** at a time. Our ε here protects a whole "
        "**patient**. At equal ε, ours guarantees more."
    )
made = resources.provenance()
st.caption(
    f"{INTERVALS} Dotted lines: the same training without privacy. Squares: no privacy (not DP). "
    "δ (delta) = 1e-4: taking part changes the probability of any outcome at most by the factor e^ε, "
    "plus δ. Backbone: "
    f"{made['backbone']['name']} with ImageNet weights, frozen. Measured {made['made']}."
)

with st.expander("What these ε guarantee, and what they do not"):
    st.markdown(
        "- **real only** uses no synthetic data. Its features are projected with computed "
        "textures, not learned ones. Its ε covers everything that the model learned from the patients.\n"
        "- **real + synthetic** and **synthetic, then private on real** use the paper's "
        "synthetic masses. Their generator saw the same patients **without** differential "
        "privacy. Their ε covers the private training step only.\n"
        "- **synthetic only** never reads a real mass. Its ε protects synthetic masses, so it "
        "guarantees nothing to any patient.\n"
        "- Each point is one release. The privacy costs of several releases add up. We chose the "
        "recipe on validation labels, and no ε accounts for that.\n"
        "- CBIS-DDSM and BCDR are research cohorts. Accuracy elsewhere will differ."
    )
with st.expander("Table of these points"):
    st.dataframe(points_table(drawn.points, choices.metric), hide_index=True, key="points_table")
    if len(drawn.own):
        st.markdown("**Your runs**")
        st.dataframe(points_table(drawn.own, choices.metric), hide_index=True, key="own_table")
with st.expander("Download and cite"):
    image_format = export.choose_image_format()
    export.show_downloads(choices, drawn)
    st.markdown("To copy: how the numbers were made")
    st.code(citation(choices), language=None, wrap_lines=True)
show_missing_runs(choices)
with curves:
    show_curves(choices, drawn, point, image_format)
leave()
