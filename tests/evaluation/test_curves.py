import numpy as np
import pytest
from scipy.stats import ttest_ind

from mammo_core.evaluation.curves import difference_of_seeds


def test_difference_has_the_interval_of_welchs_test():
    rng = np.random.default_rng(0)
    values, others = rng.normal(0.76, 0.01, 10), rng.normal(0.75, 0.03, 8)

    found = difference_of_seeds(values, others)

    interval = ttest_ind(values, others, equal_var=False).confidence_interval()
    assert found is not None
    assert found.value == pytest.approx(values.mean() - others.mean())
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_seeds_that_do_not_differ_leave_no_doubt():
    found = difference_of_seeds([0.75, 0.75], [0.5, 0.5])

    assert found is not None
    assert found.low == found.value == found.high == 0.25


def test_one_seed_tells_no_interval():
    assert difference_of_seeds([0.7], [0.6, 0.5]) is None
