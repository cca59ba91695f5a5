"""Clipped sums that are wrong in any batch are found, whatever is wrong about them."""

import math

import pytest
import torch

from mammo_core.errors import PrivacyError
from mammo_core.privacy.noise.clipping import clip_rows
from mammo_core.privacy.noise.unit_check import require_right_gradients, wrong_gradients

VECTORS = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def gradients():
    return torch.cat([VECTORS, 2 * VECTORS], dim=1)


def parameters():
    return {name: torch.zeros(4, dtype=torch.float64, requires_grad=True) for name in "ab"}


def found_wrong(spoil):
    """Which of two parameters, whose gradients are a unit's vector and its double, are found wrong."""
    named = parameters()

    def losses_of(units):
        return VECTORS[units] @ named["a"] + 2 * VECTORS[units] @ named["b"]

    def clipped_sums(units, bound):
        sums = clip_rows(gradients()[units], bound).sum(0).split(4)
        return spoil(sums, units.stop, bound)

    wrong = wrong_gradients([*named.values()], losses_of, clipped_sums)
    if wrong:
        with pytest.raises(PrivacyError, match="Expected the gradients that one backward pass"):
            require_right_gradients(named, losses_of, clipped_sums)
    else:
        require_right_gradients(named, losses_of, clipped_sums)
    return wrong


def test_right_sums_pass():
    assert found_wrong(lambda sums, count, bound: sums) == []


@pytest.mark.pitfall("Wrong gradients of single patients")
@pytest.mark.parametrize("only_in_batches_of", [1, 2, 3])
def test_a_sum_that_is_wrong_in_batches_of_one_size_is_found(only_in_batches_of):
    def spoil(sums, count, bound):
        return sums[0], sums[1].flip(0) if count == only_in_batches_of else sums[1]

    assert found_wrong(spoil) == [1]


@pytest.mark.pitfall("Wrong gradients of single patients")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda sums, count, bound: [1.1 * part for part in sums],
        lambda sums, count, bound: [part * math.nan for part in sums],
        lambda sums, count, bound: clip_rows(gradients()[:count], 9e9).sum(0).split(4),
    ],
    ids=["longer", "not a number", "not clipped"],
)
def test_sums_that_break_the_bound_are_found(spoil):
    assert found_wrong(spoil) == [0, 1]


@pytest.mark.pitfall("Wrong gradients of single patients")
def test_units_clipped_together_are_found():
    """Right in length and direction, and of a batch of one too, but not unit by unit."""

    def spoil(sums, count, bound):
        if bound > 1.5 * gradients().norm(dim=1).max():
            return sums
        return clip_rows(gradients()[:count].sum(0, keepdim=True), bound)[0].split(4)

    assert found_wrong(spoil) == [0, 1]
