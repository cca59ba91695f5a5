"""Shows what the models say about the mass: figures, decisions in words, a table, and the effect of noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.figures.provenance import Provenance
from mammo_core.storage.hashing import image_hash
from pages.ui.case import models as case_models
from pages.ui.components.charts import chart, readable_type
from pages.ui.components.export import ExportBundle, export_button
from pages.ui.components.messages import escape_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from mammo_core.reading.case import BudgetReading, CaseFeatures
    from mammo_core.reading.models import CaseModels

_FEATURES = "case_features"


def features_of(image: np.ndarray, groups: Sequence[CaseModels]) -> CaseFeatures:
    """Computes the features of the mass for all models; the session keeps those of the last mass only.

    Raises:
        BackboneError: If a network cannot be loaded.
    """
    from mammo_core.reading.case import case_features

    configs = [case_models.shipped_heads().models.backbone, *(group.backbone for group in groups)]
    wanted = (image_hash(image), tuple(dict.fromkeys(configs)))
    known, features = st.session_state.get(_FEATURES, (None, None))
    if known != wanted:
        with st.spinner("Reading the mass"):
            features = case_features(image, configs, case_models.backbone)
        st.session_state[_FEATURES] = wanted, features
    return features


def forget_features() -> None:
    """Forgets the last mass."""
    st.session_state.pop(_FEATURES, None)


def show_caution() -> None:
    """Says that this is no diagnosis, and why."""
    from mammo_core.reading.words import CAUTION

    st.info(CAUTION, icon=":material/gpp_maybe:")


def show_answer(image: np.ndarray, features: CaseFeatures, groups: Sequence[CaseModels]) -> None:
    """Draws the whole answer.

    Raises:
        CheckpointError: If models do not belong to the network installed here.
    """
    from mammo_core.reading import words as case_words
    from mammo_core.reading.case import outlier_check, read_case

    readings = read_case(features, groups)
    warning = case_words.outlier_words(outlier_check(image, features, case_models.shipped_heads()))
    if warning:
        st.warning(warning, icon=":material/warning:")
    readable_type()
    tested = list(dict.fromkeys(name for reading in readings for name in reading.test_scores))
    figures = {}
    for column, name in zip(st.columns(max(1, len(tested))), tested, strict=True):
        with column:
            st.markdown(f"**Beside the test masses of {escape_markdown(name)}**")
            figures[f"Scores of one mass, beside test masses of {name}"] = _show_figure(
                [reading for reading in readings if name in reading.test_scores], name
            )
    st.caption(
        "Boxes show the middle half of the test masses of each class. Whiskers reach from 10 to "
        "90 % of them. The boxes overlap: most scores occur for benign and for malignant masses. "
        "Each model has its own threshold. These numbers are computed from patients without "
        "noise."
    )
    st.subheader("What the models would decide")
    st.markdown("\n".join(f"- {case_words.call_words(reading)}" for reading in readings))
    noise = case_words.noise_words(readings)
    if noise:
        st.markdown(f"**What noise does to one answer.** {noise}")
    rows = pd.DataFrame(case_words.reading_rows(readings))
    st.dataframe(
        rows,
        hide_index=True,
        key="case_table",
        column_config={"ε": st.column_config.TextColumn(width=95)},
        alt="Scores of the mass at each privacy budget",
    )
    st.caption(
        '"Above % of benign" is the share of benign test masses with a lower score, averaged '
        'over the models. A "call" compares the score with the threshold of each model. The '
        "threshold classifies 90 % of benign validation masses as benign."
    )
    export_button(
        ExportBundle(
            name="case",
            provenance=Provenance(
                title="Scores of one mass along ε",
                notes=(
                    *(f"Models trained on {group.trained_on}." for group in groups),
                    *filter(None, (warning.replace("**", ""), noise)),
                    case_words.CAUTION.replace("**", ""),
                ),
            ),
            figures=figures,
            tables={"case": rows},
        ),
        "Export the scores (not the image)",
    )


def _show_figure(readings: Sequence[BudgetReading], name: str) -> go.Figure:
    from mammo_core.figures.case_scores import BudgetScores, case_scores_figure

    figure = case_scores_figure(
        [
            BudgetScores(
                reading.target_epsilon,
                reading.scores,
                reading.thresholds,
                reading.test_scores[name].benign,
                reading.test_scores[name].malignant,
            )
            for reading in readings
        ]
    )
    means = ", ".join(f"{reading.scores.mean():.2f}" for reading in readings)
    chart(
        figure,
        key=f"case_scores_{name}",
        alt=f"Scores of this mass along ε (means {means}), beside benign and malignant test masses of {name}",
    )
    return figure
