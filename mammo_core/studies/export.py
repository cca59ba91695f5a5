"""Writes answers as a table, and in the layout that the program iMRMC reads."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from mammo_core.errors import InvalidRequestError
from mammo_core.labels import CLASS_NAMES
from mammo_core.studies.analysis import is_right, scores_of
from mammo_core.studies.store import ReaderAnswers
from mammo_core.studies.study import HIGHEST, Study

_MODALITIES = {False: "unaided", True: "aided"}


def answers_table(study: Study, readers: Sequence[ReaderAnswers]) -> pd.DataFrame:
    """Makes a table of all answers, one row each; with forced choice, `case` is what was chosen, `other` is the other.

    The truth is in it: keep it from readers who have not finished.
    """
    rows = []
    for one in readers:
        for answer in one.answers:
            reading = answer.reading
            chosen = reading.cases[int(len(reading.cases) == 2 and answer.value == HIGHEST)]
            other = next((case for case in reading.cases if case != chosen), "")
            case = study.by_id[chosen]
            rows.append(
                {
                    "study": study.key,
                    "reader": one.reader,
                    "modality": _MODALITIES[reading.aided],
                    "step": reading.number + 1,
                    "purpose": reading.purpose,
                    "case": chosen,
                    "other": other,
                    "source": case.source,
                    "class": CLASS_NAMES[case.label],
                    "truth": study.answers[study.truth(case)],
                    "answer": answer.value,
                    "is_right": is_right(study, answer),
                    "seconds": answer.seconds,
                    "made": answer.made,
                }
            )
    return pd.DataFrame(rows)


def imrmc_text(study: Study, readers: Sequence[ReaderAnswers]) -> str:
    """Writes the first answers to all cases for iMRMC: reader, case, modality, score; training and repeats left out.

    After the head, with the numbers of cases of truth 0 and 1, of readers and of modalities, come the truths: reader -1,
    modality 0, and 0 or 1 for the score. Names of readers keep their letters and digits only.

    Raises:
        InvalidRequestError: With forced choice, which has no scores, or if there are no answers.

    Source: `InputFile.java` of iMRMC, https://github.com/DIDSR/iMRMC, which parts fields at commas.
    """
    if study.form != "scale":
        raise InvalidRequestError(
            "Expected answers on a scale; got forced choice. Export the table of answers instead."
        )
    rows, names = [], _names([one.reader for one in readers])
    for one, name in zip(readers, names, strict=True):
        for aided, modality in _MODALITIES.items():
            scores = scores_of(one.answers, aided)
            rows += [f"{name},{case},{modality},{value}" for case, value in scores.items()]
    if not rows:
        raise InvalidRequestError("Expected an answer or more; got none. Read some cases first.")
    truths = {case.id: study.truth(case) for case in study.cases}
    modalities = {row.split(",")[2] for row in rows}
    head = [
        f"Reader study {study.key}",
        f"Truth 1 is {study.answers[1]}",
        f"N0: {sum(truth == 0 for truth in truths.values())}",
        f"N1: {sum(truth == 1 for truth in truths.values())}",
        f"NR: {len({row.split(',')[0] for row in rows})}",
        f"NM: {len(modalities)}",
        "BEGIN DATA:",
    ]
    truth_rows = [f"-1,{case},0,{truth}" for case, truth in truths.items()]
    return "\n".join([*head, *truth_rows, *rows]) + "\n"


def imrmc_name(study: Study) -> str:
    """The name of the file for iMRMC."""
    return f"study_{study.key}.imrmc"


def _names(readers: Sequence[str]) -> list[str]:
    """Names of letters and digits, numbered: nothing in them can be taken for a field, a header or a truth."""
    plain = [re.sub(r"[^A-Za-z0-9]+", "", reader) for reader in readers]
    return [f"reader{number}{name}" for number, name in enumerate(plain, start=1)]
