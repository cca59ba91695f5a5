"""`gan`: the command whose parts train a generator of masses, sample from it, evaluate it and attack it."""

from __future__ import annotations

import argparse

from mammo_core.cli import gan_attack, gan_evaluate, gan_sample, gan_train


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `gan` and its parts."""
    parser = commands.add_parser(
        "gan", help="train generators; sample, evaluate and attack synthetic masses"
    )
    parts = parser.add_subparsers(required=True, metavar="PART")
    gan_train.add_part(parts)
    gan_sample.add_part(parts)
    gan_evaluate.add_part(parts)
    gan_attack.add_attack(parts)
