"""Names strategies, test sets and trained parts for people."""

from __future__ import annotations

from mammo_core.config.network_recipe import TrainedPart
from mammo_core.config.runs import (
    HEAD_ON_FEATURES,
    Arithmetic,
    BackboneConfig,
    HeadOnFeatures,
    RunConfig,
    Strategy,
)
from mammo_core.text.numbers import counted

STRATEGY_NAMES: dict[Strategy, str] = {
    "real": "real only",
    "real+synthetic": "real + synthetic",
    "synthetic": "synthetic only",
    "pretrain": "synthetic, then private on real",
}


TEST_SET_NAMES = {"cbis-ddsm": "CBIS-DDSM test (same site)", "bcdr": "BCDR (another site)"}


TRAINED_PART_NAMES: dict[TrainedPart | HeadOnFeatures, str] = {
    HEAD_ON_FEATURES: "head on cached features",
    "head": "head of a network",
    "adapters": "adapters in a network",
    "network": "the network itself",
}


ARITHMETIC_NAMES: dict[Arithmetic, str] = {
    "grid": "rounded to a grid",
    "float": "in single precision",
}


def name_of_run(config: RunConfig) -> str:
    """Names what a run trains and on what, for example "real only" or "real only, adapters in a network"."""
    strategy = STRATEGY_NAMES[config.strategy]
    if config.trained_part == HEAD_ON_FEATURES:
        return strategy
    return f"{strategy}, {TRAINED_PART_NAMES[config.trained_part]}"


def name_of_weights(backbone: BackboneConfig) -> str:
    """Names where a backbone's weights are from, but no file: its path belongs to one computer."""
    return {"auto": "ImageNet weights", "random": "random weights"}.get(
        backbone.weights, "weights of a file"
    )


def name_of_backbone(backbone: BackboneConfig) -> str:
    """Names a backbone, its weights and its input."""
    return f"{backbone.name}, {name_of_weights(backbone)}, {backbone.image_size_px} px, {counted(backbone.views, 'view')}"
