"""How the Live page shows a model just trained: numbers, charts, what it decides, what was spent so far."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import Unit
from mammo_core.evaluation.patients import PLURALS
from mammo_core.figures.confusion import confusion_figure
from mammo_core.figures.provenance import Provenance
from mammo_core.figures.roc import roc_figure
from mammo_core.figures.scores import score_figure
from mammo_core.figures.trade_off import measure_label
from mammo_core.figures.visited import visited_figure
from mammo_core.privacy.statements.words import summary
from mammo_core.system.secret_key import sealed_identity
from mammo_core.text.numbers import budget_name, counted
from pages.ui.components.charts import chart
from pages.ui.components.export import ExportBundle, export_button
from pages.ui.components.links import linked
from pages.ui.components.messages import escape_markdown
from pages.ui.live import releases, training
from pages.ui.state import resources

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from streamlit.delta_generator import DeltaGenerator

    from mammo_core.evaluation.patients import EvaluationUnit
    from mammo_core.training.heads.feature_dataset import FeatureDataset
    from mammo_core.training.outcome import FinishedRun

STORY = (
    ("no privacy", math.inf),
    ("ε = 20", 20.0),
    ("ε = 6", 6.0),
    ("ε = 2", 2.0),
    ("ε = 0.5", 0.5),
)
_CHART_HEIGHT = 290
_STAGE_FONT = 20  # pixels: three figures share a row


def show_step(step: int) -> None:
    """Puts the slider on the budget of a step when the speaker gets to it; it can be moved from there."""
    if st.session_state.get("live_step_shown") != step:
        st.session_state["live_step_shown"] = step
        st.session_state["live_epsilon"] = STORY[step][1]


def places(on_big_screen: bool) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Where results and choices go: on a big screen the results come first, and the choices are folded up."""
    if on_big_screen:
        results = st.container()
        return results, st.expander("Choices")
    choices = st.container()
    return st.container(), choices


def say_demo(on_big_screen: bool) -> None:
    """Says that the built-in demo is no mammogram."""
    text = "**Built-in demo**: synthetic masses, not mammograms. Its numbers say nothing about patients."
    st.caption(
        text if on_big_screen else f":material/draw: {text} The page *Data* installs real masses."
    )


def choose_test_set(dataset: FeatureDataset) -> str:
    """The test set to decide on; asks only where there are several."""
    names = list(dataset.test_sets)
    if len(names) == 1:
        return names[0]
    return linked(st.segmented_control)(
        "Test set",
        names,
        default=names[0],
        required=True,
        format_func=escape_markdown,
        key="live_test_set",
        help="The scores and decisions below are of this test set. The ROC curves show all test sets.",
    )


def show_metrics(result: FinishedRun, history: list[releases.Release], unit: Unit) -> None:
    """AUROC on every test set and what all models of this session spend together."""
    per = result.evaluation_unit
    columns = st.columns(len(result.estimates) + 2)
    for column, (name, estimates) in zip(columns, result.estimates.items(), strict=False):
        auroc = estimates["auroc"]
        column.metric(
            f"{measure_label('auroc', per)}, {escape_markdown(name)}",
            f"{auroc.value:.3f}",
            delta=f"95 %: {auroc.low:.3f} to {auroc.high:.3f}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"The probability that a malignant {per} scores higher than a benign one. 0.5 is chance. "
            "The interval is over test patients (bootstrap). It leaves out the noise of training.",
        )
    columns[-2].metric(
        "ε of this model",
        budget_name(round(result.epsilon, 3)),
        delta=f"{result.config.privacy.unit}, δ = {result.config.privacy.target_delta:g}",
        delta_color="off",
        delta_arrow="off",
        border=True,
        help="The privacy cost of this model alone. Taking part changes the probability of any outcome "
        "at most by the factor e^ε, plus δ.",
    )
    total, count = releases.total_metric(history, unit)
    columns[-1].metric(
        f"Total ε so far, {unit}",
        total,
        delta=count,
        delta_color="off",
        delta_arrow="off",
        border=True,
        help="The privacy cost of all models of this session with this unit, if all were published. "
        "Every new model adds to it.",
    )


def show_charts(
    dataset: FeatureDataset,
    result: FinishedRun,
    history: list[releases.Release],
    decision: training.Decision,
    test_set: str,
    specificity_asked: float,
    *,
    with_paper: bool,
) -> None:
    """The models so far, and of this one ROC and scores, side by side; below, what it decides."""
    sensitivity, specificity = decision.rates
    config, confusion, per = result.config, decision.confusion, result.evaluation_unit
    visited = releases.curve_table(history, config, per)
    theirs = resources.paper_points()
    curve = visited_figure(
        visited,
        epsilon=config.privacy.target_epsilon,
        seed=config.seed,
        evaluated_per=per,
        paper=theirs[theirs["strategy"] == config.strategy]
        if with_paper and per == "mass"
        else None,
    )
    roc = roc_figure(
        training.roc_curves(result),
        operating_points={test_set: (1 - specificity.value, sensitivity.value)},
    )
    scores = score_figure(*result.tested[test_set], decision.threshold)
    counts = confusion_figure(**dataclasses.asdict(confusion))
    places = st.columns([5, 3, 3])
    with places[0]:
        _draw(curve, "live_curve", "AUROC of every model so far", _curve_in_words(visited))
    with places[1]:
        alt = "ROC curves of the model just trained, per test set, with the chosen operating point"
        _draw(roc, "live_roc", "ROC curves", alt)
    with places[2]:
        alt = f"Scores of benign and malignant {PLURALS[per]} on {test_set} with the threshold"
        _draw(scores, "live_scores", f"Scores on {test_set}", alt)
    left, right = st.columns([5, 3], vertical_alignment="center")
    with right:
        alt = (
            f"{confusion.true_positives} true positives, {confusion.false_negatives} false negatives, "
            f"{confusion.false_positives} false positives, {confusion.true_negatives} true negatives on {test_set}"
        )
        _draw(counts, "live_confusion", f"Decisions on {test_set}", alt)
    with left:
        st.markdown(training.decision_text(decision, test_set, specificity_asked, PLURALS[per]))
        st.markdown(training.spent_text(result))
    export_button(
        ExportBundle(
            name="mammo_privacy_live",
            provenance=_provenance(dataset, result),
            figures={
                "AUROC of every model so far": curve,
                "ROC curves": roc,
                f"Scores on {test_set}": scores,
                f"Decisions on {test_set}": counts,
            },
            tables={"mammo_privacy_live_curve": visited},
        )
    )


def _draw(figure: go.Figure, key: str, title: str, alt: str) -> None:
    figure.update_layout(height=_CHART_HEIGHT)
    st.markdown(f"**{escape_markdown(title)}**")
    chart(figure, key=key, alt=alt, big_height=470, big_font=_STAGE_FONT)


def _curve_in_words(visited: pd.DataFrame) -> str:
    told = [
        f"{model['test_set']} at {budget_name(model['epsilon'])}: {model['value']:.3f}"
        for model in visited.to_dict("records")
    ]
    return "AUROC against privacy budget. " + "; ".join(told)


def _provenance(dataset: FeatureDataset, result: FinishedRun) -> Provenance:
    seed = f"seed {result.config.seed}, data {sealed_identity(dataset.data_hash)}"
    played = ("Demonstration: synthetic masses, no patients.",) * result.statement.is_demonstration
    return Provenance(
        title=f"{STRATEGY_NAMES[result.config.strategy]}, just trained",
        notes=(summary(result.statement), *played, f"One model, {seed}."),
    )


def show_rates(decision: training.Decision) -> None:
    """Sensitivity, specificity, PPV and NPV with their intervals, as a table to open."""
    rows = [
        {
            "measure": name,
            "value": "none counted" if rate is None else f"{rate.value:.1%}",
            "95 % from": "" if rate is None else f"{rate.low:.1%}",
            "to": "" if rate is None else f"{rate.high:.1%}",
        }
        for name, rate in decision.confusion.rates().items()
    ]
    with st.expander(f"Sensitivity, specificity, PPV, NPV at threshold {decision.threshold:.3f}"):
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="live_rates")
        st.caption(
            "Evaluated per mass, the intervals (Wilson) treat masses as independent. They are somewhat too narrow "
            "where a patient has several masses. PPV is the share of the malignant among those called malignant. NPV "
            "is the share of the benign among those called benign. Both depend on the share of the malignant in this "
            "test set, which is far higher than in screening."
        )


def show_total(history: list[releases.Release], unit: Unit, evaluated_per: EvaluationUnit) -> None:
    """The running total of what was released, as a chart, in words and as a list."""
    with st.container(border=True):
        st.markdown(f"**Shown in this session: {counted(len(history), 'model')}**")
        st.markdown(releases.total_text(history))
        figure = releases.total_figure(history, unit)
        if figure is not None and len(history) > 1:
            chart(
                figure,
                key="live_total",
                alt=f"Total ε after every model of this session, with the {unit} as the unit",
                big_height=340,
                bundle=ExportBundle(
                    name="mammo_privacy_live_total",
                    provenance=Provenance(
                        title="Total ε of the models of this session",
                        notes=(releases.total_text(history).replace("**", ""),),
                    ),
                    tables={
                        "mammo_privacy_live_models": releases.history_table(history, evaluated_per)
                    },
                ),
            )
        with st.expander("List of these models"):
            table = releases.history_table(history, evaluated_per)
            st.dataframe(table, hide_index=True, key="live_history")
