"""Privacy: shows what an attacker can learn from a private model, and what attacks did learn."""

import streamlit as st

from pages.ui.components.talk_mode import in_talk_mode
from pages.ui.privacy import slides, tabs
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave

enter()
if in_talk_mode():
    slides.show_talk()
    st.stop()
page_header(
    "Privacy",
    "Anyone who sees a trained model may try to find out **who took part** in its training. "
    "A privacy budget ε limits how well this works. This page shows the limit, what real attacks "
    "achieved, and what neither of them covers.",
    with_talk=True,
)
tabs.show_tabs()
leave()
