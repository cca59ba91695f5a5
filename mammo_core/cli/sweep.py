"""`sweep`: every combination of strategy, unit, ε and seed into one table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.config.runs import STRATEGIES, UNITS

if TYPE_CHECKING:
    from mammo_core.training.heads.feature_dataset import FeatureDataset
    from mammo_core.training.heads.sweep import SweepPlan


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `sweep`."""
    from mammo_core.cli.options import (
        add_backbone_options,
        add_budget_option,
        add_data_options,
        add_delta_option,
        add_noise_option,
        epsilon_list,
        names,
        whole_numbers,
    )

    parser = commands.add_parser(
        "sweep",
        help="measure AUROC against ε for several strategies",
        description="Trains and tests every combination, tracks every run in MLflow and writes one "
        "CSV row per run, test set and evaluation unit (mass, patient) as it finishes. The same command goes on where it stopped.",
    )
    add_data_options(parser)
    add_backbone_options(parser)
    group = parser.add_argument_group("what to combine (comma-separated lists)")
    group.add_argument(
        "--strategy",
        type=names,
        default=STRATEGIES,
        help=f"of: {', '.join(STRATEGIES)}; default: all",
    )
    group.add_argument(
        "--unit", type=names, default=("patient",), help="of: patient, image; default: patient"
    )
    group.add_argument(
        "--epsilon",
        type=epsilon_list,
        default=epsilon_list("1,6,12,20,60,inf"),
        help="privacy budgets, 0.05 to 1000 or inf; default: 1,6,12,20,60,inf",
    )
    group.add_argument("--seed", type=whole_numbers, default=(42, 43, 44), help="default: 42,43,44")
    add_delta_option(group)
    add_noise_option(group)
    add_budget_option(group)
    parser.add_argument("--out", type=Path, required=True, metavar="CSV", help="table of results")
    parser.add_argument(
        "--roc", type=Path, metavar="CSV", help="also write mean ROC curves over seeds there"
    )
    parser.set_defaults(run=run_sweep_command)


def run_sweep_command(options: argparse.Namespace) -> int:
    """Runs what is missing and prints the means."""
    from mammo_core.cli.options import (
        backbone_from,
        command_line,
        feature_dataset_from,
        ledger_from,
    )
    from mammo_core.cli.progress import progress_bar
    from mammo_core.cli.tables import print_table, printable_curves
    from mammo_core.config import validate
    from mammo_core.results.plans import run_sweep_into_file
    from mammo_core.results.table_file import ResultsFile, write_provenance
    from mammo_core.system.paths import home_dir
    from mammo_core.training.heads.sweep import SweepPlan

    for strategy in options.strategy:
        validate.one_of(STRATEGIES, strategy=strategy)
    for unit in options.unit:
        validate.one_of(UNITS, unit=unit)
    plan = SweepPlan(
        strategies=options.strategy,
        units=options.unit,
        epsilons=options.epsilon,
        seeds=options.seed,
        delta=options.delta,
        backbone=backbone_from(options),
        noise=options.noise,
    )
    plan.configs()  # every value is checked before anything is computed
    dataset = feature_dataset_from(options)
    results = ResultsFile(options.out)
    write_provenance(options.out, dataset, command_line())
    done = 0
    with progress_bar("runs", "runs") as on_progress:

        def on_run(_: object) -> None:
            nonlocal done
            done += 1
            on_progress(done, plan.num_runs)

        run_sweep_into_file(
            dataset,
            plan,
            results,
            home_dir(),
            ledger=ledger_from(options, "sweep"),
            on_run=on_run,
        )
    if options.roc:
        _write_roc(dataset, plan, options.roc)
    print_table(printable_curves(results.rows))
    print(
        f"\nAUROC: mean over seeds (lowest and highest seed). Patient-bootstrap intervals of every "
        f"run are in {options.out}. Research use only, not for diagnosis."
    )
    return 0


def _write_roc(dataset: FeatureDataset, plan: SweepPlan, path: Path) -> None:
    """Writes the mean ROC curves of a plan's runs as CSV."""
    from mammo_core.evaluation.curves import mean_roc
    from mammo_core.results.archive import RunArchive
    from mammo_core.system.paths import home_dir

    archive = RunArchive(home_dir())
    run_ids = archive.rows_of_plan(plan, dataset.data_hash)["run_id"].unique()
    if len(run_ids) < plan.num_runs:
        print(
            f"ROC curves are of {len(run_ids)} of {plan.num_runs} runs: the others are in the results "
            "table but no longer in the run store.",
            file=sys.stderr,
        )
    if not len(run_ids):
        return
    tested = (
        (
            {
                "strategy": run.config.strategy,
                "unit": run.config.privacy.unit,
                "target_epsilon": run.config.privacy.target_epsilon,
                "test_set": test_set,
                "evaluation_unit": unit,
            },
            *judged,
        )
        for run in map(archive.load, run_ids)
        for unit, estimates in run.estimates_per_unit.items()
        if estimates
        for test_set, judged in run.evaluated_per(unit).tested.items()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    mean_roc(tested).round(4).to_csv(path, index=False, lineterminator="\n")
