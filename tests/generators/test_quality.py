import json
from dataclasses import replace

import numpy as np
import pytest

from mammo_core.cohorts.cohort import join
from mammo_core.errors import CohortError
from mammo_core.generators.quality import low_pass
from tests.classifiers.test_features import TINY
from tests.conftest import make_cohort
from tests.helpers.made_ledgers import TINY_JUDGE, evaluate_synthetic, judge_synthetic


@pytest.fixture(scope="module")
def real():
    parts = [
        make_cohort(40, split=split, seed=seed)
        for seed, split in enumerate(("train", "val", "test"))
    ]
    return join(parts)


@pytest.fixture(scope="module")
def store_root(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


def rows_of(report, subject, detail="full", masses="all"):
    (row,) = (
        row
        for row in report.comparisons
        if (row.subject, row.detail, row.masses) == (subject, detail, masses)
    )
    return row


def test_masses_drawn_like_the_real_ones_score_like_held_out_ones(real, store_root):
    fresh = make_cohort(80, 1, site="made", source="synthetic", seed=9)

    report = evaluate_synthetic(real, fresh, TINY, store_root)

    ours, mark = rows_of(report, "synthetic"), rows_of(report, "held-out real")
    assert abs(ours.kid.value - mark.kid.value) < 3 * ours.kid.spread
    assert ours.around.coverage > 0.5
    assert report.copies.flagged_rate < 0.1
    assert {row.masses for row in report.comparisons} == {"all", "benign", "malignant"}
    assert json.loads(json.dumps(report.to_dict()))["num_synthetic"] == 80


def test_striped_masses_are_far_and_copies_are_found(real, store_root):
    train = real.select(split="train")
    copies = replace(train, source="synthetic")
    stripes = copies.images // 8 + 200 * (np.arange(16) // 4 % 2).astype(np.uint8)
    striped = replace(copies, images=stripes)

    copied = evaluate_synthetic(real, copies, TINY, store_root)
    far = evaluate_synthetic(real, striped, TINY, store_root)

    assert copied.copies.flagged.all()
    assert copied.copies.nearest_train.tolist() == list(range(len(train)))
    assert rows_of(far, "synthetic").kid.value > 5 * rows_of(copied, "synthetic").kid.spread
    assert not far.copies.flagged.any()


def test_masses_with_swapped_classes_do_not_show_their_class(real, store_root):
    fresh = make_cohort(80, 1, site="made", source="synthetic", seed=9)
    swapped = replace(fresh, labels=1 - fresh.labels)

    right = evaluate_synthetic(real, fresh, TINY, store_root).class_auroc
    wrong = evaluate_synthetic(real, swapped, TINY, store_root).class_auroc

    assert right > 0.6
    assert wrong == pytest.approx(1 - right)


def judged(real, synthetic, store_root, subject="synthetic"):
    judgement = judge_synthetic(real, synthetic, store_root)
    return {row.subject: row for row in judgement.sets}[subject]


def test_the_judge_can_tell_striped_masses_from_real_ones_but_not_fresh_ones(real, store_root):
    fresh = make_cohort(80, 1, site="made", source="synthetic", seed=9)
    stripes = fresh.images // 8 + 200 * (np.arange(16) // 4 % 2).astype(np.uint8)

    like_real = judged(real, fresh, store_root)
    striped = judged(real, replace(fresh, images=stripes), store_root)
    mark = judged(real, fresh, store_root, "held-out real")

    assert like_real.told_apart == pytest.approx(0.5, abs=0.15)
    assert mark.told_apart == pytest.approx(0.5, abs=0.15)
    assert striped.told_apart > 0.98
    assert striped.kid.value > 5 * like_real.kid.spread
    assert (like_real.num_masses, mark.num_masses) == (80, 160)


def test_masses_with_swapped_classes_say_and_teach_the_wrong_class(real, store_root):
    fresh = make_cohort(80, 1, site="made", source="synthetic", seed=9)
    right = judged(real, fresh, store_root)
    wrong = judged(real, replace(fresh, labels=1 - fresh.labels), store_root)

    assert right.class_auroc > 0.6 > 0.4 > wrong.class_auroc
    assert right.transfer_auroc["site"] > 0.6 > 0.4 > wrong.transfer_auroc["site"]


def test_the_report_holds_what_the_judge_alone_says(real, store_root):
    fresh = make_cohort(80, 1, site="made", source="synthetic", seed=9)

    report = evaluate_synthetic(real, fresh, TINY, store_root)
    alone = judge_synthetic(real, fresh, store_root)

    assert report.judgement == alone
    assert report.to_dict()["judge"] == alone.to_dict()["judge"]
    assert alone.to_dict()["judge"]["backbone"]["image_size_px"] == TINY_JUDGE.image_size_px


def test_without_held_out_masses_nothing_can_be_compared(store_root):
    real = join([make_cohort(40), make_cohort(40, site="other", split="test", seed=1)])
    synthetic = make_cohort(20, 1, source="synthetic", seed=2)

    with pytest.raises(CohortError, match="Expected held-out masses at site"):
        evaluate_synthetic(real, synthetic, TINY, store_root)


def test_low_pass_keeps_structure_and_removes_grain():
    rng = np.random.default_rng(0)
    grain = rng.integers(0, 255, (1, 128, 128)).astype(np.uint8)
    smooth = np.repeat(np.repeat(rng.integers(50, 200, (1, 4, 4)), 32, 1), 32, 2).astype(np.uint8)

    assert low_pass(grain).std() < 0.6 * grain.std()
    assert np.abs(low_pass(smooth).astype(int) - smooth).mean() < 2
