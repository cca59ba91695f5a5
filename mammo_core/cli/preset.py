"""The paper's experiments at the command line: which run a preset means on the user's data."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import InvalidRequestError

if TYPE_CHECKING:
    from mammo_core.config.runs import RunConfig
    from mammo_core.training.dataset import RunDataset
    from mammo_core.training.paper.presets import Preset


def require_only_preset(options: argparse.Namespace) -> None:
    """Refuses options beside a preset that it decides itself: they would be ignored.

    Raises:
        InvalidRequestError: If there are any.
    """
    asked = [
        f"--{name.replace('_', '-')}"
        for name, usual in options.decided_by_preset.items()
        if getattr(options, name) != usual
    ]
    if asked:
        raise InvalidRequestError(
            f"Expected a preset alone, which decides strategy, ε, δ, unit, views and recipe; got {', '.join(asked)} beside "
            f"--preset {options.preset}. Leave them out, or leave --preset out and choose everything yourself."
        )


def preset_config(preset: Preset, options: argparse.Namespace, data: RunDataset) -> RunConfig:
    """The run that a preset means on these data; a --backbone takes the place of the paper's.

    Raises:
        InvalidRequestError: As `Preset.for_data`.
    """
    theirs = preset.config.backbone
    if options.backbone is None:
        backbone = replace(theirs, weights=options.weights)
    else:
        backbone = BackboneConfig(
            name=options.backbone,
            weights=options.weights,
            image_size_px=options.image_size or theirs.image_size_px,
            views=theirs.views,
        )
    num_synthetic = 0 if data.synthetic is None else len(data.synthetic)
    return preset.for_data(
        len(data.train), num_synthetic, seed=options.seed, noise=options.noise, backbone=backbone
    )


def print_preset(preset: Preset, config: RunConfig) -> None:
    """Says what the paper did, what came out, and what differs here."""
    print(f"{preset.name}: {preset.meaning}")
    for published in preset.published:
        print(f"  paper, {published.test_set}: AUROC {published.mean:.3f}")
    differences = list(preset.differences)
    if config.backbone.name != preset.config.backbone.name:
        differences.append(
            f"Backbone: {config.backbone.name}, so this is not the paper's experiment."
        )
    for difference in (*differences, *preset.inferred):
        print(f"  - {difference}")
