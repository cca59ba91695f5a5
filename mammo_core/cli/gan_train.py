"""`gan train`: trains a generator of masses, with or without differential privacy."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from mammo_core.config.runs import UNITS, BackboneConfig

_IMAGES = {"simulator": 6_000}


def add_part(parts: argparse._SubParsersAction) -> None:
    """Adds `gan train`."""
    from mammo_core.cli.options import (
        add_backbone_options,
        add_budget_option,
        add_data_options,
        add_delta_option,
    )
    from mammo_core.synthesis.config import MECHANISMS, TRAINED

    train = parts.add_parser(
        "train",
        help="train a generator on the train split",
        description="Trains a class-conditional GAN on the real masses of the train split. Uses a GPU if there "
        "is one. Keeps the generator with the lowest KID to the validation split. "
        "Without --epsilon the generator can reveal its patients. With --epsilon, training is differentially "
        "private and the last generator is kept. To resume an interrupted training, repeat the same command.",
    )
    add_data_options(train)
    add_backbone_options(train, default=BackboneConfig())
    group = train.add_argument_group("generator")
    group.add_argument(
        "--architecture",
        choices=TRAINED,
        default="cascade",
        help="flow_gan: that of the default generator; cascade: an older one, which shows the class less, draws faster and "
        "can be trained with --epsilon; mcgan: the paper's conditional DCGAN; simulator: masses computed from the literature, fitted to patients "
        "with --epsilon. Default: %(default)s",
    )
    group.add_argument(
        "--images",
        type=int,
        help="real masses to show in all, with repeats; of a simulator, masses to simulate. Two processor cores show 30 a "
        "second. Default: 1000000; 6000 of a simulator",
    )
    group.add_argument(
        "--eval-every",
        "--look-every",
        type=int,
        default=20_000,
        metavar="N",
        help="masses between two evaluations, each with KID, samples and a checkpoint. Default: %(default)s",
    )
    group.add_argument("--width", type=int, help="channels; default: 16 for cascade, 64 for mcgan")
    group.add_argument(
        "--size", type=int, default=128, metavar="PX", help="side of a mass; default: %(default)s"
    )
    group.add_argument(
        "--guidance",
        type=float,
        help="how far flow_gan pushes a mass away from the other class; 0 draws what was learned. Default: 1",
    )
    group.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    group.add_argument(
        "--licence",
        default="not stated",
        help="licence of the training data with attribution, for the generator's card",
    )
    private = train.add_argument_group("differential privacy (cascade and simulator)")
    private.add_argument(
        "--epsilon", type=float, default=math.inf, help="privacy budget; default: not private"
    )
    add_delta_option(private)
    add_budget_option(private)
    private.add_argument("--unit", choices=UNITS, default="patient", help="default: %(default)s")
    private.add_argument(
        "--private-by",
        choices=MECHANISMS,
        help="moments: one noisy release of feature means; discriminator: DP-SGD; evolution: noisy votes for simulated "
        "masses. Default: evolution of a simulator, else moments",
    )
    train.add_argument(
        "--out", type=Path, required=True, metavar="NAME", help="writes NAME.safetensors, NAME.json"
    )
    train.set_defaults(run=run_train)


def run_train(options: argparse.Namespace) -> int:
    """Trains with a progress bar and prints where the generator is and how good it is."""
    import dataclasses

    from mammo_core.cli.options import backbone_from, command_line, data_from, ledger_from
    from mammo_core.cli.progress import progress_bar
    from mammo_core.config.runs import PrivacyConfig
    from mammo_core.generators.training import TrainingPlan, train_generator
    from mammo_core.synthesis.config import DEFAULTS, mechanism_of
    from mammo_core.system.paths import home_dir

    defaults = DEFAULTS[options.architecture]
    config = dataclasses.replace(
        defaults,
        image_size_px=options.size,
        latent_dim=(options.size // 4) ** 2
        if options.architecture == "flow_gan"
        else defaults.latent_dim,
        width=options.width or defaults.width,
        guidance=defaults.guidance if options.guidance is None else options.guidance,
        seed=options.seed,
    )
    privacy = PrivacyConfig(
        target_epsilon=options.epsilon, target_delta=options.delta, unit=options.unit
    )
    plan = TrainingPlan(
        privacy=privacy if privacy.is_private else None,
        mechanism=options.private_by or mechanism_of(options.architecture),
        images=_IMAGES.get(options.architecture, 1_000_000)
        if options.images is None
        else options.images,
        eval_every=options.eval_every,
        out=options.out,
        command=command_line(),
        licence=options.licence,
    )
    data = data_from(options)
    with progress_bar("training", "masses") as on_progress:
        card = train_generator(
            data.real,
            config,
            plan,
            home_dir(),
            backbone_from(options),
            ledger=ledger_from(options, "gan train"),
            is_demonstration=data.is_demonstration,
            site=options.site,
            on_step=lambda seen: on_progress(seen, plan.images),
        )
    print(
        f"{options.out}.safetensors: KID to validation {card.metrics['kid_to_validation']:.4f} after "
        f"{card.images_seen} masses. Guarantee: {card.guarantee_text}."
    )
    return 0
