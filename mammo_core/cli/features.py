"""`features`: computes the features of all masses ahead of training."""

from __future__ import annotations

import argparse


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `features`."""
    from mammo_core.cli.options import add_backbone_options, add_data_options

    parser = commands.add_parser(
        "features",
        help="compute and keep the features of all masses",
        description="Runs every mass through the frozen backbone once and keeps the result in "
        "MAMMO_HOME/features (default .mammo/features). Only new or changed masses are computed; an "
        "interrupted run goes on where it stopped.",
    )
    add_data_options(parser)
    add_backbone_options(parser)
    parser.set_defaults(run=run_features)


def run_features(options: argparse.Namespace) -> int:
    """Computes what is missing and prints what there is."""
    import time

    from mammo_core.cli.options import feature_dataset_from
    from mammo_core.cli.tables import print_table

    start = time.perf_counter()
    dataset = feature_dataset_from(options)
    parts = {"train": dataset.train_features}
    parts |= {f"test {name}": test.features for name, test in dataset.test_sets.items()}
    if dataset.synthetic_features is not None:
        parts["synthetic"] = dataset.synthetic_features
    print_table(
        [
            {"part": name, "masses": len(rows), "views": rows.shape[1], "features": rows.shape[2]}
            for name, rows in parts.items()
        ]
    )
    print(f"Ready in {time.perf_counter() - start:.0f} s.")
    return 0
