"""Read a case: shows what models at several privacy budgets say about one mass."""

import streamlit as st

from pages.ui.case import answer as case_answer
from pages.ui.case import image as case_picture
from pages.ui.case import models as case_models
from pages.ui.case import nearest
from pages.ui.case import script as case_script
from pages.ui.components.messages import shown_errors
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave

enter()
page_header(
    "Read a case",
    "Training adds noise to protect patients. See what this noise does to one answer about one "
    "mass, at several privacy budgets.",
)
with shown_errors("This image cannot be read"):
    chosen = case_picture.choose_case()
if chosen is None:
    case_answer.forget_features()
else:
    cases, places = chosen
    with places.mass:
        case_picture.show_case(cases)
        with shown_errors("The mass cannot be read with these models"):
            groups = case_models.choose_models()
            if not groups:
                st.stop()
    with shown_errors("The mass cannot be read with these models"):
        with places.answer:
            features = case_answer.features_of([case.image for case in cases], groups)
        case_answer.show_answer(cases, features, groups, places)

    with st.expander("Similar synthetic masses", icon=":material/blur_circular:"):
        nearest.show_nearest_synthetic(cases, features)
    with st.expander("Similar real masses", icon=":material/folder_shared:"):
        nearest.show_nearest_real(cases)
    case_script.show_python()
    st.caption(
        "What you upload is not kept: no file, no copy, no log. Remove it above or close this tab, "
        "and it is gone."
    )
leave()
