"""`gan attack` guesses from a generator's masses who was in its training data."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.config.runs import BackboneConfig

if TYPE_CHECKING:
    from mammo_core.auditing.generators import AttackTarget, GeneratorAttack

_PLURALS = {"mass": "masses", "patient": "patients"}


def add_attack(parts: argparse._SubParsersAction) -> None:
    """Adds `attack` to the parts of `gan`."""
    from mammo_core.cli.options import add_backbone_options, add_budget_option, add_data_options

    attack = parts.add_parser(
        "attack",
        help="guess from synthetic masses who was in the training data",
        description="Attacks generators through their masses or their weights. Each attack asks whether a real mass, or a "
        "patient, was in the training data. Members are the train split, non-members val and test. An attack that "
        "fails proves nothing. An attack that beats the control (val against test, where nobody took part) shows a "
        "leak. A set with planted copies is attacked too, to show that the attacks work. The results are computed from real "
        "patients without noise, so the ledger records them as a release without DP.",
    )
    add_data_options(attack)
    add_backbone_options(attack, default=BackboneConfig())
    group = attack.add_argument_group("what to attack (one or more)")
    group.add_argument(
        "--generator",
        type=Path,
        nargs="+",
        default=[],
        metavar="NAME",
        help="NAME.safetensors and NAME.json: masses are sampled from it, and its card says which patients it saw",
    )
    group.add_argument(
        "--masses",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="synthetic masses of a generator that saw the train split and nobody else, which cannot be "
        "checked",
    )
    group.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="state of the training of the one --generator, from the folder gan of the program's home: "
        "attack by its discriminator, too",
    )
    attack.add_argument(
        "--count",
        type=int,
        default=3000,
        help="masses sampled from each --generator; default: %(default)s",
    )
    add_budget_option(attack)
    attack.add_argument("--out", type=Path, metavar="CSV", help="write the table there, too")
    attack.set_defaults(run=run_attack)


def run_attack(options: argparse.Namespace) -> int:
    """Attacks and prints the table."""
    from mammo_core.auditing.generators import attack_generators, planted_copies, write_attacks
    from mammo_core.cli.options import backbone_from, command_line, data_from, ledger_from
    from mammo_core.cli.progress import progress_bar
    from mammo_core.cli.tables import print_table
    from mammo_core.errors import InvalidRequestError
    from mammo_core.system.paths import home_dir

    if not (options.generator or options.masses):
        raise InvalidRequestError(
            "Expected something to attack; got nothing. Give --generator NAME or --masses DIR."
        )
    if options.state and len(options.generator) != 1:
        raise InvalidRequestError(
            f"Expected one --generator beside --state, the one it belongs to; got "
            f"{len(options.generator)}. Attack the others by a command of their own."
        )
    data, backbone = data_from(options), backbone_from(options)
    real = data.real
    targets = list(_targets(options))
    train = real.select(site=real.training_site(options.site), split="train")
    targets.append(planted_copies(targets[0], train))
    with progress_bar("features", "masses") as on_progress:
        attacks = list(
            attack_generators(
                real,
                targets,
                backbone,
                home_dir() / "features",
                ledger=ledger_from(options, "attack"),
                is_demonstration=data.is_demonstration,
                site=options.site,
                on_progress=on_progress,
            )
        )
    if options.out:
        write_attacks(
            attacks,
            options.out,
            real=real,
            targets=targets,
            backbone=backbone,
            command=command_line(),
            site=options.site,
        )
    print_table([_printed(attack) for attack in attacks])
    print(
        "\nAn AUC of .5 is guessing. TPR: the share of members that is found at a false positive rate of 1 % or 0.1 %. "
        "95 % intervals: bootstrap over patients. Control: nobody of either split took part. "
        "Planted copies: one training mass in ten, rotated and with noise. An attack that works finds about these.\n"
        "A failed attack is no privacy guarantee. Only training with differential privacy gives one."
    )
    return 0


def _targets(options: argparse.Namespace) -> Iterator[AttackTarget]:
    from mammo_core.auditing.generators import AttackTarget
    from mammo_core.cli.progress import progress_bar
    from mammo_core.cohorts.folders import read_synthetic
    from mammo_core.cohorts.sampled import sample_cohort
    from mammo_core.synthesis.checkpoints import load_generator

    for folder in options.masses:
        yield AttackTarget(folder.resolve().name, read_synthetic(folder).cohort)
    for path in options.generator:
        generator, card = load_generator(path)
        with progress_bar(f"drawing from {path.name}", "masses") as on_progress:
            masses = sample_cohort(generator, options.count, on_progress=on_progress)
        yield AttackTarget(path.name, masses, card, generator, options.state)


def _printed(attack: GeneratorAttack) -> dict[str, object]:
    from mammo_core.text.numbers import with_interval

    rates, bound = attack.rates, attack.bound_tpr_at_1pct
    control = " (control)" if attack.is_control else ""
    row: dict[str, object] = {
        "generator": attack.generator,
        "attack": attack.attack,
        "told apart": f"{attack.num_members} {attack.members} / {attack.num_non_members} "
        f"{attack.non_members} {_PLURALS[attack.level]}{control}",
    }
    for heading, rate in (
        ("AUC", rates.auc),
        ("TPR at 1 % FPR", rates.tpr_at_1pct),
        ("at 0.1 %", rates.tpr_at_01pct),
    ):
        row[heading] = with_interval(rate.value, rate.low, rate.high)
    return row | {"bound at 1 %": "none" if bound is None else f"{bound:.3f}"}
