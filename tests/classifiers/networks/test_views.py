import pytest
import torch

from mammo_core.classifiers.features import resize, views_of
from mammo_core.classifiers.networks.views import VIEWS, sample_views, show_views


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("augmentation", "count"), [("none", 1), ("flips", 4), ("turns", 8)])
def test_every_view_that_is_allowed_comes_up_and_no_other(augmentation, count):
    drawn = sample_views(400, 1, augmentation, rng())

    assert set(drawn.flatten().tolist()) == set(VIEWS[augmentation])
    assert len(VIEWS[augmentation]) == count


def test_views_of_a_mass_are_different_as_long_as_there_are_enough():
    four, ten = sample_views(50, 4, "turns", rng()), sample_views(50, 10, "turns", rng())

    assert all(len(set(row)) == 4 for row in four.tolist())
    assert all(len(set(row)) == 8 for row in ten.tolist())


def test_views_are_equally_likely():
    drawn = sample_views(8000, 2, "turns", rng())

    counts = torch.bincount(drawn.flatten(), minlength=8)
    assert (counts - 2000).abs().max() < 5 * 2000**0.5


def test_views_follow_from_the_generator():
    assert torch.equal(sample_views(9, 3, "flips", rng(1)), sample_views(9, 3, "flips", rng(1)))
    assert not torch.equal(sample_views(9, 3, "flips", rng(1)), sample_views(9, 3, "flips", rng(2)))


def test_flips_turn_no_column_into_a_row():
    striped = torch.arange(4).repeat(4, 1)[None].to(torch.uint8)  # every row alike

    shown = show_views(striped, torch.tensor([VIEWS["flips"]]))

    assert all(torch.equal(view[0], view[1]) for view in shown)


def test_turning_before_resizing_is_turning_after_it():
    images = torch.randint(0, 256, (2, 24, 24), dtype=torch.uint8, generator=rng())

    before = resize(show_views(images, torch.arange(8).expand(2, 8)), 40)
    after = torch.stack(views_of(resize(images, 40), 8), dim=1).flatten(0, 1)

    torch.testing.assert_close(before, after, rtol=0, atol=1e-5)
