"""Shows how well readers did, once that tells nobody a truth too early, and exports their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.evaluation.metrics import roc_points
from mammo_core.figures.provenance import Provenance
from mammo_core.text.numbers import counted
from pages.ui.components.charts import chart
from pages.ui.components.export import ExportBundle, download, export_button, slug, table_bundle
from pages.ui.components.messages import escape_markdown, shown_errors
from pages.ui.components.script import show_script
from pages.ui.study import studies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mammo_core.studies.store import ReaderAnswers
    from mammo_core.studies.study import Study


def show(study: Study) -> None:
    """Draws the results; in research mode not before all readers who began have finished."""
    from mammo_core.studies.analysis import (
        agreement_words,
        analyse,
        comparison_words,
        result_rows,
    )

    with shown_errors("The answers cannot be read"):
        readers = studies.store().read_all(study)
    if not readers:
        st.info(
            "Nobody has read this study yet. Answer a case under *Read*.",
            icon=":material/visibility:",
        )
        return
    unfinished = [one for one in readers if one.next is not None]
    if study.mode == "research" and unfinished:
        _show_progress(study, readers)
        return
    result = analyse(study, readers)
    if told := comparison_words(result):
        finding, *rest = told
        st.markdown(f"**{finding}** {' '.join(rest)}")
    table = pd.DataFrame(result_rows(result))
    st.dataframe(table, hide_index=True, key="study_results")
    if told := agreement_words(result):
        st.markdown(told)
    st.caption(
        f"AUC: the chance that a reader scores a {study.answers[1]} mass above a {study.answers[0]} one. Right: above 50 counts as {study.answers[1]}. Training "
        "cases and repeats are left out. Intervals of means hold for other readers and other cases. With a few cases "
        "they are somewhat too narrow."
        if study.form == "scale"
        else "Right: share of pairs in which the reader chose the right mass. It estimates the AUC."
    )
    if study.form == "scale":
        _show_roc(study, readers)
    _show_export(study, readers)
    show_script("reader_study", study=study.key)


def _show_progress(study: Study, readers: Sequence[ReaderAnswers]) -> None:
    """Says how far readers are, and nothing of how well they do."""
    rows = [
        {"reader": one.reader, "answered": f"{len(one.answers)} of {len(one.asked)}"}
        for one in readers
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="study_progress")
    done = sum(one.next is None for one in readers)
    st.info(
        f"{done} of {counted(len(readers), 'reader')} finished. Results would tell the others the truth, so they "
        f"appear here once all have. `python -m mammo_core study analyse {study.key[:8]}` prints them now.",
        icon=":material/visibility_off:",
    )


def _show_roc(study: Study, readers: Sequence[ReaderAnswers]) -> None:
    """Draws the ROC curve of each reader, one figure for each pass; a reader has one colour."""
    passes = {False: "without help", True: "with a model's help"}
    asked = [aided for aided in passes if study.aid_epsilon is not None or not aided]
    for aided, place in zip(asked, st.columns(len(asked)), strict=True):
        curves = {one.reader: _roc(study, one, aided) for one in readers}
        known = {reader: curve for reader, curve in curves.items() if curve is not None}
        if known:
            with place:
                _draw_roc(study, f"ROC curves of the readers, {passes[aided]}", known)


def _draw_roc(study: Study, title: str, curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    from mammo_core.figures.roc import roc_figure

    name = f"study_{study.key[:8]}_{slug(title.rpartition(', ')[2])}"
    st.markdown(f"**{title}**")
    chart(
        roc_figure(curves),
        key=name,
        alt=f"{title}: {', '.join(curves)}",
        bundle=ExportBundle(
            name=name,
            provenance=Provenance(title=title, notes=(f"Reader study {study.key}.",)),
        ),
    )


def _roc(study: Study, one: ReaderAnswers, aided: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """The corners of a reader's curve; None while cases of one truth are missing."""
    from mammo_core.studies.analysis import scores_of

    scores = scores_of(one.answers, aided)
    truth = np.array([study.truth(study.by_id[case]) for case in scores])
    if len(np.unique(truth)) < 2:
        return None
    return roc_points(truth, np.array(list(scores.values())))


def _show_export(study: Study, readers: Sequence[ReaderAnswers]) -> None:
    from mammo_core.studies.export import answers_table, imrmc_name, imrmc_text

    with st.container(horizontal=True):
        export_button(
            table_bundle(
                f"study_{study.key[:8]}_answers",
                f"Answers to the reader study {escape_markdown(study.name)}",
                lambda: answers_table(study, readers),
                (f"Reader study {study.key}. The truth of each case is in it.",),
            ),
            "Export the answers",
        )
        if study.form == "scale":
            download(
                imrmc_name(study),
                lambda: imrmc_text(study, readers).encode(),
                key="study_imrmc",
                label="For iMRMC",
            )
