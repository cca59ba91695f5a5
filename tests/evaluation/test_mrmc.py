"""Reader studies: against published results, other programs, by hand, and in simulated studies whose truth is known."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.mrmc import (
    COVARIANCE_METHODS,
    auc_covariance,
    cohen_kappa,
    compare_modalities,
    mean_auc,
    reader_aucs,
)
from tests.evaluation.van_dyke import SCORES, TRUTH


def made_study(rng, *, separations=(1.5, 1.5), num_readers=5, num_cases=(25, 25)):
    """Draws a study by the model of Roe and Metz 1997 (Academic Radiology 4, 298-303), high correlation of data.

    Args:
        separations: Of the classes, one per modality; `true_auc` says what AUC readers have at it.

    Returns:
        Truth (N,), scores (M, R, N).
    """
    truth = np.repeat([0, 1], num_cases)
    modalities, cases = len(separations), len(truth)

    def drawn(deviation, *shape):
        return rng.normal(0, deviation, shape)

    reader, with_modality = (
        drawn(math.sqrt(_READERS), 1, num_readers, 2),
        drawn(math.sqrt(_READERS), modalities, num_readers, 2),
    )
    scores = (reader + with_modality)[:, :, truth]
    for variance, shape in zip(
        _CASES,
        [(1, 1), (modalities, 1), (1, num_readers), (modalities, num_readers)],
        strict=True,
    ):
        scores = scores + drawn(math.sqrt(variance), *shape, cases)
    return truth, scores + np.array(separations)[:, None, None] * truth


_READERS = 0.011  # variance of readers' skill, of each truth; and again of each modality
_CASES = (0.3, 0.3, 0.2, 0.2)  # of cases; by modality, by reader, by both


def true_auc(separation):
    return norm.cdf(separation / math.sqrt(2 * (2 * _READERS + sum(_CASES))))


def test_published_analysis_of_van_dykes_readers_is_repeated():
    """Against the program OR-DBM MRMC 2.5 (Schartz, Hillis, Pesce, Berbaum; University of Iowa), as printed by it."""
    found = compare_modalities(TRUTH, SCORES)

    difference = found.difference
    assert (difference.value, difference.low, difference.high) == pytest.approx(
        (-0.04380, -0.08796, 0.00036), abs=6e-6
    )
    assert (found.f, found.degrees_of_freedom) == pytest.approx((4.456, 15.26), abs=0.005)
    assert found.p_value == pytest.approx(0.0517, abs=6e-5)
    assert found.variance == pytest.approx(0.00080229, abs=6e-9)
    assert found.covariances == pytest.approx((0.00034661, 0.00034407, 0.00023903), abs=6e-9)
    published = [
        (0.89703704, 0.82522360, 0.96885048, 12.74),
        (0.94083736, 0.89413783, 0.98753689, 12.71),
    ]
    for scores, (*interval, freedom) in zip(SCORES, published, strict=True):
        mean = mean_auc(TRUTH, scores)
        assert (mean.auc.value, mean.auc.low, mean.auc.high) == pytest.approx(interval, abs=1e-7)
        assert mean.degrees_of_freedom == pytest.approx(freedom, abs=0.005)


def test_published_analysis_of_one_reader_is_repeated():
    """Reader 1 alone, by the same program: chi-square 1.22011, and the intervals of a fixed reader."""
    found = compare_modalities(TRUTH, SCORES[:, :1])
    alone = mean_auc(TRUTH, SCORES[0, :1])

    assert found.f == pytest.approx(1.22011, abs=6e-6)
    assert found.p_value == pytest.approx(0.2693, abs=6e-5)
    assert (found.difference.low, found.difference.high) == pytest.approx(
        (-0.07818, 0.02182), abs=6e-6
    )
    assert (alone.auc.low, alone.auc.high) == pytest.approx((0.86060081, 0.97869066), abs=1e-7)


def test_aucs_are_those_of_scikit_learn_also_with_ties():
    found = reader_aucs(TRUTH, SCORES)

    for modality, reader in np.ndindex(found.shape):
        assert found[modality, reader] == pytest.approx(
            roc_auc_score(TRUTH, SCORES[modality, reader]), abs=1e-12
        )


def test_auc_by_hand():
    truth = np.array([0, 0, 1, 1])

    # of four pairs, 2 > 1 and 3 > 1 and 3 > 2 are right, and 2 = 2 is half
    assert reader_aucs(truth, np.array([1, 2, 2, 3])) == 3.5 / 4


def test_jackknife_covariance_is_that_of_leaving_out_each_case_in_turn():
    scores = SCORES.reshape(10, -1)[:4]
    count = len(TRUTH)
    without = np.array(
        [
            [roc_auc_score(np.delete(TRUTH, case), np.delete(row, case)) for case in range(count)]
            for row in scores
        ]
    )

    expected = (count - 1) ** 2 / count * np.cov(without)
    np.testing.assert_allclose(auc_covariance(TRUTH, scores), expected, rtol=1e-9)


def test_delong_variance_by_hand():
    truth, scores = np.array([0, 0, 1, 1]), np.array([[1.0, 3.0, 2.0, 4.0]])

    # cases of 1 are above half and all of the others: variance .125; so are cases of 0 below
    np.testing.assert_allclose(auc_covariance(truth, scores, "delong"), [[0.125 / 2 + 0.125 / 2]])


def test_both_estimates_of_covariances_agree_on_many_cases():
    truth, scores = made_study(np.random.default_rng(3), num_cases=(150, 150))
    flat = scores.reshape(10, -1)

    jackknife, delong = (auc_covariance(truth, flat, method) for method in COVARIANCE_METHODS)

    np.testing.assert_allclose(jackknife, delong, atol=0.03 * delong.max())


def test_swapping_modalities_turns_the_difference_around_and_keeps_the_test():
    there, back = compare_modalities(TRUTH, SCORES), compare_modalities(TRUTH, SCORES[::-1])

    assert back.difference.value == -there.difference.value
    assert (back.difference.low, back.difference.high) == pytest.approx(
        (-there.difference.high, -there.difference.low)
    )
    assert back.p_value == pytest.approx(there.p_value)


def test_interval_leaves_out_no_difference_just_where_the_test_is_significant():
    rng = np.random.default_rng(8)
    for shift in (0.0, 0.4, 0.8, 1.2):
        truth, scores = made_study(rng, separations=(1.0, 1.0 + shift))
        found = compare_modalities(truth, scores)
        leaves_out = found.difference.low > 0 or found.difference.high < 0
        assert leaves_out == (found.p_value < 0.05)


@pytest.mark.parametrize("num_studies", [200, pytest.param(3000, marks=pytest.mark.slow)])
def test_simulated_studies_recover_the_skill_and_intervals_cover_it(num_studies):
    rng = np.random.default_rng(1)
    separations = (1.2, 1.7)
    truths = [true_auc(separation) for separation in separations]
    errors, covered, differences_covered = [], [], []
    for _ in range(num_studies):
        truth, scores = made_study(rng, separations=separations, num_cases=(60, 60))
        means = [mean_auc(truth, one).auc for one in scores]
        errors += [mean.value - skill for mean, skill in zip(means, truths, strict=True)]
        covered += [
            mean.low <= skill <= mean.high for mean, skill in zip(means, truths, strict=True)
        ]
        difference = compare_modalities(truth, scores).difference
        differences_covered.append(difference.low <= truths[0] - truths[1] <= difference.high)

    of_simulation = math.sqrt(0.05 * 0.95 / num_studies)  # standard error of a share of 95 %
    assert abs(np.mean(errors)) < 4 * np.std(errors) / math.sqrt(num_studies)
    for shares in (covered, differences_covered):  # 93 to 95 %: AUCs are not quite normal
        assert 0.93 - 3 * of_simulation < np.mean(shares) < 0.95 + 3 * of_simulation


@pytest.mark.parametrize("num_studies", [200, pytest.param(3000, marks=pytest.mark.slow)])
def test_no_difference_is_called_significant_one_time_in_twenty(num_studies):
    rng = np.random.default_rng(2)

    found = [compare_modalities(*made_study(rng)).p_value < 0.05 for _ in range(num_studies)]

    of_simulation = math.sqrt(0.05 * 0.95 / num_studies)
    assert abs(np.mean(found) - 0.05) < 3 * of_simulation


def test_readers_who_all_see_the_same_make_an_interval_of_cases_alone():
    truth, scores = made_study(np.random.default_rng(5), num_readers=1)
    same = np.repeat(scores[:1], 4, axis=1)[0]

    found, alone = mean_auc(truth, same), mean_auc(truth, same[:1])

    assert found.degrees_of_freedom == math.inf
    assert found.auc.low == pytest.approx(alone.auc.low)


def test_perfect_readers_in_both_modalities_leave_nothing_to_test():
    truth = np.repeat([0, 1], 5)
    found = compare_modalities(truth, np.broadcast_to(truth, (2, 3, 10)))

    assert (found.difference.value, found.difference.low, found.difference.high) == (0, 0, 0)
    assert math.isnan(found.f) and math.isnan(found.p_value)


def test_kappa_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for share in (0.2, 0.5, 0.9):
        first, second = rng.random((2, 40)) < share
        assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))


def test_kappa_of_readers_who_never_say_yes_is_not_a_number():
    never = np.zeros(5, dtype=bool)

    assert math.isnan(cohen_kappa(never, never))


@pytest.mark.parametrize(
    ("truth", "scores", "told"),
    [
        ([0, 0, 1, 1], [1, 2, 3], "a finite score of each case"),
        ([0, 0, 1, 1], [1, 2, 3, math.nan], "Leave out what was not read"),
        ([0, 1, 1, 1], [1, 2, 3, 4], "got 1 and 3 of 4 cases"),
        ([0, 0, 1, 2], [1, 2, 3, 4], "a truth of 0 or 1"),
    ],
)
def test_what_cannot_be_analysed_is_refused(truth, scores, told):
    with pytest.raises(InvalidRequestError, match=told):
        reader_aucs(np.array(truth), np.array(scores))


def test_three_modalities_series_of_other_lengths_and_unknown_methods_are_refused():
    with pytest.raises(InvalidRequestError, match="Give both modalities"):
        compare_modalities(TRUTH, np.concatenate([SCORES, SCORES[:1]]))
    with pytest.raises(InvalidRequestError, match="calls of one length"):
        cohen_kappa(np.ones(2, bool), np.ones(3, bool))
    with pytest.raises(InvalidRequestError, match="jackknife, delong"):
        auc_covariance(TRUTH, SCORES[0], "bootstrap")  # type: ignore[arg-type]
