"""Privacy: what an attacker can learn from a private model, what attacks do learn, and how that is known."""

import streamlit as st

from pages.ui import privacy_story, privacy_tabs
from pages.ui.header import page_header
from pages.ui.navigation import enter
from pages.ui.plots import readable_type
from pages.ui.talk import in_talk_mode, talk_frame, talk_link, talk_title

enter()
if in_talk_mode():
    talk_frame()
    talk_title("Privacy")
    privacy_story.show_story()
    st.stop()
page_header(
    "Privacy",
    "Who sees a trained model may try to find out **who took part** in its training. A privacy budget ε limits "
    "how well that can be done: here is the limit, what attacks really achieve, and what neither covers.",
)
talk_link()
readable_type()
privacy_tabs.show_tabs()
