import json

import pytest
import torch
from filelock import FileLock

from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import PrivacyConfig, RunConfig
from mammo_core.errors import CheckpointError, InvalidRequestError, StoreError
from mammo_core.training.networks.checkpoints import CARD_FILE, NetworkCheckpoints


def config(seed=1):
    return RunConfig(
        strategy="real",
        privacy=PrivacyConfig(target_epsilon=6.0),
        recipe=NetworkRecipe(),
        seed=seed,
    )


@pytest.fixture
def kept(tmp_path):
    checkpoints = NetworkCheckpoints(tmp_path, config(), "data")
    with checkpoints.held():
        checkpoints.save("training", {"weights": torch.arange(4.0)}, {"step": 7})
    return checkpoints


def test_checkpoint_is_read_back_as_it_was_written(kept):
    found = kept.load()

    assert (found.phase, found.facts) == ("training", {"step": 7})
    assert found.tensors["weights"].tolist() == [0, 1, 2, 3]


def test_newer_checkpoint_takes_the_place_of_the_one_before(kept):
    kept.save("training", {"weights": torch.zeros(4)}, {"step": 8})

    assert kept.load().facts == {"step": 8}
    assert len(list(kept.folder.glob("*.safetensors"))) == 1


def test_nothing_is_found_of_a_run_of_another_seed_or_of_other_data(kept, tmp_path):
    assert NetworkCheckpoints(tmp_path, config(seed=2), "data").load() is None
    assert NetworkCheckpoints(tmp_path, config(), "other").load() is None


def test_checkpoint_of_another_run_is_refused_and_kept(kept, tmp_path):
    other = NetworkCheckpoints(tmp_path, config(seed=2), "data")
    kept.folder.rename(other.folder)

    with pytest.raises(CheckpointError, match="checkpoint of the run .* Nothing was changed"):
        other.load()

    assert len(list(other.folder.iterdir())) == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "x"}'])
def test_damaged_card_is_refused_and_kept(kept, content):
    (kept.folder / CARD_FILE).write_text(content)

    with pytest.raises(CheckpointError, match="move the folder"):
        kept.load()

    assert (kept.folder / CARD_FILE).read_text() == content


def test_damaged_tensors_are_refused_and_kept(kept):
    (path,) = kept.folder.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    with pytest.raises(CheckpointError, match=r"sha256 .* spend its ε again"):
        kept.load()

    assert path.read_bytes() == bytes(content)


def test_card_cannot_name_a_file_elsewhere(kept, tmp_path):
    (tmp_path / "other.safetensors").write_bytes(b"")
    card = json.loads((kept.folder / CARD_FILE).read_text())
    (kept.folder / CARD_FILE).write_text(
        json.dumps(card | {"file": str(tmp_path / "other.safetensors")})
    )

    with pytest.raises(CheckpointError, match="found none"):
        kept.load()


def test_run_in_training_elsewhere_is_not_trained_twice(kept):
    held = kept.held()

    with (
        FileLock(kept.folder.with_suffix(".lock")),
        pytest.raises(InvalidRequestError, match="another process is training it now"),
    ):
        held.__enter__()


def test_finished_run_leaves_no_checkpoint(kept):
    kept.remove()

    assert kept.load() is None
    assert not kept.folder.exists()


def test_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "networks").write_text("a file is in the way")

    with pytest.raises(StoreError, match="Expected to write"):
        NetworkCheckpoints(tmp_path, config(), "data").held().__enter__()
