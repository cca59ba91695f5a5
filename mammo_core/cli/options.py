"""Defines options that several commands share, and loads the data they name."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.config.runs import (
    HEAD_BACKBONE,
    PAPER_DELTA,
    STRATEGIES,
    UNITS,
    BackboneConfig,
    Strategy,
)
from mammo_core.system.paths import data_dir, home_dir

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource, LoadedData
    from mammo_core.ledger.ledger import LedgerForWork
    from mammo_core.training.heads.feature_dataset import FeatureDataset


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """--data, --synthetic, --site."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data",
        metavar="DIR",
        help="folder of real masses, laid out as DIR/SITE/{train,val,test}/is_benign_{true,false}; "
        "or 'demo' for the built-in cohort of synthetic masses. Default: what is found in "
        f"{data_dir()} (set MAMMO_DATA to change it), else demo",
    )
    group.add_argument(
        "--synthetic",
        metavar="DIR",
        help="folder of synthetic masses, *_malignant.png and *_benign.png; needed by every "
        "strategy but 'real'",
    )
    group.add_argument("--site", help="site to train on, if several have a train split")


def add_backbone_options(
    parser: argparse.ArgumentParser,
    title: str = "backbone (frozen; its features are computed once and kept)",
    *,
    default: BackboneConfig = HEAD_BACKBONE,
) -> None:
    """--backbone, --weights, --image-size, --layer, --views.

    Args:
        default: What is meant when no --backbone is named.
    """
    parser.set_defaults(default_backbone=default)
    group = parser.add_argument_group(title)
    group.add_argument(
        "--backbone",
        metavar="NAME",
        help=f"any timm model; default: {_in_words(default)}",
    )
    group.add_argument(
        "--weights",
        default="auto",
        metavar="FILE",
        help="local weights file of that timm model (.safetensors); default: the installed ImageNet "
        "weights, else timm's hub",
    )
    group.add_argument(
        "--image-size",
        type=int,
        metavar="PX",
        help=f"input side; default: {BackboneConfig().image_size_px}, or the default backbone's own",
    )
    group.add_argument(
        "--layer",
        metavar="NAME",
        help="take features from this module of the network, mean and deviation over places; default: the "
        "network's own features, before its classifier, or the default backbone's own layer",
    )
    group.add_argument(
        "--views",
        type=int,
        choices=(1, 8),
        default=8,
        help="8: average over all flips and quarter turns (better, eight times the computing); default: %(default)s",
    )


def add_run_options(group: argparse._ActionsContainer, *, default_strategy: Strategy) -> None:
    """--strategy, --epsilon, --unit, --delta, --seed, --reproducible, --beyond-budget: of a single run."""
    group.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default=default_strategy,
        help="real: real masses only; real+synthetic: both in one private run; synthetic: never "
        "sees real masses; pretrain: synthetic first, then privately on real. Default: %(default)s",
    )
    group.add_argument(
        "--epsilon",
        type=float,
        default=6.0,
        help="privacy budget ε, 0.05 to 1000, or inf for no privacy (not DP); default: %(default)g",
    )
    group.add_argument(
        "--unit",
        choices=UNITS,
        default="patient",
        help="what one ε hides: all masses of a patient, or a single mass; default: %(default)s",
    )
    add_delta_option(group)
    group.add_argument(
        "--seed", type=int, default=42, help="tells repetitions apart; default: %(default)s"
    )
    add_noise_option(group)
    add_budget_option(group)


def add_delta_option(parser: argparse._ActionsContainer) -> None:
    """--delta."""
    parser.add_argument(
        "--delta",
        type=float,
        default=PAPER_DELTA,
        help="δ, below 1 / number of units; default: %(default)s, as in the paper",
    )


def add_noise_option(parser: argparse._ActionsContainer) -> None:
    """--reproducible."""
    parser.add_argument(
        "--reproducible",
        dest="noise",
        action="store_const",
        const="reproducible",
        default="secret",
        help="draw the noise from the seed, so that others can repeat the result. This is for demonstration "
        "and tables only, since anyone who knows the seed can subtract the noise. Default: secret noise from "
        "the operating system, new each time",
    )


def add_budget_option(parser: argparse._ActionsContainer) -> None:
    """--beyond-budget."""
    parser.add_argument(
        "--beyond-budget",
        default="",
        metavar="REASON",
        help="go beyond the budget set for these patients, if there is one (see `ledger budget`). The ledger "
        "keeps the reason",
    )


def command_line() -> str:
    """This command as it was typed, to be kept with what it makes."""
    return f"python -m mammo_core {shlex.join(sys.argv[1:])}"


def ledger_from(options: argparse.Namespace, origin: str) -> LedgerForWork:
    """The ledger of this installation, for a command with --beyond-budget."""
    from mammo_core.ledger.ledger import open_ledger

    return open_ledger(home_dir()).on_behalf_of(origin, beyond_budget=options.beyond_budget)


def backbone_from(options: argparse.Namespace) -> BackboneConfig:
    """The backbone that the options describe."""
    named = BackboneConfig(name=options.backbone) if options.backbone else options.default_backbone
    return replace(
        named,
        weights=options.weights,
        image_size_px=options.image_size or named.image_size_px,
        views=options.views,
        layer=named.layer if options.layer is None else options.layer,
    )


def _in_words(backbone: BackboneConfig) -> str:
    layer = f", {backbone.layer}" if backbone.layer else ""
    return f"{backbone.name} at {backbone.image_size_px} px{layer}"


def source_from(options: argparse.Namespace) -> DataSource:
    """The data that the options name, or what is installed; says so when it is the demo."""
    from mammo_core.cohorts.installed import DEMO, DataSource, find_sources

    synthetic = Path(options.synthetic) if options.synthetic else None
    if options.data and options.data != DEMO:
        return DataSource(Path(options.data), synthetic)
    source = DataSource() if options.data == DEMO else find_sources(data_dir())[0]
    if source.is_demo:
        print(
            "Using the built-in demo cohort: synthetic masses and patients, no real ones. "
            "Give --data DIR for real ones.",
            file=sys.stderr,
        )
        return source
    return DataSource(source.real, synthetic or source.synthetic)


def data_from(options: argparse.Namespace) -> LoadedData:
    """Loads the data and lists what was left out."""
    from mammo_core.cohorts.installed import load_source

    data = load_source(source_from(options))
    for skipped in data.skipped:
        print(f"left out ({skipped.kind}): {skipped.path}: {skipped.reason}", file=sys.stderr)
    return data


def feature_dataset_from(options: argparse.Namespace) -> FeatureDataset:
    """Loads the data and computes missing features with a progress bar."""
    from mammo_core.cli.progress import progress_bar
    from mammo_core.training.heads.feature_dataset import load_feature_dataset

    data = data_from(options)
    with progress_bar("features", "masses") as on_progress:
        return load_feature_dataset(
            data,
            backbone_from(options),
            home_dir() / "features",
            site=options.site,
            on_progress=on_progress,
        )


def epsilon_list(text: str) -> tuple[float, ...]:
    """An argparse type: "1,6,inf" to (1.0, 6.0, inf)."""
    values = tuple(float(part) for part in text.split(","))
    if any(math.isnan(value) for value in values):
        raise ValueError(text)
    return values


def whole_numbers(text: str) -> tuple[int, ...]:
    """An argparse type: "42,43" to (42, 43)."""
    return tuple(int(part) for part in text.split(","))


def names(text: str) -> tuple[str, ...]:
    """An argparse type: "a,b" to ("a", "b")."""
    return tuple(part.strip() for part in text.split(","))
