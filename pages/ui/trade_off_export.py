"""Takes the shown trade-off along: numbers, figures that work offline, and how all of it was made."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

import mammo_core
from mammo_core.figures.standalone import standalone_html
from mammo_core.figures.trade_off import METRIC_LABELS
from pages.ui import resources
from pages.ui.texts import INTERVALS
from pages.ui.trade_off_charts import figures
from pages.ui.trade_off_points import Choices, Drawn, names_of

IMAGE_FORMATS = ("png", "svg")


def choose_image_format() -> str:
    """What the camera button of the figures saves."""
    return st.segmented_control(
        "Camera button saves",
        IMAGE_FORMATS,
        default="png",
        required=True,
        format_func=str.upper,
        key="image_format",
        bind="query-params",
        help="Point at a figure: its toolbar has a camera. The HTML file has buttons of its own, "
        "which the keyboard reaches too.",
    )


def show_downloads(choices: Choices, drawn: Drawn) -> None:
    """Buttons for the visible points, all runs, and the figures as one HTML file."""
    stem = f"mammo_privacy_{choices.metric}_{choices.unit}"
    with st.container(horizontal=True):
        st.download_button(
            "Visible points (CSV)",
            lambda: visible_csv(choices, drawn),
            f"{stem}.csv",
            "text/csv",
            icon=":material/table:",
            key="download_points",
            on_click="ignore",
        )
        st.download_button(
            "Figures (HTML)",
            lambda: figures_html(choices, drawn, stem),
            f"{stem}.html",
            "text/html",
            icon=":material/html:",
            key="download_html",
            on_click="ignore",
            help="One file of about 5 MB that needs no internet and saves its figures as PNG or SVG.",
        )
        st.download_button(
            "All shipped runs (CSV)",
            lambda: resources.measured_rows().to_csv(index=False),
            "mammo_privacy_results.csv",
            "text/csv",
            icon=":material/download:",
            key="download_runs",
            on_click="ignore",
        )


def visible_csv(choices: Choices, drawn: Drawn) -> str:
    """The points in the figures with where each is from: shipped, your runs, or the paper's."""
    parts = (("shipped", drawn.points), ("own", drawn.own), ("paper", drawn.paper))
    tables = [part.assign(origin=origin) for origin, part in parts if len(part)]
    table = pd.concat(tables, ignore_index=True).assign(metric=choices.metric)
    return table.to_csv(index=False)


def figures_html(choices: Choices, drawn: Drawn, stem: str) -> str:
    """The figures as a page of their own."""
    names = names_of(choices.test_sets)
    return standalone_html(
        {names[test_set]: figure for test_set, figure in figures(choices, drawn).items()},
        title=f"{METRIC_LABELS[choices.metric]} against privacy budget",
        notes=(
            INTERVALS.replace("**", ""),
            citation(choices),
            "Research use only, not for diagnosis.",
        ),
        file_name=stem,
    )


def citation(choices: Choices) -> str:
    """How the shown numbers were made, to paste into a caption or a methods section."""
    made = resources.provenance()
    tested = ", ".join(
        f"{name} ({size['masses']} masses of {size['patients']} patients)"
        for name, size in made["test_sets"].items()
        if name in choices.test_sets
    )
    lines = [
        f"Mammo Privacy Explorer {mammo_core.__version__}, shipped results measured {made['made']} with "
        f"version {made['version']}: {METRIC_LABELS[choices.metric]}, unit of privacy: {choices.unit}, "
        "δ = 1e-4.",
        f"Trained on {made['train']['masses']} masses of {made['train']['patients']} patients and "
        f"{made['synthetic_masses']} synthetic masses; tested on {tested}. Data {made['data_hash']}. "
        f"Backbone {made['backbone']['name']}, ImageNet weights, frozen.",
        f"Command: {made['command']}",
    ]
    if choices.own is not None:
        lines.append(
            f"Own runs: {choices.own.num_runs} on {choices.own.name}, read "
            f"{datetime.now(UTC):%Y-%m-%d}, data {choices.own.data_hash}."
        )
    if choices.with_paper and choices.metric == "auroc":
        lines.append("Beside it, results of the paper, image as the unit of privacy.")
    lines.append(
        "Paper: Osuala et al. 2024, Enhancing the Utility of Privacy-Preserving Cancer Classification "
        "using Synthetic Data, arXiv:2407.12669."
    )
    return "\n".join(lines)


def provenance_json() -> str:
    """How the shipped results were made, as JSON."""
    return json.dumps(resources.provenance(), indent=2, ensure_ascii=False)
