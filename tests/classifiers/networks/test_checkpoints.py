import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from mammo_core.classifiers.networks.building import build_classifier
from mammo_core.classifiers.networks.checkpoints import (
    classifier_bytes,
    classifier_from_bytes,
)
from mammo_core.classifiers.networks.scoring import score_masses
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import CheckpointError
from tests.conftest import make_cohort

TINY = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)
HEAD = NetworkRecipe(trained_part="head")


def trained(recipe, config=TINY):
    """A classifier whose trained weights have moved."""
    classifier = build_classifier(config, recipe, seed=5)
    rng = torch.Generator().manual_seed(0)
    for parameter in classifier.network.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=rng)
    return classifier


@pytest.mark.parametrize(
    "recipe",
    [
        HEAD,
        NetworkRecipe(trained_part="adapters", adapter_rank=2),
        NetworkRecipe(trained_stages=1),
        NetworkRecipe(batch_norm="group", head="mlp", outputs=2),
    ],
    ids=["head", "adapters", "last stage", "network"],
)
def test_loaded_classifier_scores_exactly_as_the_saved_one(recipe):
    images = make_cohort(5, 2).images
    classifier = trained(recipe)
    before = score_masses(classifier, images, TINY)

    loaded = classifier_from_bytes(classifier_bytes(classifier, TINY, recipe), "file", TINY, recipe)

    np.testing.assert_array_equal(score_masses(loaded, images, TINY), before)


def test_only_what_was_trained_is_kept():
    head = load(classifier_bytes(trained(HEAD), TINY, HEAD))
    whole = load(classifier_bytes(trained(NetworkRecipe()), TINY, NetworkRecipe()))

    assert set(head) == {"head.weight", "head.bias"}
    assert len(whole) == len(build_classifier(TINY, HEAD, seed=0).network.state_dict())


def test_backbone_that_pretraining_changed_is_kept_with_the_head(tmp_path):
    recipe = dataclasses.replace(HEAD, pretraining_steps=3)
    classifier = trained(recipe)
    classifier.network.backbone.conv_head.weight.data += 1

    loaded = classifier_from_bytes(classifier_bytes(classifier, TINY, recipe), "file", TINY, recipe)

    assert torch.equal(
        loaded.network.backbone.conv_head.weight, classifier.network.backbone.conv_head.weight
    )


def test_whole_network_needs_the_weights_it_came_from_no_more(tmp_path):
    weights = tmp_path / "base.safetensors"
    base = build_classifier(TINY, HEAD, seed=0).network.backbone
    whole = NetworkRecipe()
    content = classifier_bytes(trained(whole), TINY, whole)

    gone = dataclasses.replace(TINY, weights=str(weights))

    assert not weights.exists()
    loaded = classifier_from_bytes(content, "file", gone, whole)
    assert loaded.network.backbone.state_dict().keys() == base.state_dict().keys()


def test_frozen_weights_of_another_origin_are_refused(tmp_path, monkeypatch):
    content = classifier_bytes(trained(HEAD), TINY, HEAD)
    monkeypatch.setattr(
        "mammo_core.classifiers.networks.checkpoints.weights_identity", lambda _: "another"
    )

    with pytest.raises(CheckpointError, match="stayed frozen in file .* got another. Give"):
        classifier_from_bytes(content, "file", TINY, HEAD)


def test_file_of_another_network_or_recipe_is_refused():
    content = classifier_bytes(trained(HEAD), TINY, HEAD)
    other = dataclasses.replace(TINY, name="test_resnet")

    with pytest.raises(CheckpointError, match="to hold a test_resnet; got a test_efficientnet"):
        classifier_from_bytes(content, "file", other, HEAD)
    with pytest.raises(CheckpointError, match=r"do not: head.0.bias, head.0.weight, head.2.bias"):
        classifier_from_bytes(content, "file", TINY, NetworkRecipe(trained_part="head", head="mlp"))


@pytest.mark.parametrize("change", ["shape", "type"])
def test_tensors_of_another_shape_or_type_are_refused_by_name(change):
    content = classifier_bytes(trained(HEAD), TINY, HEAD)
    tensors = load(content)
    weight = tensors["head.weight"]
    tensors["head.weight"] = weight[:, :-1].contiguous() if change == "shape" else weight.double()
    facts = {"format": "mammo-network/1", "network": TINY.name}
    facts["frozen_weights"] = _facts(content)["frozen_weights"]

    with pytest.raises(CheckpointError, match=r"these tensors do not: head.weight\. File"):
        classifier_from_bytes(save(tensors, facts), "file", TINY, HEAD)


def test_weights_that_are_no_numbers_are_refused():
    classifier = trained(HEAD)
    classifier.network.head.bias.data.fill_(float("nan"))

    with pytest.raises(CheckpointError, match="NaN or infinity in: head.bias"):
        classifier_from_bytes(classifier_bytes(classifier, TINY, HEAD), "file", TINY, HEAD)


def test_pickle_is_refused_unopened(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"head.weight": torch.zeros(1)}, path, _use_new_zipfile_serialization=False)

    with pytest.raises(
        CheckpointError, match="Expected tensors as safetensors in net.pt; got a pickle"
    ):
        classifier_from_bytes(path.read_bytes(), "net.pt", TINY, HEAD)


def _facts(content):
    import json

    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size])["__metadata__"]
