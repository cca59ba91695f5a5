"""Shows what the models say about the mass: figures, decisions in words, a table, and the effect of noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.figures.provenance import Provenance
from mammo_core.storage.hashing import image_hash
from pages.ui.case import models as case_models
from pages.ui.components.charts import chart
from pages.ui.components.export import ExportBundle, export_button
from pages.ui.components.messages import escape_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from mammo_core.reading.case import BudgetReading, CaseFeatures
    from mammo_core.reading.models import CaseModels
    from pages.ui.case.mass import Case, Places

_FEATURES = "case_features"
_HEIGHT = 380  # pixels: seen whole beside the picture on a laptop


def features_of(images: Sequence[np.ndarray], groups: Sequence[CaseModels]) -> list[CaseFeatures]:
    """Computes the features of masses for all models; the session keeps those of the last ones only.

    Raises:
        BackboneError: If a network cannot be loaded.
    """
    from mammo_core.reading.case import case_features

    configs = [case_models.shipped_heads().models.backbone, *(group.backbone for group in groups)]
    wanted = [(image_hash(image), *dict.fromkeys(configs)) for image in images]
    known: dict[tuple[object, ...], CaseFeatures] = st.session_state.get(_FEATURES, {})
    for key, image in zip(wanted, images, strict=True):
        if key not in known:
            with st.spinner("Reading the mass"):
                known[key] = case_features(image, configs, case_models.backbone)
    st.session_state[_FEATURES] = {key: known[key] for key in wanted}
    return [known[key] for key in wanted]


def forget_features() -> None:
    """Forgets the last masses."""
    st.session_state.pop(_FEATURES, None)


def show_caution() -> None:
    """Says that this is no diagnosis, and why."""
    from mammo_core.reading.words import CAUTION

    st.info(CAUTION, icon=":material/gpp_maybe:")


def show_answer(
    cases: Sequence[Case],
    features: Sequence[CaseFeatures],
    groups: Sequence[CaseModels],
    places: Places,
) -> None:
    """Draws the answer in one sentence beside the picture, and all the rest below.

    Args:
        features: Of every case. Several cases are views of one patient: their logits are averaged.

    Raises:
        CheckpointError: If models do not belong to the network installed here.
    """
    from mammo_core.reading import words as case_words
    from mammo_core.reading.case import read_patient

    readings = read_patient(features, groups)
    views = _readings_of_views(cases, features, groups)
    averaged = case_words.averaged_words(list(views), readings) if views else ""
    warnings = _warnings(cases, features)
    tested = list(dict.fromkeys(name for reading in readings for name in reading.test_scores))
    figures = {}
    with places.answer:
        st.header(case_words.headline_words(readings))
        if averaged:
            each = [f"- {name}: {case_words.headline_words(read)}" for name, read in views.items()]
            st.markdown("\n".join(each))
            st.caption(averaged)
        for warning in warnings:
            st.warning(warning, icon=":material/warning:")
    show_caution()
    figure_places = [places.figure, *(st.container() for _ in tested[1:])]
    for place, name in zip(figure_places, tested, strict=False):
        with place:
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
    st.header("What the models would decide")
    st.markdown("\n".join(f"- {case_words.call_words(reading)}" for reading in readings))
    noise = case_words.noise_words(readings)
    if noise:
        st.markdown(f"**What noise does to one answer.** {noise}")
    rows = pd.DataFrame(
        case_words.view_rows({"mean": readings, **views})
        if views
        else case_words.reading_rows(readings)
    )
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
                    *(warning.replace("**", "") for warning in warnings),
                    *filter(None, (averaged, noise)),
                    case_words.CAUTION.replace("**", ""),
                ),
            ),
            figures=figures,
            tables={"case": rows},
        ),
        "Export the scores (not the image)",
    )


def _readings_of_views(
    cases: Sequence[Case], features: Sequence[CaseFeatures], groups: Sequence[CaseModels]
) -> dict[str, Sequence[BudgetReading]]:
    """The answer to each view alone, by its name; none of a single image."""
    from mammo_core.reading.case import read_case

    if len(cases) == 1:
        return {}
    return {
        case.name: read_case(found, groups) for case, found in zip(cases, features, strict=True)
    }


def _warnings(cases: Sequence[Case], features: Sequence[CaseFeatures]) -> list[str]:
    """What is unlike the masses that the models know."""
    from mammo_core.reading.case import outlier_check
    from mammo_core.reading.words import outlier_words

    shipped = case_models.shipped_heads()
    found = []
    for case, one in zip(cases, features, strict=True):
        words = outlier_words(outlier_check(case.image, one, shipped))
        if words:
            found.append(f"{case.name}: {words}" if case.name else words)
    return found


def scores_figure(readings: Sequence[BudgetReading], name: str) -> go.Figure:
    """Draws the scores of the mass beside those of a test set, which every reading must know."""
    from mammo_core.figures.case_scores import BudgetScores, case_scores_figure

    return case_scores_figure(
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


def _show_figure(readings: Sequence[BudgetReading], name: str) -> go.Figure:
    figure = scores_figure(readings, name)
    figure.update_layout(height=_HEIGHT)
    means = ", ".join(f"{reading.scores.mean():.2f}" for reading in readings)
    chart(
        figure,
        key=f"case_scores_{name}",
        alt=f"Scores of this mass along ε (means {means}), beside benign and malignant test masses of {name}",
    )
    return figure
