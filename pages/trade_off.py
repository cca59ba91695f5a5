"""Trade-off: diagnostic accuracy against privacy budget, measured on real mammograms, beside the paper."""

import streamlit as st

from pages.ui.components.talk_mode import in_talk_mode, talk_link
from pages.ui.components.texts import INTERVALS
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter
from pages.ui.state import resources
from pages.ui.trade_off import card as trade_off_card
from pages.ui.trade_off import export, slides
from pages.ui.trade_off.charts import show_curves
from pages.ui.trade_off.citation import citation
from pages.ui.trade_off.controls import choose
from pages.ui.trade_off.missing_runs import show_missing_runs
from pages.ui.trade_off.points import draw_from
from pages.ui.trade_off.table import points_table

enter()
if in_talk_mode():
    slides.show_talk()
    st.stop()
page_header(
    "Trade-off",
    "How well a classifier tells malignant from benign masses when it is trained at a privacy budget "
    "ε (epsilon): the smaller ε, the less the model may depend on any one patient.",
)
talk_link()

choices = choose()
if not choices.strategies or not choices.test_sets:
    st.info(
        "Choose at least one kind of training data and one test set.", icon=":material/touch_app:"
    )
    st.stop()

drawn = draw_from(choices)
curves = st.container()
point = trade_off_card.choose_point(drawn)
if point is not None:
    trade_off_card.show_card(drawn, point, choices.metric)

if choices.with_paper and choices.metric != "auroc":
    st.caption(
        "The paper is shown for AUROC only: its other measures take benign as the positive class."
    )
elif choices.with_paper and choices.unit == "patient":
    st.caption(
        "The paper's ε hides one **image** at a time, ours here a whole **patient**: at equal ε ours "
        "promises more."
    )
made = resources.provenance()
st.caption(
    f"{INTERVALS} Dotted lines: the same training without privacy. Squares: no privacy (not DP). "
    f"δ (delta) = 1e-4 bounds how likely the promise may fail altogether. Backbone "
    f"{made['backbone']['name']} with ImageNet weights, frozen; measured {made['made']}."
)

with st.expander("What these ε promise, and what they leave out"):
    st.markdown(
        "- **real only** uses no synthetic data; its features are projected by textures that are computed, "
        "not learned: its ε covers everything learned from the patients.\n"
        "- **real + synthetic** and **synthetic, then private on real** use the paper's synthetic masses, "
        "whose generator saw the same patients **without** differential privacy: their ε covers the "
        "private training step only.\n"
        "- **synthetic only** never reads a real mass; its ε hides synthetic masses, so it promises nothing "
        "to any patient.\n"
        "- Each point is one release on its own. Publishing several adds up. The recipe was chosen on "
        "validation labels, which is not accounted for.\n"
        "- CBIS-DDSM and BCDR are research cohorts; accuracy elsewhere will differ."
    )
with st.expander("Table of these points"):
    st.dataframe(points_table(drawn.points, choices.metric), hide_index=True, key="points_table")
    if len(drawn.own):
        st.markdown("**Your runs**")
        st.dataframe(points_table(drawn.own, choices.metric), hide_index=True, key="own_table")
with st.expander("Download and cite"):
    image_format = export.choose_image_format()
    export.show_downloads(choices, drawn)
    st.markdown("How it was made, to copy:")
    st.code(citation(choices), language=None, wrap_lines=True)
show_missing_runs(choices)
with curves:
    show_curves(choices, drawn, point, image_format)
