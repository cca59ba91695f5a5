"""Shows one recorded run: what it reached on each site, how well calibrated it is, and what its ε guarantees."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.config.names import (
    ARITHMETIC_NAMES,
    TRAINED_PART_NAMES,
    name_of_backbone,
    name_of_run,
)
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.evaluation.calibration import reliability
from mammo_core.evaluation.operating_point import confusion_at, threshold_at_specificity
from mammo_core.evaluation.patients import PLURALS
from mammo_core.figures.calibration import calibration_figure
from mammo_core.figures.confusion import confusion_figure
from mammo_core.figures.provenance import Provenance
from mammo_core.figures.roc import roc_figure
from mammo_core.figures.scores import score_figure
from mammo_core.figures.trade_off import measure_label
from mammo_core.privacy.statements.words import summary
from mammo_core.system.secret_key import sealed_identity
from mammo_core.text.numbers import number_text
from pages.ui.components.charts import chart
from pages.ui.components.export import ExportBundle, download, export_button, slug
from pages.ui.components.inputs import choose_evaluation_unit, draw_open_tab, number_box
from pages.ui.components.messages import escape_markdown, shown_errors
from pages.ui.components.report import show_report
from pages.ui.components.statement import show_statement
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.evaluation.patients import EvaluationUnit
    from mammo_core.training.outcome import FinishedRun


def show_run_card(run_id: str, evaluated_per: EvaluationUnit | None = None) -> None:
    """Draws the card of a run, with results per mass or per patient; None asks which."""
    with shown_errors("This run cannot be shown"):
        run = resources.stored_run(run_id)
    with st.container(border=True, key=f"card_{run_id}"):
        per = evaluated_per or choose_evaluation_unit("card_evaluated_per")
        with shown_errors("This run cannot be evaluated per patient"):
            run = run.evaluated_per(per)
        _head(run, per)
        draw_open_tab(
            {
                "ROC": partial(_roc, run),
                "Operating point": partial(_operating_point, run, per),
                "Calibration": partial(_calibration, run, per),
                "Guarantee": partial(show_statement, run.statement, key=run_id),
                "Configuration": partial(_configuration, run),
                "Report": partial(show_report, run_id),
            },
            key=f"tab_{run_id}",
            in_link=False,
        )


def _head(run: FinishedRun, per: EvaluationUnit) -> None:
    privacy = run.config.privacy
    spent = (
        "no privacy (not DP)"
        if math.isinf(run.epsilon)
        else f"ε spent {run.epsilon:.4g} per {privacy.unit}, δ {privacy.target_delta:g}"
    )
    st.markdown(f"**{name_of_run(run.config)}**, {spent}, seed {run.config.seed}")
    if run.made_elsewhere:
        st.info(
            f"**Imported**: trained elsewhere ({escape_markdown(run.made_elsewhere)}). The ledger "
            "of this machine does not list it."
            + (
                f" There it was charged to {_cohorts(run.charged_cohorts)}."
                if run.charged_cohorts
                else ""
            ),
            icon=":material/move_to_inbox:",
        )
    for column, (name, estimates) in zip(
        st.columns(len(run.estimates)), run.estimates.items(), strict=True
    ):
        auroc = estimates["auroc"]
        with column:
            number_box(
                f"{measure_label('auroc', per)}, {escape_markdown(name)}",
                f"{auroc.value:.3f}",
                f"95 % interval {auroc.low:.3f} to {auroc.high:.3f}",
                f"The probability that a malignant {per} scores higher than a benign one. 0.5 is "
                "chance. The interval is over test patients (bootstrap).",
            )


def _cohorts(keys: Sequence[str]) -> str:
    """Names cohorts by the first digits of their keys."""
    return f"cohort{'' if len(keys) == 1 else 's'} {', '.join(key[:6] for key in keys)}"


def _roc(run: FinishedRun) -> None:
    from mammo_core.evaluation.metrics import roc_points

    chart(
        roc_figure({name: roc_points(*pair) for name, pair in run.tested.items()}),
        key=f"roc_{run.run_id}",
        alt="ROC curve of this run on each test set",
        toolbar=True,
        bundle=_bundle(run, "roc", "ROC curves"),
    )


def _operating_point(run: FinishedRun, per: EvaluationUnit) -> None:
    specificity = st.slider(
        "Wanted specificity",
        0.5,
        0.99,
        0.9,
        step=0.01,
        key="card_specificity",
        persist_state="session",
        help="The share of the benign that should be called benign.",
    )
    chosen_on = run.validation
    if chosen_on.empty:
        st.caption(
            f"This run has no validation {PLURALS[per]}. Each threshold is chosen on the same {PLURALS[per]} that "
            "it is judged on, which is optimistic."
        )
    else:
        st.caption(
            f"The threshold is chosen on {len(chosen_on)} validation {PLURALS[per]}, so the specificity "
            "on a test set can differ."
        )
    for name, (labels, scores) in run.tested.items():
        st.markdown(f"**{escape_markdown(name)}**")
        threshold = threshold_at_specificity(*(run.validated or (labels, scores)), specificity)
        counted = confusion_at(labels, scores, threshold)
        left, right = st.columns(2)
        with left:
            chart(
                score_figure(labels, scores, threshold),
                key=f"scores_{run.run_id}_{name}",
                alt=f"Scores of benign and malignant {PLURALS[per]} of {name} with the threshold",
                toolbar=True,
                bundle=_bundle(run, f"scores_{slug(name)}", f"Scores on {name}"),
            )
        with right:
            chart(
                confusion_figure(**asdict(counted)),
                key=f"confusion_{run.run_id}_{name}",
                alt=f"Confusion matrix of {name} at the threshold",
                toolbar=True,
                bundle=_bundle(run, f"decisions_{slug(name)}", f"Decisions on {name}"),
            )
        st.markdown(
            " · ".join(
                f"{rate} **{value.value:.0%}** ({value.low:.0%} to {value.high:.0%})"
                for rate, value in counted.rates().items()
                if value is not None
            )
        )


def _calibration(run: FinishedRun, per: EvaluationUnit) -> None:
    bins = {name: reliability(*pair) for name, pair in run.tested.items()}
    chart(
        calibration_figure(bins),
        key=f"calibration_{run.run_id}",
        alt=f"Share of malignant {PLURALS[per]} against their mean score, per test set",
        toolbar=True,
        bundle=_bundle(run, "calibration", "Calibration"),
    )
    st.caption(
        "On the dotted line, a score is a probability. Bars are 95 % intervals of the share "
        "(Wilson). A model is too confident where low scores lie above the line and high scores "
        "below it. Training aims at ranking masses, not at calibrated probabilities."
    )


def _configuration(run: FinishedRun) -> None:
    left, right = st.columns([3, 2])
    left.dataframe(
        pd.DataFrame(facts_of(run).items(), columns=["what", "value"]),
        hide_index=True,
        height="content",
        key=f"f_{run.run_id}",
    )
    with right:
        download(
            f"run_{run.run_id[:8]}.json",
            lambda: json.dumps(run.card, indent=2, ensure_ascii=False).encode(),
            key=f"json_{run.run_id}",
            label="Run card (JSON)",
        )
        keep = st.toggle(
            "Predictions with ids of patients",
            key=f"ids_{run.run_id}",
            help=(
                "Keeps the ids of the cohort, which may identify people. Without them, numbers "
                "replace the ids."
            ),
        )
        predictions = partial(_predictions, run, keep)
        export_button(
            _bundle(run, "predictions", "Predictions", {"predictions": predictions}), "Predictions"
        )


def facts_of(run: FinishedRun) -> dict[str, str]:
    """Lists how a run was made, by name, for reading."""
    facts = {
        "run": run.run_id,
        "recorded": f"{run.started:%Y-%m-%d %H:%M} UTC",
        "asked for by": run.origin,
        "data": sealed_identity(run.data_hash),
        "noise multiplier": f"{run.noise_multiplier:.4g}",
        "μ (Gaussian DP)": "none: units were sampled" if run.mu is None else number_text(run.mu),
        "trained part": TRAINED_PART_NAMES[run.config.trained_part],
        "units protected": str(run.num_units),
        "backbone": name_of_backbone(run.config.backbone),
        "steps": str(run.config.recipe.steps),
        "sample rate": f"{run.config.recipe.sample_rate:.4g}",
        "clipping norm": f"{run.config.recipe.max_grad_norm:g}",
        "noise": ARITHMETIC_NAMES[run.config.privacy.arithmetic],
    }
    if isinstance(run.config.recipe, NetworkRecipe):
        facts["the paper's experiment"] = run.config.recipe.preset or "none"
        facts["weights kept"] = run.config.recipe.kept
    return facts


def _predictions(run: FinishedRun, keep_patient_ids: bool) -> pd.DataFrame:
    from mammo_core.results.exchange.export import without_ids

    return run.predictions if keep_patient_ids else without_ids([run.predictions])[0]


def _bundle(
    run: FinishedRun,
    name: str,
    title: str,
    tables: Mapping[str, Callable[[], pd.DataFrame]] | None = None,
) -> ExportBundle:
    """Bundles a figure or table of the run for export, with what its ε guarantees."""
    stem = f"run_{run.run_id[:8]}"
    about = f"{name_of_run(run.config)}, seed {run.config.seed}"
    notes = (
        summary(run.statement),
        f"Run {run.run_id}, data {sealed_identity(run.data_hash)}.",
        *([f"Imported: {run.made_elsewhere}."] if run.made_elsewhere else []),
    )
    return ExportBundle(
        name=f"{stem}_{name}",
        provenance=Provenance(title=f"{title}, {about}", notes=notes),
        tables={f"{stem}_{table}": made for table, made in (tables or {}).items()},
    )
