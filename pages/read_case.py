"""Read a case: shows what models at several privacy budgets say about one mass."""

import streamlit as st

from pages.ui.case import answer as case_answer
from pages.ui.case import image as case_picture
from pages.ui.case import models as case_models
from pages.ui.case import nearest
from pages.ui.components.messages import shown_errors
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave

enter()
page_header(
    "Read a case",
    "Give one mass to models that were trained at different privacy budgets. Training adds noise "
    "to protect patients. See what this noise does to a single answer.",
)
with shown_errors("This image cannot be read"):
    case = case_picture.choose_case()
if case is None:
    case_answer.forget_features()
else:
    mass, answer = st.columns([1, 4], gap="medium")
    with mass:
        case_picture.show_case(case)
    with answer, shown_errors("The mass cannot be read with these models"):
        groups = case_models.choose_models()
        if not groups:
            st.stop()
        features = case_answer.features_of(case.image, groups)
    case_answer.show_caution()
    with shown_errors("The mass cannot be read with these models"):
        case_answer.show_answer(case.image, features, groups)

    with st.expander("Similar synthetic masses", icon=":material/blur_circular:"):
        nearest.show_nearest_synthetic(features)
    with st.expander("Similar real masses", icon=":material/folder_shared:"):
        nearest.show_nearest_real(case.image)
    st.caption(
        "Your image is not kept: no file, no copy, no log. Remove it above or close this tab, and it "
        "is gone."
    )
leave()
