"""Cases are chosen at random in equal shares, and found again where they are installed, and nowhere else."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.cohorts.cohort import join
from mammo_core.cohorts.installed import LoadedData
from mammo_core.errors import CheckpointError, CohortError, InvalidRequestError
from mammo_core.labels import BENIGN, MALIGNANT
from mammo_core.reading.case import case_features, read_case
from mammo_core.storage.hashing import image_hash
from mammo_core.studies.aid import aid_budgets, aid_of
from mammo_core.studies.choosing import StudyPlan, make_example, make_study
from mammo_core.studies.images import require_generators, study_images
from mammo_core.studies.study import PAPER, REAL, study_values
from tests.conftest import make_cohort
from tests.helpers.heads import small_heads

CARDS = {name: SimpleNamespace(sha256=f"sha {name}") for name in ("gen_a", "gen_b")}


def made_data(num_patients=60):
    real = join(
        [make_cohort(20, site="a"), make_cohort(num_patients, site="a", split="test", seed=1)]
    )
    return LoadedData(real, make_cohort(40, 1, site="p", source="synthetic", seed=2), [])


def plan(**changes):
    given = {"name": "A", "question": "class", "sources": ("gen_a", "gen_b"), "num_cases": 16}
    return StudyPlan(**(given | changes))


def draw(name, ids):
    """Pictures that tell generator, class and seed."""
    return [
        np.full((16, 16), 7 * (name == "gen_b") + 3 * one.label + one.seed % 5, np.uint8)
        for one in ids
    ]


def test_classes_and_sources_take_equal_shares():
    study = make_study(plan(num_training=4), CARDS, None)

    assert Counter((case.source, case.label) for case in study.cases) == {
        (source, label): 4 for source in CARDS for label in (BENIGN, MALIGNANT)
    }
    assert Counter(case.label for case in study.training) == {BENIGN: 2, MALIGNANT: 2}
    assert study.generators == {name: card.sha256 for name, card in CARDS.items()}
    assert len({case.key for case in study.by_id.values()}) == 20


def test_ids_tell_neither_class_nor_source():
    studies = [make_study(plan(seed=seed), CARDS, None) for seed in range(20)]

    for place in range(16):
        assert len({study.cases[place].label for study in studies}) == 2
        assert len({study.cases[place].source for study in studies}) == 2
    assert studies[0].cases == make_study(plan(seed=0), CARDS, None).cases


def test_question_of_origin_takes_half_real_masses_one_of_each_patient():
    data = made_data()
    study = make_study(plan(question="origin", sources=(REAL, "gen_a", PAPER)), CARDS, data)

    assert Counter(case.source for case in study.cases) == {REAL: 8, "gen_a": 4, PAPER: 4}
    test = data.real.select(split="test")
    rows = {hash: row for row, hash in enumerate(test.image_hashes)}
    chosen = [rows[case.key] for case in study.cases if case.source == REAL]
    assert len(set(test.patient_ids[chosen])) == len(chosen)
    for case in study.cases:
        if case.source == REAL:
            assert test.labels[rows[case.key]] == case.label


def test_study_names_no_patient():
    data = made_data()
    study = make_study(plan(question="origin", sources=(REAL, "gen_a")), CARDS, data)

    text = str(study_values(study))

    assert not any(str(patient) in text for patient in data.real.patient_ids)


def test_pixels_that_are_there_twice_are_not_chosen():
    data = made_data(num_patients=6)
    test = data.real.splits == "test"
    images = data.real.images.copy()
    images[test] = images[test][0]
    same = LoadedData(replace(data.real, images=images), None, [])

    with pytest.raises(CohortError, match="found 0"):
        make_study(plan(question="origin", sources=(REAL, "gen_a"), num_cases=4), CARDS, same)


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"sources": ()}, InvalidRequestError, "sources for both answers"),
        ({"question": "origin"}, InvalidRequestError, "Name a source more"),
        ({"sources": ("gen_c",)}, CheckpointError, "Choose of: gen_a, gen_b"),
        ({"sources": (REAL,)}, CohortError, "found 0. Use fewer cases"),
        ({"num_cases": 2}, InvalidRequestError, "num_cases >= 4"),
        ({"aid_epsilon": 6.0, "question": "origin"}, InvalidRequestError, "sources for both"),
    ],
)
def test_impossible_plans_are_refused(changes, error, told):
    with pytest.raises(error, match=told):
        make_study(plan(**changes), CARDS, None)


def test_demo_stands_for_no_real_masses():
    demo = replace(made_data(), is_demonstration=True)

    with pytest.raises(CohortError, match="found 0"):
        make_study(plan(sources=(REAL,)), CARDS, demo)


def test_example_asks_for_the_origin_where_a_cohort_is_installed_and_else_for_the_class():
    with_cohort = make_example(CARDS, made_data())
    without, few = make_example(CARDS, None), make_example(CARDS, made_data(num_patients=3))

    assert with_cohort.question == "origin" and with_cohort.aid_epsilon is None
    assert without.question == few.question == "class" and without.aid_epsilon == 6
    assert {study.mode for study in (with_cohort, without, few)} == {"teaching"}


def test_cases_are_found_by_their_pixels_and_seeds():
    data = made_data()
    study = make_study(plan(question="origin", sources=(REAL, PAPER, "gen_b")), CARDS, data)

    images = study_images(study, draw, [data.real, data.synthetic])

    assert images.keys() == study.by_id.keys()
    for case in study.by_id.values():
        if case.source == "gen_b":
            assert images[case.id][0, 0] == 7 + 3 * case.label + int(case.key) % 5
        else:
            assert image_hash(images[case.id]) == case.key


def test_real_masses_that_are_not_installed_are_refused():
    study = make_study(plan(question="origin", sources=(REAL, "gen_b")), CARDS, made_data())

    for cohorts in ([], [make_cohort(20)]):
        with pytest.raises(CohortError, match="never travel with a study"):
            study_images(study, draw, cohorts)


def test_masses_of_several_sizes_are_refused():
    study = make_study(plan(), CARDS, None)

    def of_two_sizes(name, ids):
        return [np.zeros((16 if name == "gen_a" else 32,) * 2, np.uint8) for _ in ids]

    with pytest.raises(InvalidRequestError, match="would tell where"):
        study_images(study, of_two_sizes, [])


def test_other_generators_of_the_same_name_are_refused():
    study = make_study(plan(), CARDS, None)
    require_generators(study, CARDS)

    for cards in ({}, CARDS | {"gen_b": SimpleNamespace(sha256="sha of others")}):
        with pytest.raises(CheckpointError, match="the study was made with"):
            require_generators(study, cards)


def test_help_is_the_score_of_the_first_model_of_a_budget():
    heads = small_heads()
    image = make_cohort(2, size=32).images[0]
    features = case_features(image, [heads.models.backbone], load_backbone)
    reading = read_case(features, [heads.models])[0]

    found = aid_of(image, 2.0, heads, load_backbone)

    assert (found.score, found.threshold) == (reading.scores[0], reading.thresholds[0])
    assert aid_budgets(heads) == [2, float("inf")]
    with pytest.raises(InvalidRequestError, match="got 7"):
        aid_of(image, 7.0, heads, load_backbone)
