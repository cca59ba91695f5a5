"""`gan evaluate`: measures synthetic masses against the training site's real ones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.config.runs import BackboneConfig

if TYPE_CHECKING:
    from mammo_core.generators.quality import SyntheticReport


def add_part(parts: argparse._SubParsersAction) -> None:
    """Adds `gan evaluate`."""
    from mammo_core.cli.options import add_backbone_options, add_budget_option, add_data_options

    evaluate = parts.add_parser(
        "evaluate",
        help="measure synthetic masses against real ones",
        description="Compares synthetic masses with the training site's real ones. In the backbone's feature "
        "space, in full detail and after a low-pass, it reports KID, precision, recall, density and coverage. "
        "It also reports radiomics, whether masses show their class, how well a classifier trained on "
        "them alone does on real masses, and whether any mass is a copy of a training mass. Held-out real "
        "masses go through the same measures for comparison. It evaluates the folder --synthetic. With "
        "--generator, it samples masses from a generator and writes the result into its card. The measures are "
        "computed from real masses without noise, so the ledger records them as a release without DP.",
    )
    add_data_options(evaluate)
    add_backbone_options(evaluate, default=BackboneConfig())
    evaluate.add_argument(
        "--generator", type=Path, metavar="NAME", help="NAME.safetensors and NAME.json"
    )
    evaluate.add_argument(
        "--count",
        type=int,
        default=3000,
        help="masses to sample from --generator; default: %(default)s",
    )
    add_budget_option(evaluate)
    evaluate.add_argument("--out", type=Path, metavar="JSON", help="also write the report there")
    evaluate.set_defaults(run=run_evaluate)


def run_evaluate(options: argparse.Namespace) -> int:
    """Measures and prints the report."""
    import dataclasses
    import json

    from mammo_core.cli.options import backbone_from, data_from, ledger_from
    from mammo_core.cli.progress import progress_bar
    from mammo_core.cohorts.sampled import sample_cohort
    from mammo_core.errors import CohortError
    from mammo_core.generators.quality import evaluate_synthetic
    from mammo_core.synthesis.cards import write_card
    from mammo_core.synthesis.checkpoints import load_generator
    from mammo_core.system.paths import home_dir

    data = data_from(options)
    synthetic, card = data.synthetic, None
    if options.generator:
        generator, card = load_generator(options.generator)
        with progress_bar("sampling", "masses") as on_progress:
            synthetic = sample_cohort(generator, options.count, on_progress=on_progress)
    if synthetic is None:
        raise CohortError(
            "Expected synthetic masses to judge; got none. Give --synthetic DIR or --generator NAME."
        )
    with progress_bar("features", "masses") as on_progress:
        report = evaluate_synthetic(
            data.real,
            synthetic,
            backbone_from(options),
            home_dir() / "features",
            ledger=ledger_from(options, "evaluation"),
            is_demonstration=data.is_demonstration,
            site=options.site,
            on_progress=on_progress,
        )
    if card is not None:
        metrics = card.metrics | report.to_dict()
        write_card(dataclasses.replace(card, metrics=metrics), options.generator)
    if options.out:
        options.out.write_text(json.dumps(report.to_dict(), indent=2), encoding="utf-8")
    _print_report(report)
    return 0


def _print_report(report: SyntheticReport) -> None:
    from mammo_core.cli.tables import print_table

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
        f"\nRadiomics: Fréchet distance {report.radiomics['synthetic']:.2f} to the training masses; "
        f"held-out real masses {report.radiomics['held-out real']:.2f}."
        f"\nPossible copies: {copies.flagged.sum()} of {report.num_synthetic} "
        f"({copies.flagged_rate:.2%}; {copies.expected_rate:.0%} of unseen real masses would be flagged; "
        f"p = {copies.p_value:.2g})."
        "\nFinding no copies is no privacy guarantee. Only training with differential privacy gives one."
    )
