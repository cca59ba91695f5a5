import pytest
import torch

from mammo_core.errors import InvalidRequestError
from mammo_core.synthesis.sampling import sample_masses


def test_a_mass_is_the_same_to_the_bit_whatever_is_drawn_beside_it(generator):
    together = sample_masses(generator, [0, 1, 1], [5, 6, 7])
    alone = sample_masses(generator, [1], [7])

    assert torch.equal(together[2], alone[0])
    assert not torch.equal(together[1], together[2])
    assert together.dtype == torch.uint8


def test_twins_share_the_seed_and_differ_in_class(generator):
    benign, malignant = sample_masses(generator, [0, 1], [5, 5])

    assert not torch.equal(benign, malignant)


def test_truncation_brings_masses_closer_together(generator):
    seeds, labels = range(24), [0] * 24

    whole = sample_masses(generator, labels, seeds).float().std(0).mean()
    typical = sample_masses(generator, labels, seeds, truncation=0.2).float().std(0).mean()

    assert typical < whole


def test_progress_counts_masses(generator):
    seen = []

    sample_masses(generator, [0, 1], [0, 1], on_progress=lambda *args: seen.append(args))

    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("labels", "seeds", "truncation", "message"),
    [
        ([0, 1], [1], 1.0, "one seed per label; got 2 labels and 1 seeds"),
        ([2], [1], 1.0, r"labels of \[0, 1\]"),
        ([1], [-1], 1.0, "seeds of 0 or more"),
        ([1], [1], 0.0, "0 < truncation <= 1"),
        ([1], [1], float("nan"), "0 < truncation <= 1"),
    ],
)
def test_impossible_requests_are_refused(generator, labels, seeds, truncation, message):
    with pytest.raises(InvalidRequestError, match=message):
        sample_masses(generator, labels, seeds, truncation=truncation)
