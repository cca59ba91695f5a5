"""`gan evaluate`: measures synthetic masses against the training site's real ones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.config.runs import BackboneConfig

if TYPE_CHECKING:
    from mammo_core.generators.quality import Judgement, SyntheticReport


def add_part(parts: argparse._SubParsersAction) -> None:
    """Adds `gan evaluate`."""
    from mammo_core.cli.options import add_backbone_options, add_budget_option, add_data_options

    evaluate = parts.add_parser(
        "evaluate",
        help="measure synthetic masses against real ones",
        description="Compares synthetic masses with the training site's real ones. In the backbone's feature "
        "space, in full detail and after a low-pass, it reports KID, precision, recall, density and coverage. "
        "It also reports radiomics, whether masses show their class, how well a classifier trained on "
        "them alone does on real masses, and whether any mass is a copy of a training mass. A judge, a network that no "
        "generator learned through, measures realism, class and usefulness again. Held-out real "
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
    evaluate.add_argument(
        "--judge-only",
        action="store_true",
        help="report the measures of the judge only, in a tenth of the time",
    )
    add_budget_option(evaluate)
    evaluate.add_argument("--out", type=Path, metavar="JSON", help="also write the report there")
    evaluate.set_defaults(run=run_evaluate)


def run_evaluate(options: argparse.Namespace) -> int:
    """Measures and prints the report."""
    import dataclasses
    import json
    from functools import partial

    from mammo_core.cli.options import backbone_from, data_from, ledger_from
    from mammo_core.cli.progress import progress_bar
    from mammo_core.cohorts.sampled import sample_cohort
    from mammo_core.config.runs import JUDGE_BACKBONE
    from mammo_core.errors import CohortError
    from mammo_core.generators.quality import Judgement, evaluate_synthetic, judge_synthetic
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
    measure = (
        judge_synthetic
        if options.judge_only
        else partial(evaluate_synthetic, backbone=backbone_from(options))
    )
    with progress_bar("features", "masses") as on_progress:
        report = measure(
            data.real,
            synthetic,
            store_root=home_dir() / "features",
            judge=JUDGE_BACKBONE,
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
    if isinstance(report, Judgement):
        _print_judgement(report)
    else:
        _print_report(report)
        print()
        _print_judgement(report.judgement)
    print(
        "\nThese are no privacy guarantee, and neither is finding no copies. Only training with differential privacy "
        "gives one."
    )
    return 0


def _print_judgement(judgement: Judgement) -> None:
    from mammo_core.cli.tables import print_table

    judge = judgement.backbone
    print(
        f"The judge is {judge.name} at {judge.image_size_px} px. No generator made by this program learned through it."
    )
    print_table(
        [
            {
                "against training masses": row.subject,
                "masses": row.num_masses,
                "KID": f"{round(row.kid.value, 4) + 0.0:.4f} ± {row.kid.spread:.4f}",  # never "-0.0000"
                "precision / recall / coverage": f"{row.around.precision:.2f} / {row.around.recall:.2f} / {row.around.coverage:.2f}",
                "real or generated?": f"{row.told_apart:.3f}",
                "says its class": f"{row.class_auroc:.3f}",
                f"train on it, test on {' / '.join(row.transfer_auroc)}": " / ".join(
                    f"{value:.3f}" for value in row.transfer_auroc.values()
                ),
            }
            for row in judgement.sets
        ]
    )
    print(
        "Real or generated?: AUROC of a linear classifier in five folds, by patient; .5 means that it can't tell."
        "\nSays its class: AUROC of a classifier trained on real masses."
        "\nTrain on it: AUROC on real masses of a classifier trained on the set alone; beside held-out real masses, of "
        "one trained on the real training masses."
    )


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
    )
