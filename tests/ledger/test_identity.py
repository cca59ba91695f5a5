"""A release is what is in its files: weights under one name that changed are another release, with other noise."""

import dataclasses

import pytest
from safetensors.torch import save_file

from mammo_core.classifiers.backbones import build_network, load_backbone
from mammo_core.config.from_dict import from_dict
from mammo_core.config.runs import (
    BackboneConfig,
    RunConfig,
    identity_of,
    run_key,
    to_dict,
)
from mammo_core.errors import BackboneError, InvalidRequestError
from mammo_core.ledger.releases import releases_of_run
from tests.classifiers.test_features import TINY
from tests.helpers.ledgers import DELTA
from tests.helpers.made_ledgers import memory_ledger, run_many
from tests.training.heads.test_runs import make_config


def write_weights(path, times=1.0):
    """Weights of the tiny network, all multiplied by a number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = build_network(TINY).state_dict()
    save_file({name: tensor * times for name, tensor in weights.items()}, path)
    return str(path)


@pytest.fixture
def file(tmp_path):
    return write_weights(tmp_path / "weights.safetensors")


def config_of(dataset, path):
    return dataclasses.replace(
        make_config(dataset, "real"), backbone=dataclasses.replace(TINY, weights=path)
    )


def test_other_weights_under_the_same_name_are_another_release_with_other_noise(
    dataset, file, tmp_path
):
    before = config_of(dataset, file)
    write_weights(tmp_path / "weights.safetensors", 2.0)
    after = config_of(dataset, file)

    releases = [
        release
        for config in (before, after)
        for release in releases_of_run(config, 1.0, dataset.train, None)
    ]

    assert before.backbone.weights == after.backbone.weights
    assert before.noise_seed != after.noise_seed
    assert len({release.noise_seed for release in releases}) == 2
    assert len({release.release for release in releases}) == 2
    assert run_key(before, "data") != run_key(after, "data")


def test_two_trainings_on_other_weights_are_two_entries_and_their_noise_does_not_cancel(
    dataset, file, tmp_path
):
    ledger = memory_ledger()
    for times in (1.0, 2.0):
        write_weights(tmp_path / "weights.safetensors", times)
        config = config_of(dataset, file)
        bench = dataclasses.replace(dataset, backbone=config.backbone, _prepared={})
        list(run_many(bench, [config], ledger=ledger.on_behalf_of("train")))

    total = ledger.book().total(dataset.cohort_identity.members, DELTA)

    assert total.num_releases == 2
    assert total.num_without_dp == 0  # noise used twice would count as none


def test_same_content_elsewhere_is_the_same_release(dataset, file, tmp_path):
    here, there = (
        config_of(dataset, path)
        for path in (file, write_weights(tmp_path / "moved" / "w.safetensors"))
    )

    assert here.noise_seed == there.noise_seed
    assert run_key(here, "data") == run_key(there, "data")
    assert (
        releases_of_run(here, 1.0, dataset.train, None)[0].release
        == releases_of_run(there, 1.0, dataset.train, None)[0].release
    )


def test_other_synthetic_masses_are_another_release_and_shared_noise_counts_as_none(dataset):
    ledger = memory_ledger()
    for synthetic in (dataset.synthetic, dataset.synthetic.where(slice(0, 60))):
        (release,) = releases_of_run(
            make_config(dataset, "pretrain"), 1.0, dataset.train, synthetic
        )
        ledger.on_behalf_of("train").record(dataset.cohort_identity, [release])

    total = ledger.book().total(dataset.cohort_identity.members, DELTA)

    assert (total.num_releases, total.num_without_dp) == (2, 1)


def test_content_travels_with_the_configuration(file, tmp_path):
    backbone = dataclasses.replace(TINY, weights=file)
    written = to_dict(backbone)
    write_weights(tmp_path / "weights.safetensors", 2.0)

    read = from_dict(BackboneConfig, written)

    assert read == backbone
    with pytest.raises(BackboneError, match="as they were when this was asked for"):
        load_backbone(read)
    load_backbone(dataclasses.replace(TINY, weights=file))


def test_named_weights_keep_their_identity_whatever_they_replace(file):
    for name in ("auto", "random"):
        backbone = dataclasses.replace(TINY, weights=name)
        again = dataclasses.replace(dataclasses.replace(backbone, weights=file), weights=name)
        assert again == backbone == from_dict(BackboneConfig, to_dict(backbone))
        assert "weights_sha256" not in to_dict(backbone)
        assert identity_of(backbone) == to_dict(backbone)


def test_run_of_version_0_2_keeps_its_key_but_is_not_trained_again(dataset, file):
    values = to_dict(config_of(dataset, file))
    del values["backbone"]["weights_sha256"]

    old = from_dict(RunConfig, values)

    assert to_dict(old) == identity_of(old) == values
    load_backbone(old.backbone)
    with pytest.raises(InvalidRequestError, match="Ask for it anew"):
        releases_of_run(old, 1.0, dataset.train, None)


def test_file_that_is_missing_is_told_when_it_is_loaded(tmp_path):
    backbone = dataclasses.replace(TINY, weights=str(tmp_path / "none.safetensors"))

    with pytest.raises(BackboneError, match="found none"):
        load_backbone(backbone)
