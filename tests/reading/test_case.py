import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.heads import LinearHeads
from mammo_core.classifiers.projection import Projection
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import CheckpointError, InvalidRequestError
from mammo_core.reading.case import (
    OutlierCheck,
    case_features,
    outlier_check,
    read_case,
    read_patient,
)
from mammo_core.reading.models import CaseModel, CaseModels, ClassScores, class_scores
from mammo_core.reading.words import (
    averaged_words,
    call_words,
    headline_words,
    noise_words,
    outlier_words,
    reading_rows,
    view_rows,
)
from tests.helpers.heads import TINY, small_bench, small_heads

PLAIN = Projection(mean=None, matrix=None, bias=0.0)
FEATURES = {"space": torch.tensor([[[1.0, 0.0]]])}  # one mass, one view, already of length 1
OTHER_VIEW = {"space": torch.tensor([[[0.0, 1.0]]])}


def model(epsilon, threshold=0.5, tested=("here",), alike="alike"):
    scores = ClassScores(np.linspace(0, 0.5, 101), np.linspace(0.5, 1, 101))
    return CaseModel(
        name="m",
        trained_alike=alike,
        target_epsilon=epsilon,
        threshold=threshold,
        test_scores=dict.fromkeys(tested, scores),
    )


def group(logits, models, space="space"):
    """Models that score the mass of FEATURES with these logits."""
    weights = torch.tensor([[logit, 0.0, 0.0] for logit in logits])
    return CaseModels(
        backbone=BackboneConfig(),
        feature_space=space,
        heads=LinearHeads(PLAIN, weights),
        models=tuple(models),
        trained_on="made up",
    )


def test_models_of_one_budget_are_read_together_also_across_groups():
    first = group([-2.0, 2.0], [model(1.0), model(math.inf)])
    second = group([1.0], [model(1.0)])

    readings = read_case(FEATURES, [first, second])

    assert [reading.target_epsilon for reading in readings] == [1.0, math.inf]
    expected = 1 / (1 + np.exp([2.0, -1.0]))
    np.testing.assert_allclose(readings[0].scores, expected, rtol=1e-6)
    assert (readings[0].num_malignant, readings[0].num_deciding) == (1, 2)


def two_views(*pairs):
    """Models that score FEATURES and OTHER_VIEW with these pairs of logits."""
    weights = torch.tensor([[*pair, 0.0] for pair in pairs])
    return replace(
        group([0.0], [model(1.0)] * len(pairs)),
        heads=LinearHeads(PLAIN, weights),
    )


def test_answer_for_a_patient_is_the_mean_of_the_logits_of_its_views():
    models = two_views((3.0, -1.0), (-3.0, 1.0), (2.0, -1.5))

    (reading,) = read_patient([FEATURES, OTHER_VIEW], [models])

    # logits 1, -1 and 0.25, not the means of the scores: of the first these would be 0.611
    np.testing.assert_allclose(reading.scores, [0.731059, 0.268941, 0.562177], atol=1e-6)
    assert (reading.num_malignant, reading.num_deciding) == (2, 3)


def test_mean_of_one_view_is_its_own_answer():
    models = two_views((3.0, -1.0))

    (patient,), (mass,) = read_patient([OTHER_VIEW], [models]), read_case(OTHER_VIEW, [models])

    np.testing.assert_array_equal(patient.scores, mass.scores)
    np.testing.assert_allclose(mass.scores, [0.268941], atol=1e-6)


def test_order_of_views_changes_nothing():
    models = two_views((3.0, -1.0), (0.5, 0.25))

    (one,), (other,) = (
        read_patient(views, [models]) for views in ([FEATURES, OTHER_VIEW], [OTHER_VIEW, FEATURES])
    )

    np.testing.assert_array_equal(one.scores, other.scores)


def test_patient_without_a_view_is_refused():
    with pytest.raises(InvalidRequestError, match="at least one mass to read; got none"):
        read_patient([], [two_views((1.0, 1.0))])


@pytest.mark.parametrize(("epsilon", "is_told"), [(1.0, True), (math.inf, False)])
def test_averaging_is_said_to_be_free_only_where_there_is_a_budget(epsilon, is_told):
    readings = read_patient([FEATURES, OTHER_VIEW], [group([1.0], [model(epsilon)])])

    words = averaged_words(["right CC", "right MLO"], readings)

    assert words.startswith("This is the mean of right CC and right MLO.")
    assert ("spend no privacy budget" in words) == is_told


def test_table_names_the_mean_and_each_view():
    models = two_views((3.0, -1.0))
    readings = {
        "mean": read_patient([FEATURES, OTHER_VIEW], [models]),
        "right CC": read_case(FEATURES, [models]),
    }

    rows = view_rows(readings)

    assert [(row["view"], row["mean score"]) for row in rows] == [
        ("mean", 0.731),
        ("right CC", 0.953),
    ]


def test_shares_below_follow_from_the_quantiles_of_each_class():
    (reading,) = read_case(FEATURES, [group([math.log(3)], [model(1.0)])])  # a score of 0.75

    assert reading.shares_below["here"] == pytest.approx({0: 1.0, 1: 0.5}, abs=0.01)


def test_model_without_threshold_calls_nothing():
    (reading,) = read_case(
        FEATURES, [group([9.0, 9.0], [model(1.0, None), model(1.0, threshold=0.9)])]
    )

    assert (reading.num_malignant, reading.num_deciding) == (1, 1)
    assert call_words(reading) == "With ε = 1, the one model calls it malignant."


def test_test_sets_that_only_some_models_know_are_kept_apart():
    (reading,) = read_case(
        FEATURES, [group([0.0, 0.0], [model(1.0), model(1.0, tested=("here", "there"))])]
    )

    assert list(reading.test_scores) == ["here", "there"]


def test_models_of_another_network_are_refused():
    with pytest.raises(CheckpointError, match="weights and preprocessing"):
        read_case(FEATURES, [group([0.0], [model(1.0)], space="elsewhere")])


def test_scores_of_a_case_are_those_its_masses_got_when_tested():
    shipped, dataset = small_heads(), small_bench()
    test = dataset.test_sets["elsewhere"]
    features = case_features(test.cohort.images[3], [TINY], load_backbone)

    readings = read_case(features, [shipped.models])

    scores = np.concatenate([reading.scores for reading in readings])
    expected = shipped.models.heads.scores(test.features)[:, 3]
    np.testing.assert_allclose(scores, expected, atol=1e-3)


def test_one_network_computes_features_once_whatever_the_number_of_models():
    loaded = []

    def load(config):
        loaded.append(config)
        return load_backbone(config)

    found = case_features(np.zeros((16, 16), np.uint8), [TINY, TINY], load)

    assert loaded == [TINY]
    assert len(found) == 1


def test_case_must_be_one_grey_mass():
    with pytest.raises(InvalidRequestError, match=r"\(H, W\) uint8"):
        case_features(np.zeros((16, 16, 3), np.uint8), [TINY], load_backbone)


def test_read_only_pixels_are_read_and_left_alone():
    image = np.full((16, 16), 7, np.uint8)
    image.flags.writeable = False

    case_features(image, [TINY], load_backbone)

    assert (image == 7).all()


def test_held_out_mass_is_usual_and_a_flat_one_is_not():
    shipped, masses = small_heads(), small_bench().validation.cohort.images
    usual = masses[masses.std(axis=(1, 2)).argsort()[len(masses) // 2]]
    found = [
        outlier_check(image, case_features(image, [TINY], load_backbone), shipped)
        for image in (usual, np.full((16, 16), 90, np.uint8))
    ]

    assert (found[0].is_outlier, found[0].is_low_contrast) == (False, False)
    assert found[1].is_low_contrast
    assert "Hardly any contrast" in outlier_words(found[1])


def test_far_mass_is_called_unlike_those_the_models_know():
    assert outlier_words(OutlierCheck(3.0, 2.0, 50.0, 5.0)).startswith("**Not like the masses")
    assert outlier_words(OutlierCheck(1.0, 2.0, 50.0, 5.0)) == ""


@pytest.mark.parametrize(
    ("logits", "words"),
    [
        ([1.0, 1.0, -1.0], "With ε = 2, 2 of 3 models call it malignant, the others benign."),
        ([1.0, 1.0], "With ε = 2, both models call it malignant."),
        ([-1.0, -1.0, -1.0], "With ε = 2, all 3 models call it benign."),
    ],
)
def test_call_is_said_in_words(logits, words):
    (reading,) = read_case(FEATURES, [group(logits, [model(2.0)] * len(logits))])

    assert call_words(reading) == words


@pytest.mark.parametrize(
    ("logits", "budgets", "words"),
    [
        (
            [1.0, -1.0, 1.0, 1.0, -1.0],
            [1.0, 1.0, 60.0, 60.0, math.inf],
            "1 of 2 models say malignant at ε = 1, 2 of 2 at ε = 60.",
        ),
        ([-1.0], [6.0], "0 of 1 model says malignant at ε = 6."),
        ([1.0], [math.inf], "1 of 1 model says malignant without privacy."),
    ],
)
def test_answer_is_said_in_one_sentence(logits, budgets, words):
    readings = read_case(FEATURES, [group(logits, [model(epsilon) for epsilon in budgets])])

    assert headline_words(readings) == words


def test_nothing_is_said_of_models_that_cannot_decide():
    assert not headline_words(read_case(FEATURES, [group([1.0], [model(1.0, None)])]))


def test_no_privacy_is_called_that():
    (reading,) = read_case(FEATURES, [group([1.0], [model(math.inf)])])

    assert call_words(reading).startswith("With no privacy (ε = ∞, not DP)")
    assert reading_rows([reading])[0]["ε"] == "∞ (not DP)"


def test_noise_is_told_by_the_range_of_scores_and_only_where_models_differ():
    spread = group([-3.0, 3.0, 0.1, 0.2], [model(1.0)] * 2 + [model(60.0)] * 2)

    words = noise_words(read_case(FEATURES, [spread]))

    assert "ε = 1 they score this mass between 0.05 and 0.95" in words
    assert "ε = 60 they score it between 0.52 and 0.55" in words
    assert noise_words(read_case(FEATURES, [group([1.0], [model(1.0)])])) == ""


def test_models_that_differ_in_more_than_noise_are_not_blamed_on_noise():
    mixed = group([-3.0, 3.0], [model(1.0), model(1.0, alike="another strategy")])

    (reading,) = read_case(FEATURES, [mixed])

    assert not reading.differ_in_noise_only
    assert noise_words([reading]).startswith("The models chosen here differ in more than noise")


def test_models_without_dp_have_no_noise_to_tell_of():
    assert noise_words(read_case(FEATURES, [group([1.0, 1.0], [model(math.inf)] * 2)])) == ""


def test_quantiles_need_both_classes():
    with pytest.raises(InvalidRequestError, match="no malignant mass"):
        class_scores(np.zeros(4), np.linspace(0, 1, 4))
