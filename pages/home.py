"""Front page: answers the question, shows what it is about, and says where to go."""

import importlib.metadata

import streamlit as st

from mammo_core.text.numbers import counted
from pages.ui.components.messages import GET_DATA, escape_markdown
from pages.ui.components.talk_mode import in_talk_mode
from pages.ui.home.answer import show_answer
from pages.ui.home.question import show_question
from pages.ui.home.tour import show_tour, step_of_link, tour_button
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave
from pages.ui.state import resources

enter()
if in_talk_mode():
    from pages.ui.home.deck import show_talk  # brings solvers and much else

    show_talk()
    leave()
    st.stop()
page_header(
    "Mammo Privacy Explorer",
    "How much diagnostic accuracy does the privacy of patients cost?",
    with_talk=True,
)
step = step_of_link()
if step is not None:
    show_tour(step)
    leave()
    st.stop()
answer, question = st.columns([3, 2], gap="medium")
with answer:
    show_answer()
    tour_button()
doors = st.columns(3)
with doors[0].container(border=True, height="stretch"):
    st.header("Understand")
    st.markdown("What a privacy budget ε costs, what it buys, and what an attacker can do.")
    with st.container(horizontal=True, gap="small"):
        st.page_link("pages/trade_off.py", label="Trade-off", icon=":material/show_chart:")
        st.page_link("pages/live.py", label="Live", icon=":material/tune:")
        st.page_link("pages/privacy.py", label="Privacy", icon=":material/shield_person:")
        st.page_link("pages/lessons.py", label="Lessons", icon=":material/school:")
with doors[1].container(border=True, height="stretch"):
    st.header("Look")
    st.markdown("Synthetic masses to browse, and what private models say about one mass.")
    with st.container(horizontal=True, gap="small"):
        st.page_link(
            "pages/synthetic.py", label="Synthetic masses", icon=":material/blur_circular:"
        )
        st.page_link("pages/read_case.py", label="Read a case", icon=":material/radiology:")
        st.page_link("pages/reader_study.py", label="Reader study", icon=":material/visibility:")
with doors[2].container(border=True, height="stretch"):
    st.header("Do")
    st.markdown("Train on your own mammograms, at the budget you choose.")
    with st.container(horizontal=True, gap="small"):
        st.page_link("pages/train.py", label="Train", icon=":material/model_training:")
        st.page_link("pages/runs.py", label="Runs", icon=":material/table_rows:")
        st.page_link("pages/data.py", label="Data", icon=":material/database:")

with st.expander("What is installed", icon=":material/inventory_2:"):
    sources, machine, num_runs = (
        resources.installed_sources(),
        resources.machine(),
        resources.num_runs(),
    )
    cohorts, generators, results, computer = st.columns(4)
    with cohorts.container(border=True, height="stretch"):
        st.markdown("**Cohorts**")
        for source in sources:
            synthetic = (
                ""
                if source.is_demo
                else " + synthetic masses"
                if source.synthetic
                else ", no synthetic masses"
            )
            st.markdown(f"- {escape_markdown(source.name)}{synthetic}")
        st.page_link("pages/data.py", label="Data", icon=":material/database:")
    with generators.container(border=True, height="stretch"):
        st.markdown("**Generators**")
        for name, guarantee in resources.generator_guarantees().items():
            st.markdown(
                f"- {escape_markdown(name)}: {'no guarantee' if guarantee == 'none' else escape_markdown(guarantee)}"
            )
    with results.container(border=True, height="stretch"):
        made = resources.provenance()
        st.markdown("**Results**")
        st.markdown(
            f"- shipped: {resources.measured_rows()['run_key'].nunique()} runs, measured {made['made']} with "
            f"{made['backbone']['name']} on {made['train']['patients']} training patients"
        )
        st.markdown(f"- your own: {counted(num_runs, 'run')}")
        if num_runs:
            st.page_link("pages/runs.py", label="Runs", icon=":material/table_rows:")
    with computer.container(border=True, height="stretch"):
        st.markdown("**This computer**")
        for gpu in machine.gpus or ("no NVIDIA GPU: training uses the processor",):
            st.markdown(f"- {escape_markdown(gpu)}")
        st.markdown(f"- {machine.num_cores} processor cores, {machine.memory_gb:.0f} GB memory")
        st.markdown(
            f"- PyTorch {importlib.metadata.version('torch')}, "
            f"Opacus {importlib.metadata.version('opacus')}"
        )
    if sources[0].is_demo:
        st.info(
            "No real cohort is installed. *Trade-off* shows results that were measured on real data. "
            f"*Live* trains on a built-in demo of synthetic masses. {GET_DATA}",
            icon=":material/download:",
        )

with st.expander("What differential privacy guarantees here, and what it does not"):
    st.markdown(
        "A model trained at a **privacy budget ε** behaves almost the same with or without any "
        "one patient. The smaller ε is, the less an attacker can learn from the model. The unit "
        "matters. With the **patient** as the unit, ε protects all masses of a patient together. "
        "With the **image** as the unit, as in the paper, ε protects one mass at a time, and a "
        "patient here has up to 14.\n\n"
        "Differential privacy does not guarantee that a model is right or that images are safe "
        "to publish. It says nothing about a generator that was trained without it. ε = ∞ means "
        "no privacy (not DP).\n\n"
        "Paper: Osuala et al. 2024, *Enhancing the Utility of Privacy-Preserving Cancer "
        "Classification using Synthetic Data*, arXiv:2407.12669."
    )

with question:  # last: the first masses take seconds on a fresh server
    show_question()
leave()
