import dataclasses
import json

import pytest
import torch

from mammo_core.errors import CheckpointError, MammoError
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.synthesis.cards import card_values, find_generators, load_card, write_card
from mammo_core.synthesis.checkpoints import load_generator, save_generator
from mammo_core.synthesis.sampling import sample_masses
from mammo_core.system.secret_key import KEY_FILE, hash_patients, unkeyed_hash


@pytest.fixture
def saved(generator, card, tmp_path):
    return save_generator(generator, card, tmp_path / "models" / "name")


def test_loaded_generator_draws_the_same_masses_up_to_half_precision(generator, saved, tmp_path):
    loaded, card = load_generator(tmp_path / "models" / "name")

    assert card == saved
    assert not loaded.training
    difference = (
        sample_masses(loaded, [0, 1], [3, 4]).float()
        - sample_masses(generator, [0, 1], [3, 4]).float()
    )
    assert difference.abs().max() <= 3


@pytest.mark.pitfall("A guarantee beside other weights")
def test_changed_weights_are_refused_with_both_hashes(saved, tmp_path):
    weights = tmp_path / "models" / "name.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    with pytest.raises(CheckpointError, match=f"with sha256 {saved.sha256}, as its card says; got"):
        load_generator(tmp_path / "models" / "name")


def test_weights_that_do_not_fit_the_card_are_refused_by_name(saved, tmp_path):
    path = tmp_path / "models" / "name.json"
    values = json.loads(path.read_text())
    values["config"]["latent_dim"] += 1
    path.write_text(json.dumps(values))

    with pytest.raises(MammoError, match="these tensors do not: |Expected latent_dim (22|16)"):
        load_generator(tmp_path / "models" / "name")


def test_missing_or_broken_cards_and_weights_are_named(saved, tmp_path):
    path = tmp_path / "models" / "name"
    with pytest.raises(CheckpointError, match=r"card at .*other.json; found none"):
        load_card(tmp_path / "other")
    path.with_suffix(".safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"weights of name at .*; found none"):
        load_generator(path)
    path.with_suffix(".json").write_text("{}")
    with pytest.raises(CheckpointError, match="got something else"):
        load_card(path)


def test_card_names_class_order(saved):
    assert saved.class_order == ("benign", "malignant")
    assert saved.guarantee_text == "none"


def test_only_the_installation_that_made_a_card_knows_its_patients(saved, tmp_path, monkeypatch):
    path = tmp_path / "models" / "name"
    assert load_card(path).patients == hash_patients("ab")

    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "elsewhere"))

    assert load_card(path).patients == load_card(path).possible_patients == frozenset()
    assert load_card(path).members == saved.members


def test_patients_are_unknown_once_their_key_is_lost(saved, private_home, tmp_path):
    (private_home / KEY_FILE).unlink()

    assert load_card(tmp_path / "models" / "name").patients == frozenset()


def test_card_of_an_earlier_version_still_matches_and_is_written_without_its_list(card, tmp_path):
    listed = sorted(unkeyed_hash(patient) for patient in "ab")
    values = card_values(dataclasses.replace(card, patients=frozenset()))
    del values["members"], values["public_data"]
    (tmp_path / "old.json").write_text(json.dumps(values | {"patients": listed}))

    old = load_card(tmp_path / "old")
    write_card(old, tmp_path / "new")

    assert old.patients == hash_patients("ab") == load_card(tmp_path / "new").patients
    text = (tmp_path / "new.json").read_text()
    assert not [one for one in (*listed, *old.patients) if one in text]


def test_weights_are_half_precision(saved, tmp_path):
    from safetensors.torch import load_file

    tensors = load_file(tmp_path / "models" / "name.safetensors").values()
    assert {tensor.dtype for tensor in tensors if tensor.is_floating_point()} == {torch.float16}


def test_guarantee_survives_the_way_to_disk(generator, card, tmp_path):
    guarantee = Guarantee(
        epsilon=9.9,
        delta=1e-4,
        unit="patient",
        num_units=578,
        mechanism="noisy means",
        arithmetic="grid",
    )
    save_generator(generator, dataclasses.replace(card, guarantee=guarantee), tmp_path / "private")

    loaded = load_card(tmp_path / "private")

    assert loaded.guarantee == guarantee
    assert loaded.guarantee_text == "(9.9, 0.0001)-differential privacy per patient"


def test_generators_are_found_by_card_and_weights(generator, card, tmp_path):
    for name in ("second", "first"):
        save_generator(generator, card, tmp_path / name)
    (tmp_path / "card_only.json").write_text("{}")
    (tmp_path / "weights_only.safetensors").write_bytes(b"")

    assert find_generators(tmp_path) == ["first", "second"]
    assert find_generators(tmp_path / "nowhere") == []
