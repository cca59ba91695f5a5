"""`gan evaluate`: how good a set of synthetic masses is, and whether it copies."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `gan` and its parts."""
    from mammo_core.cli.options import add_backbone_options, add_data_options

    parser = commands.add_parser("gan", help="judge synthetic masses")
    parts = parser.add_subparsers(required=True, metavar="PART")
    evaluate = parts.add_parser(
        "evaluate",
        help="measure synthetic masses against real ones",
        description="Compares synthetic masses with the training site's real ones in the backbone's "
        "feature space: KID, precision, recall, density, coverage, in full detail and after a "
        "low-pass; whether they show their class; how well a classifier trained on them alone does on "
        "real masses; and whether any is a copy of a training mass. Held-out real masses go through the "
        "same measures, as the mark to reach.",
    )
    add_data_options(evaluate)
    add_backbone_options(evaluate)
    evaluate.add_argument("--out", type=Path, metavar="JSON", help="write the report there, too")
    evaluate.set_defaults(run=run_evaluate)


def run_evaluate(options: argparse.Namespace) -> int:
    """Measures and prints the report."""
    from mammo_core.cli.options import backbone_from, data_from
    from mammo_core.cli.progress import progress_bar
    from mammo_core.cli.tables import print_table
    from mammo_core.errors import CohortError
    from mammo_core.experiments.synthetic_quality import evaluate_synthetic
    from mammo_core.settings import home_dir

    data = data_from(options)
    if data.synthetic is None:
        raise CohortError("Expected synthetic masses to judge; got none. Give --synthetic DIR.")
    with progress_bar("features", "masses") as on_progress:
        report = evaluate_synthetic(
            data.real,
            data.synthetic,
            backbone_from(options),
            home_dir() / "features",
            site=options.site,
            on_progress=on_progress,
        )
    if options.out:
        options.out.write_text(json.dumps(report.to_dict(), indent=2), encoding="utf-8")
    print_table(
        [
            {
                "against training masses": row.subject,
                "class": row.masses,
                "detail": row.detail,
                "KID": f"{row.kid.value:.4f} ± {row.kid.spread:.4f}",
                "precision": f"{row.around.precision:.2f}",
                "recall": f"{row.around.recall:.2f}",
                "density": f"{row.around.density:.2f}",
                "coverage": f"{row.around.coverage:.2f}",
            }
            for row in report.comparisons
        ]
    )
    copies = report.copies
    transfer = ", ".join(f"{name} {value:.3f}" for name, value in report.transfer_auroc.items())
    print(
        f"\nShow their class: AUROC {report.class_auroc:.3f} of a classifier trained on real masses."
        f"\nTrain on synthetic, test on real: AUROC {transfer}."
        f"\nPossible copies: {copies.flagged.sum()} of {report.num_synthetic} "
        f"({copies.flagged_rate:.2%}; {copies.expected_rate:.0%} of unseen real masses would be flagged; "
        f"p = {copies.p_value:.2g})."
        "\nFinding no copies is no privacy guarantee; only training with differential privacy gives one."
    )
    return 0
