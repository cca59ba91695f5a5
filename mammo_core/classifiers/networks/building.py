"""Classifiers of masses whose network is trained, or a part of it: a timm network with a new head.

Dropout and stochastic depth are switched off (the paper's Swin-T had stochastic depth), so that a network gives
the same outputs in train and eval mode.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.layer_maps import timm_model
from mammo_core.classifiers.networks.adapters import add_adapters, uninitialised
from mammo_core.classifiers.networks.normalisation import replace_batch_norm
from mammo_core.classifiers.networks.stages import freeze_first_stages
from mammo_core.config.network_recipe import NetworkRecipe, Precision
from mammo_core.config.runs import BackboneConfig
from mammo_core.labels import BENIGN, MALIGNANT
from mammo_core.privacy.networks.private_layers import freeze_raw_parameters

# what forward and backward passes are cast to, see `torch.autocast`
AUTOCAST: dict[Precision, torch.dtype | None] = {"float32": None, "bfloat16": torch.bfloat16}
_LEAK = 0.2  # of the paper's LeakyReLU


class MassNetwork(nn.Module):
    """A backbone and a head.

    Attributes:
        backbone: (N, 3, S, S) -> (N, D) pooled features.
        head: (N, D) -> (N, outputs).
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of normalised inputs: (N, 3, S, S) -> (N, outputs); see `malignancy`."""
        return self.head(self.backbone(inputs))


@dataclass(frozen=True)
class Classifier:
    """A network to train, on the CPU at first, and how masses are shown to it.

    Attributes:
        mean, std: Per-channel normalisation of inputs in [0, 1].
        changes: What was replaced, frozen or switched off in timm's network, in words.
    """

    network: MassNetwork
    mean: tuple[float, ...]
    std: tuple[float, ...]
    changes: tuple[str, ...]


def build_classifier(backbone: BackboneConfig, recipe: NetworkRecipe, *, seed: int) -> Classifier:
    """Builds a classifier whose trained parameters, and only these, require gradients.

    Args:
        backbone: The network and its weights.
        recipe: What is trained, and which head.
        seed: Of the first weights of the head and of adapters.

    Raises:
        BackboneError: If the network or its weights cannot be had, or cannot be trained.
        InvalidRequestError: If the recipe does not fit the network.
    """
    loaded = load_backbone(backbone)
    network = loaded.network
    model = timm_model(network)
    model.reset_classifier(0)
    rng = torch.Generator().manual_seed(seed)
    head = build_head(model.head_hidden_size, recipe, rng)
    changes = [
        f"its classifier replaced by a new head of {_words(head)}",
        *_replaced_batch_norm(network, recipe),
        *_switched_off(network),
        *_frozen(network, recipe, rng),
    ]
    return Classifier(MassNetwork(network, head), loaded.mean, loaded.std, tuple(changes))


def build_head(num_features: int, recipe: NetworkRecipe, rng: torch.Generator) -> nn.Module:
    """Builds a head alone, to train on cached features: (N, num_features) -> (N, recipe.outputs)."""
    if recipe.head == "linear":
        return _linear(num_features, recipe.outputs, rng)
    hidden = num_features // 2
    return nn.Sequential(
        _linear(num_features, hidden, rng),
        nn.LeakyReLU(_LEAK),
        _linear(hidden, recipe.outputs, rng),
    )


def malignancy(outputs: Tensor) -> Tensor:
    """Converts outputs to P(malignant), in their precision: (N, 1) or (N, 2) -> (N,) in [0, 1]."""
    if outputs.shape[1] == 1:
        return torch.sigmoid(outputs[:, 0])
    return torch.sigmoid(outputs[:, MALIGNANT] - outputs[:, BENIGN])


def _linear(inputs: int, outputs: int, rng: torch.Generator) -> nn.Linear:
    """Builds a linear layer initialised as PyTorch does, from the given generator."""
    layer = uninitialised(nn.Linear, inputs, outputs)
    bound = inputs**-0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=rng)
    nn.init.uniform_(layer.bias, -bound, bound, generator=rng)
    return layer


def _words(head: nn.Module) -> str:
    """Describes a head's sizes, for example "768 → 384 → 2"."""
    layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
    return " → ".join(
        str(size) for size in [layers[0].in_features, *(x.out_features for x in layers)]
    )


def _replaced_batch_norm(network: nn.Module, recipe: NetworkRecipe) -> list[str]:
    count = replace_batch_norm(network, recipe.batch_norm)
    if not count:
        return []
    instead = (
        "fixed maps per channel with the statistics of its weights"
        if recipe.batch_norm == "frozen"
        else "GroupNorm, so it no longer computes what its weights were trained for"
    )
    return [f"{count} batch normalisations replaced by {instead}"]


def _switched_off(network: nn.Module) -> list[str]:
    """Switches off what is random."""
    rates = []
    for module in network.modules():
        name = _rate_of(module)
        if name and getattr(module, name) > 0:
            rates.append(getattr(module, name))
            setattr(module, name, 0.0)
    return [f"dropout and stochastic depth off (rates up to {max(rates):g})"] if rates else []


def _rate_of(module: nn.Module) -> str | None:
    """Returns the name of a module's attribute that holds its drop rate."""
    match module:
        case nn.modules.dropout._DropoutNd():
            return "p"
        case DropPath():
            return "drop_prob"
    return "drop_rate" if hasattr(module, "drop_rate") else None  # networks that drop by a function


def _frozen(network: nn.Module, recipe: NetworkRecipe, rng: torch.Generator) -> list[str]:
    """Freezes what is not trained."""
    match recipe.trained_part:
        case "head":
            network.requires_grad_(False)
            return ["all of it frozen but the head"]
        case "adapters":
            network.requires_grad_(False)
            adapted = add_adapters(network, recipe.adapter_rank, rng)
            return [
                f"all of it frozen but the head and adapters of rank {recipe.adapter_rank} at "
                f"{len(adapted)} layers"
            ]
    changes = []
    if recipe.trained_stages is not None:
        stages = freeze_first_stages(network, recipe.trained_stages)
        changes.append(
            f"frozen but for the last {recipe.trained_stages} of {stages} stages and the head"
        )
    raw = freeze_raw_parameters(network)
    if raw:
        changes.append(f"frozen, because they belong to no layer: {', '.join(raw)}")
    return changes
