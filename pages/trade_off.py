"""Trade-off: shows diagnostic accuracy against the privacy budget, beside the paper's results."""

import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import Strategy
from mammo_core.evaluation.patients import PATIENT_RULE
from pages.ui.components.messages import INTERVALS
from pages.ui.components.talk_mode import in_talk_mode
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave
from pages.ui.state import resources
from pages.ui.trade_off import card as trade_off_card
from pages.ui.trade_off import export, slides
from pages.ui.trade_off.charts import show_curves
from pages.ui.trade_off.citation import citation, guarantee_of_synthetic
from pages.ui.trade_off.comparison import show_comparison
from pages.ui.trade_off.controls import choose
from pages.ui.trade_off.missing_runs import show_missing_runs
from pages.ui.trade_off.points import draw_from, points_table
from pages.ui.trade_off.subgroups import show_subgroups
from pages.ui.trade_off.targets import show_targets, show_women

enter()
if in_talk_mode():
    slides.show_talk()
    st.stop()
page_header(
    "Trade-off",
    "How well does a classifier tell malignant from benign masses? The smaller the privacy budget "
    "ε (epsilon), the less it may depend on any one patient.",
    with_talk=True,
)
choices = choose()
if not choices.strategies or not choices.test_sets:
    st.info(
        "Choose at least one kind of training data and at least one test set.",
        icon=":material/touch_app:",
    )
    st.stop()

drawn = draw_from(choices)
missing: list[Strategy] = [
    name for name in choices.strategies if name not in set(drawn.points["strategy"])
]
if missing:
    st.info(
        f"With these synthetic masses, runs were not evaluated per {choices.evaluated_per}: "
        f"{', '.join(STRATEGY_NAMES[name] for name in missing)}. Choose *evaluated per mass* or other synthetic masses.",
        icon=":material/group_off:",
    )
if drawn.points.empty and drawn.own.empty:
    st.stop()
curves = st.container()
point = trade_off_card.choose_point(drawn)
if point is not None:
    trade_off_card.show_card(drawn, point, choices)

if choices.with_paper and choices.metric != "auroc":
    st.caption(
        "The paper is shown for AUROC only. Its other measures take benign as the positive class."
    )
elif choices.with_paper and not choices.shows_paper:
    st.caption("The paper is shown per mass only: it was not evaluated per patient.")
elif choices.shows_paper and choices.unit == "patient":
    st.caption(
        "The paper's ε protects one **image** at a time. Our ε here protects a whole "
        "**patient**. At equal ε, ours guarantees more."
    )
if choices.evaluated_per == "patient":
    st.caption(f"Evaluated per patient: {PATIENT_RULE} Averaging costs no privacy.")
targets = st.container()
made = resources.provenance(choices.masses)
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
        + guarantee_of_synthetic(choices.masses)
        + "- Each point is one release. The privacy costs of several releases add up. We chose the "
        "recipe on validation labels, and no ε accounts for that.\n"
        "- CBIS-DDSM and BCDR are research cohorts. Accuracy elsewhere will differ."
    )
with st.expander("Table of these points"):
    st.dataframe(points_table(drawn.points, choices.measure), hide_index=True, key="points_table")
    if len(drawn.own):
        st.markdown("**Your runs**")
        st.dataframe(points_table(drawn.own, choices.measure), hide_index=True, key="own_table")
with st.expander("Download and cite"):
    image_format = export.choose_image_format()
    export.show_downloads(choices, drawn)
    st.markdown("To copy: how the numbers were made")
    st.code(citation(choices), language=None, wrap_lines=True)
export.show_python(choices)
show_missing_runs(choices)
with curves:
    show_curves(choices, drawn, point, image_format)
    show_comparison(choices)
with targets:
    show_targets(choices, drawn)
    show_women(choices)
    show_subgroups(choices, drawn)
leave()
