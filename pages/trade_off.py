"""Trade-off: diagnostic accuracy against privacy budget, measured on real mammograms, beside the paper."""

import streamlit as st

from mammo_core.config import STRATEGIES, UNITS
from mammo_core.evaluation.metrics import METRIC_NAMES
from mammo_core.figures.palette import STRATEGY_NAMES
from mammo_core.figures.trade_off import METRIC_LABELS, trade_off_figure
from pages.ui import resources
from pages.ui.header import page_header
from pages.ui.navigation import enter
from pages.ui.tables import points_table
from pages.ui.texts import INTERVALS

TEST_SET_NAMES = {"cbis-ddsm": "CBIS-DDSM test (same site)", "bcdr": "BCDR (another site)"}

enter()
page_header(
    "Trade-off",
    "How well a classifier tells malignant from benign masses when it is trained at a privacy budget ε.",
)
strategies = st.pills(
    "Training data",
    STRATEGIES,
    selection_mode="multi",
    default=("real", "real+synthetic", "pretrain"),
    format_func=lambda strategy: STRATEGY_NAMES[strategy],
    key="strategies",
    wrap=True,
    bind="query-params",
)
left, middle, right = st.columns([1, 1, 1], vertical_alignment="bottom")
unit = left.segmented_control(
    "Unit of privacy",
    UNITS,
    default=UNITS[0],
    required=True,
    key="unit",
    bind="query-params",
    help="What one ε hides: all masses of a patient together, or one mass at a time (as in the paper).",
)
metric = middle.selectbox(
    "Measure",
    METRIC_NAMES,
    format_func=lambda name: METRIC_LABELS[name],
    key="metric",
    bind="query-params",
)
show_paper = right.toggle(
    "Show the paper's results",
    value=True,
    key="paper",
    bind="query-params",
    help="Osuala et al. 2024: Swin-T, image as the unit, three seeds; bars span the seeds.",
)
if not strategies:
    st.info("Choose at least one kind of training data.", icon=":material/touch_app:")
    st.stop()

points = resources.measured_points(metric)
points = points[(points["unit"] == unit) & points["strategy"].isin(strategies)]
paper = resources.paper_points()
paper = paper[paper["strategy"].isin(strategies)]
overlay = show_paper and metric == "auroc"
lowest = min(points["low"].min(), paper["mean"].min() if overlay else 1.0)
value_range = (lowest - 0.02, points["high"].max() + 0.02)

for column, test_set in zip(st.columns(2), TEST_SET_NAMES, strict=True):
    with column:
        st.subheader(TEST_SET_NAMES[test_set])
        figure = trade_off_figure(
            points[points["test_set"] == test_set],
            metric=metric,
            paper=paper[paper["test_set"] == test_set] if overlay else None,
            value_range=value_range,
        )
        st.plotly_chart(
            figure,
            key=f"curve_{test_set}",
            alt=f"{METRIC_LABELS[metric]} against privacy budget on {TEST_SET_NAMES[test_set]}",
            config={"displaylogo": False},
        )
if show_paper and not overlay:
    st.caption(
        "The paper is shown for AUROC only: its other measures take benign as the positive class."
    )
if overlay and unit == "patient":
    st.caption(
        "The paper's ε hides one **image** at a time, ours here a whole **patient**: at equal ε ours "
        "promises more."
    )
made = resources.provenance()
st.caption(
    f"{INTERVALS} Dotted lines: the same training without privacy. Squares: no privacy (not DP). "
    f"δ = 1e-4. Backbone {made['backbone']['name']} with ImageNet weights, frozen; measured {made['made']}."
)

with st.expander("What these ε promise, and what they leave out", expanded=False):
    st.markdown(
        "- **real only** uses no synthetic data: its ε covers everything learned from the patients.\n"
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
    st.dataframe(points_table(points, metric), hide_index=True, key="points_table")
    st.download_button(
        "Download all runs (CSV)",
        resources.measured_rows().to_csv(index=False),
        "mammo_privacy_results.csv",
        "text/csv",
        icon=":material/download:",
    )
    st.code(made["command"], language="bash", wrap_lines=True)
