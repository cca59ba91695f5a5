"""Shows the score of a private model beside a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.text.numbers import budget_name
from pages.ui.case import models as case_models
from pages.ui.components.messages import shown_errors

if TYPE_CHECKING:
    import numpy as np

    from mammo_core.studies.aid import Aid
    from mammo_core.studies.study import Study


def find(study: Study, case: str, image: np.ndarray) -> Aid:
    """Scores a case by the model of the study."""
    assert study.aid_epsilon is not None  # only such a study shows one
    with shown_errors("The model's help cannot be shown"):
        return _aid(study.key, case, study.aid_epsilon, image)


def show(study: Study, found: Aid) -> None:
    """Draws the score."""
    assert study.aid_epsilon is not None
    call = "malignant" if found.score >= found.threshold else "benign"
    st.metric(
        f"The model at ε = {budget_name(study.aid_epsilon)} says {call}",
        f"{100 * found.score:.0f} of 100",
        f"malignant from {100 * found.threshold:.0f} on",
        delta_color="off",
        delta_arrow="off",
        border=True,
        help="One shipped model, trained with this privacy budget on CBIS-DDSM. A score ranks masses. It is not a "
        "probability of cancer.",
    )


@st.cache_data(max_entries=512, show_spinner="The model reads the mass")
def _aid(key: str, case: str, epsilon: float, _image: np.ndarray) -> Aid:
    from mammo_core.studies.aid import aid_of

    return aid_of(_image, epsilon, case_models.shipped_heads(), case_models.backbone)
