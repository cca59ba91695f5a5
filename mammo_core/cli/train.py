"""`train`: one run, with its guarantee in words."""

from __future__ import annotations

import argparse


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `train`."""
    from mammo_core.cli.options import add_backbone_options, add_data_options, add_run_options

    parser = commands.add_parser(
        "train",
        help="train and test one private classifier",
        description="Trains a linear head on frozen features by full-batch DP gradient descent, within the privacy "
        "budget. Tests it on every site and says what the budget guarantees. A run that is recorded already is "
        "shown again, not trained again.",
    )
    add_data_options(parser)
    add_backbone_options(parser)
    group = parser.add_argument_group("training and privacy")
    add_run_options(group, default_strategy="pretrain")
    group.add_argument(
        "--engine",
        choices=("vectorised", "opacus"),  # `BACKENDS`, whose import would bring torch
        default="vectorised",
        help="vectorised takes milliseconds; opacus makes the same update with the same noise by Opacus, in "
        "seconds. Default: %(default)s",
    )
    parser.set_defaults(run=run_train)


def run_train(options: argparse.Namespace) -> int:
    """Trains, records and prints one run; one that is recorded already is printed again."""
    from mammo_core.cli.options import backbone_from, feature_dataset_from, ledger_from
    from mammo_core.cli.outcome import print_outcome
    from mammo_core.config.recipes import RECIPES
    from mammo_core.config.runs import PrivacyConfig, RunConfig
    from mammo_core.results.archive import RunArchive
    from mammo_core.results.plans import train_plan
    from mammo_core.system.paths import home_dir

    config = RunConfig(
        strategy=options.strategy,
        privacy=PrivacyConfig(
            target_epsilon=options.epsilon,
            target_delta=options.delta,
            unit=options.unit,
            noise=options.noise,
        ),
        recipe=RECIPES[options.strategy],
        backbone=backbone_from(options),
        seed=options.seed,
    )
    (run,) = train_plan(
        feature_dataset_from(options),
        [config],
        home_dir(),
        ledger=ledger_from(options, "train"),
        origin="train",
        backend=options.engine,
    )
    if run.result is not None:
        print_outcome(run.result, run.run_id)
        return 0
    stored = RunArchive(home_dir()).load(run.run_id)
    print_outcome(stored, run.run_id)
    print(
        f"This run was recorded on {stored.started:%Y-%m-%d at %H:%M} UTC and is shown again: nothing was trained "
        "and nothing released. Another --seed makes another run."
    )
    return 0
