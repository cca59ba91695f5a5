"""`audit` attacks trained heads and bounds from below what they spend, beside the claim."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pandas as pd

    from mammo_core.auditing.heads import AuditTables


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `audit`."""
    from mammo_core.cli.options import (
        add_backbone_options,
        add_budget_option,
        add_data_options,
        add_delta_option,
        epsilon_list,
        names,
    )

    parser = commands.add_parser(
        "audit",
        help="attack trained classifiers and bound their ε from below",
        description="Trains shadow models on random halves of the patients and guesses who took part in each. "
        "Trains models with made-up canaries, which bound ε from below, beside the claimed ε. The results are "
        "computed from real patients without noise, so the ledger records them as a release without DP.",
    )
    add_data_options(parser)
    add_backbone_options(parser)
    group = parser.add_argument_group("what to attack")
    group.add_argument(
        "--strategy",
        type=names,
        default=("pretrain",),
        help="of: real, real+synthetic, pretrain; default: pretrain",
    )
    group.add_argument(
        "--unit", type=names, default=("patient",), help="of: patient, image; default: patient"
    )
    group.add_argument(
        "--epsilon",
        type=epsilon_list,
        default=epsilon_list("1,6,20,60,inf"),
        help="privacy budgets, 0.05 to 1000 or inf; default: 1,6,20,60,inf",
    )
    add_delta_option(group)
    group.add_argument(
        "--shadows",
        type=int,
        default=256,
        help="models on random halves, each attacked with the others' help; default: %(default)s",
    )
    group.add_argument(
        "--trainings",
        type=int,
        default=1024,
        help="models with canaries; more give a tighter bound; default: %(default)s",
    )
    group.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    add_budget_option(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write attacks.csv, audits.csv, roc.csv and provenance.json there",
    )
    parser.set_defaults(run=run_audit_command)


def run_audit_command(options: argparse.Namespace) -> int:
    """Attacks, prints, and writes the tables."""
    from mammo_core.auditing.heads import AuditPlan, AuditTables, run_audit
    from mammo_core.cli.options import (
        backbone_from,
        command_line,
        feature_dataset_from,
        ledger_from,
    )
    from mammo_core.cli.progress import progress_bar
    from mammo_core.cli.tables import print_table
    from mammo_core.results.table_file import write_provenance

    plans = [
        AuditPlan(
            strategy=strategy,
            epsilons=options.epsilon,
            unit=unit,
            delta=options.delta,
            backbone=backbone_from(options),
            shadows=options.shadows,
            trainings=options.trainings,
            seed=options.seed,
        )
        for strategy in options.strategy
        for unit in options.unit
    ]
    dataset, ledger = feature_dataset_from(options), ledger_from(options, "audit")
    tables, done, total = AuditTables(), itertools.count(1), len(plans) * len(options.epsilon)
    with progress_bar("budgets", "budgets") as on_progress:
        for plan in plans:
            run_audit(
                dataset,
                plan,
                tables,
                ledger=ledger,
                on_point=lambda: on_progress(next(done), total),
            )
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        for name, frame in tables.frames().items():
            frame.to_csv(options.out / f"{name}.csv", index=False, float_format="%.6g")
        write_provenance(options.out / "provenance.json", dataset, command_line())
    print_table(list(_lines(tables)))
    print(
        "\nAUC and TPR are those of the best attack on units, with 95 % intervals over patients. No attacker can exceed "
        "the bound if the claim holds. With 95 % confidence, the true ε is at least the audited ε. An audit below the "
        "claim does not prove the claim. All numbers are computed from patients without noise."
    )
    return 0


def _lines(tables: AuditTables) -> list[dict[str, Any]]:
    from mammo_core.auditing.heads import best_attacks, headline_audits
    from mammo_core.text.numbers import with_interval

    keys = ["strategy", "unit", "target_epsilon"]
    audits = headline_audits(tables.frames()["audits"])
    audited = {tuple(row[key] for key in keys): row["audited_epsilon"] for row in _records(audits)}
    return [
        {
            "strategy": row["strategy"],
            "unit": row["unit"],
            "ε claimed": f"{row['epsilon']:.3g}",
            "best attack": row["attack"],
            "AUC": with_interval(row["auc"], row["auc_low"], row["auc_high"]),
            "TPR at 1 % FPR": with_interval(
                row["tpr_at_1pct"], row["tpr_at_1pct_low"], row["tpr_at_1pct_high"]
            ),
            "bound": f"{row['bound_tpr_at_1pct']:.3f}",
            "ε audited": f"≥ {audited[tuple(row[key] for key in keys)]:.3g}",
        }
        for row in _records(best_attacks(tables.frames()["attacks"]))
    ]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", table.to_dict("records"))
