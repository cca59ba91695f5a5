"""Results and exports of made readers: what counts, who counts, and what a table or iMRMC gets."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.mrmc import compare_modalities
from mammo_core.storage.tables import read_csv, safe_csv
from mammo_core.studies.analysis import (
    agreement_words,
    analyse,
    comparison_words,
    is_right,
    result_rows,
    scores_of,
)
from mammo_core.studies.export import answers_table, imrmc_text
from mammo_core.studies.store import StudyStore
from tests.studies.made import made_study, read_all


@pytest.fixture
def store(tmp_path):
    return StudyStore(tmp_path)


def read_by(store, study, *names, **options):
    for seed, name in enumerate(names):
        read_all(store, study, name, seed=seed, **options)
    return store.read_all(study)


def test_auc_accuracy_and_agreement_are_those_of_scikit_learn(store):
    study = made_study(repeats=5)
    readers = read_by(store, study, "Ada", "Bob")
    result = analyse(study, readers)

    calls = []
    for one, found in zip(readers, result.readers, strict=True):
        first = {a.reading.cases[0]: a.value for a in one.answers if a.reading.purpose == "first"}
        truth = np.array([study.truth(study.by_id[case]) for case in first])
        values = np.array(list(first.values()))
        assert found.auc.value == pytest.approx(roc_auc_score(truth, values))
        assert found.accuracy.value == pytest.approx(np.mean((values > 50) == truth))
        again = {a.reading.cases[0]: a.value for a in one.answers if a.reading.purpose == "repeat"}
        assert found.kappa == pytest.approx(
            cohen_kappa_score(
                [first[case] > 50 for case in again], [value > 50 for value in again.values()]
            ),
            nan_ok=True,
        )
        assert (found.num_read, found.num_asked, found.median_seconds) == (12, 12, 2.0)
        calls.append([first[case.id] > 50 for case in study.cases])
    assert result.kappa_between[False] == pytest.approx(cohen_kappa_score(*calls))
    assert result.means[False].auc.value == pytest.approx(
        np.mean([found.auc.value for found in result.readers])
    )


def test_training_and_repeats_do_not_count(store):
    study = made_study(repeats=6)
    (reader,) = read_by(store, study, "Ada")

    assert sorted(scores_of(reader.answers, False)) == [case.id for case in study.cases]


def test_help_is_compared_on_the_same_readers_and_cases(store):
    study = made_study(aid_epsilon=6.0)
    readers = read_by(store, study, "Ada", "Bob", "Cyd")
    read_all(store, study, "Dan", steps=15)  # has not read all with help

    result = analyse(study, store.read_all(study))

    assert result.num_complete == {False: 4, True: 3}
    truth = np.array([study.truth(case) for case in study.cases])
    scores = np.array(
        [
            [[scores_of(one.answers, aided)[case.id] for case in study.cases] for one in readers]
            for aided in (True, False)
        ],
        dtype=float,
    )
    expected = compare_modalities(truth, scores)
    assert result.comparison == expected
    assert f"{100 * expected.difference.value:+.1f} points" in comparison_words(result)[0]
    assert "of 3 readers" in comparison_words(result)[0]
    assert len(result.readers) == 8
    assert "mean of 3" in [row["reader"] for row in result_rows(result)]


def test_one_reader_is_told_that_the_result_is_about_this_reader_only(store):
    study = made_study(aid_epsilon=6.0)
    result = analyse(study, read_by(store, study, "Ada", skill=0.5))

    assert comparison_words(result)[-1] == "This holds for this reader only."
    assert agreement_words(result) == ""


def test_perfect_reader_has_no_interval_rather_than_one_of_no_width(store):
    study = made_study()
    result = analyse(study, read_by(store, study, "Ada", skill=100))

    assert result_rows(result)[0]["AUC (95 %)"] == "1.000 (no interval)"


def test_perfect_reader_with_and_without_help_is_not_tested(store):
    study = made_study(aid_epsilon=6.0)
    told = " ".join(comparison_words(analyse(study, read_by(store, study, "Ada", skill=100))))

    assert "changed by +0.0 points. " in told and "no interval and no test" in told


def test_reader_who_has_just_begun_has_no_auc_and_is_in_no_mean(store):
    study = made_study()
    read_all(store, study, "Ada", steps=3)  # two for training, and one
    read_all(store, study, "Bob", steps=2)

    result = analyse(study, store.read_all(study))

    (ada,) = result.readers
    assert (ada.reader, ada.num_read, ada.auc) == ("Ada", 1, None)
    assert result.means == {} and result.comparison is None


def test_readers_who_always_answer_the_same_have_no_kappa(store):
    study = made_study(repeats=3)
    for name in ("Ada", "Bob"):
        while (reading := store.read(study, name).next) is not None:
            store.add(study, name, reading, 50, 1.0)
    result = analyse(study, store.read_all(study))

    assert math.isnan(result.kappa_between[False])
    assert "all calls the same" in agreement_words(result)
    assert [found.auc.value for found in result.readers] == [0.5, 0.5]


def test_forced_choice_counts_right_pairs(store):
    study = made_study(form="forced choice")
    readers = read_by(store, study, "Ada", "Bob")
    result = analyse(study, readers)

    for one, found in zip(readers, result.readers, strict=True):
        right = []
        for answer in one.answers:
            if answer.reading.purpose == "first":
                chosen = study.by_id[answer.reading.cases[answer.value // 100]]
                right.append(study.truth(chosen) == 1)
                assert is_right(study, answer) == right[-1]
        assert found.accuracy.value == pytest.approx(np.mean(right)) and len(right) == 6
        assert found.auc is None and found.num_asked == 6
    assert result.means == {}
    table = answers_table(study, readers)
    assert (table["is_right"] == (table["truth"] == "malignant")).all()
    with pytest.raises(InvalidRequestError, match="Export the table"):
        imrmc_text(study, readers)


def test_table_of_answers_opens_safely_and_comes_back(store):
    study = made_study(aid_epsilon=6.0, repeats=2)
    readers = read_by(store, study, "=1+1", "Bob")

    text = safe_csv(answers_table(study, readers))

    assert "'=1+1" in text
    again = read_csv(io.StringIO(text))
    assert len(again) == 2 * (2 + 2 * (12 + 2))
    assert set(again["modality"]) == {"unaided", "aided"}
    assert list(again["answer"][:5]) == [answer.value for answer in readers[0].answers[:5]]


def test_imrmc_gets_truths_then_scores_under_its_header(store):
    study = made_study(aid_epsilon=6.0, repeats=2)
    readers = read_by(store, study, "Ada, N0: 9", "Bo\nb", "BEGIN DATA:")
    lines = imrmc_text(study, readers).splitlines()

    begin = lines.index("BEGIN DATA:")
    assert lines[:begin][2:] == ["N0: 6", "N1: 6", "NR: 3", "NM: 2"]
    rows = pd.DataFrame(
        [line.split(",") for line in lines[begin + 1 :]],
        columns=["reader", "case", "modality", "score"],
    )
    truths = rows[rows["reader"] == "-1"]
    assert list(truths["case"]) == [case.id for case in study.cases]
    assert list(truths["score"].astype(int)) == [study.truth(case) for case in study.cases]
    assert set(truths["modality"]) == {"0"}
    scores = rows[rows["reader"] != "-1"]
    assert len(scores) == 3 * 2 * 12 and scores["reader"].nunique() == 3
    assert not scores.duplicated(["reader", "case", "modality"]).any()
    first = scores[(scores["reader"] == "reader1AdaN09") & (scores["modality"] == "aided")]
    given = scores_of(readers[0].answers, True)
    assert dict(zip(first["case"], first["score"].astype(int), strict=True)) == given


def test_imrmc_without_answers_is_refused():
    with pytest.raises(InvalidRequestError, match="Read some cases first"):
        imrmc_text(made_study(), [])
