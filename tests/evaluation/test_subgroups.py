import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.grouping import (
    MIN_PATIENTS,
    OTHERS,
    Grouping,
    group_by_appearance,
    group_by_words,
)
from mammo_core.evaluation.operating_point import confusion_at, threshold_at_specificity
from mammo_core.evaluation.subgroup_words import change_table, verdict
from mammo_core.evaluation.subgroups import COLUMNS, NOTE, ScoredRun, compare_subgroups

PATIENTS, EACH, RESAMPLES = 120, 2, 200


@pytest.fixture
def masses():
    """Labels, patients and a group of every second patient."""
    patients = np.repeat([f"p{n:03}" for n in range(PATIENTS)], EACH)
    labels = np.repeat(np.arange(PATIENTS) // 2 % 2, EACH)
    is_odd = np.repeat(np.arange(PATIENTS) % 2 == 1, EACH)
    return labels, patients, Grouping("size", {"small": is_odd, "large": ~is_odd})


def make_runs(labels, hurt, *, noise=3.0, seeds=(1, 2, 3), budgets=(1.0, 6.0)):
    """Scores that tell the classes apart; at ε = 1 noise is added to the masses in `hurt`."""
    base = np.random.default_rng(9).normal(1.5 * labels, 1)
    runs = [ScoredRun(math.inf, seed, sigmoid(base)) for seed in seeds]
    for epsilon in budgets:
        for seed in seeds:
            added = noise * np.random.default_rng(seed).normal(size=len(labels)) * hurt
            runs.append(ScoredRun(epsilon, seed, sigmoid(base + added * (epsilon == 1))))
    return runs


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def compared(masses, runs, groupings=None):
    labels, patients, grouping = masses
    return compare_subgroups(labels, patients, groupings or [grouping], runs, RESAMPLES)


def row_of(table, group, epsilon, measure="auroc"):
    is_meant = (table["group"] == group) & (table["target_epsilon"] == epsilon)
    (row,) = table[is_meant & (table["measure"] == measure)].to_dict("records")
    return row


def test_values_are_those_of_scikit_learn_within_the_group_averaged_over_seeds(masses):
    labels, _, grouping = masses
    runs = make_runs(labels, np.ones(len(labels)))
    mask = grouping.groups["small"]

    table = compared(masses, runs)

    for epsilon in (1.0, math.inf):
        scores = [run.scores for run in runs if run.epsilon == epsilon]
        row = row_of(table, "small", epsilon)
        expected = np.mean([roc_auc_score(labels[mask], one[mask]) for one in scores])
        assert row["value"] == pytest.approx(expected)
        assert row["low"] < row["value"] < row["high"]
        assert (row["num_masses"], row["num_patients"], row["num_seeds"]) == (120, 60, 3)
    without = row_of(table, "small", math.inf)["value"]
    row = row_of(table, "small", 1.0)
    assert row["change"] == pytest.approx(row["value"] - without)


def test_sensitivity_is_at_the_threshold_of_all_masses(masses):
    labels, _, grouping = masses
    (run,) = make_runs(labels, np.ones(len(labels)), seeds=(1,), budgets=(1.0,))[1:]
    runs = make_runs(labels, np.ones(len(labels)), seeds=(1,), budgets=(1.0,))
    mask = grouping.groups["large"]

    row = row_of(compared(masses, runs), "large", 1.0, "sensitivity")

    threshold = threshold_at_specificity(labels, run.scores, 0.9)
    counts = confusion_at(labels[mask], run.scores[mask], threshold)
    expected = counts.true_positives / (counts.true_positives + counts.false_negatives)
    assert row["value"] == pytest.approx(expected)
    own = threshold_at_specificity(labels[mask], run.scores[mask], 0.9)
    assert own != threshold


def test_group_that_noise_hurts_is_found_and_named(masses):
    labels, _, grouping = masses

    table = compared(masses, make_runs(labels, grouping.groups["small"]))

    hurt = row_of(table, "small", 1.0)
    assert hurt["excess_high"] < 0 and hurt["change_high"] < 0
    assert "size small at ε = 1 loses more than the other masses" in verdict(table)
    assert "size large at ε = 1 loses less than the other masses" in verdict(table)
    assert "4 comparisons (2 groups at 2 budgets)" in verdict(table)
    unhurt = row_of(table, "small", 6.0)
    assert unhurt["change"] == unhurt["excess"] == 0


def test_noise_that_hurts_all_alike_blames_no_group(masses):
    labels, _, _ = masses

    table = compared(masses, make_runs(labels, np.ones(len(labels))))

    assert row_of(table, "small", 1.0)["change_high"] < 0
    assert "No group loses more AUROC than chance explains" in verdict(table)
    assert "ε = 1" in verdict(table)


def test_intervals_for_all_comparisons_widen_with_their_number(masses):
    labels, _, grouping = masses
    rng = np.random.default_rng(3)
    runs = make_runs(labels, np.ones(len(labels)))
    others = []
    for number in range(12):
        mask = rng.permutation(len(labels)) % 2 == 0
        others.append(Grouping(f"chance {number}", {"yes": mask, "no": ~mask}))

    few, many = compared(masses, runs), compared(masses, runs, [grouping, *others])

    widths = [
        row["excess_high"] - row["excess_low"]
        for row in (row_of(few, "small", 1.0), row_of(many, "small", 1.0))
    ]
    assert widths[1] > 1.15 * widths[0]
    rows = many[many["excess"].notna() & (many["target_epsilon"] == 1)]
    assert (rows["excess_low"] < rows["excess_one_low"]).all()
    assert (rows["excess_one_high"] < rows["excess_high"]).all()
    assert "chance alone gives about 3." in verdict(many)  # of 52
    assert row_of(few, "small", 1.0)["change_low"] == row_of(many, "small", 1.0)["change_low"]


def test_differences_are_paired_so_equal_scores_differ_by_nothing(masses):
    labels, _, _ = masses
    runs = make_runs(labels, np.zeros(len(labels)), budgets=(6.0,))

    row = row_of(compared(masses, runs), "large", 6.0)

    assert row["change_low"] == row["change_high"] == 0
    assert row["high"] - row["low"] > 0.1


def test_groups_of_few_patients_have_a_note_and_no_numbers(masses):
    labels, patients, _ = masses
    few = np.isin(patients, np.unique(patients)[: MIN_PATIENTS - 1])
    table = compared(
        masses,
        make_runs(labels, np.ones(len(labels))),
        [Grouping("view", {"CC": few, "MLO": ~few})],
    )

    small = table[table["group"] == "CC"]
    assert set(small["note"]) == {NOTE}
    assert small[["value", "change", "excess", "num_patients"]].isna().all(axis=None)
    shown = table[(table["group"] == "MLO") & (table["target_epsilon"] < math.inf)]
    assert shown["change"].notna().all() and shown["excess"].isna().all()  # the rest is small
    wide = change_table(table)
    assert wide.iloc[0].tolist() == ["view", "CC", "too few", *["not shown"] * 3]
    assert "No group is large enough" in verdict(table)


def test_a_group_of_all_masses_is_shown_and_compared_with_nothing(masses):
    labels, _, _ = masses
    everyone = Grouping("side", {"L": np.ones(len(labels), dtype=bool)})

    table = compared(masses, make_runs(labels, np.ones(len(labels))), [everyone])

    row = row_of(table, "L", 1.0)
    assert row["change_low"] < row["change"] < row["change_high"]
    assert table["excess"].isna().all()


def test_group_of_one_class_is_not_shown(masses):
    labels, _, _ = masses
    is_benign = labels == 0

    table = compared(
        masses,
        make_runs(labels, np.ones(len(labels))),
        [Grouping("assessment", {"2": is_benign, "5": ~is_benign})],
    )

    assert table["value"].isna().all()


def test_rare_words_become_one_group_and_unknown_ones_none():
    patients = np.array([f"p{n}" for n in range(60)])
    words = np.array(["oval"] * 25 + ["round"] * 12 + ["lobulated"] * 13 + [""] * 10)

    grouping = group_by_words("shape", words, patients)

    assert list(grouping.groups) == ["oval", OTHERS]
    assert [int(mask.sum()) for mask in grouping.groups.values()] == [25, 25]
    assert not np.any([mask[-10:] for mask in grouping.groups.values()])


def discs(radii):
    places = (np.arange(64) + 0.5) / 64 - 0.5
    distance = np.hypot(places[:, None], places)
    return np.stack([np.where(distance < radius, 200, 90) for radius in radii]).astype(np.uint8)


def test_sizes_are_thirds_with_limits_that_the_test_set_does_not_choose():
    count = 3 * 24
    labels, patients = np.arange(count) // 3 % 2, np.array([f"p{n}" for n in range(count)])
    images = discs([(0.2, 0.29, 0.36)[n % 3] for n in range(count)])

    size, *_ = group_by_appearance(images, labels, patients)

    assert size.name == "size" and list(size.groups) == ["small", "medium", "large"]
    for place, mask in enumerate(size.groups.values()):
        assert np.array_equal(np.flatnonzero(mask), np.arange(place, count, 3))


def test_where_a_third_is_too_small_the_median_parts_the_masses():
    count = 60
    labels, patients = np.arange(count) // 2 % 2, np.array([f"p{n}" for n in range(count)])

    size, *_ = group_by_appearance(
        discs([(0.2, 0.36)[n % 2] for n in range(count)]), labels, patients
    )

    assert list(size.groups) == ["small half", "large half"]
    assert np.array_equal(np.flatnonzero(size.groups["large half"]), np.arange(1, count, 2))


def test_limits_are_the_thirds_and_medians_of_the_training_masses(real_data):
    from mammo_core.cohorts.folders import read_real
    from mammo_core.evaluation.appearance import APPEARANCES, appearance
    from mammo_core.evaluation.grouping import LIMITS

    cohort = read_real(real_data / "dataset16062024").cohort
    measured = appearance(cohort.select(site="cbis-ddsm", split="train").images)

    for place, each in enumerate(APPEARANCES):
        expected = np.quantile(measured[:, place], [1 / 3, 1 / 2, 2 / 3])
        assert LIMITS[each.name] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: [run for run in runs if run.epsilon < math.inf], "none that share a seed"),
        (lambda runs: [run for run in runs if run.epsilon == math.inf], "none that share a seed"),
        (lambda runs: [*runs, runs[0]], "one run for each ε and seed; got two at ε = inf"),
        (lambda runs: [ScoredRun(6.0, 9, runs[0].scores[:5]), *runs], "each of 240 masses"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(masses, change, message):
    with pytest.raises(InvalidRequestError, match=message):
        compared(masses, change(make_runs(masses[0], np.ones(len(masses[0])))))


def test_only_seeds_in_common_with_no_privacy_are_compared(masses):
    labels, _, _ = masses
    runs = make_runs(labels, np.ones(len(labels)), seeds=(1, 2, 3))
    kept = [run for run in runs if (run.epsilon, run.seed) != (math.inf, 3)]

    table = compared(masses, kept)

    assert tuple(table.columns) == COLUMNS
    assert row_of(table, "small", 1.0)["num_seeds"] == 2
