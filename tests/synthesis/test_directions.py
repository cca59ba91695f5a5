import torch
from pytest import approx, fixture, mark, raises

from mammo_core.errors import InvalidRequestError
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.latent.directions import (
    Directions,
    directions_file,
    find_directions,
    load_directions,
    measured_changes,
    save_directions,
)
from mammo_core.synthesis.sampling import build_generator
from mammo_core.synthesis.simulator import PARAMETERS
from tests.synthesis.conftest import TINY

SIMULATED = GanConfig(architecture="simulator", image_size_px=64, latent_dim=len(PARAMETERS))


@fixture
def small():
    torch.manual_seed(0)
    return build_generator(TINY["mcgan"]).eval()


@mark.parametrize(
    ("parameter", "name", "is_more"),
    [
        ("size", "size", True),
        ("density", "density", True),
        ("blur", "sharpness", False),
        ("brightness", "brightness", True),
    ],
)
def test_what_a_simulator_is_told_to_change_is_what_is_measured(parameter, name, is_more):
    simulator = build_generator(SIMULATED).eval()
    index = [one.name for one in PARAMETERS].index(parameter)
    vectors = simulator.parameter_directions[index : index + 1]

    found = Directions(vectors, measured_changes(simulator, vectors))

    named = found.named(0)
    assert named and named.name == name
    assert (max(found.changes[0].tolist(), key=abs) > 0) == is_more


def test_directions_are_unit_vectors_and_point_to_more_of_what_names_them(small):
    found = find_directions(small)

    assert found.vectors.shape == (7, small.latent_dim)
    assert found.vectors.norm(dim=1).tolist() == approx([1.0] * 7, abs=1e-4)
    assert all(max(changes, key=abs) >= 0 for changes in found.changes[1:].tolist())
    torch.testing.assert_close(
        measured_changes(small, found.vectors[2:3]), found.changes[2:3], atol=1e-4, rtol=0
    )


def test_a_direction_that_changes_nothing_has_no_name(small):
    still = torch.zeros(1, small.latent_dim)

    found = Directions(still, measured_changes(small, still))

    assert not found.changes.any()
    assert found.named(0) is None


def test_a_generator_of_too_few_numbers_has_no_directions():
    few = build_generator(GanConfig(architecture="mcgan", image_size_px=16, latent_dim=4, width=2))

    with raises(InvalidRequestError, match="at most 4 directions"):
        find_directions(few.eval())


def test_directions_are_read_as_written_for_their_own_generator_only(tmp_path):
    written = Directions(torch.eye(7), torch.arange(28.0).reshape(7, 4))
    path = directions_file(tmp_path / "models" / "mine")

    save_directions(written, path, "abc")

    read = load_directions(path, "abc")
    assert read is not None
    assert torch.equal(read.vectors, written.vectors) and torch.equal(read.changes, written.changes)
    assert load_directions(path, "abd") is None
    assert path.name == "mine.directions.safetensors"


@mark.parametrize("content", [b"", b"nonsense", b"\x80\x02pickle"])
def test_a_file_that_holds_no_directions_is_as_if_it_were_not_there(tmp_path, content):
    path = tmp_path / "mine.directions.safetensors"
    path.write_bytes(content)

    assert load_directions(path, "abc") is None
    assert load_directions(tmp_path / "missing", "abc") is None
