"""Synthetic masses: draws, compares and exports what a generator makes."""

import streamlit as st

from pages.ui.components.image_grid import HINT, image_grid
from pages.ui.components.messages import shown_errors
from pages.ui.components.script import show_script
from pages.ui.components.talk_mode import in_talk_mode
from pages.ui.masses import drawing
from pages.ui.masses.controls import controls, guarantee_in_words
from pages.ui.masses.detail import captioned, mass_to_open, open_mass, show_large
from pages.ui.masses.downloads import show_downloads
from pages.ui.masses.quality import show_quality
from pages.ui.masses.rating import show_ratings
from pages.ui.masses.slides import show_talk
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave

enter()
if drawing.cards() and in_talk_mode():
    show_talk()
    st.stop()
page_header(
    "Synthetic masses",
    "A generator draws these breast masses, each from a number, the seed. None was taken of a "
    "patient. Click one to open it.",
    with_talk=True,
)

if not drawing.cards():
    st.info(
        "No generator is installed: the folder `models` has no card with its weights. Get the "
        "folder from the project again, or train one: `python -m mammo_core gan train --data DIR "
        "--out models/NAME`.",
        icon=":material/model_training:",
    )
    st.stop()

request = controls()
st.markdown(guarantee_in_words(request.generator))

with shown_errors("These masses cannot be drawn"):
    masses = drawing.draw_with_progress(request.generator, request.ids)

chosen = image_grid(
    [captioned(mass.id, mass.image) for mass in masses],
    key="masses",
    label=f"{len(masses)} synthetic masses. Arrow keys move, Enter opens, Space selects.",
    tools=True,
    hint=(
        f"{HINT} Click a mass to open it. Tick it, or click with Ctrl or Shift, to select it. The "
        "numbers are seeds."
    ),
    selectable=True,
    on_opened=open_mass,
)
show_downloads(request.generator, masses, chosen)
opened = mass_to_open(request.truncation)
if opened is not None:
    show_large(request, opened)

with st.expander("How good they are, and what is guaranteed", icon=":material/fact_check:"):
    show_quality(request.generator)
with st.expander("Your judgements", icon=":material/reviews:"):
    show_ratings()
with st.expander("The same in a terminal", icon=":material/terminal:"):
    st.code(request.command, language="bash", wrap_lines=True)
show_script("synthetic", **request.constants)
leave()
