"""`train`: one run, with its guarantee in words."""

from __future__ import annotations

import argparse


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `train`."""
    from mammo_core.cli.options import add_backbone_options, add_data_options, add_run_options

    parser = commands.add_parser(
        "train",
        help="train and test one private classifier",
        description="Trains a linear head on frozen features by full-batch DP gradient descent with "
        "Opacus, spending at most the privacy budget, tests it on every site and says what the "
        "budget guarantees.",
    )
    add_data_options(parser)
    add_backbone_options(parser)
    group = parser.add_argument_group("training and privacy")
    add_run_options(group, default_strategy="pretrain")
    group.add_argument(
        "--engine",
        choices=("opacus", "vectorised"),
        default="opacus",
        help="same update and same noise either way; default: %(default)s",
    )
    parser.set_defaults(run=run_train)


def run_train(options: argparse.Namespace) -> int:
    """Trains, tracks and prints one run."""
    from mammo_core.cli.options import backbone_from, ledger_from, workbench_from
    from mammo_core.cli.outcome import print_outcome
    from mammo_core.config.recipes import RECIPES
    from mammo_core.config.runs import PrivacyConfig, RunConfig
    from mammo_core.results.recording import RunRecorder
    from mammo_core.system.paths import home_dir
    from mammo_core.training.heads.runs import run_many

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
    dataset = workbench_from(options)
    (result,) = run_many(
        dataset, [config], ledger=ledger_from(options, "train"), engine=options.engine
    )
    run_id = RunRecorder(home_dir()).record(result, dataset, origin="train")
    print_outcome(result, run_id)
    return 0
