import numpy as np
import pytest
from sklearn.metrics import roc_curve

from mammo_core.evaluation.curves import ROC_GRID, mean_roc

SEEDS = (1, 2, 3)


@pytest.fixture
def tested():
    """Labels and scores of three seeds on two test sets."""
    found = []
    for seed in SEEDS:
        for name, shift in (("here", 1.5), ("elsewhere", 0.5)):
            rng = np.random.default_rng(seed)
            labels = np.arange(60) % 2
            scores = rng.normal(shift * labels, 1)
            found.append(({"strategy": "real", "test_set": name}, labels, scores))
    return found


def test_mean_roc_is_the_mean_of_the_seeds_at_each_false_positive_rate(tested):
    table = mean_roc(tested)

    assert list(table) == ["strategy", "test_set", "fpr", "tpr", "tpr_low", "tpr_high"]
    assert set(table["test_set"]) == {"here", "elsewhere"}
    here = table[table["test_set"] == "here"].set_index("fpr")
    assert list(here.index) == list(ROC_GRID)
    single = []
    for shared, labels, scores in tested:
        if shared["test_set"] == "here":
            fpr, tpr, _ = roc_curve(labels, scores)
            single.append(np.interp(0.3, fpr, tpr))
    at = here.iloc[np.argmin(np.abs(ROC_GRID - 0.3))]
    assert at["tpr"] == pytest.approx(np.mean(single))
    assert (at["tpr_low"], at["tpr_high"]) == pytest.approx((min(single), max(single)))


def test_mean_roc_rises_from_no_alarm_to_all(tested):
    for _, curve in mean_roc(tested).groupby("test_set"):
        assert curve["tpr"].is_monotonic_increasing
        assert curve["tpr"].iloc[-1] == 1
