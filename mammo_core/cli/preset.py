"""The paper's experiments at the command line: which run a preset means, and running those on cached features."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import InvalidRequestError

if TYPE_CHECKING:
    import torch

    from mammo_core.cohorts.installed import LoadedData
    from mammo_core.config.runs import RunConfig
    from mammo_core.training.dataset import RunDataset
    from mammo_core.training.paper.frozen_runs import EpochReport
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


def run_on_features(
    config: RunConfig,
    loaded: LoadedData,
    device: torch.device,
    options: argparse.Namespace,
) -> int:
    """Trains, tracks and prints a preset whose backbone stays as it is."""
    from mammo_core.cli.options import ledger_from
    from mammo_core.cli.outcome import print_outcome
    from mammo_core.cli.progress import progress_bar
    from mammo_core.results.recording import RunRecorder
    from mammo_core.system.paths import home_dir
    from mammo_core.training.heads.feature_dataset import load_feature_dataset
    from mammo_core.training.paper.frozen_runs import run_frozen_preset

    with progress_bar("features", "masses") as on_progress:
        dataset = load_feature_dataset(
            loaded,
            config.backbone,
            home_dir() / "features",
            site=options.site,
            on_progress=on_progress,
        )
    with progress_bar("training", "epochs") as on_epochs:

        def show(report: EpochReport) -> None:
            on_epochs(report.epoch, report.epochs)

        outcome = run_frozen_preset(
            dataset, config, ledger=ledger_from(options, "fine-tune"), device=device, on_epoch=show
        )
    run_id = RunRecorder(home_dir()).record_network(outcome, dataset, None, origin="fine-tune")
    print(f"Kept: the weights after step {outcome.kept_step} of {config.recipe.steps}.")
    print_outcome(outcome, run_id)
    return 0
