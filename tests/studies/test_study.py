"""A study is frozen and sealed, and its orders differ by reader and come again."""

import json

import pytest

from mammo_core.errors import InvalidRequestError
from mammo_core.studies.store import load_study
from mammo_core.studies.study import (
    StudyCase,
    reader_key,
    readings,
    study_from,
    study_values,
)
from tests.studies.made import made_study


def test_study_comes_back_from_its_file_the_same():
    study = made_study(aid_epsilon=float("inf"), repeats=3)

    again = study_from(json.loads(json.dumps(study_values(study))), "a file")

    assert again == study and again.key == study.key


@pytest.mark.parametrize("change", ["label", "mode", "seed", "key"])
def test_changed_study_is_refused(change):
    values = json.loads(json.dumps(study_values(made_study())))
    if change == "label":
        case = values["study"]["cases"][0]
        values["study"]["cases"][2]["label"], case["label"] = case["label"], 1 - case["label"]
        values["study"]["cases"][1]["label"] = 0
    elif change == "mode":
        values["study"]["mode"] = "teaching"
    elif change == "seed":
        values["study"]["seed"] += 1
    else:
        values["key"] = "0" * 16

    with pytest.raises(InvalidRequestError, match="changed after it was made"):
        study_from(values, "a file")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": "other"}', '{"format": "mammo-study/1", "key": "1"}']
)
def test_other_files_are_no_studies(tmp_path, content):
    (tmp_path / "study.json").write_text(content)

    with pytest.raises(InvalidRequestError, match="Expected .*reader study"):
        load_study(tmp_path / "study.json")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"question": "colour"}, "one of: class, origin"),
        ({"repeats": 7}, "repeats <= 6"),
        ({"seed": -1}, "seed >= 0"),
        ({"question": "origin"}, "two cases or more of each answer"),
        ({"form": "forced choice", "repeats": 2}, "no repeats with forced choice"),
        ({"form": "forced choice", "aid_epsilon": 6.0}, "a model's help"),
        ({"training": (StudyCase(id="case000", source="made", label=0, key="1"),)}, "an id of"),
    ],
)
def test_impossible_studies_are_refused(changes, told):
    with pytest.raises(InvalidRequestError, match=told):
        made_study(**changes)


def test_reader_sees_training_first_then_every_case_once_then_the_repeats():
    study = made_study(repeats=4, aid_epsilon=6.0)

    asked = readings(study, "Ada")

    assert [reading.number for reading in asked] == list(range(len(asked)))
    assert [reading.purpose for reading in asked[:2]] == ["training"] * 2
    for aided in (False, True):
        steps = [one for one in asked if one.aided == aided and one.purpose != "training"]
        first = [one.cases[0] for one in steps[:12]]
        again = [one.cases[0] for one in steps[12:]]
        assert sorted(first) == [case.id for case in study.cases]
        assert {one.purpose for one in steps[12:]} == {"repeat"} and len(set(again)) == 4
        for place, case in enumerate(again):
            assert 12 + place - first.index(case) > 6  # half of the pass lies between
    assert [one.aided for one in asked] == [False] * 18 + [True] * 16


def test_order_is_the_readers_own_and_comes_again_however_the_name_is_written():
    study = made_study(aid_epsilon=6.0)
    orders = {
        name: [one.cases for one in readings(study, name)] for name in ("Ada", "Bob", "Cyd", "Dan")
    }

    assert len({tuple(order) for order in orders.values()}) == 4
    assert orders["Ada"][2:14] != orders["Ada"][14:]  # the second pass is in another order
    assert orders["Ada"] == [one.cases for one in readings(study, "  ADA ")]
    assert orders["Ada"] != [one.cases for one in readings(made_study(seed=4), "Ada")]


def test_forced_choice_pairs_one_of_each_truth_in_either_place():
    study = made_study(form="forced choice")
    places = []
    for reader in ("Ada", "Bob", "Cyd"):
        pairs = [one.cases for one in readings(study, reader) if one.purpose == "first"]
        truths = [[study.truth(study.by_id[case]) for case in pair] for pair in pairs]
        assert all(sorted(pair) == [0, 1] for pair in truths)
        assert sorted(case for pair in pairs for case in pair) == [case.id for case in study.cases]
        places += [pair[0] for pair in truths]
    assert 0 < sum(places) < len(places)


def test_reader_without_a_name_is_refused():
    with pytest.raises(InvalidRequestError, match="name of a reader"):
        reader_key(" \n ")
