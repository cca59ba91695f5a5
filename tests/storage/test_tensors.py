import hashlib
import json
import pickle

import pytest
import torch
from safetensors.torch import save

from mammo_core.errors import BackboneError, CheckpointError
from mammo_core.storage.tensors import (
    read_safetensors,
    read_sealed,
    read_torch,
    tensors_from_safetensors,
    write_sealed,
)


class Evil:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_safetensors_are_read():
    content = save({"a": torch.arange(3)})

    tensors = tensors_from_safetensors(content, "x", CheckpointError)

    assert tensors["a"].tolist() == [0, 1, 2]


def test_a_pickle_named_safetensors_is_called_what_it_is_and_not_run(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Evil(tmp_path / "owned")))

    with pytest.raises(CheckpointError, match="got a pickle, which may run code and is never op"):
        read_safetensors(path, CheckpointError)
    assert not (tmp_path / "owned").exists()


def test_pytorch_format_named_safetensors_is_called_what_it_is(tmp_path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "model.safetensors")

    with pytest.raises(CheckpointError, match="got a ZIP file, perhaps PyTorch's own format"):
        read_safetensors(tmp_path / "model.safetensors", CheckpointError)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"\xff" * 64,  # a header of 2^64 bytes
        (100).to_bytes(8, "little") + b"{" * 100,
        (2).to_bytes(8, "little") + b"[]",
        save({"a": torch.zeros(100)})[:-1],
    ],
)
def test_anything_else_named_safetensors_is_refused(content):
    with pytest.raises(BackboneError, match="Expected tensors as safetensors in model"):
        tensors_from_safetensors(content, "model", BackboneError)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="safetensors file at .*none"):
        read_safetensors(tmp_path / "none", CheckpointError)


def test_pytorch_format_is_read_as_tensors_and_code_in_it_is_not_run(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "good.pt")
    torch.save({"a": Evil(tmp_path / "owned")}, tmp_path / "evil.pt")

    assert read_torch(tmp_path / "good.pt", CheckpointError)["a"].tolist() == [1, 1]
    with pytest.raises(CheckpointError, match="more than tensors .* Nothing in it was run"):
        read_torch(tmp_path / "evil.pt", CheckpointError)
    assert not (tmp_path / "owned").exists()


def test_damaged_pytorch_files_are_refused(tmp_path):
    torch.save({"a": torch.ones(1000)}, tmp_path / "whole.pt")
    content = (tmp_path / "whole.pt").read_bytes()
    torch.save(torch.ones(3), tmp_path / "one.pt")
    for name, part in {"cut": content[:-700], "empty": b"", "text": b"weights"}.items():
        (tmp_path / name).write_bytes(part)

        with pytest.raises(CheckpointError, match="Expected tensors in"):
            read_torch(tmp_path / name, CheckpointError)
    with pytest.raises(CheckpointError, match="Expected tensors by name .* got a Tensor"):
        read_torch(tmp_path / "one.pt", CheckpointError)


@pytest.fixture
def sealed(tmp_path):
    """A file of tensors in a new folder, and what its card says."""
    file, card = tmp_path / "new" / "net.safetensors", tmp_path / "new" / "net.json"
    write_sealed(
        file, {"a": torch.arange(6).reshape(2, 3).T}, card, {"name": "ä"}, facts={"format": "x/1"}
    )
    return file, json.loads(card.read_text(encoding="utf-8"))


def test_sealed_tensors_are_read_back_by_what_their_card_says(sealed):
    file, card = sealed

    assert card == {"name": "ä", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    for form in ("", "x/1"):
        read = read_sealed(file, card["sha256"], form)
        assert read["a"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_changed_and_missing_files_are_refused(sealed):
    file, card = sealed
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(CheckpointError, match="was changed or damaged"):
        read_sealed(file, card["sha256"])
    file.unlink()
    with pytest.raises(CheckpointError, match="found none"):
        read_sealed(file, card["sha256"])


def test_tensors_of_another_format_are_refused(sealed):
    file, card = sealed

    with pytest.raises(CheckpointError, match="of the format x/2; .*format 'x/1'"):
        read_sealed(file, card["sha256"], "x/2")
