"""`gan`: train a generator of masses, draw from it, and judge what it draws."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `gan` and its parts."""
    parser = commands.add_parser("gan", help="train generators, draw and judge synthetic masses")
    parts = parser.add_subparsers(required=True, metavar="PART")
    _add_train(parts)
    _add_sample(parts)
    _add_evaluate(parts)


def _add_train(parts: argparse._SubParsersAction) -> None:
    from mammo_core.cli.options import add_backbone_options, add_data_options
    from mammo_core.synthesis.config import ARCHITECTURES

    train = parts.add_parser(
        "train",
        help="train a generator on the train split",
        description="Trains a malignancy-conditioned GAN on the real masses of the train split, on a GPU "
        "where there is one, and keeps the generator with the lowest KID to the validation split. "
        "Without differential privacy: the generator may reveal its patients. A killed training "
        "goes on with the same command.",
    )
    add_data_options(train)
    add_backbone_options(train)
    group = train.add_argument_group("generator")
    group.add_argument(
        "--architecture",
        choices=ARCHITECTURES,
        default="resgan",
        help="resgan: ours; mcgan: the paper's conditional DCGAN. Default: %(default)s",
    )
    group.add_argument(
        "--images",
        type=int,
        default=1_000_000,
        help="real masses to show in all, repeats counted; two processor cores show 14 a second. "
        "Default: %(default)s",
    )
    group.add_argument(
        "--look-every",
        type=int,
        default=20_000,
        metavar="N",
        help="masses between two looks (KID, samples, checkpoint); default: %(default)s",
    )
    group.add_argument("--width", type=int, help="channels; default: 16 for resgan, 64 for mcgan")
    group.add_argument("--size", type=int, default=128, metavar="PX", help="default: %(default)s")
    group.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    group.add_argument(
        "--licence",
        default="not stated",
        help="of the training data, with attribution; goes into the generator's card",
    )
    train.add_argument(
        "--out", type=Path, required=True, metavar="NAME", help="writes NAME.safetensors, NAME.json"
    )
    train.set_defaults(run=run_train)


def _add_sample(parts: argparse._SubParsersAction) -> None:
    sample = parts.add_parser(
        "sample",
        help="draw synthetic masses",
        description="Draws masses as PNG files that load back as synthetic masses, with a manifest.csv. "
        "Mass i depends on generator, class and seed + i only.",
    )
    sample.add_argument(
        "--generator", type=Path, required=True, metavar="NAME", help="NAME.safetensors, NAME.json"
    )
    sample.add_argument("--count", type=int, default=3000, help="default: %(default)s")
    sample.add_argument(
        "--class",
        dest="mass_class",
        choices=("malignant", "benign", "both"),
        default="both",
        help="both: half of each; default: %(default)s",
    )
    sample.add_argument(
        "--seed", type=int, default=0, help="of the first mass; default: %(default)s"
    )
    sample.add_argument(
        "--truncation", type=float, default=1.0, help="below 1: more typical, less varied"
    )
    sample.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a new or empty folder"
    )
    sample.set_defaults(run=run_sample)


def _add_evaluate(parts: argparse._SubParsersAction) -> None:
    from mammo_core.cli.options import add_backbone_options, add_data_options

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


def run_train(options: argparse.Namespace) -> int:
    """Trains, with a progress bar, and prints where the generator is and how good it is."""
    import dataclasses
    import shlex
    import sys
    from functools import partial

    from mammo_core.cli.options import backbone_from, data_from
    from mammo_core.cli.progress import progress_bar
    from mammo_core.experiments.gan_training import TrainingPlan, train_generator
    from mammo_core.experiments.generator_tracking import GeneratorRecord
    from mammo_core.settings import home_dir
    from mammo_core.synthesis.config import DEFAULTS

    defaults = DEFAULTS[options.architecture]
    config = dataclasses.replace(
        defaults,
        image_size_px=options.size,
        width=options.width or defaults.width,
        seed=options.seed,
    )
    plan = TrainingPlan(
        images=options.images,
        look_every=options.look_every,
        out=options.out,
        command=f"python -m mammo_core {shlex.join(sys.argv[1:])}",
        licence=options.licence,
    )
    real = data_from(options).real
    with progress_bar("training", "masses") as on_progress:
        card = train_generator(
            real,
            config,
            plan,
            home_dir() / "gan",
            backbone_from(options),
            partial(GeneratorRecord, home_dir()),
            site=options.site,
            on_step=lambda report: on_progress(report.images_seen, plan.images),
        )
    print(
        f"{options.out}.safetensors: KID to validation {card.metrics['kid_to_validation']:.4f} after "
        f"{card.images_seen} masses. Guarantee: {card.guarantee} (not DP): it may reveal its patients."
    )
    return 0


def run_sample(options: argparse.Namespace) -> int:
    """Draws masses into a folder."""
    from mammo_core.cli.progress import progress_bar
    from mammo_core.experiments.synthetic_files import write_masses
    from mammo_core.labels import CLASS_NAMES
    from mammo_core.synthesis.checkpoints import load_generator

    generator, card = load_generator(options.generator)
    classes = [label for label, name in CLASS_NAMES.items() if options.mass_class in (name, "both")]
    labels = [classes[index % len(classes)] for index in range(options.count)]
    seeds = range(options.seed, options.seed + options.count)
    with progress_bar("drawing", "masses") as on_progress:
        write_masses(
            generator,
            card,
            labels,
            seeds,
            options.out,
            truncation=options.truncation,
            on_progress=on_progress,
        )
    print(
        f"{options.count} synthetic masses in {options.out}. Research use only, not for diagnosis."
    )
    return 0


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
