"""Trained classifiers on disk: safetensors with what was trained, or everything where everything was.

What stayed frozen is had from where it came from; the file says which weights these must be. Nothing is unpickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from safetensors.torch import save
from torch import Tensor, nn

from mammo_core.classifiers.backbones import weights_identity
from mammo_core.classifiers.heads import read_tensors
from mammo_core.classifiers.networks.building import Classifier, build_classifier
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import CheckpointError
from mammo_core.storage.atomic import disk_errors_explained, write_bytes
from mammo_core.storage.tensors import read_sealed

NETWORK_FORMAT = "mammo-network/1"


def save_classifier(
    classifier: Classifier, backbone: BackboneConfig, recipe: NetworkRecipe, path: Path
) -> str:
    """Writes a classifier as `build_classifier` made it from the same configuration, and training left it.

    Returns:
        The sha256 of the file, to be kept beside it.

    Raises:
        StoreError: If it cannot be written.
    """
    content = classifier_bytes(classifier, backbone, recipe)
    with disk_errors_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def load_classifier(
    path: Path, sha256: str, backbone: BackboneConfig, recipe: NetworkRecipe
) -> Classifier:
    """Reads what `save_classifier` wrote.

    Raises:
        CheckpointError: If the file is missing, another one, or does not fit the configuration.
        BackboneError: If weights that stayed frozen cannot be had.
    """
    content = read_sealed(path, sha256, CheckpointError)
    return classifier_from_bytes(content, str(path), backbone, recipe)


def classifier_bytes(
    classifier: Classifier, backbone: BackboneConfig, recipe: NetworkRecipe
) -> bytes:
    """A classifier as the content of a file."""
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in _kept(classifier.network, recipe).items()
    }
    return save(
        tensors,
        {
            "format": NETWORK_FORMAT,
            "network": backbone.name,
            "frozen_weights": "" if _all_trained(recipe) else weights_identity(backbone),
        },
    )


def classifier_from_bytes(
    content: bytes, name: str, backbone: BackboneConfig, recipe: NetworkRecipe
) -> Classifier:
    """The inverse of `classifier_bytes`.

    Args:
        name: Of the file, for messages.

    Raises:
        CheckpointError: If it is no such file, damaged, or does not fit the configuration.
        BackboneError: If weights that stayed frozen cannot be had.
    """
    tensors, facts = read_tensors(content, name, NETWORK_FORMAT)
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
