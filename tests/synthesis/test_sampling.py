import pytest
import torch

from mammo_core.errors import InvalidRequestError
from mammo_core.synthesis import sampling
from mammo_core.synthesis.sampling import (
    along,
    between,
    build_generator,
    class_direction,
    generate_masses,
    moved,
    origin_of_seed,
    principal_directions,
    sample_masses,
)
from tests.synthesis.conftest import TINY


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


def test_who_stops_half_way_does_not_wait_for_the_rest(generator, monkeypatch):
    drawn = []
    draw_one = sampling._generate_one
    monkeypatch.setattr(
        sampling, "_generate_one", lambda *args: (drawn.append(1), draw_one(*args))[1]
    )

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_masses(generator, [0] * 2000, range(2000), on_progress=stop)

    assert len(drawn) < 1000


@pytest.mark.parametrize(
    ("labels", "seeds", "truncation", "message"),
    [
        ([0, 1], [1], 1.0, "one origin per label; got 2 labels and 1 origins"),
        ([2], [1], 1.0, r"labels of \[0, 1\]"),
        ([1], [-1], 1.0, "seed >= 0"),
        ([1], [1], 0.0, "0 < truncation <= 1"),
        ([1], [1], float("nan"), "0 < truncation <= 1"),
    ],
)
def test_impossible_requests_are_refused(generator, labels, seeds, truncation, message):
    with pytest.raises(InvalidRequestError, match=message):
        sample_masses(generator, labels, seeds, truncation=truncation)


def test_threads_are_as_before_also_after_an_error(generator):
    threads = torch.get_num_threads()

    sample_masses(generator, [0], [0])
    broken = origin_of_seed(generator, 1)
    broken = type(broken)(broken.latent[:, :2], broken.noise)
    with pytest.raises(RuntimeError, match="size|shape|channels"):
        generate_masses(generator, [0], [broken])

    assert torch.get_num_threads() == threads


def test_the_way_between_two_seeds_begins_and_ends_at_them_and_keeps_its_distance(generator):
    first, last = origin_of_seed(generator, 1), origin_of_seed(generator, 2)

    way = between(first, last, 5)

    torch.testing.assert_close(way[0].latent, first.latent)
    torch.testing.assert_close(way[-1].latent, last.latent)
    assert way[2].latent.norm() > 0.9 * min(first.latent.norm(), last.latent.norm())
    assert all(origin.noise is first.noise for origin in way)
    assert [o.latent.tolist() for o in between(first, first, 3)] == [first.latent.tolist()] * 3


def test_moving_along_a_direction_changes_nothing_else(generator):
    origin = origin_of_seed(generator, 1)
    direction = torch.nn.functional.one_hot(torch.tensor(2), generator.latent_dim).float()

    way = torch.cat([moved.latent for moved in along(origin, direction, 3.0, 7)])

    assert way[:, 2].tolist() == pytest.approx([-3, -2, -1, 0, 1, 2, 3])
    kept = [i for i in range(generator.latent_dim) if i != 2]
    torch.testing.assert_close(way[:, kept], origin.latent[:, kept].expand(7, -1))


def test_principal_direction_is_the_one_that_changes_masses_most():
    """A structure that stretches the fourth latent most and the first next."""
    torch.manual_seed(0)
    generator = build_generator(TINY["cascade"]).eval()

    class Stretched(torch.nn.Module):
        def forward(self, latents, labels):
            return latents * torch.tensor([3.0, 1, 1, 9, 1, 1])

    generator.structure = Stretched()

    first, second = principal_directions(generator, 2)

    assert abs(first[3]) > 0.99
    assert abs(second[0]) > 0.99
    with pytest.raises(InvalidRequestError, match="at most 6 directions"):
        principal_directions(generator, 7)


def test_class_direction_is_where_twins_differ():
    """Malignant structures differ from benign ones in their third coefficient, stretched twofold."""
    torch.manual_seed(0)
    generator = build_generator(TINY["cascade"]).eval()

    class Shifted(torch.nn.Module):
        def forward(self, latents, labels):
            third = torch.nn.functional.one_hot(torch.tensor(2), 6)
            return 2 * latents + 3.0 * labels[:, None] * third

    generator.structure = Shifted()

    torch.testing.assert_close(
        class_direction(generator), torch.tensor([0, 0, 1.0, 0, 0, 0]), atol=1e-3, rtol=0
    )


def test_moving_along_directions_adds_up_and_keeps_the_grain(generator):
    origin = origin_of_seed(generator, 3)
    directions = torch.nn.functional.normalize(torch.randn(2, generator.latent_dim), dim=1)

    there = moved(origin, directions, [1.5, -2.0])
    back = moved(there, directions, [-1.5, 2.0])

    expected = origin.latent[0] + 1.5 * directions[0] - 2.0 * directions[1]
    torch.testing.assert_close(there.latent[0], expected)
    torch.testing.assert_close(back.latent, origin.latent)
    assert all(map(torch.equal, there.noise, origin.noise))
    assert torch.equal(moved(origin, directions, [0, 0]).latent, origin.latent)


@pytest.mark.parametrize(
    ("offsets", "message"), [([1.0], "one offset per direction"), ([1, float("nan")], "finite")]
)
def test_impossible_moves_are_refused(generator, offsets, message):
    with pytest.raises(InvalidRequestError, match=message):
        moved(origin_of_seed(generator, 3), torch.eye(generator.latent_dim)[:2], offsets)
