"""Generators from elsewhere: whatever is in the files, a clear error or a working generator."""

import dataclasses
import hashlib
import json
import random

import pytest
import torch
from safetensors.torch import save

from mammo_core.errors import CheckpointError, MammoError
from mammo_core.synthesis.cards import load_card
from mammo_core.synthesis.checkpoints import load_generator, save_generator
from tests.helpers.sizes import few_or_many
from tests.synthesis.conftest import make_trainer


@pytest.fixture
def files(generator, card, tmp_path):
    save_generator(generator, card, tmp_path / "name")
    return tmp_path / "name"


def seal(path, content):
    """Puts other weights beside the card, with the card's hash made to fit."""
    path.with_suffix(".safetensors").write_bytes(content)
    values = json.loads(path.with_suffix(".json").read_text())
    values["sha256"] = hashlib.sha256(content).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(values))


def mutated(content, rng):
    """A copy with bytes changed, cut out, repeated or put in."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(min(len(content), rng.choice([64, 2048, len(content)])))
        match rng.randrange(4):
            case 0:
                content[at] = rng.randrange(256)
            case 1:
                del content[at : at + rng.randrange(1, 64)]
            case 2:
                content[at:at] = content[at : at + rng.randrange(1, 64)]
            case 3:
                content[at : at + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, b"-1e99999"])
    return bytes(content)


@few_or_many("mutations", 60, 500)
def test_mutated_weights_with_a_fitting_hash_load_or_are_refused(files, mutations):
    rng, whole = random.Random(1), files.with_suffix(".safetensors").read_bytes()
    refused = 0
    for _ in range(mutations):
        seal(files, mutated(whole, rng))
        try:
            load_generator(files)
        except CheckpointError:
            refused += 1
    assert refused > mutations / 4


@few_or_many("mutations", 200, 2000)
def test_mutated_cards_load_or_are_refused(files, mutations):
    rng, whole = random.Random(2), files.with_suffix(".json").read_bytes()
    refused = 0
    for _ in range(mutations):
        files.with_suffix(".json").write_bytes(mutated(whole, rng))
        try:
            load_card(files)
        except MammoError:
            refused += 1
    assert refused > mutations / 4


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe", b"[]", b"null", b'{"config": 1}'])
def test_cards_that_are_no_cards_are_refused(files, content):
    files.with_suffix(".json").write_bytes(content)

    with pytest.raises(CheckpointError, match="got something else"):
        load_card(files)


def test_a_card_that_asks_for_endless_memory_is_refused_before_any_is_taken(files):
    values = json.loads(files.with_suffix(".json").read_text())
    for change in ({"width": 10**9}, {"latent_dim": 10**9}, {"width": 512, "latent_dim": 60}):
        changed = dict(values, config=values["config"] | change)
        files.with_suffix(".json").write_text(json.dumps(changed))

        with pytest.raises(MammoError, match="Expected"):
            load_generator(files)


def test_weights_that_are_not_numbers_are_refused(files):
    generator, _ = load_generator(files)
    weights = {name: tensor.half() for name, tensor in generator.state_dict().items()}
    name = next(iter(weights))
    weights[name] = torch.full_like(weights[name], torch.nan)
    seal(files, save(weights))

    with pytest.raises(CheckpointError, match=f"got NaN or infinity in: {name}"):
        load_generator(files)


def test_state_of_another_training_is_refused_and_kept(trained_config, tmp_path):
    path = tmp_path / "state.pt"
    make_trainer(trained_config).save(path)
    whole = path.read_bytes()
    other = make_trainer(dataclasses.replace(trained_config, width=trained_config.width + 1))

    with pytest.raises(CheckpointError, match="Expected the state of this very training"):
        other.load(path)
    assert path.read_bytes() == whole
