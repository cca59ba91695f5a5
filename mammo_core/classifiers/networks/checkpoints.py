"""Trained classifiers on disk: safetensors with what was trained, or everything where everything was.

What stayed frozen is had from where it came from; the file says which weights these must be. Nothing is unpickled.
"""

from __future__ import annotations

import dataclasses

from torch import Tensor, nn

from mammo_core.classifiers.backbones import weights_identity
from mammo_core.classifiers.networks.building import Classifier, build_classifier
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import CheckpointError
from mammo_core.storage.tensors import safetensors_bytes, tensors_of_format

NETWORK_FORMAT = "mammo-network/1"


def classifier_bytes(
    classifier: Classifier, backbone: BackboneConfig, recipe: NetworkRecipe
) -> bytes:
    """Encodes a classifier as the content of a file."""
    return safetensors_bytes(
        _kept(classifier.network, recipe),
        {
            "format": NETWORK_FORMAT,
            "network": backbone.name,
            "frozen_weights": "" if _all_trained(recipe) else weights_identity(backbone),
        },
    )


def classifier_from_bytes(
    content: bytes, name: str, backbone: BackboneConfig, recipe: NetworkRecipe
) -> Classifier:
    """Decodes what `classifier_bytes` wrote.

    Args:
        name: Of the file, for messages.

    Raises:
        CheckpointError: If it is no such file, damaged, or does not fit the configuration.
        BackboneError: If weights that stayed frozen cannot be had.
    """
    tensors, facts = tensors_of_format(content, name, NETWORK_FORMAT)
    if facts.get("network") != backbone.name:
        raise CheckpointError(
            f"Expected {name} to hold a {backbone.name}; got a {facts.get('network')}. File and "
            "configuration do not belong together."
        )
    if _all_trained(recipe):
        backbone = dataclasses.replace(backbone, weights="random")  # all are replaced
    elif facts.get("frozen_weights") != weights_identity(backbone):
        raise CheckpointError(
            f"Expected the weights that stayed frozen in {name} to be those with sha256 "
            f"{facts.get('frozen_weights')}; got {weights_identity(backbone)}. Give the weights it was "
            "trained from with --weights."
        )
    classifier = build_classifier(backbone, recipe, seed=0)
    own = _kept(classifier.network, recipe)
    wrong = sorted(
        key for key in own.keys() | tensors.keys() if _kind(own, key) != _kind(tensors, key)
    )
    if wrong:
        raise CheckpointError(
            f"Expected {name} to fit the {backbone.name} of its configuration; these tensors do not: "
            f"{', '.join(wrong[:5])}. File and configuration do not belong together."
        )
    classifier.network.load_state_dict(tensors, strict=False)
    return classifier


def _all_trained(recipe: NetworkRecipe) -> bool:
    """Whether training, or the training before it, changed the backbone throughout."""
    pretrained = recipe.pretraining_steps > 0 and recipe.pretraining_part == "network"
    whole = recipe.trained_part == "network" and recipe.trained_stages is None
    return pretrained or whole


def _kept(network: nn.Module, recipe: NetworkRecipe) -> dict[str, Tensor]:
    """The tensors that a file holds, by name."""
    state = network.state_dict()
    if _all_trained(recipe):
        return state
    return {name: state[name] for name, own in network.named_parameters() if own.requires_grad}


def _kind(tensors: dict[str, Tensor], name: str) -> tuple[object, ...] | None:
    found = tensors.get(name)
    return None if found is None else (found.dtype, found.shape)
