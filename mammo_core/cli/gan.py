"""`gan`: train a generator of masses, draw from it, and judge what it draws."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.cli.gan_attack import add_attack
from mammo_core.config import validate
from mammo_core.config.runs import BackboneConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from torch import nn

    from mammo_core.generators.files import DrawRequest
    from mammo_core.synthesis.cards import GeneratorCard


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `gan` and its parts."""
    parser = commands.add_parser("gan", help="train generators, draw and judge synthetic masses")
    parts = parser.add_subparsers(required=True, metavar="PART")
    _add_train(parts)
    _add_sample(parts)
    _add_evaluate(parts)
    add_attack(parts)


def _add_train(parts: argparse._SubParsersAction) -> None:
    from mammo_core.cli.options import (
        add_backbone_options,
        add_budget_option,
        add_data_options,
        add_delta_option,
    )
    from mammo_core.config.runs import UNITS
    from mammo_core.synthesis.config import ARCHITECTURES, MECHANISMS

    train = parts.add_parser(
        "train",
        help="train a generator on the train split",
        description="Trains a malignancy-conditioned GAN on the real masses of the train split, on a GPU "
        "where there is one, and keeps the generator with the lowest KID to the validation split. "
        "Without --epsilon the generator may reveal its patients. With it, training is differentially "
        "private and the last generator is kept. A killed training goes on with the same command.",
    )
    add_data_options(train)
    add_backbone_options(train, default=BackboneConfig())
    group = train.add_argument_group("generator")
    group.add_argument(
        "--architecture",
        choices=ARCHITECTURES,
        default="cascade",
        help="cascade: ours; mcgan: the paper's conditional DCGAN. Default: %(default)s",
    )
    group.add_argument(
        "--images",
        type=int,
        default=1_000_000,
        help="real masses to show in all, repeats counted; two processor cores show 30 a second. "
        "Default: %(default)s",
    )
    group.add_argument(
        "--look-every",
        type=int,
        default=20_000,
        metavar="N",
        help="masses between two looks (KID, samples, checkpoint); default: %(default)s",
    )
    group.add_argument("--width", type=int, help="channels; default: 16 for cascade, 64 for mcgan")
    group.add_argument("--size", type=int, default=128, metavar="PX", help="default: %(default)s")
    group.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    group.add_argument(
        "--licence",
        default="not stated",
        help="of the training data, with attribution; goes into the generator's card",
    )
    private = train.add_argument_group("differential privacy (cascade only)")
    private.add_argument(
        "--epsilon", type=float, default=math.inf, help="budget; default: none, not private"
    )
    add_delta_option(private)
    add_budget_option(private)
    private.add_argument("--unit", choices=UNITS, default="patient", help="default: %(default)s")
    private.add_argument(
        "--private-by",
        choices=MECHANISMS,
        default=MECHANISMS[0],
        help="moments: one noisy release of feature means; discriminator: DP-SGD. Default: %(default)s",
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
        "A mass depends on generator, class and seed only, whatever is drawn beside it.",
    )
    _add_generator_option(sample)
    sample.add_argument("--count", type=int, default=3000, help="masses; default: %(default)s")
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
    ways = sample.add_mutually_exclusive_group()
    ways.add_argument(
        "--twins", action="store_true", help="every seed in both classes, all else the same"
    )
    ways.add_argument(
        "--towards", type=int, metavar="SEED", help="masses on the way from --seed to this one"
    )
    ways.add_argument(
        "--along",
        type=int,
        metavar="K",
        help="the mass of --seed moved along the K-th principal direction (1 is the strongest), from -3 "
        "to 3 standard deviations",
    )
    _add_format(sample)
    sample.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a new or empty folder"
    )
    sample.set_defaults(run=run_sample)


def _add_format(sample: argparse.ArgumentParser) -> None:
    from mammo_core.generators.dicom import UUID_ROOT

    group = sample.add_argument_group("files")
    group.add_argument(
        "--format",
        choices=("png", "dicom"),
        default="png",
        help="png; or dicom: Secondary Capture images of no patient, marked as synthetic, of masses of seeds. "
        "Default: %(default)s",
    )
    group.add_argument(
        "--burn-in",
        action="store_true",
        help="with dicom: a strip under the mass says in its pixels that it is synthetic",
    )
    group.add_argument(
        "--uid-root",
        default=UUID_ROOT,
        metavar="ROOT",
        help="with dicom: the root of identifiers registered for your organisation, 39 characters at most; default: "
        "%(default)s, which needs none",
    )


def _add_generator_option(parser: argparse.ArgumentParser) -> None:
    from mammo_core.system.paths import DEFAULT_GENERATOR, models_dir

    parser.add_argument(
        "--generator",
        type=Path,
        default=models_dir() / DEFAULT_GENERATOR,
        metavar="NAME",
        help="NAME.safetensors and NAME.json; default: the shipped one",
    )


def _add_evaluate(parts: argparse._SubParsersAction) -> None:
    from mammo_core.cli.options import add_backbone_options, add_budget_option, add_data_options

    evaluate = parts.add_parser(
        "evaluate",
        help="measure synthetic masses against real ones",
        description="Compares synthetic masses with the training site's real ones in the backbone's "
        "feature space: KID, precision, recall, density, coverage, in full detail and after a "
        "low-pass; radiomics; whether they show their class; how well a classifier trained on them "
        "alone does on real masses; and whether any is a copy of a training mass. Held-out real masses "
        "go through the same measures, as the mark to reach. Judges the folder --synthetic, or, with "
        "--generator, masses drawn from a generator, and writes the result into its card. The measures are "
        "computed from real masses without noise: the ledger has them as a release without DP.",
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
        help="masses drawn from --generator; default: %(default)s",
    )
    add_budget_option(evaluate)
    evaluate.add_argument("--out", type=Path, metavar="JSON", help="write the report there, too")
    evaluate.set_defaults(run=run_evaluate)


def run_train(options: argparse.Namespace) -> int:
    """Trains, with a progress bar, and prints where the generator is and how good it is."""
    import dataclasses
    import shlex
    import sys
    from functools import partial

    from mammo_core.cli.options import backbone_from, data_from, ledger_from
    from mammo_core.cli.progress import progress_bar
    from mammo_core.config.runs import PrivacyConfig
    from mammo_core.generators.recording import GeneratorRecord
    from mammo_core.generators.training import TrainingPlan, train_generator
    from mammo_core.synthesis.config import DEFAULTS
    from mammo_core.system.paths import home_dir

    defaults = DEFAULTS[options.architecture]
    config = dataclasses.replace(
        defaults,
        image_size_px=options.size,
        width=options.width or defaults.width,
        seed=options.seed,
    )
    privacy = PrivacyConfig(
        target_epsilon=options.epsilon, target_delta=options.delta, unit=options.unit
    )
    plan = TrainingPlan(
        privacy=privacy if privacy.is_private else None,
        mechanism=options.private_by,
        images=options.images,
        look_every=options.look_every,
        out=options.out,
        command=f"python -m mammo_core {shlex.join(sys.argv[1:])}",
        licence=options.licence,
    )
    data = data_from(options)
    with progress_bar("training", "masses") as on_progress:
        card = train_generator(
            data.real,
            config,
            plan,
            home_dir() / "gan",
            backbone_from(options),
            partial(GeneratorRecord, home_dir()),
            ledger=ledger_from(options, "gan train"),
            is_demonstration=data.is_demonstration,
            site=options.site,
            on_step=lambda report: on_progress(report.images_seen, plan.images),
        )
    print(
        f"{options.out}.safetensors: KID to validation {card.metrics['kid_to_validation']:.4f} after "
        f"{card.images_seen} masses. Guarantee: {card.promise}."
    )
    return 0


def run_sample(options: argparse.Namespace) -> int:
    """Draws masses into a folder."""
    from mammo_core.cli.progress import progress_bar
    from mammo_core.generators.files import write_masses
    from mammo_core.synthesis.checkpoints import load_generator

    generator, card = load_generator(options.generator)
    drawings = _drawings(generator, options)
    suffix, encode = _file_format(drawings, card, options)
    with progress_bar("drawing", "masses") as on_progress:
        write_masses(
            generator,
            card,
            options.generator.stem,
            drawings,
            options.out,
            suffix=suffix,
            encode=encode,
            on_progress=on_progress,
        )
    print(
        f"{len(drawings)} synthetic masses in {options.out}. The generator's guarantee: {card.promise}. "
        "Research use only, not for diagnosis."
    )
    return 0


def _file_format(
    drawings: Sequence[DrawRequest], card: GeneratorCard, options: argparse.Namespace
) -> tuple[str, Callable[[np.ndarray, DrawRequest], bytes] | None]:
    """Suffix of the files, and how a mass becomes the content of one."""
    from mammo_core.errors import InvalidRequestError
    from mammo_core.generators.dicom import UUID_ROOT, DicomOptions

    if options.format == "png":
        if options.burn_in or options.uid_root != UUID_ROOT:
            raise InvalidRequestError(
                "Expected --burn-in and --uid-root with --format dicom; got --format png. Add --format dicom or leave "
                "them out."
            )
        return ".png", None
    from mammo_core.generators.dicom import dicom_file
    from mammo_core.generators.files import SyntheticMass
    from mammo_core.synthesis.mass_id import MassId

    if any(item.seed is None for item in drawings):
        raise InvalidRequestError(
            "Expected masses of seeds for DICOM, whose identifiers follow from them; got --towards or --along. Write "
            "these as PNG."
        )
    chosen = DicomOptions(burn_in=options.burn_in, uid_root=options.uid_root)

    def encode(image: np.ndarray, item: DrawRequest) -> bytes:
        mass = SyntheticMass(MassId(item.label, item.seed, options.truncation), image)
        return dicom_file(mass, card, options.generator.stem, chosen)

    return ".dcm", encode


def _drawings(generator: nn.Module, options: argparse.Namespace) -> list[DrawRequest]:
    """What the options ask for: `--count` masses in all."""
    from functools import partial

    from mammo_core.generators.files import DrawRequest
    from mammo_core.labels import CLASS_NAMES
    from mammo_core.synthesis.sampling import along, between, origin_of_seed, principal_directions

    start = partial(origin_of_seed, generator, truncation=options.truncation)
    classes = [
        label for label, name in sorted(CLASS_NAMES.items()) if options.mass_class in (name, "both")
    ]
    seed, count = options.seed, options.count
    if options.twins:
        return [
            DrawRequest(f"seed{number}", label, start(number), number)
            for number in range(seed, seed + -(-count // len(CLASS_NAMES)))
            for label in sorted(CLASS_NAMES)
        ]
    if options.towards is None and options.along is None:
        return [
            DrawRequest(f"seed{seed + i}", classes[i % len(classes)], start(seed + i), seed + i)
            for i in range(count)
        ]
    steps = -(-count // len(classes))
    if options.towards is not None:
        origins = between(start(seed), start(options.towards), steps)
        stem = f"seed{seed}to{options.towards}"
    else:
        validate.at_least(1, along=options.along)
        direction = principal_directions(generator, options.along)[-1]
        origins = along(start(seed), direction, 3.0, steps)
        stem = f"seed{seed}along{options.along}"
    return [
        DrawRequest(f"{stem}step{step}", label, origin)
        for step, origin in enumerate(origins)
        for label in classes
    ]


def run_evaluate(options: argparse.Namespace) -> int:
    """Measures and prints the report."""
    import dataclasses

    from mammo_core.cli.options import backbone_from, data_from, ledger_from
    from mammo_core.cli.progress import progress_bar
    from mammo_core.cli.tables import print_table
    from mammo_core.cohorts.drawn import draw_cohort
    from mammo_core.errors import CohortError
    from mammo_core.generators.quality import evaluate_synthetic
    from mammo_core.synthesis.cards import write_card
    from mammo_core.synthesis.checkpoints import load_generator
    from mammo_core.system.paths import home_dir

    data = data_from(options)
    synthetic = data.synthetic
    if options.generator:
        generator, card = load_generator(options.generator)
        with progress_bar("drawing", "masses") as on_progress:
            synthetic = draw_cohort(generator, options.count, on_progress=on_progress)
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
    if options.generator:
        metrics = card.metrics | report.to_dict()
        write_card(dataclasses.replace(card, metrics=metrics), options.generator)
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
        f"\nRadiomics: Fréchet distance {report.radiomics['synthetic']:.2f} to the training masses; "
        f"held-out real masses {report.radiomics['held-out real']:.2f}."
        f"\nPossible copies: {copies.flagged.sum()} of {report.num_synthetic} "
        f"({copies.flagged_rate:.2%}; {copies.expected_rate:.0%} of unseen real masses would be flagged; "
        f"p = {copies.p_value:.2g})."
        "\nFinding no copies is no privacy guarantee; only training with differential privacy gives one."
    )
    return 0
